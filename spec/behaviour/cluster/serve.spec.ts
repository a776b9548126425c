/** The command `serve` with a Redis that its nodes share. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { connectCallbackHost } from '../../../src/client.ts';
import * as assert from '../../helpers/assert.ts';
import { Balancer } from '../../helpers/balancer.ts';
import { token } from '../../helpers/bridge.ts';
import { bin } from '../../helpers/cli.ts';
import { hasty } from '../../helpers/clock.ts';
import { ensureBuild } from '../../helpers/consumer.ts';
import { send, visit } from '../../helpers/http.ts';
import { withRedis, type RedisBench } from '../../helpers/redis.ts';
import { hasRedis, noRedis } from '../../helpers/redis-server.ts';
import { suite } from '../../helpers/suite.ts';

const all = suite('serve --redis');
const test = all.when(hasRedis, noRedis);
ensureBuild();

interface Ended {
  code: number | null;
  stderr: string;
}

function run(...args: readonly string[]) {
  const child = spawn(process.execPath, [bin, 'serve', '--json', '--token', token, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 300_000,
    killSignal: 'SIGKILL',
  });
  const ended = Promise.all([text(child.stderr), once(child, 'close')]).then(([stderr]): Ended => ({
    code: child.exitCode,
    stderr,
  }));
  return { child, ended };
}

/** A running node. */
async function serve({ server, defer }: RedisBench, balancer: Balancer, port: number, ...more: string[]) {
  const { child, ended } = run(
    ...['--port', String(port), '--public-url', balancer.url, '--metrics-port', '0', '--redis', server.url],
    // Longer than is waited for a node to end, so that one that waits for its flows is seen.
    ...['--drain', '60000'],
    ...more,
  );
  defer(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const [line] = (await assert.deadline(once(createInterface(child.stdout), 'line'), 'its addresses')) as [
    string,
  ];
  const { metricsUrl } = JSON.parse(line) as { metricsUrl: string };
  return { child, ended, metrics: Number(new URL(metricsUrl).port) };
}

test('L-15 closes listeners with 1012 on SIGTERM, and they continue at another node', () =>
  withRedis(async (bench) => {
    const balancer = await Balancer.open();
    bench.defer(() => balancer[Symbol.asyncDispose]());
    const keys = join(bench.server.folder, 'keys.json');
    writeFileSync(keys, JSON.stringify([{ id: 'k1', key: Buffer.alloc(32, 7).toString('base64url') }]));
    const [first, second] = [await freeOf(bench, balancer, keys), await freeOf(bench, balancer, keys)];
    balancer.targets.add(first.port);
    const host = await connectCallbackHost(`ws://127.0.0.1:${balancer.port}/bridge`, {
      token,
      scheduler: hasty,
    });
    bench.defer(() => host.close());
    const flow = await host.begin();
    const response = new Promise<string | undefined>((resolve, reject) =>
      flow.response.subscribe({ next: ({ code }) => resolve(code), error: reject }),
    );
    balancer.targets.delete(first.port);
    balancer.targets.add(second.port);
    first.node.child.kill('SIGTERM');
    const { code } = await assert.deadline(
      first.node.ended,
      'the end of a node that does not wait for the flow',
    );
    assert.is(code, 0);
    // The listener may or may not have reconnected yet.
    const answer = await visit(second.port, `/callback?code=c&state=${flow.state}`, {
      Host: `127.0.0.1:${balancer.port}`,
    });
    assert.is(answer.status, 200);
    assert.is(await assert.deadline(response, 'the response'), 'c');
  }));

/** On a port that the spec knows: the public URL hides it. */
async function freeOf(bench: RedisBench, balancer: Balancer, keys: string) {
  const probe = await Balancer.open();
  const { port } = probe;
  await probe[Symbol.asyncDispose]();
  const node = await serve(bench, balancer, port, '--redis-keys', keys);
  return { node, port };
}

test('L-14 is not ready while its store is unavailable, and ready again afterwards', () =>
  withRedis(async (bench) => {
    const balancer = await Balancer.open();
    bench.defer(() => balancer[Symbol.asyncDispose]());
    const { metrics, child, ended } = await serve(bench, balancer, 0);
    const ask = async (target: string): Promise<string> => {
      const { status, body } = await send(metrics, { target });
      return `${status} ${body.trim()}`;
    };
    assert.is(await ask('/readyz'), '200 ready');
    await bench.server.stop('SIGKILL');
    assert.is(await ask('/readyz'), '503 the store cannot be reached');
    assert.is(await ask('/healthz'), '200 ok');
    await bench.server.start();
    const back = async (): Promise<void> => {
      while ((await ask('/readyz')) !== '200 ready') await new Promise(setImmediate);
    };
    await assert.deadline(back(), 'to be ready again');
    child.kill('SIGTERM');
    const { code, stderr } = await ended;
    assert.is(code, 0);
    assert.is(stderr.match(/Redis cannot be reached: .*ECONNREFUSED/g)?.length, 1, stderr);
  }));

for (const [code, sentence, spoil] of [
  ['OOM', /Redis rejects commands: OOM command not allowed/g, [['CONFIG', 'SET', 'maxmemory', '1']]],
  [
    'NOAUTH',
    /Redis (?:refuses commands|cannot be reached): NOAUTH /g,
    [
      ['CONFIG', 'SET', 'requirepass', 'secret-word'],
      ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'],
    ],
  ],
] as const)
  test(`L-14 says once that Redis answers ${code}`, () =>
    withRedis(async (bench) => {
      const balancer = await Balancer.open();
      bench.defer(() => balancer[Symbol.asyncDispose]());
      const { metrics, child, ended } = await serve(bench, balancer, 0, '--redis-timeout', '500');
      for (const command of spoil) await bench.admin.clients[0]!.sendCommand([...command]);
      for (const time of ['first', 'second'])
        assert.is((await send(metrics, { target: '/readyz' })).status, 503, time);
      child.kill('SIGKILL');
      const { stderr } = await ended;
      assert.is(stderr.match(sentence)?.length, 1, stderr);
      assert.is(stderr.match(/"level":"error"/g)?.length, 1, stderr);
    }));

for (const [what, args, exit, sentence] of [
  [
    'cannot be reached',
    ['--redis', 'redis://name:secret-word@127.0.0.1:1'],
    4,
    /--redis cannot be reached: .*ECONNREFUSED/,
  ],
  ['is no URL', ['--redis', 'secret-word'], 2, /--redis must be a URL such as/],
  [
    'has keys that are none',
    ['--redis', 'redis://127.0.0.1:1', '--redis-keys', bin],
    2,
    /--redis-keys .* is not JSON/,
  ],
] as const)
  test(`says in one sentence that the store ${what}`, async () => {
    const { code, stderr } = await run(...args).ended;
    assert.match(stderr, sentence);
    assert.not.match(stderr, /secret-word|\n {4}at /);
    assert.is(code, exit);
  });

test('names the flag, the variable or the member of the file that the store rejects', () =>
  withRedis(async ({ server }) => {
    for (const [flag, value, saying] of [
      ['--redis-prefix', '{x}', 'must be letters'],
      ['--redis-timeout', '0', 'must be a whole number from 1 to 60000; got 0'],
      ['--redis-poll', '99', 'must be a whole number from 100 to 600000; got 99'],
      ['--redis-quota', 'flows=0', 'flows must be a whole number from 1'],
      ['--redis-quota', 'flow=1', 'flow is not an option'],
    ] as const) {
      const { code, stderr } = await run('--redis', server.url, flag, value).ended;
      assert.match(stderr, `rx-oauth-callback: ${flag} ${saying}`);
      assert.is(code, 2);
    }
  }));

all.run();
