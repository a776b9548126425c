/** Many requests over few connections, each answer read to its last byte. */
import { connect, type Socket } from 'node:net';
import { deadline } from './assert.ts';

/** Answer without its `Date`, so that equal answers are equal strings. */
export interface FuzzAnswer {
  status: number;
  text: string;
}

/** A request whose end the server can see. */
export interface Framed {
  method: string;
  bytes: Buffer;
  /** Nothing may follow it on its connection. */
  last: boolean;
}

// Sent at once. More would only fill buffers.
const most = 50;

/**
 * Sends all of them in order, many at once, and gives their answers. What a connection leaves unanswered is sent on
 * another one; a request that alone on its connection gets no answer has undefined for one.
 */
export async function sendAll(
  port: number,
  requests: readonly Framed[],
): Promise<(FuzzAnswer | undefined)[]> {
  const answers: (FuzzAnswer | undefined)[] = [];
  while (answers.length < requests.length) {
    const next = requests.slice(answers.length, answers.length + most);
    const last = next.findIndex((request) => request.last);
    let got = await converse(port, last < 0 ? next : next.slice(0, last + 1));
    // If the first was refused unread, the rest resets the connection and its answer with it.
    if (got.length === 0) got = await converse(port, next.slice(0, 1));
    answers.push(...(got.length > 0 ? got : [undefined]));
  }
  return answers;
}

/** Sends requests over a connection; returns the answers that came before either side had enough. */
async function converse(port: number, requests: readonly Framed[]): Promise<FuzzAnswer[]> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  const reader = new AnswerReader(requests.map(({ method }) => method));
  let failure: unknown;
  socket.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk);
      if (reader.answers.length < requests.length && !reader.ended) return;
    } catch (error) {
      failure = error;
    }
    socket.destroy();
  });
  socket.once('end', () => socket.destroy());
  socket.write(Buffer.concat(requests.map(({ bytes }) => bytes)));
  try {
    await deadline(closed(socket), 'the answers');
  } finally {
    socket.destroy();
  }
  if (failure) throw failure as Error;
  return reader.answers;
}

/** Sends bytes of any kind, says that there are no more, and gives everything that came back. */
export async function sendBytes(port: number, bytes: Buffer): Promise<string> {
  const chunks: Buffer[] = [];
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.once('end', () => socket.destroy());
  socket.end(bytes);
  try {
    await deadline(closed(socket), 'the end of the connection');
  } finally {
    socket.destroy();
  }
  return Buffer.concat(chunks).toString('latin1');
}

/** Resolves when it closes, in peace or by a reset: a client that still sends gets a reset. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
  });
}

/** Takes a stream of HTTP/1.1 answers apart. Strict: whatever this server sends has a length. */
class AnswerReader {
  readonly answers: FuzzAnswer[] = [];
  /** The last answer said so; what follows it answers nothing. */
  ended = false;
  readonly #methods: readonly string[];
  #rest = '';

  constructor(methods: readonly string[]) {
    this.#methods = methods;
  }

  push(chunk: Buffer): void {
    this.#rest += chunk.toString('latin1');
    let start = 0;
    while (!this.ended) {
      const end = this.#rest.indexOf('\r\n\r\n', start);
      if (end < 0) break;
      const head = this.#rest.slice(start, end);
      const status = Number(head.slice(9, 12));
      if (!/^HTTP\/1\.1 \d{3} /.test(head)) throw new Error(`not an answer: ${head.slice(0, 200)}`);
      const after = end + 4 + this.#lengthOf(head, status);
      if (after > this.#rest.length) break;
      const text = head.replace(/\r\nDate: [^\r]*/, '') + this.#rest.slice(end, after);
      start = after;
      // 100 Continue is not yet the answer.
      if (status < 200) continue;
      this.answers.push({ status, text });
      this.ended = /\r\nConnection: close/i.test(head);
    }
    this.#rest = this.#rest.slice(start);
  }

  #lengthOf(head: string, status: number): number {
    if (status < 200 || status === 204 || this.#methods[this.answers.length] === 'HEAD') return 0;
    const length = /\r\nContent-Length: (\d+)/i.exec(head)?.[1];
    if (length !== undefined) return Number(length);
    if (/\r\nTransfer-Encoding: chunked/i.test(head)) return '0\r\n\r\n'.length;
    throw new Error(`an answer without a length: ${head}`);
  }
}
