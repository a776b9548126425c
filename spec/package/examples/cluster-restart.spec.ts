/** The service of examples/cluster as processes: HAProxy with TLS, three nodes, Redis with an ACL. Needs the build. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { RemoteCallbackHost } from '../../../src/client.ts';
import * as assert from '../../helpers/assert.ts';
import { Folder } from '../../helpers/cli.ts';
import { clusterFile, clusterFolder, haproxy, replaced } from '../../helpers/cluster-example.ts';
import { names, startService, type Service } from '../../helpers/cluster-service.ts';
import { complains } from '../../helpers/complains.ts';
import { navigation, send, visit } from '../../helpers/http.ts';
import { suite } from '../../helpers/suite.ts';

// The client of the bridge has no option for certificates of one's own. One test checks the certificate.
process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';

const all = suite('examples/cluster as a service');
const have = (...names: string[]): boolean => names.every((name) => !spawnSync(name, ['--version']).error);
const secrets = all.when(have('openssl'), 'no openssl here');
const needed = [haproxy, 'redis-server', 'openssl', 'curl'];
const test = all.when(have(...needed), `not all here: ${needed.join(', ')}`);

type RemoteFlow = Awaited<ReturnType<RemoteCallbackHost['begin']>>;

/** Sign-ins whose responses are counted. */
class SignIns {
  readonly #host: RemoteCallbackHost;
  readonly #origin: string;
  /** Codes that each flow got, by its state. */
  readonly codes = new Map<string, (string | undefined)[]>();
  /** Nodes of the pages of each sign-in: those of the start and those of the redirect. */
  readonly nodes: (readonly [start: string, redirect: string])[] = [];
  readonly callbacks: string[] = [];

  constructor(host: RemoteCallbackHost, origin: string) {
    this.#host = host;
    this.#origin = origin;
  }

  /** Begins a flow whose program listens from now on. */
  async begin(): Promise<{ flow: RemoteFlow; ended: Promise<void> }> {
    // As by default, if the service is not on loopback.
    const flow = await this.#host.begin({ binding: 'cookie' });
    const codes: (string | undefined)[] = [];
    this.codes.set(flow.state, codes);
    const ended = new Promise<void>((resolve, reject) =>
      flow.response.subscribe({
        next: ({ code }) => codes.push(code),
        complete: resolve,
        error: reject,
      }),
    );
    ended.catch(() => undefined);
    return { flow, ended };
  }

