/** Connections for exact bytes, and for what no HTTP client does. */
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { deadline } from './assert.ts';
import { certificate } from './tls.ts';

/** Connects to a port of this machine. */
export function dial(port: number, host = '127.0.0.1'): Promise<Socket> {
  return connected(connect({ port, host }), 'connect', `connecting to ${host}:${port}`);
}

/** Connects to a server of the specs that has their certificate. */
export function dialTls(port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connectTls({ port, host, ca: certificate.cert });
  return connected(socket, 'secureConnect', `a TLS handshake with ${host}:${port}`);
}

async function connected(socket: Socket, event: string, what: string): Promise<Socket> {
  socket.on('error', () => undefined);
  try {
    await deadline(once(socket, event), what);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** A TCP connection for exact bytes: `using socket = await RawSocket.open(server.address);` destroys it. */
export class RawSocket implements Disposable {
  /** Settles when the other side, or an error, has ended the connection. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #received = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => (this.#received += chunk));
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  static async open({ address, port }: Pick<AddressInfo, 'address' | 'port'>): Promise<RawSocket> {
    return new RawSocket(await dial(port, address));
  }

  /** That of the other side. */
  get port(): number {
    return this.#socket.remotePort ?? 0;
  }

  /** Everything received so far, one character for each byte. */
  get received(): string {
    return this.#received;
  }

  /** Resolves when the operating system has taken the bytes. */
  write(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  /** Reads no more, so that what comes piles up on the way. */
  stopReading(): void {
    this.#socket.pause();
  }

  readOn(): void {
    this.#socket.resume();
  }

  /** Says that nothing more will be sent; what is still to come is received. */
  end(): void {
    this.#socket.end();
  }

  /** Resolves with everything received once it contains `mark`; rejects if the connection ends before. */
  async until(mark: string | RegExp): Promise<string> {
    const met = (): boolean =>
      typeof mark === 'string' ? this.#received.includes(mark) : mark.test(this.#received);
    while (!met()) {
      if (this.#socket.closed) throw new Error(`closed after ${JSON.stringify(this.#received)}`);
      await Promise.race([once(this.#socket, 'data'), this.closed]);
    }
    return this.#received;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** Sends exactly these bytes and collects what comes back until the server ends the connection. */
export async function sendRaw(
  address: Pick<AddressInfo, 'address' | 'port'>,
  bytes: string | Uint8Array,
): Promise<string> {
  using socket = await RawSocket.open(address);
  await socket.write(bytes);
  await socket.closed;
  return socket.received;
}

/** The status codes of the answers in what was received, in order. */
export function statuses(received: string): number[] {
  return [...received.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
}
