import type { WebSocket } from 'ws';

/** Connection of a feed. It can be paused while the output is full; the service then queues the events. */
export class Source {
  held = false;
  #socket: WebSocket | undefined;

  /** Replaces the connection. */
  readonly take = (socket: WebSocket): void => {
    this.#socket = socket;
    // A new connection may replace one that was closed because it was held too long.
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
