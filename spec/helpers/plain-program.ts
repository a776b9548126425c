/** A program that waits for its sign-in by plain HTTP, one connection for each request. */
import { token } from './bridge.ts';
import { send, type Address, type HttpAnswer } from './http.ts';
import { newState } from './server.ts';

/** Answer with its body read as JSON; undefined if it is no object. */
export interface JsonAnswer extends HttpAnswer {
  readonly json: unknown;
}

/** Headers and secrets that replace those of a good program; null leaves a header out. */
export type Changes = Readonly<Record<string, string | null>>;

export class PlainProgram {
  readonly state: string;
  readonly key: string;
  readonly #address: Address;
  readonly #changes: Changes;
  readonly #path: string;

  constructor(
    address: Address,
    {
      state = newState(),
      key = newState(),
      changes = {},
      path = '/bridge',
    }: { state?: string; key?: string; changes?: Changes; path?: string } = {},
  ) {
    this.#address = address;
    this.state = state;
    this.key = key;
    this.#changes = changes;
    this.#path = path;
  }

  /** The same program with other headers. */
  with(changes: Changes): PlainProgram {
    const { state, key } = this;
    return new PlainProgram(this.#address, {
      state,
      key,
      changes: { ...this.#changes, ...changes },
      path: this.#path,
    });
  }

  /** The same program at another node. */
  at(address: Address): PlainProgram {
    const { state, key } = this;
    return new PlainProgram(address, { state, key, changes: this.#changes, path: this.#path });
  }

  get headers(): Readonly<Record<string, string>> {
    const all: Changes = {
      Authorization: `Bearer ${token}`,
      'Flow-State': this.state,
      'Flow-Key': this.key,
      ...this.#changes,
    };
    return Object.fromEntries(
      Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== null),
    );
  }

  begin(options?: object): Promise<JsonAnswer> {
    return this.ask('POST', '/flow', options && JSON.stringify(options));
  }

  wait(seconds: number): Promise<JsonAnswer> {
    return this.with({ Prefer: `wait=${seconds}` }).ask('GET', '/flow');
  }

  drop(): Promise<JsonAnswer> {
    return this.ask('DELETE', '/flow');
  }

  start(url: unknown): Promise<JsonAnswer> {
    return this.ask('PUT', '/flow/start', JSON.stringify({ url }));
  }

  confirm(code: unknown): Promise<JsonAnswer> {
    return this.ask('POST', '/flow/confirmation', JSON.stringify({ code }));
  }

  settle(outcome: object): Promise<JsonAnswer> {
    return this.ask('PUT', '/flow/outcome', JSON.stringify(outcome));
  }

  async ask(method: string, below: string, body?: string): Promise<JsonAnswer> {
    const type = body === undefined ? {} : { 'Content-Type': 'application/json' };
    const headers = { ...type, ...this.headers };
    const answer = await send(this.#address, {
      method,
      target: this.#path + below,
      headers,
      ...(body !== undefined && { body }),
    });
    return { ...answer, json: answer.body.startsWith('{') ? JSON.parse(answer.body) : undefined };
  }
}
