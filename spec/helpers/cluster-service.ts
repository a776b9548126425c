/** The service of examples/cluster, started from its files as processes of this machine. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { connectCallbackHost, type RemoteCallbackHost } from '../../src/client.ts';
import { deadline, is } from './assert.ts';
import { Cli, Folder } from './cli.ts';
import { hasty } from './clock.ts';
import { balancerConfiguration, clusterFile, clusterFolder, haproxy, replaced } from './cluster-example.ts';
import { freePort } from './redis-server.ts';

export const names = ['node-1', 'node-2', 'node-3'] as const;

export interface Service extends AsyncDisposable {
  readonly folder: string;
  /** Public URL. */
  readonly origin: string;
  readonly plain: number;
  readonly redisPort: number;
  connect(): Promise<RemoteCallbackHost>;
  /** Runs rolling-restart.sh, whose text may be changed. */
  rollingRestart(change?: (script: string) => string): Promise<void>;
  /** Resolves once the balancer says that all nodes are ready. */
  ready(): Promise<void>;
  /** Kills Redis, and starts it again from its file. */
  killRedis(): Promise<void>;
}

/** Starts all of it from the files of the example, with secrets of its own. */
export async function startService(): Promise<Service> {
  const stack = new Stack();
  try {
    const folder = stack.use(new Folder());
    const at = (...path: string[]): string => join(folder.path, ...path);
    const [front, plain, ready, redisPort] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    cpSync(clusterFolder, folder.path, {
      recursive: true,
      filter: (path) => !basename(path).startsWith('secrets'),
    });
    execFileSync(at('make-secrets.sh'), [`localhost:${front}`], { stdio: 'ignore' });

    folder.write(
      'redis.conf',
      replaced(clusterFile('redis.conf'), {
        'tls-port 6379': `tls-port ${redisPort}\nbind 127.0.0.1`,
        'tls-cert-file /usr/local/etc/redis/secrets': `tls-cert-file ${at('secrets/redis')}`,
        'tls-key-file /usr/local/etc/redis/secrets': `tls-key-file ${at('secrets/redis')}`,
        'aclfile /usr/local/etc/redis/secrets': `aclfile ${at('secrets/redis')}`,
        'dir /data': `dir ${folder.path}`,
      }),
    );
    const startRedis = async (): Promise<Cli> => {
      const started = Cli.program(['redis-server', at('redis.conf')]);
      await started.sees(/Ready to accept connections/);
      return started;
    };
    let redis = await startRedis();
    stack.defer(() => redis[Symbol.asyncDispose]());

    const env = Object.fromEntries(
      replaced(readFileSync(at('secrets/node/node.env'), 'utf8'), {
        '@redis:6379': `@localhost:${redisPort}`,
        '/app/secrets': at('secrets'),
      })
        .trim()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
    );
    const places = new Map<string, { port: number; health: number }>();
    for (const name of names) places.set(name, { port: await freePort(), health: await freePort() });
    const running = new Map<string, Cli>();
    const start = (name: string): Cli => {
      const { port, health } = places.get(name)!;
      const node = Cli.start(['serve', '--config', at('serve.json')], {
        ...env,
        RX_OAUTH_CALLBACK_HOST: '127.0.0.1',
        RX_OAUTH_CALLBACK_PORT: String(port),
        RX_OAUTH_CALLBACK_HEALTH_HOST: '127.0.0.1',
        RX_OAUTH_CALLBACK_HEALTH_PORT: String(health),
        RX_OAUTH_CALLBACK_TITLE: name,
      });
      running.set(name, node);
      stack.use(node);
      return node;
    };
    await Promise.all(names.map((name) => start(name).sees(/"type":"ready"/)));

    folder.write(
      'haproxy.cfg',
      balancerConfiguration({
        ...{ front, plain, ready, nodes: [...places.values()] },
        certificate: at('secrets/balancer/sign-in.pem'),
      }),
    );
    stack.use(Cli.program([haproxy, '-db', '-f', at('haproxy.cfg')]));

    await deadline(untilReady(`http://127.0.0.1:${ready}/all-ready`), 'a balancer with all nodes');

    // In place of `docker compose stop` and `start`.
    const control = createServer((request, response) => {
      const [, verb, name = ''] = (request.url ?? '').split('/');
      const stop = async (): Promise<void> => {
        const node = running.get(name)!;
        node.signal('SIGTERM');
        const { code } = await node.end();
        response.writeHead(code === 0 ? 200 : 500).end();
      };
      if (verb === 'stop') void stop().catch(() => response.destroy());
      else {
        start(name);
        response.end();
      }
    });
    await once(control.listen(0, '127.0.0.1'), 'listening');
    stack.defer(() => void control.close());
    const controlUrl = `http://127.0.0.1:${(control.address() as AddressInfo).port}`;
    folder.write('control', `#!/bin/sh\nexec curl --silent --fail "${controlUrl}/$1/$2"\n`, 0o700);

    const [{ token }] = JSON.parse(readFileSync(at('secrets/node/tokens.json'), 'utf8')) as [
      { token: string },
    ];
    return {
      folder: folder.path,
      origin: `https://localhost:${front}`,
      plain,
      redisPort,
      connect: () => connectCallbackHost(`wss://localhost:${front}/bridge`, { token, scheduler: hasty }),
      async rollingRestart(change = (same) => same) {
        folder.write('restart.sh', change(clusterFile('rolling-restart.sh')), 0o700);
        const env = { CONTROL: at('control'), ALL_READY: `http://127.0.0.1:${ready}/all-ready` };
        await using script = Cli.program([at('restart.sh'), ...names], env);
        const { code, stderr } = await script.end(80_000);
        is(code, 0, stderr);
      },
      ready: () => deadline(untilReady(`http://127.0.0.1:${ready}/all-ready`), 'a balancer with all nodes'),
      async killRedis() {
        await redis[Symbol.asyncDispose]();
        redis = await startRedis();
      },
      [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
    };
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

/** Resolves once the balancer says that all nodes are ready. */
async function untilReady(url: string): Promise<void> {
  const isReady = (): Promise<boolean> =>
    fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isReady())) await new Promise(setImmediate);
}

/** Resources that are closed in the end, the newest first. */
class Stack implements AsyncDisposable {
  readonly #undo: (() => unknown)[] = [];

  use<T extends Disposable | AsyncDisposable>(value: T): T {
    this.defer(() => (Symbol.asyncDispose in value ? value[Symbol.asyncDispose]() : value[Symbol.dispose]()));
    return value;
  }

  defer(undo: () => unknown): void {
    this.#undo.push(undo);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) await undo();
  }
}
