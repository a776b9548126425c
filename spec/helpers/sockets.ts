/** Sockets for the specs that are about sockets: many requests at once, slow readers, ports that are closed. */
import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { deadline } from './assert.ts';
import { compose, send } from './http.ts';
import { dial } from './raw.ts';

/** Answer among several on one connection. Status 0: the server closed without an answer. */
export interface PipelinedAnswer {
  status: number;
  raw: string;
}

/**
 * Sends many requests, which must ask for keep-alive and not for `HEAD`, over as few connections as the server allows,
 * and gives the answers in their order. A request that is no HTTP ends its connection before those ahead of it have
 * their answers: send such ones alone, with `ahead` 1.
 */
export async function pipeline(
  port: number,
  requests: readonly string[],
  ahead = 50,
): Promise<PipelinedAnswer[]> {
  const answers: PipelinedAnswer[] = [];
  while (answers.length < requests.length) {
    const batch = requests.slice(answers.length, answers.length + ahead);
    const got = await exchange(port, batch);
    answers.push(...(got.length > 0 ? got : [{ status: 0, raw: '' }]));
  }
  return answers;
}

/** As many answers as come before the server closes. */
async function exchange(port: number, requests: readonly string[]): Promise<PipelinedAnswer[]> {
  const socket = await dial(port);
  const answers: PipelinedAnswer[] = [];
  try {
    let rest = '';
    const done = new Promise<void>((resolve) => {
      socket.setEncoding('latin1').on('data', (text: string) => {
        rest += text;
        for (let length = lengthOfFirst(rest); length > 0; length = lengthOfFirst(rest)) {
          const raw = rest.slice(0, length);
          rest = rest.slice(length);
          answers.push({ status: Number(raw.split(' ', 2)[1]), raw });
        }
        if (answers.length >= requests.length) resolve();
      });
      socket.once('close', () => resolve());
    });
    socket.write(Buffer.from(requests.join(''), 'latin1'));
    await deadline(done, `${requests.length} answers`);
    return answers;
  } finally {
    socket.destroy();
  }
}

/** Returns the length of the first answer, or 0 if it is not complete yet. */
function lengthOfFirst(text: string): number {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return 0;
  const body = /^content-length: *(\d+)/im.exec(text.slice(0, end))?.[1] ?? '0';
  const length = end + 4 + Number(body);
  return text.length >= length ? length : 0;
}

/** Asks for a large page so often that no connection takes all of it at once, and reads nothing. */
export async function leaveUnread(
  port: number,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Socket> {
  const socket = await dial(port);
  socket.pause();
  const request = compose(port, { target, headers: { ...headers, Connection: 'keep-alive' } });
  socket.write(request.repeat(200));
  // Heard by now, since what came later on another connection is answered.
  await send(port, { target: '/nothing' });
  return socket;
}

/** A client that reads 1 KB a turn, and only when told, so that the server's end has to keep the rest. */
export class SlowReader {
  /** Bytes read so far. */
  size = 0;
  /** First bytes received. */
  head = '';
  readonly #socket: Duplex;

  private constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** Sends a request and reads the first KB of its answer. */
  static async start(socket: Duplex, request: string): Promise<SlowReader> {
    const reader = new SlowReader(socket);
    socket.write(request);
    await deadline(reader.#next(), 'the first KB of a page');
    return reader;
  }

  /** Reads on until the server closes; gives the bytes of the body. */
  async toEnd(): Promise<number> {
    const all = async (): Promise<void> => {
      while (await this.#next()) await turn();
    };
    await deadline(all(), 'the end of a page that is read slowly');
    return this.size - this.head.indexOf('\r\n\r\n') - 4;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Reads on; resolves with true if there was more. */
  async #next(): Promise<boolean> {
    const socket = this.#socket;
    for (;;) {
      // To ask for more than is there would be answered with `readable` at once, for ever.
      const chunk = socket.read(Math.min(1_024, socket.readableLength)) as Buffer | null;
      if (chunk) {
        if (this.size < 4_096) this.head += chunk.toString('latin1');
        this.size += chunk.length;
        return true;
      }
      if (socket.readableEnded || socket.destroyed) return false;
      const waiting = new AbortController();
      const { signal } = waiting;
      await Promise.race(
        ['readable', 'end', 'close'].map((event) => once(socket, event, { signal })),
      ).finally(() => waiting.abort());
    }
  }
}

/** Tells if no server accepts connections there. */
export async function isRefused(port: number, host = '127.0.0.1'): Promise<boolean> {
  try {
    (await dial(port, host)).destroy();
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A connection that waits to be accepted is reset when the server closes: it still listened.
    if (code === 'ECONNRESET') return false;
    if (code !== 'ECONNREFUSED') throw error;
    return true;
  }
}

/** Resolves once no server accepts connections there. */
export async function refuses(port: number, host = '127.0.0.1'): Promise<void> {
  const refused = async (): Promise<void> => {
    while (!(await isRefused(port, host))) await turn();
  };
  await deadline(refused(), `the end of a server at ${host}:${port}`);
}

/** Lists the addresses at which this machine listens on a port; undefined if only a tool could tell. */
export function addressesAt(port: number): string[] | undefined {
  if (process.platform !== 'linux') return undefined;
  const named: Readonly<Record<string, string>> = {
    '0100007F': '127.0.0.1',
    '00000000000000000000000001000000': '::1',
  };
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/[\s:]+/))
      // 0A: it listens.
      .filter(([, , local, , , state]) => parseInt(local ?? '', 16) === port && state === '0A')
      .map(([, address = '']) => named[address] ?? address),
  );
}

