/** What a connection tells. `closed` is always the last. */
export interface TransportHandlers {
  message(text: string): void;
  /** The peer has shown that it lives; not every platform tells. */
  alive(): void;
  /** @param status The HTTP status, where the handshake was refused and the platform says so. */
  closed(code: number, status?: number): void;
}

/** One WebSocket connection. */
export interface Transport {
  send(text: string): void;
  /** Closes; a peer that does not answer is not waited for. */
  close(code: number): void;
}

/** Opens a connection with the credential that is due: a token, or a single-use ticket. */
export type OpenTransport = (url: string, credential: string, handlers: TransportHandlers) => Transport;
