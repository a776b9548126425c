/** A bad network between a client and a service of this machine. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Bytes after which a connection is reset, in each direction. */
export interface Cut {
  toService?: number;
  toClient?: number;
}

export interface TcpProxyOptions {
  /** Milliseconds that a chunk is under way; asked for each. None overtakes another one. @default 0 */
  delay?: () => number;
  /** Asked for each connection. @default never */
  cut?: () => Cut;
  /** Decides if the service gets a client's opening request twice, over another connection. @default never */
  duplicates?: () => boolean;
  /** Keeps what is sent. @default false */
  records?: boolean;
  /** True if connections wait while there is no target. They are reset otherwise, which a client counts as a failed attempt. */
  waits?: boolean;
}

export class TcpProxy {
  /** Can be changed while it runs. */
  readonly options: TcpProxyOptions;
  /** How many connections clients have opened, how many of those were cut, and how many were doubled. */
  readonly counts = { opened: 0, cut: 0, doubled: 0 };
  #target: number | undefined;
  readonly #server: Server;
  readonly #open = new Set<() => void>();
  #frozen: ReadonlySet<() => void> = new Set();
  readonly #waiting = new Set<Socket>();
  readonly #sent: Buffer[][] = [];
  readonly #heard: Buffer[][] = [];

  private constructor(target: number | undefined, options: TcpProxyOptions) {
    this.#target = target;
    this.options = options;
    this.#server = createServer((client) => {
      this.counts.opened++;
      client.on('error', () => undefined);
      this.#join(client);
    });
  }

  static async open(target?: number, options: TcpProxyOptions = {}): Promise<TcpProxy> {
    const proxy = new TcpProxy(target, options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Port that connections lead to; undefined while the service is unavailable. */
  get target(): number | undefined {
    return this.#target;
  }

  set target(port: number | undefined) {
    this.#target = port;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const client of waiting) this.#join(client);
  }

  /** Connections that stand. */
  get connections(): number {
    return this.#open.size;
  }

  /** The WebSocket messages that clients have sent, in clear, and their opening requests. Needs `records`. */
  get said(): string[] {
    return this.#sent.flatMap((chunks) => read(Buffer.concat(chunks)));
  }

  /** The same of the service, whether or not it arrived. */
  get heard(): string[] {
    return this.#heard.flatMap((chunks) => read(Buffer.concat(chunks)));
  }

  /** Loses all that is sent over the connections of now, in both directions. Neither side is told. */
  freeze(): void {
    this.#frozen = new Set(this.#open);
  }

  /** Resets every connection. */
  cutAll(): void {
    for (const cut of [...this.#open]) cut();
    for (const client of this.#waiting) client.resetAndDestroy();
    this.#waiting.clear();
  }

  async close(): Promise<void> {
    this.#frozen = new Set();
    this.cutAll();
    this.#server.close();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    const { cut = (): Cut => ({}), duplicates = () => false, records = false, waits = false } = this.options;
    if (this.#target === undefined) {
      if (waits) this.#waiting.add(client);
      else client.resetAndDestroy();
      return;
    }
    const service = dial(this.#target);
    const { toService = Infinity, toClient = Infinity } = cut();
    const ends = [client, service];
    const end = (): void => {
      // A side that ends a frozen connection does not reach the other one.
      if (this.#frozen.has(end) || !this.#open.delete(end)) return;
      for (const socket of ends) reset(socket);
    };
    this.#open.add(end);
    const snap = (): void => {
      if (this.#open.has(end)) this.counts.cut++;
      end();
    };
    if (duplicates()) {
      this.counts.doubled++;
      ends.push(double(client, this.#target));
    }
    if (records) {
      record(client, this.#sent);
      record(service, this.#heard);
    }
    const frozen = (): boolean => this.#frozen.has(end);
    this.#pipe(client, service, toService, snap, frozen);
    this.#pipe(service, client, toClient, snap, frozen);
    for (const socket of [client, service]) socket.once('close', end);
  }

  #pipe(from: Socket, to: Socket, most: number, cut: () => void, frozen: () => boolean): void {
    let left = most;
    let order = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      if (frozen()) return;
      const pass = (): void => {
        if (to.destroyed || left <= 0) return;
        to.write(chunk.subarray(0, left));
        left -= chunk.length;
        // After what was written, which a reset would throw away.
        if (left <= 0) setImmediate(cut);
      };
      const ms = this.options.delay?.() ?? 0;
      if (this.options.delay) {
        const due = performance.now() + ms;
        order = order
          .then(() => (due > performance.now() ? wait(due - performance.now()) : undefined))
          .then(pass);
      } else pass();
    });
    // Behind what is held back still.
    from.on('end', () => void order.then(() => frozen() || to.end()));
  }
}

function dial(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  return socket;
}

function reset(socket: Socket): void {
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

/** Only the opening request: what comes after it is under a nonce, or over TLS. */
function double(client: Socket, port: number): Socket {
  const second = dial(port);
  second.resume();
  let head = Buffer.alloc(0);
  const collect = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    client.off('data', collect);
    second.write(head.subarray(0, end + 4));
  };
  client.on('data', collect);
  return second;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

function record(socket: Socket, into: Buffer[][]): void {
  const chunks: Buffer[] = [];
  into.push(chunks);
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
}

/** The head of the HTTP message, and the WebSocket messages behind it. Fragments are not put together. @see RFC 6455 section 5.2 */
function read(bytes: Buffer): string[] {
  const end = bytes.indexOf('\r\n\r\n') + 4;
  if (end < 4) return [bytes.toString()];
  const messages = [bytes.subarray(0, end).toString()];
  for (let at = end; at + 14 <= bytes.length;) {
    const flag = bytes.readUInt8(at + 1);
    const short = flag & 0x7f;
    const wide = short === 126 ? 2 : short === 127 ? 8 : 0;
    const length = wide === 2 ? bytes.readUInt16BE(at + 2) : wide === 8 ? bytes.readUInt32BE(at + 6) : short;
    const masked = flag >= 0x80;
    const start = at + 2 + wide + (masked ? 4 : 0);
    const body = Buffer.from(bytes.subarray(start, start + length));
    if (masked) for (const [n, byte] of body.entries()) body[n] = byte ^ bytes.readUInt8(start - 4 + (n % 4));
    messages.push(body.toString());
    at = start + length;
  }
  return messages;
}
