import { InvalidOptionError } from '../base/invalid-option.ts';
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

export const fieldNames = ['code', 'state', 'error', 'error_description', 'error_uri', 'iss'] as const;

/** Key of the method that `util.inspect` calls; browsers have no `node:util` to import it from. */
export const inspect = Symbol.for('nodejs.util.inspect.custom');

export type Inspect = (value: unknown, options: object) => string;

/**
 * The response that an authorization server sent through the browser. Its properties have their wire names.
 *
 * Printing a response (`JSON.stringify`, `util.inspect`, a template string) shows neither `code` nor the whole
 * `state`. The properties and {@link CallbackResponse.toDict} return them.
 *
 * @example
 * import { CallbackResponse } from 'rx-oauth-callback';
 *
 * const response = CallbackResponse.fromDict({ code: 'secret', state: 'also-secret' });
 * console.log(response.code); // secret
 * console.log(`${response}`); // CallbackResponse {"code":"[redacted]","state":"[redacted]"}
 */
export class CallbackResponse {
  readonly #fields: Readonly<CallbackFields>;

  constructor(fields: Readonly<CallbackFields> = {}) {
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

  /** Returns the fields that are present, with their secrets. */
  toDict(): CallbackFields {
    const fields: CallbackFields = {};
    for (const name of fieldNames) {
      const value = this.#fields[name];
      if (value !== undefined) fields[name] = value;
    }
    return fields;
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
   * Tells if another response has the same fields with the same values.
   *
   * `deepEqual` cannot compare two responses, because their values are private.
   */
  equals(other: CallbackResponse): boolean {
    return fieldNames.every((name) => this.#fields[name] === other.#fields[name]);
  }

  toJSON(): CallbackFields {
    return redact(this.toDict());
  }

  toString(): string {
    return `CallbackResponse ${JSON.stringify(this)}`;
  }

  /** @internal */
  [inspect](_depth: number, options: object, print: Inspect): string {
    return `CallbackResponse ${print(this.toJSON(), options)}`;
  }
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
