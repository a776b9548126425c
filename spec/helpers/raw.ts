import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';

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
    // A reset is one of the ways to be ended, and tells no more than `closed`.
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  static async open({ address, port }: Pick<AddressInfo, 'address' | 'port'>): Promise<RawSocket> {
    const socket = connect(port, address);
    await once(socket, 'connect');
    return new RawSocket(socket);
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

  /** What has been received once it contains `mark`; rejects where the connection ends before. */
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
