import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** The open sockets of a server: bounded, and closed without cutting off a page. */
export class Connections {
  readonly #sockets = new Set<Socket>();
  /** In order, by connection: when it breaks off, answers that wait for the one before them are never heard of again. */
  readonly #answering = new Map<Socket, Set<ServerResponse>>();

  /** @param most Beyond it one that is owed nothing makes way for a new one. */
  constructor(server: Server, most: number) {
    const sockets = this.#sockets;
    // One for all of them: thousands may be open.
    const closed = function (this: Socket): void {
      sockets.delete(this);
    };
    server.on('connection', (socket: Socket) => {
      if (this.#sockets.size >= most) this.#dispensable(most / 2)?.destroy();
      sockets.add(socket);
      socket.once('close', closed);
    });
  }

  /** An upgraded connection is no longer ours to count, or to end when there are too many. */
  leave(upgraded: Duplex): void {
    const sought = peer(upgraded as Partial<Socket>);
    // Under TLS it is not the socket that was accepted.
    for (const socket of this.#sockets) if (peer(socket) === sought) this.#sockets.delete(socket);
  }

  /** Counts a response as in flight until the operating system has taken all of it; most are taken at once. */
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

  /**
   * The oldest connection without a page in flight. Where more than `mostUnread` peers leave their pages unread, the
   * oldest of those: else they would fill every place but the one of a browser that has come and not yet asked.
   */
  #dispensable(mostUnread: number): Socket | undefined {
    const unread = [...this.#answering].filter(isUnread).map(([socket]) => socket);
    return unread.length > mostUnread ? unread[0] : (this.#idle().next().value ?? unread[0]);
  }
}

type Answers = readonly [Socket, ReadonlySet<ServerResponse>];

/** Whether a page was written that the peer does not take; one that waits for the app is another matter. */
function isUnread([, [first]]: Answers): boolean {
  return first?.writableEnded ?? false;
}

function owed([, answers]: Answers): boolean {
  return [...answers].some(asked);
}

/** Whether a page is owed: a body that dribbles in is no page yet. */
function asked({ req, headersSent }: ServerResponse): boolean {
  return req.complete || headersSent;
}

function peer({ remoteAddress, remotePort }: Partial<Socket>): string {
  return `${remoteAddress ?? ''} ${remotePort ?? ''}`;
}
