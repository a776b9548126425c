/** Callback hosts that share a port, in one process or in processes of their own. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sharedCallbackHost, type SharedCallbackHost, type SharedHostOptions } from '../../src/share.ts';
import { freePort } from './redis-server.ts';

/** Folder of a secret, which is removed whatever happens. */
export class SecretFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'share-'));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Connections that this process has opened. */
export class ClientSockets implements Disposable {
  readonly #sockets: Socket[] = [];
  #onNext = (): void => undefined;
  readonly #onSocket = (message: unknown): void => {
    this.#sockets.push((message as { socket: Socket }).socket);
    this.#onNext();
  };

  constructor() {
    subscribe('net.client.socket', this.#onSocket);
  }

  /** Resolves once another one is opened. */
  next(): Promise<void> {
    return new Promise((resolve) => (this.#onNext = resolve));
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves once those that are open now are closed. */
  async closed(): Promise<void> {
    await Promise.all(this.#sockets.filter(({ closed }) => !closed).map((socket) => once(socket, 'close')));
  }

  [Symbol.dispose](): void {
    unsubscribe('net.client.socket', this.#onSocket);
  }
}

export interface Sharers {
  readonly port: number;
  readonly folder: string;
  /** The first one serves. */
  readonly hosts: readonly SharedCallbackHost[];
  /** Another one; it is closed too. */
  open(options?: Partial<SharedHostOptions>): Promise<SharedCallbackHost>;
}

/** How the host under test is made; a weakened twin is made by another one. */
export type CreateShared = typeof sharedCallbackHost;

/** Hosts of this process that share a port as processes do. */
export async function withSharers(
  options: Partial<SharedHostOptions>,
  count: number,
  body: (sharers: Sharers) => Promise<void>,
  create: CreateShared = sharedCallbackHost,
): Promise<void> {
  using secret = new SecretFolder();
  const port = await freePort();
  const hosts: SharedCallbackHost[] = [];
  const open: Sharers['open'] = async (more) => {
    const host = await create({ port, folder: secret.path, ...options, ...more });
    hosts.push(host);
    return host;
  };
  try {
    for (let n = 0; n < count; n++) await open();
    await body({ port, folder: secret.path, hosts, open });
  } finally {
    // The one that serves last, so that nobody takes over.
    for (const host of hosts.toReversed()) await host.close();
  }
}

/** A line that a process writes. */
export type Said =
  | { readonly type: 'ready'; readonly serves: boolean }
  | { readonly type: 'serves' }
  | { readonly type: 'begun'; readonly state: string; readonly redirectUri: string }
  | { readonly type: 'response'; readonly state: string; readonly code: string }
  | { readonly type: 'failed'; readonly state: string; readonly code: string };

/** A process that begins flows at a shared port when it is told to: spec/fixtures/programs/sharer.ts. */
export class Sharer implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown>;
  #stderr = '';
  #isKilled = false;
  /** Called if it ends by itself, with what it has said about it. */
  onCrash: (stderr: string) => void = () => undefined;
  /** Called with each line. */
  onSaid: (said: Said) => void = () => undefined;

  /** @param user Id of the user that the process becomes; by default it stays that of this one. */
  constructor(program: string, port: number, folder: string, user?: number) {
    const args = [program, String(port), folder, ...(user === undefined ? [] : [String(user)])];
    this.#child = spawn(process.execPath, args, { stdio: 'pipe' });
    this.#child.stderr.on('data', (data: Buffer) => (this.#stderr += data.toString()));
    this.#child.stdin.on('error', () => undefined);
    this.#closed = once(this.#child, 'close');
    this.#child.once('close', () => {
      if (!this.#isKilled) this.onCrash(this.#stderr);
    });
    createInterface(this.#child.stdout).on('line', (line) => this.onSaid(JSON.parse(line) as Said));
  }

  /** Resolves once it has ended by itself. */
  async ended(): Promise<{ code: number | null; stderr: string }> {
    await this.#closed;
    return { code: this.#child.exitCode, stderr: this.#stderr };
  }

  begin(state: string): void {
    this.#child.stdin.write(`${state}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isKilled = true;
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
