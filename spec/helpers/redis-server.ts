/**
 * A `redis-server` on a free port, with everything it writes in a folder that goes with it. One that is not disposed of
 * ends with the process, so a spec file may share one.
 */
import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { deadline, patience } from './assert.ts';

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
export const noRedis = 'no redis-server on this machine';

type Child = ChildProcessByStdio<null, Readable, null>;

export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  readonly #options: readonly string[];
  #child: Child | undefined;

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
        // Another process has taken its port, or the port of its bus.
        if (attempt === 3) throw error;
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const own = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder, '--save', ''];
    const child = spawn('redis-server', [...own, ...this.#options], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#child = child;
    // It neither keeps its spec from ending nor outlives it.
    child.unref();
    if (child.stdout instanceof Socket) child.stdout.unref();
    await this.says('Ready to accept connections');
  }

  /** Resolves once it has written that, from now on. */
  async says(what: string, ms = patience): Promise<void> {
    const child = this.#child;
    if (!child) throw new Error('redis-server does not run');
    const said = new Promise<void>((resolve, reject) => {
      let text = '';
      child.stdout.on('data', function hear(chunk: Buffer) {
        text += chunk.toString('latin1');
        if (!text.includes(what)) return;
        child.stdout.off('data', hear).resume();
        resolve();
      });
      child.once('exit', (code) => reject(new Error(`redis-server exited with ${code}`)));
      child.once('error', reject);
    });
    await deadline(said, `redis-server: ${what}`, ms);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await deadline(exited, 'the end of redis-server');
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
    // Each says so once it knows who has which slot, all of them.
    const agreed = Promise.all(
      servers.map((server) => server.says('Cluster state changed: ok', 2 * patience)),
    );
    agreed.catch(() => undefined);
    const hosts = servers.map(({ port }) => `127.0.0.1:${port}`);
    const create = spawn('redis-cli', ['--cluster', 'create', ...hosts, '--cluster-yes'], {
      stdio: 'ignore',
    });
    const [code] = (await deadline(once(create, 'exit'), 'redis-cli --cluster create')) as [number];
    if (code === 0) {
      // redis-cli leaves once one node is content; a client that asks another one may be told of no slots.
      await agreed;
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
