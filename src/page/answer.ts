/** Response to a request of a browser. */
export interface Answer {
  readonly status: number;
  /** Names and values alternately, as `writeHead` accepts them. */
  readonly headers: string[];
  readonly body: Buffer;
}

/** Beginning of a page whose end is not known yet. */
export interface Streamed extends Answer {
  /** Returns the end of the page, with which it shows another page, or leads to where that one redirects. */
  readonly end: (last: Answer) => Buffer;
}
