import { InvalidOptionError } from '../base/invalid-option.ts';
import { printable } from '../base/printable.ts';
import { typeOf } from '../base/validate.ts';

/** Parameters of an authorization response, under their wire names. @see RFC 6749 section 4.1.2; RFC 9207 section 2 */
export interface CallbackFields {
  code?: string;
  state?: string;
  error?: string;
  error_description?: string;
  error_uri?: string;
  iss?: string;
}

/** Name and decoded value of a parameter. */
export type Parameter = readonly [name: string, value: string];

/** A response as services and stores pass it on. */
export interface ResponseFields extends CallbackFields {
  /** Parameters beside those of `CallbackFields`, in the order sent. */
  parameters?: readonly Parameter[];
  /** Number of such parameters that were dropped. */
  droppedParameters?: number;
}

/** Parameters of a response by name, without a prototype. A repeated parameter has the list of its values. */
export type ResponseParameters = Readonly<Record<string, string | readonly string[]>>;

export const fieldNames = ['code', 'state', 'error', 'error_description', 'error_uri', 'iss'] as const;

/** Key of the method that `util.inspect` calls; browsers have no `node:util` to import it from. */
export const inspect = Symbol.for('nodejs.util.inspect.custom');

export type Inspect = (value: unknown, options: object) => string;

/**
 * The response that an authorization server sent through the browser. Its properties have their wire names.
 *
 * Printing a response (`JSON.stringify`, `util.inspect`, a template string) shows neither `code` nor the whole
 * `state`, and only the names of `parameters`. The properties and {@link CallbackResponse.toDict} return them.
 *
 * @example
 * import { CallbackResponse } from 'rx-oauth-callback';
 *
 * const response = CallbackResponse.fromDict({ code: 'secret', state: 'also-secret' });
 * console.log(response.code); // secret
 * console.log(`${response}`); // CallbackResponse {"code":"[redacted]","state":"[redacted]"}
 */
export class CallbackResponse {
  readonly #fields: Readonly<ResponseFields>;
  #parameters: ResponseParameters | undefined = undefined;

  constructor(fields: Readonly<ResponseFields> = {}) {
    this.#fields = fields;
  }

  /**
   * Creates a response from the keys of `CallbackFields` that the record has. Ignores all others.
   *
   * @throws InvalidOptionError if the value of one of these keys is not a string.
   */
  static fromDict(record: Readonly<CallbackFields> | Readonly<Record<string, unknown>>): CallbackResponse {
    const fields: CallbackFields = {};
    for (const name of fieldNames) {
      const value = Object.hasOwn(record, name) ? record[name] : undefined;
      if (value === undefined || value === null) continue;
      if (typeof value !== 'string')
        throw new InvalidOptionError(name, `must be a string; got ${typeOf(value)}`);
      fields[name] = value;
    }
    return new CallbackResponse(fields);
  }

  /**
   * Returns the fields that are present, with their secrets.
   *
   * @param options With `all`, returns those of {@link CallbackResponse.parameters} too, in an object without a prototype.
   */
  toDict(options?: { all?: false }): CallbackFields;
  toDict(options: { all: true }): ResponseParameters;
  toDict({ all = false } = {}): CallbackFields | ResponseParameters {
    const fields: Record<string, string> = all ? (Object.create(null) as Record<string, string>) : {};
    for (const name of fieldNames) {
      const value = this.#fields[name];
      if (value !== undefined) fields[name] = value;
    }
    return all ? Object.assign(fields, this.parameters) : fields;
  }

  get code(): string | undefined {
    return this.#fields.code;
  }

  get state(): string | undefined {
    return this.#fields.state;
  }

  get error(): string | undefined {
    return this.#fields.error;
  }

  get error_description(): string | undefined {
    return this.#fields.error_description;
  }

  get error_uri(): string | undefined {
    return this.#fields.error_uri;
  }

  /** Issuer that sent the response. @see RFC 9207 section 2 */
  get iss(): string | undefined {
    return this.#fields.iss;
  }

  /**
   * Everything else that came with the response, decoded once: `realmId` of QuickBooks, `shop` of Shopify. Frozen, without a
   * prototype. A repeated parameter has the list of its values, in the order sent.
   *
   * The authorization server's `state` and `iss` are checked; these parameters are not, and a user can change them. Verify what
   * you rely on, as the provider says.
   *
   * @example
   * import { createOAuthCallbackServer } from 'rx-oauth-callback';
   *
   * const server = createOAuthCallbackServer();
   * server.redirects.subscribe(({ response }) => console.log(Object.keys(response.parameters)));
   * await server.listen();
   */
  get parameters(): ResponseParameters {
    return (this.#parameters ??= byName(this.#fields.parameters ?? []));
  }

  /** Number of parameters that were dropped: more than `limits.parameters`, longer than `limits.parameter`, or too long together. */
  get droppedParameters(): number {
    return this.#fields.droppedParameters ?? 0;
  }

  /**
   * Tells if another response has the same fields and parameters with the same values.
   *
   * `deepEqual` cannot compare two responses, because their values are private.
   */
  equals(other: CallbackResponse): boolean {
    return (
      fieldNames.every((name) => this.#fields[name] === other.#fields[name]) &&
      sortedText(this.parameters) === sortedText(other.parameters)
    );
  }

  /** Returns the fields without their secrets, and the names of the parameters. */
  toJSON(): CallbackFields & { parameters?: string[] } {
    return { ...redact(this.toDict()), ...namesOf(this.parameters) };
  }

  toString(): string {
    return `CallbackResponse ${JSON.stringify(this)}`;
  }

  /** @internal */
  [inspect](_depth: number, options: object, print: Inspect): string {
    return `CallbackResponse ${print(this.toJSON(), options)}`;
  }
}

function byName(given: readonly Parameter[]): ResponseParameters {
  const found = Object.create(null) as Record<string, string | readonly string[]>;
  for (const [name, value] of given) {
    const before = found[name];
    found[name] = before === undefined ? value : Object.freeze([before, value].flat());
  }
  return Object.freeze(found);
}

function sortedText(parameters: ResponseParameters): string {
  return JSON.stringify(Object.entries(parameters).sort(([one], [other]) => (one < other ? -1 : 1)));
}

// A provider may send many or long names; a log needs to recognise them only.
const maxNames = 20;
const maxName = 40;

function namesOf(parameters: ResponseParameters): { parameters?: string[] } {
  const names = Object.keys(parameters).slice(0, maxNames);
  return names.length === 0 ? {} : { parameters: names.map((name) => printable(name.slice(0, maxName))) };
}

/** Copies fields without `code`, and with at most the beginning of `state`. */
export function redact<T extends { code?: string | undefined; state?: string | undefined }>(fields: T): T {
  const shown = { ...fields };
  if (shown.code !== undefined) shown.code = '[redacted]';
  if (shown.state !== undefined) shown.state = redactState(shown.state);
  return shown;
}

/** Shortens a state for a log: 4 characters are enough to recognise it and too few to use it. */
export function redactState(state: string): string {
  return state.length < 16 ? '[redacted]' : `${state.slice(0, 4)}…`;
}
