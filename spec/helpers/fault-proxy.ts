/** A TCP proxy that resets its connections at a byte of one's choice. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Which byte, counted from now, is the first that does not arrive. */
export type Point = { readonly toService: number } | { readonly toClient: number };

export class FaultProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: number;
  readonly #open = new Set<Socket>();
  #left: { toService: number; toClient: number } = { toService: Infinity, toClient: Infinity };
  #down = false;
  #staysDown = false;
  /** Bytes since `count()`. */
  counted = { toService: 0, toClient: 0 };
  /** How often a connection was cut. */
  cuts = 0;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#join(client));
  }

  static async open(target: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  count(): void {
    this.counted = { toService: 0, toClient: 0 };
  }

  /** Cuts at that byte; from then on connections are refused, or not. */
  arm(point: Point, staysDown: boolean): void {
    this.#left = { toService: Infinity, toClient: Infinity, ...point };
    this.#staysDown = staysDown;
  }

  /** Takes every connection away, and refuses others until `heal()`. */
  cutAll(): void {
    this.#down = true;
    for (const socket of this.#open) socket.resetAndDestroy();
  }

  heal(): void {
    this.#down = false;
    this.#left = { toService: Infinity, toClient: Infinity };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    client.on('error', () => undefined);
    if (this.#down) {
      client.resetAndDestroy();
      return;
    }
    const service = connect(this.#target, '127.0.0.1');
    service.on('error', () => undefined);
    this.#pipe(client, service, 'toService');
    this.#pipe(service, client, 'toClient');
  }

  #pipe(from: Socket, to: Socket, way: 'toService' | 'toClient'): void {
    this.#open.add(from);
    from.on('close', () => {
      this.#open.delete(from);
      to.destroy();
    });
    from.on('data', (chunk: Buffer) => {
      this.counted[way] += chunk.length;
      const left = this.#left[way];
      this.#left[way] -= chunk.length;
      if (chunk.length <= left) {
        to.write(chunk);
        return;
      }
      this.cuts++;
      // All of them, with what has arrived so far still going out.
      to.write(chunk.subarray(0, left), () => {
        this.cutAll();
        if (!this.#staysDown) this.heal();
      });
    });
  }
}
