/** A client of server-sent events. It reconnects only when it is told to. */
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { deadline } from './assert.ts';

export interface SentEvent {
  readonly type: string;
  /** Id of this event, or of the last one before it that had one. */
  readonly id: string;
  readonly data: {
    flowId?: string;
    result?: { type: string; response?: { code?: string } };
    reason?: string;
  };
}

export class EventSource implements Disposable {
  readonly heard: SentEvent[] = [];
  /** Everything received. */
  text = '';
  lastId: string;
  /** Called with each event; it may be changed. */
  onEvent: (event: SentEvent) => void = () => undefined;
  /** Resolves with the head of the answer; rejects if there is none. */
  readonly answered: Promise<IncomingMessage>;
  /** Resolves once the stream is over, for whatever reason. */
  readonly over: Promise<void>;
  readonly #request: ClientRequest;
  #rest = '';
  #taken = 0;
  readonly #arrived = new Set<() => void>();

  constructor(url: string, headers: Readonly<Record<string, string>>, lastId = '') {
    this.lastId = lastId;
    const last = lastId === '' ? {} : { 'Last-Event-ID': lastId };
    this.#request = request(url, {
      headers: { Accept: 'text/event-stream', ...headers, ...last },
      agent: false,
    });
    this.answered = new Promise((resolve, reject) => {
      this.#request.once('response', resolve);
      this.#request.once('error', reject);
      this.#request.once('close', () => reject(new Error('no answer')));
    });
    this.answered.catch(() => undefined);
    this.over = new Promise((resolve) => this.#request.once('close', resolve));
    this.#request.on('response', (answer) => {
      answer.setEncoding('utf8').on('error', () => undefined);
      answer.on('data', (text: string) => this.#read(text));
    });
    this.#request.on('error', () => undefined);
    this.#request.end();
  }

  async status(): Promise<number> {
    return (await deadline(this.answered, 'the head of the stream')).statusCode ?? 0;
  }

  /** Resolves with the next event. @param ms Milliseconds after which it counts as lost. */
  async next(ms?: number): Promise<SentEvent> {
    const there = new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.heard.length <= this.#taken) return;
        this.#arrived.delete(look);
        resolve();
      };
      this.#arrived.add(look);
      look();
    });
    await deadline(there, 'an event', ms);
    return this.heard[this.#taken++]!;
  }

  /** Resolves once the text has arrived. */
  async sees(text: string): Promise<void> {
    await deadline(
      (async () => {
        while (!this.text.includes(text)) await new Promise(setImmediate);
      })(),
      `"${text}" on the stream`,
    );
  }

  [Symbol.dispose](): void {
    this.#request.destroy();
  }

  #read(text: string): void {
    this.text += text;
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop()!;
    for (const block of blocks) this.#dispatch(block);
  }

  #dispatch(block: string): void {
    let [type, data] = ['message', ''];
    for (const line of block.split('\n')) {
      const [, name, value = ''] = /^(\w*)(?:: ?(.*))?$/.exec(line) ?? [];
      if (name === 'id') this.lastId = value;
      else if (name === 'event') type = value;
      else if (name === 'data') data += value;
    }
    if (data === '') return;
    const event = { type, id: this.lastId, data: JSON.parse(data) as SentEvent['data'] };
    this.heard.push(event);
    this.onEvent(event);
    for (const arrived of [...this.#arrived]) arrived();
  }
}
