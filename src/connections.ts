import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The open sockets of a server: bounded, and closed without cutting off a page. */
export class Connections {
  readonly #sockets = new Set<Socket>();
  /** In order, by connection: when it breaks off, answers that wait for the one before them are never heard of again. */
  readonly #answering = new Map<Socket, Set<ServerResponse>>();

  /**
   * @param most Beyond it the oldest connection without a page in flight makes way for a new one, or else the one
   * that has left its page unread for longest.
   */
  constructor(server: Server, most: number) {
    server.on('connection', (socket: Socket) => {
      if (this.#sockets.size >= most) (this.#idle().next().value ?? this.#unread())?.destroy();
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Counts a response as in flight until the operating system has taken all of it. */
  answering(response: ServerResponse): void {
    const { socket } = response.req;
    let answers = this.#answering.get(socket);
    if (!answers) {
      this.#answering.set(socket, (answers = new Set()));
      socket.once('close', () => this.#answering.delete(socket));
    }
    answers.add(response);
    response.once('finish', () => answers.delete(response));
  }

  /** Lets pages in flight finish, ends every other socket. Half-open and upgraded ones are nobody's page. */
  drain(): void {
    for (const socket of [...this.#idle()]) socket.destroy();
    for (const [socket, answers] of this.#answering)
      [...answers].findLast(asked)?.once('finish', () => socket.end());
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** By peer, since under TLS a response's socket is not the one that was accepted. */
  *#idle(): Generator<Socket, undefined> {
    const busy = new Set([...this.#answering].filter(owed).map(([socket]) => peer(socket)));
    for (const socket of this.#sockets) if (!busy.has(peer(socket))) yield socket;
    return undefined;
  }

  /** A peer that asks and never reads is given no more than the limit either; a page that waits for the app is spared. */
  #unread(): Socket | undefined {
    for (const [socket, [first]] of this.#answering) if (first?.writableEnded) return socket;
    return undefined;
  }
}

function owed([, answers]: readonly [Socket, ReadonlySet<ServerResponse>]): boolean {
  return [...answers].some(asked);
}

/** Whether a page is owed: a body that dribbles in is no page yet. */
function asked({ req, headersSent }: ServerResponse): boolean {
  return req.complete || headersSent;
}

function peer({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? ''}`;
}
