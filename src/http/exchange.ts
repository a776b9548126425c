/** Members of a response that an answer is written to: of `node:http`, of HTTP/2, and of a `fetch` handler. */
export interface Outlet {
  statusCode: number;
  shouldKeepAlive?: boolean;
  readonly headersSent: boolean;
  /** True once nothing more can be sent. */
  readonly destroyed: boolean;
  setHeader(name: string, value: string): unknown;
  /** Adds a value to those that a header has. */
  appendHeader(name: string, value: string): unknown;
  write(body: Buffer): unknown;
  end(body: Buffer): unknown;
  /** Ends the exchange without an answer. */
  destroy(): unknown;
  /** Calls `run` once the exchange is over, answered or not. */
  once(event: 'close', run: () => void): unknown;
}

/** The sender of a request, as far as an answer depends on it. */
export interface Sender {
  /** Address that the client is counted by; undefined if it is unknown. */
  address(): string | undefined;
  /** Returns the header `Accept-Language`. */
  language(): string | undefined;
  /** Connection of the request, if it has one. */
  readonly socket?: object;
  /** Reads the body as text, one character a byte. Resolves to undefined if it is longer than `maxBytes` bytes. */
  readBody(maxBytes: number): Promise<string | undefined>;
}