  /** Does what the user's browser does: opens the start URL, continues, and comes back with a code. */
  async browse(flow: RemoteFlow): Promise<void> {
    const start = flow.authorizationUrl('https://as.example/authorize', { client_id: 'c' });
    assert.match(start.href, `${this.#origin}/start/`);
    const asked = await visit(start);
    assert.is(asked.status, 200, 'the start page');
    const headers = { ...navigation, Origin: this.#origin, 'Sec-Fetch-Site': 'same-origin' };
    const led = await send(start, { method: 'POST', headers });
    assert.is(led.status, 303, 'the start');
    const cookie = /__Host-[^;]+/.exec(led.headers['set-cookie'] ?? '')?.[0] ?? '';
    const callback = `${flow.redirectUri}?code=code-of-${flow.state}&state=${flow.state}`;
    const answer = await visit(callback, undefined, { cookie });
    assert.is(answer.status, 200, 'the redirect');
    this.callbacks.push(callback);
    this.nodes.push([nodeOf(asked.body), nodeOf(answer.body)]);
  }

  async signIn(): Promise<void> {
    const { flow, ended } = await this.begin();
    await this.browse(flow);
    await assert.deadline(ended, 'the response');
  }
}

function nodeOf(page: string): string {
  return /node-\d/.exec(page)?.[0] ?? 'none';
}

/** Restarts all nodes while users sign in. Rejects if a page fails, or a sign-in is lost or doubled. */
async function restarts(service: Service, change?: (script: string) => string): Promise<void> {
  const host = await service.connect();
  try {
    const signIns = new SignIns(host, service.origin);
    // Their users take longer than the restart.
    const slow = await Promise.all([1, 2, 3, 4, 5].map(() => signIns.begin()));
    let restarting = true;
    const user = async (): Promise<void> => {
      while (restarting) await signIns.signIn();
    };
    const visitor = async (): Promise<void> => {
      while (restarting)
        assert.is((await visit(`${service.origin}/callback`)).status, 400, 'a page during the restart');
    };
    const users = Promise.all([user(), user(), visitor()]);
    users.catch(() => undefined);
    try {
      await service.rollingRestart(change);
    } finally {
      restarting = false;
      await users;
    }
    for (const { flow, ended } of slow) {
      await signIns.browse(flow);
      await assert.deadline(ended, 'the response of a slow user');
    }
    const { codes, nodes, callbacks } = signIns;
    for (const [state, got] of codes) assert.equal(got, [`code-of-${state}`]);
    assert.ok(nodes.some(([start, redirect]) => start !== redirect));
    assert.equal([...new Set(nodes.flat())].sort(), [...names]);
    // A redirect that comes again changes nothing, at any node.
    for (const callback of callbacks.slice(-5)) assert.is((await visit(callback)).status, 400);
  } finally {
    await host.close();
  }
}

/** Weakens the script: it stops all nodes, and then starts them. */
const atOnce = (script: string): string =>
  replaced(script, {
    'balancer_says() {': 'balancer_says() {\n  return',
    '  $control start "$node"\n': '',
    '  echo "$node has restarted."\ndone': 'done\nfor node in "$@"; do $control start "$node"; done',
  });

test(
  'no sign-in is lost or doubled while nodes restart one by one, but pages fail if all stop at once',
  async () => {
    await using service = await startService();
    await restarts(service);
    await complains(
      () => restarts(service, atOnce),
      /a page during the restart|the (?:start page|start|redirect)/,
    );
  },
  { deadline: 170_000 },
);

test(
  'the balancer shows the certificate, Redis keeps what is pending, and its user reaches nothing else',
  async () => {
    await using service = await startService();
    const { folder, origin, plain, redisPort } = service;
    const ca = readFileSync(join(folder, 'secrets/node/ca.pem'));
    const socket = connect({
      port: Number(new URL(origin).port),
      host: 'localhost',
      servername: 'localhost',
      ca,
      rejectUnauthorized: true,
    });
    await once(socket, 'secureConnect');
    assert.is(socket.authorized, true);
    socket.destroy();
    const moved = await visit(`http://localhost:${plain}/callback?code=c`);
    assert.equal([moved.status, moved.headers['location']?.slice(0, 17)], [308, 'https://localhost']);

    const host = await service.connect();
    try {
      const signIns = new SignIns(host, origin);
      const { flow, ended } = await signIns.begin();
      await service.killRedis();
      await service.ready();
      await signIns.browse(flow);
      await assert.deadline(ended, 'the response');
    } finally {
      await host.close();
    }

    const { password } = new URL(
      /rediss:\S+/.exec(readFileSync(join(folder, 'secrets/node/node.env'), 'utf8'))?.[0] ?? '',
    );
    const ask = (user: readonly string[], ...command: string[]): string => {
      const own = [
        '--tls',
        '--cacert',
        join(folder, 'secrets/node/ca.pem'),
        '-h',
        'localhost',
        '-p',
        String(redisPort),
      ];
      const { stdout, stderr } = spawnSync('redis-cli', [...own, ...user, ...command], {
        encoding: 'utf8',
        timeout: 30_000,
      });
      return stdout + stderr;
    };
    const node = ['--user', 'node', '--pass', password, '--no-auth-warning'];
    const health = ['--user', 'health', '--pass', 'any', '--no-auth-warning'];
    assert.match(ask(node, 'GET', 'rxoc:none'), /^\s*$/);
    for (const command of [
      'GET other',
      'KEYS *',
      'CONFIG GET *',
      'ACL LIST',
      'FLUSHALL',
      'MONITOR',
      'PUBLISH other x',
    ])
      assert.match(ask(node, ...command.split(' ')), 'NOPERM', command);
    assert.match(ask(health, 'PING'), 'PONG');
    assert.match(ask(health, 'GET', 'rxoc:none'), 'NOPERM');
    assert.match(ask([], 'PING'), 'NOAUTH');
  },
  { deadline: 120_000 },
);

secrets('secrets are new each time, are not overwritten, and lie in a folder of their owner', () => {
  using folder = new Folder();
  using other = new Folder();
  const make = (path: string): number | null => {
    cpSync(join(clusterFolder, 'make-secrets.sh'), join(path, 'make-secrets.sh'));
    return spawnSync(join(path, 'make-secrets.sh'), ['sign-in.example'], {
      encoding: 'utf8',
      timeout: 30_000,
    }).status;
  };
  assert.equal([make(folder.path), make(other.path), make(folder.path)], [0, 0, 1]);
  assert.is(statSync(join(folder.path, 'secrets')).mode & 0o777, 0o700);
  assert.equal(readdirSync(folder.path).sort(), ['make-secrets.sh', 'secrets']);
  for (const file of [
    'node/node.env',
    'node/tokens.json',
    'node/redis-keys.json',
    'redis/users.acl',
    'redis/redis.key',
    'balancer/sign-in.pem',
  ]) {
    const [one, two] = [folder, other].map(({ path }) => readFileSync(join(path, 'secrets', file), 'utf8'));
    assert.is.not(one, two, file);
  }
  assert.match(clusterFile('.gitignore'), '/secrets*/');
});

all.run();
