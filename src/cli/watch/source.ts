import type { WebSocket } from 'ws';

/** The connection of a feed, which can be held while nobody takes what it brings: then the service keeps it. */
export class Source {
  held = false;
  #socket: WebSocket | undefined;

  /** From now on this is the connection. */
  readonly take = (socket: WebSocket): void => {
    this.#socket = socket;
    // One that takes the place of another that was held too long.
    socket.on('open', () => this.held && socket.pause());
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
