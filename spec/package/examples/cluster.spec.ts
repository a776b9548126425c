/** The balancer of examples/cluster, run by HAProxy: a node that drains gets no more requests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectCallbackHost, type RemoteCallbackHost } from '../../../src/client.ts';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder } from '../../helpers/cli.ts';
import { balancerConfiguration, clusterFile, haproxy } from '../../helpers/cluster-example.ts';
import { complains } from '../../helpers/complains.ts';
import { root } from '../../helpers/consumer.ts';
import { freePort } from '../../helpers/redis-server.ts';
import { suite } from '../../helpers/suite.ts';

const token = 'the-token-of-a-program';

const all = suite('examples/cluster');
const test = all.when(existsSync(haproxy), `no ${haproxy} here`);

/** Starts two nodes behind the balancer, drains one, and resolves once only the other one gets requests. */
async function drains(change: (text: string) => string = (same) => same): Promise<void> {
  using folder = new Folder();
  const front = await freePort();
  const origin = `http://127.0.0.1:${front}`;
  const start = async (title: string) => {
    const [port, health] = [await freePort(), await freePort()];
    const cli = Cli.start([
      ...['serve', '--json', '--port', String(port), '--public-url', origin, '--title', title],
      ...['--token', token, '--drain', '60000', '--health-port', String(health)],
    ]);
    await cli.sees(/"type":"ready"/);
    return { cli, port, health };
  };
  const nodes = [await start('Node A'), await start('Node B')];
  const place = { front, plain: await freePort(), ready: await freePort(), nodes };
  folder.write('haproxy.cfg', change(balancerConfiguration(place)));
  const proxy = spawn(haproxy, ['-db', '-f', join(folder.path, 'haproxy.cfg')], {
    stdio: 'ignore',
  });
  const closed = once(proxy, 'close');
  let done = false;
  /** Asks ten times, and gives the nodes that have answered. */
  const answering = async (): Promise<string> => {
    const titles = new Set<string>();
    for (let count = 0; count < 10; count++) {
      const body = await fetch(`${origin}/callback`).then(
        (answer) => answer.text(),
        () => 'no balancer',
      );
      titles.add(/Node [AB]/.exec(body)?.[0] ?? 'none');
    }
    return [...titles].sort().join();
  };
  const until = async (expected: string): Promise<void> => {
    while ((await answering()) !== expected && !done) await new Promise(setImmediate);
  };
  let host: RemoteCallbackHost | undefined;
  try {
    await assert.deadline(until('Node A,Node B'), 'both nodes');
    host = await connectCallbackHost(`${origin.replace('http', 'ws')}/bridge`, { token });
    // Its node waits for this sign-in, and so still answers.
    await host.begin();
    const seen = nodes.map(({ cli }) => cli.sees(/"connection":"connected"/, 'stderr'));
    const index = await Promise.race(seen.map((each, at) => each.then(() => at)));
    for (const each of seen) each.catch(() => undefined);
    const { cli } = nodes[index]!;
    cli.signal('SIGTERM');
    await cli.sees(/waiting up to/, 'stderr');
    await assert.deadline(
      until(index === 0 ? 'Node B' : 'Node A'),
      'a balancer that leaves a node that drains',
      5_000,
    );
    assert.is(cli.running, true);
  } finally {
    done = true;
    await host?.close();
    proxy.kill('SIGKILL');
    await closed;
    for (const { cli } of nodes) await cli[Symbol.asyncDispose]();
  }
}

test('the balancer leaves a node that drains', () => drains());

test('a balancer that only looks if the port is open does not', () =>
  complains(
    () => drains((given) => given.replace('option httpchk GET /readyz', '').replaceAll(/ port \d+/g, '')),
    /a balancer that leaves a node that drains/,
  ));

all('a container starts the command itself, because npx ends without it at SIGTERM', () => {
  const compose = clusterFile('compose.yaml');
  const guide = readFileSync(join(root, 'docs/guides/deploying.md'), 'utf8');
  assert.match(compose, 'exec node_modules/.bin/rx-oauth-callback serve');
  assert.match(guide, 'ENTRYPOINT ["/app/node_modules/.bin/rx-oauth-callback"]');
  for (const text of [compose, guide])
    assert.not.match(text, /(?:exec|CMD|ENTRYPOINT|ExecStart=)[^\n]*npx rx-oauth-callback/);
});

all.run();
