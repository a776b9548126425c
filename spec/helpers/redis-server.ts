/**
 * A `redis-server` on a free port, with everything it writes in a folder that goes with it. One that is not disposed of
 * ends with the process, so a spec file may share one.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deadline } from './assert.ts';

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
export const noRedis = 'no redis-server on this machine';

export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  readonly #options: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, options: readonly string[]) {
    this.port = port;
    this.#options = options;
    this.folder = mkdtempSync(join(tmpdir(), 'redis-'));
    process.once('exit', this.#leave);
  }

  /** @param options As on the command line. */
  static async start(...options: readonly string[]): Promise<RedisServer> {
    for (let attempt = 1; ; attempt++) {
      const server = new RedisServer(await freePort(), options);
      try {
        await server.start();
        return server;
      } catch (error) {
        await server[Symbol.asyncDispose]();
        // Somebody was faster at its port, or at that of its bus.
        if (attempt === 3) throw error;
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const own = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder, '--save', ''];
    const child = spawn('redis-server', [...own, ...this.#options], { stdio: 'ignore' });
    this.#child = child;
    // It neither keeps its spec from ending nor outlives it.
    child.unref();
    const ready = async (): Promise<void> => {
      while (!(await this.#answers())) {
        if (child.exitCode !== null) throw new Error(`redis-server exited with ${child.exitCode}`);
        await new Promise((resolve) => void setTimeout(resolve, 10));
      }
    };
    await deadline(ready(), 10_000, 'redis-server');
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await deadline(exited, 10_000, 'the end of redis-server');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
    process.off('exit', this.#leave);
    this.#leave();
  }

  readonly #leave = (): void => {
    this.#child?.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  };

  /** Loading, it answers too, with an error. */
  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write('PING\r\n'));
      socket.once('data', (data) => {
        socket.destroy();
        resolve(/^\+PONG|^-NOAUTH/.test(data.toString()));
      });
      socket.once('error', () => resolve(false));
    });
  }
}

/** Below those that the system gives to connections, which others open all the time; so is that of the bus, 10,000 higher. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 22_000);
    const server = createServer().listen(port, '127.0.0.1');
    const listening = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!listening) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Resolves once this node knows of all three and of every slot. */
async function agrees(port: number): Promise<void> {
  const ask = (): string =>
    spawnSync('redis-cli', ['-p', String(port), 'cluster', 'info'], { encoding: 'utf8' }).stdout;
  const whole = (info: string): boolean =>
    /cluster_state:ok/.test(info) && /cluster_slots_ok:16384/.test(info) && /cluster_size:3/.test(info);
  while (!whole(ask())) await new Promise((resolve) => void setTimeout(resolve, 10));
}

/** Three primaries that share the slots. */
export class RedisCluster implements AsyncDisposable {
  readonly servers: readonly RedisServer[];

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers;
  }

  static async start(): Promise<RedisCluster> {
    const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];
    const servers = await Promise.all([1, 2, 3].map(() => RedisServer.start(...options)));
    const cluster = new RedisCluster(servers);
    const hosts = servers.map(({ port }) => `127.0.0.1:${port}`);
    const create = spawn('redis-cli', ['--cluster', 'create', ...hosts, '--cluster-yes'], {
      stdio: 'ignore',
    });
    const [code] = (await deadline(once(create, 'exit'), 30_000, 'redis-cli --cluster create')) as [number];
    if (code === 0) {
      // redis-cli leaves once one node is content; a client that asks another one may be told of no slots.
      await deadline(Promise.all(servers.map(({ port }) => agrees(port))), 10_000, 'a cluster that agrees');
      return cluster;
    }
    await cluster[Symbol.asyncDispose]();
    throw new Error(`redis-cli --cluster create exited with ${code}`);
  }

  get nodes(): { url: string }[] {
    return this.servers.map(({ url }) => ({ url }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server[Symbol.asyncDispose]()));
  }
}
