/** A round-robin balancer of TCP connections, as somebody would put before the nodes of a service. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Balancer implements AsyncDisposable {
  /** Ports of the nodes; can be changed while it runs. */
  readonly targets = new Set<number>();
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #turn = 0;

  private constructor() {
    this.#server = createServer({ pauseOnConnect: true }, (client) => this.#join(client));
  }

  static async open(): Promise<Balancer> {
    const balancer = new Balancer();
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    this.#keep(client);
    client.on('error', () => client.destroy());
    this.#dial(client, [...this.targets], this.#turn++);
  }

  /** The next node that takes the connection; each is asked once. */
  #dial(client: Socket, targets: number[], turn: number): void {
    // Its browser has gone: a connection to a node would have nobody to close it.
    if (client.destroyed) return;
    const [port] = targets.splice(turn % targets.length, 1);
    if (port === undefined) {
      client.resetAndDestroy();
      return;
    }
    const node = connect(port, '127.0.0.1');
    this.#keep(node);
    let joined = false;
    node.once('connect', () => {
      joined = true;
      client.pipe(node).pipe(client);
      client.resume();
    });
    node.on('error', () => {
      if (joined) client.resetAndDestroy();
      else this.#dial(client, targets, turn);
    });
    client.once('close', () => node.destroy());
    node.once('close', () => {
      if (joined) client.destroySoon();
    });
  }

  #keep(socket: Socket): void {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
  }
}
