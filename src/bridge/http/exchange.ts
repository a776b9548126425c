import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { systemClock } from '../../base/clock.ts';
import { withTimeout } from '../../base/timeout.ts';
import { readBody } from '../../http/body.ts';
import { writeAnswer } from '../../http/write-answer.ts';
import { answerHeaders } from '../../page/security-headers.ts';

/** Error of a request, as its answer describes it. */
export interface Fault {
  readonly code: string;
  readonly message: string;
  /** Header or member that is wrong. */
  readonly option?: string | undefined;
}

/** Settings of the service that concern every answer. */
export interface ExchangeSettings {
  /** Headers to add to those of every answer: names and values in turn. */
  readonly extraHeaders: readonly string[];
  /** Origins whose pages may read the answers. */
  readonly origins: readonly string[];
  /** Milliseconds until the body must have arrived. */
  readonly timeout: number;
}

// The size of a message over WebSocket.
const maxBody = 16_384;

/** Request without a body that can be used, with the status of its answer. */
export class UnusableBodyError extends Error {
  constructor(
    readonly status: 400 | 408 | 413 | 415,
    message: string,
  ) {
    super(message);
  }
}

/** Request of a program that waits by plain HTTP, with its response. Every answer is JSON or empty. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly #settings: ExchangeSettings;

  readonly #leave: (socket: Duplex) => void;

  /** @param leave Takes the connection out of the limit of its port. */
  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    settings: ExchangeSettings,
    leave: (socket: Duplex) => void,
  ) {
    this.#leave = leave;
    this.request = request;
    this.response = response;
    this.#settings = settings;
  }

  /** True once the exchange was answered, or its client has disconnected. */
  get over(): boolean {
    const { request, response } = this;
    return response.destroyed || response.writableEnded || request.socket.destroyed;
  }

  /** Calls `run` once the answer is sent or the client has disconnected, perhaps twice. */
  onOver(run: () => void): void {
    this.response.once('close', run);
    // A response that waits behind another one of its connection gets no event.
    this.request.socket.once('close', run);
  }

  /** Ends the connection, whatever is still to be sent. */
  cut(): void {
    this.response.destroy();
    this.request.socket.destroy();
  }

  /** Keeps the connection open without an answer. The bridge counts it from now on, and it ends with the answer. */
  wait(): void {
    this.response.shouldKeepAlive = false;
    this.#leave(this.request.socket);
  }

  /** Returns a header; the values of a repeated one are joined by commas, and fit no form then. */
  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** Reads the body as JSON; an empty body is an object without members. Rejects with `UnusableBodyError`. */
  async json(): Promise<Readonly<Record<string, unknown>>> {
    const value = this.#parsed() ?? parse(await this.#text());
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new UnusableBodyError(400, 'the body must be a JSON object');
    return value as Readonly<Record<string, unknown>>;
  }

  /** Answers, unless the exchange is over. @param last True if the connection ends with this answer. */
  answer(status: number, body?: object, headers: Readonly<Record<string, string>> = {}, last = false): void {
    const bytes = Buffer.from(body === undefined ? '' : `${JSON.stringify(body)}\n`);
    const length = status === 204 ? {} : { 'Content-Length': String(bytes.length) };
    this.begin(status, 'application/json', { ...length, ...headers }, bytes, last);
  }

  /** Answers with an error that the program can read. */
  fail(status: number, { code, message, option }: Fault, headers?: Readonly<Record<string, string>>): void {
    this.answer(status, { code, message, ...(option !== undefined && { option }) }, headers);
  }

  /** Sends the head of an answer, and the whole of its body unless `body` is undefined. */
  begin(
    status: number,
    type: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer | undefined,
    last = false,
  ): void {
    const { request, response } = this;
    if (response.headersSent || response.destroyed) return;
    // The server would take the rest of an unread body for the next request.
    if (last || !request.complete) response.shouldKeepAlive = false;
    const all = [
      ...answerHeaders(type, []),
      ...this.#settings.extraHeaders,
      ...this.#sharing(),
      ...Object.entries(headers).flat(),
    ];
    writeAnswer(response, { status, headers: all, body: body ?? Buffer.alloc(0) }, body === undefined);
    if (body === undefined) response.flushHeaders();
  }

  /** Answers the question of a browser if a page of another origin may send a request. Returns false for an origin that is not listed. */
  answerPreflight(methods: readonly string[]): boolean {
    const origin = this.header('origin');
    const { origins } = this.#settings;
    if (origin === undefined || !origins.includes(origin)) return false;
    this.answer(204, undefined, {
      'Access-Control-Allow-Methods': methods.join(', '),
      'Access-Control-Allow-Headers':
        'Authorization, Content-Type, Flow-Key, Flow-State, Last-Event-ID, Prefer',
      'Access-Control-Max-Age': '600',
    });
    return true;
  }

  /** Returns headers that let a page of a listed origin read the answer. */
  #sharing(): string[] {
    const { origins } = this.#settings;
    if (origins.length === 0) return [];
    const origin = this.header('origin');
    const listed = origin !== undefined && origins.includes(origin);
    const read = ['Access-Control-Expose-Headers', 'Preference-Applied, Retry-After'];
    return ['Vary', 'Origin', ...(listed ? ['Access-Control-Allow-Origin', origin, ...read] : [])];
  }

  /** Returns the object that a framework has parsed; undefined if the body is still unread. */
  #parsed(): unknown {
    const { body } = this.request as IncomingMessage & { body?: unknown };
    const isPlain =
      typeof body === 'object' && body !== null && Object.getPrototypeOf(body) === Object.prototype;
    return this.request.readableEnded && isPlain ? body : undefined;
  }

  async #text(): Promise<string> {
    const type = this.header('content-type');
    if (type !== undefined && !/^application\/json *(?:;|$)/i.test(type))
      throw new UnusableBodyError(415, 'the body must be JSON; send Content-Type: application/json');
    const late = (): never => {
      throw new UnusableBodyError(408, 'the body did not arrive in time');
    };
    const latin1 = await withTimeout(
      systemClock,
      this.#settings.timeout,
      readBody(this.request, maxBody),
      late,
    );
    if (latin1 === undefined) throw new UnusableBodyError(413, `the body must have at most ${maxBody} bytes`);
    return latin1;
  }
}

function parse(latin1: string): unknown {
  if (latin1 === '') return {};
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(latin1, 'latin1'));
    return JSON.parse(text) as unknown;
  } catch {
    throw new UnusableBodyError(400, 'the body must be JSON');
  }
}
