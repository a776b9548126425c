import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The open sockets of a server, so that closing it can wait for pages in flight and for nothing else. */
export class Connections {
  readonly #sockets = new Set<Socket>();
  readonly #answering = new Set<ServerResponse>();

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    // Part of Node's `close()`, which takes a connection for idle while its page is still on the way.
    server.closeIdleConnections = () => undefined;
  }

  /** Counts a response as in flight until the operating system has taken all of it. */
  answering(response: ServerResponse): void {
    this.#answering.add(response);
    const done = (): void => void this.#answering.delete(response);
    response.once('finish', done);
    response.once('close', done);
  }

  /** Lets pages in flight finish, ends every other socket. Half-open and upgraded ones are nobody's page. */
  drain(): void {
    const busy = new Set<Socket>();
    for (const response of this.#answering) {
      const { socket } = response;
      if (!socket) continue;
      busy.add(socket);
      response.once('finish', () => socket.end());
    }
    for (const socket of this.#sockets) if (!busy.has(socket)) socket.destroy();
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