/** Another process that holds a port, or failed to. */
export interface Holder {
  /** The port that is held; 0 if that failed. */
  port: number;
  /** Why it failed: `EADDRINUSE`. */
  code: string | undefined;
  release: () => Promise<void>;
}

/** Has another process listen at an address. */
export async function hold(options: Readonly<Record<string, unknown>>): Promise<Holder> {
  const program = `
    const { createServer } = require('node:net');
    const options = ${JSON.stringify({ port: 0, ...options })};
    const other = { '127.0.0.1': '::1', '::1': '127.0.0.1' }[options.host];
    const tell = (code, port = 0) => console.log(JSON.stringify({ code, port }));
    const draw = () => {
      const server = createServer();
      server.on('error', ({ code }) => tell(code));
      server.listen(options, () => {
        const { port } = server.address();
        if (options.port > 0 || !other) return tell(undefined, port);
        // A port of one family only is one that nobody has in the other.
        const there = createServer();
        there.on('error', ({ code }) => (code === 'EADDRINUSE' ? server.close(draw) : tell(undefined, port)));
        there.listen({ port, host: other }, () => there.close(() => tell(undefined, port)));
      });
    };
    draw();
    process.stdin.on('end', () => process.exit()).resume();`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const release = async (): Promise<void> => {
    child.stdin.end();
    await deadline(ended, 'the end of the process that held a port');
  };
  try {
    const line = once(child.stdout.setEncoding('utf8'), 'data') as Promise<[string]>;
    const [told] = await deadline(line, 'the process that is to hold a port');
    const { port, code } = JSON.parse(told) as { port: number; code?: string };
    return { port, code, release };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** The HTTP server of this process that answers a request, as Node itself tells of it. */
export async function serverBehind(ask: () => Promise<unknown>): Promise<Server> {
  let found: Server | undefined;
  const listener = (message: unknown): void => {
    found = (message as { server: Server }).server;
  };
  subscribe('http.server.request.start', listener);
  try {
    await ask();
  } finally {
    unsubscribe('http.server.request.start', listener);
  }
  if (!found) throw new Error('no HTTP server of this process was asked');
  return found;
}

/** The sockets that servers of this process have accepted. */
export interface Accepted {
  readonly sockets: readonly Socket[];
  /** Resolves once there are so many. */
  reach(count: number): Promise<void>;
}

/** Runs `body` while the sockets are gathered that servers of this process accept, as Node itself tells of them. */
export async function withAccepted<T>(body: (accepted: Accepted) => Promise<T>): Promise<T> {
  const sockets: Socket[] = [];
  let told: () => void = () => undefined;
  const listener = (message: unknown): void => {
    sockets.push((message as { socket: Socket }).socket);
    told();
  };
  const reach = (count: number): Promise<void> => {
    const enough = new Promise<void>((resolve) => {
      told = () => {
        if (sockets.length >= count) resolve();
      };
      told();
    });
    return deadline(enough, `${count} connections`);
  };
  subscribe('net.server.socket', listener);
  try {
    return await body({ sockets, reach });
  } finally {
    unsubscribe('net.server.socket', listener);
  }
}

/** Resolves once a socket is closed, however it came to that. */
export async function closed(socket: Socket, what = 'the end of a connection'): Promise<void> {
  if (socket.closed) return;
  const end = new Promise<void>((resolve) => socket.resume().once('close', () => resolve()));
  await deadline(end, what);
}

/** Composed for a connection that is kept. */
export function keeping(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): string {
  return compose(port, { method, target: path, headers: { ...headers, Connection: 'keep-alive' } });
}

/** Many connections at once, each with a few bytes of a request, closed whatever happens. */
export async function withSockets<T>(
  port: number,
  openings: readonly string[],
  body: (sockets: readonly Socket[]) => Promise<T>,
): Promise<T> {
  const sockets: Socket[] = [];
  try {
    for (const opening of openings) {
      const socket = await dial(port);
      sockets.push(socket);
      socket.write(opening);
    }
    return await body(sockets);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}
