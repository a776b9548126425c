/** Handlers of what a connection reports. `closed` is always the last call. */
export interface TransportHandlers {
  message(text: string): void;
  /** Called when the peer has sent a ping; browsers do not report pings. */
  alive(): void;
  /**
   * @param status HTTP status of a rejected handshake, if the platform reports it.
   * @param failure Error code of the system, such as ECONNREFUSED, if the platform reports it.
   * @param retryAfter Seconds to wait, by the `Retry-After` of a rejected handshake, if the platform reports it.
   */
  closed(code: number, status?: number, failure?: string, retryAfter?: number): void;
}

/** A WebSocket connection. */
export interface Transport {
  send(text: string): void;
  /** Closes the connection, even if the peer does not answer. */
  close(code: number): void;
}

/** Opens a connection with a token or a single-use ticket. */
export type OpenTransport = (url: string, credential: string, handlers: TransportHandlers) => Transport;
