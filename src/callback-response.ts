import { InvalidOptionError } from './errors.ts';

/** The parameters of an authorization response, under their wire names (RFC 6749 4.1.2, RFC 9207). */
export interface CallbackFields {
  code?: string;
  state?: string;
  error?: string;
  error_description?: string;
  error_uri?: string;
  iss?: string;
}

export const fieldNames = ['code', 'state', 'error', 'error_description', 'error_uri', 'iss'] as const;

/** Names the method that `util.inspect` calls, without `node:util`. */
export const inspect = Symbol.for('nodejs.util.inspect.custom');

export type Inspect = (value: unknown, options: object) => string;

/**
 * What an authorization server sent back through the browser.
 *
 * Printing one (`JSON.stringify`, `util.inspect`, a template string) shows neither `code` nor the whole `state`;
 * read the property, or call {@link CallbackResponse.toDict}, to get at them.
 */
export class CallbackResponse {
  readonly #fields: Readonly<CallbackFields>;

  constructor(fields: Readonly<CallbackFields> = {}) {
    this.#fields = fields;
  }

  /** Keeps the known keys that are present. Throws `InvalidOptionError` where one of them is not a string. */
  static fromDict(record: Readonly<CallbackFields> | Readonly<Record<string, unknown>>): CallbackResponse {
    const fields: CallbackFields = {};
    for (const name of fieldNames) {
      const value = Object.hasOwn(record, name) ? record[name] : undefined;
      if (value === undefined || value === null) continue;
      if (typeof value !== 'string')
        throw new InvalidOptionError(name, `must be a string, got ${typeof value}`);
      fields[name] = value;
    }
    return new CallbackResponse(fields);
  }

  /** The fields that are present, secrets included. */
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

  /** The issuer that sent the response. @see RFC 9207 section 2 */
  get iss(): string | undefined {
    return this.#fields.iss;
  }

  toJSON(): CallbackFields {
    return redact(this.toDict());
  }

  toString(): string {
    return `CallbackResponse ${JSON.stringify(this)}`;
  }

  [inspect](_depth: number, options: object, print: Inspect): string {
    return `CallbackResponse ${print(this.toJSON(), options)}`;
  }
}

/** What printing shows of a response. */
export function redact<T extends { code?: string | undefined; state?: string | undefined }>(fields: T): T {
  const shown = { ...fields };
  if (shown.code !== undefined) shown.code = '[redacted]';
  if (shown.state !== undefined) shown.state = redactState(shown.state);
  return shown;
}

/** Enough of a state to recognise it in a log, too little to use it. */
export function redactState(state: string): string {
  return state.length < 16 ? '[redacted]' : `${state.slice(0, 4)}…`;
}
