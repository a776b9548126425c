import type { WebSocket } from 'ws';
import type { OpenTransport } from '../../client/transport.ts';
import { withToken } from '../../client/ws.ts';

/** The connection of a feed, which can be held while nobody takes what it brings: then the service keeps it. */
export class Source {
  /** Why the last attempt has failed, as the system says it: ECONNREFUSED. */
  failure: string | undefined;
  held = false;
  #socket: WebSocket | undefined;

  readonly open: OpenTransport = (url, token, handlers) => {
    const transport = withToken(url, token, handlers);
    const { socket } = transport;
    this.#socket = socket;
    this.failure = undefined;
    socket.on('error', ({ code }: NodeJS.ErrnoException) => (this.failure = code));
    // One that takes the place of another that was held too long.
    socket.on('open', () => this.held && socket.pause());
    return transport;
  };

  hold(): void {
    this.held = true;
    this.#socket?.pause();
  }

  release(): void {
    this.held = false;
    this.#socket?.resume();
  }
}
