import { inspect, type Inspect } from '../callback-response.ts';
import { InvalidOptionError } from '../errors.ts';

/** A token response under its wire names, with what is needed to use it later. @see RFC 6749 section 5.1 */
export interface TokenFields {
  /** Who gave the tokens. */
  issuer: string;
  /** Whom they were given to. */
  client_id: string;
  access_token: string;
  /** In lower case: `bearer`. */
  token_type: string;
  /** Seconds it was good for when it was given. */
  expires_in?: number;
  /** Seconds since the epoch. */
  expires_at?: number;
  refresh_token?: string;
  id_token?: string;
  scope?: string;
  /** Whatever else the authorization server has sent. */
  [name: string]: unknown;
}

/** The claims of an ID token. @see OpenID Connect Core section 2 */
export interface IdTokenClaims {
  iss: string;
  sub: string;
  [name: string]: unknown;
}

const texts = ['issuer', 'client_id', 'access_token', 'token_type'] as const;
const optionalTexts = ['refresh_token', 'id_token'] as const;
const shown = ['issuer', 'client_id', 'token_type', 'scope', 'expires_at'] as const;
const secret = ['access_token', 'refresh_token', 'id_token'] as const;

/**
 * What a sign-in is for. The fields have their wire names.
 *
 * Printing (`JSON.stringify`, `util.inspect`, a template string) shows no token; read the property, or call
 * {@link Tokens.toDict}, to get at them.
 */
export class Tokens {
  readonly #fields: Readonly<TokenFields>;

  private constructor(fields: Readonly<TokenFields>) {
    this.#fields = fields;
  }

  /** From what {@link Tokens.toDict} gave. Throws `InvalidOptionError` where a field is missing or of the wrong type. */
  static fromDict(record: Readonly<Record<string, unknown>>): Tokens {
    for (const name of texts) requireText(name, record[name]);
    for (const name of optionalTexts) if (record[name] !== undefined) requireText(name, record[name]);
    const { expires_at, scope } = record;
    // Of none at all, some servers say so.
    if (scope !== undefined && scope !== '') requireText('scope', scope);
    if (expires_at !== undefined && !Number.isFinite(expires_at))
      throw new InvalidOptionError('expires_at', `must be a number, got ${typeof expires_at}`);
    return new Tokens({ ...record } as TokenFields);
  }

  get issuer(): string {
    return this.#fields.issuer;
  }

  get client_id(): string {
    return this.#fields.client_id;
  }

  get access_token(): string {
    return this.#fields.access_token;
  }

  get token_type(): string {
    return this.#fields.token_type;
  }

  get refresh_token(): string | undefined {
    return this.#fields.refresh_token;
  }

  get id_token(): string | undefined {
    return this.#fields.id_token;
  }

  get scope(): string | undefined {
    return this.#fields.scope;
  }

  /** Milliseconds since the epoch; undefined where the server has not said how long the access token is good for. */
  get expiresAt(): number | undefined {
    const { expires_at } = this.#fields;
    return expires_at === undefined ? undefined : expires_at * 1_000;
  }

  /** Of the ID token, which was validated when it came; undefined where there is none. */
  get claims(): IdTokenClaims | undefined {
    const payload = this.id_token?.split('.')[1];
    if (payload === undefined) return undefined;
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as IdTokenClaims;
  }

  /** All of it, tokens included, to be kept somewhere safe. */
  toDict(): TokenFields {
    return { ...this.#fields };
  }

  toJSON(): Readonly<Record<string, unknown>> {
    const fields = Object.fromEntries(shown.map((name) => [name, this.#fields[name]]));
    const given = secret.filter((name) => this.#fields[name] !== undefined);
    return { ...fields, ...Object.fromEntries(given.map((name) => [name, '[redacted]'])) };
  }

  toString(): string {
    return `Tokens ${JSON.stringify(this)}`;
  }

  [inspect](_depth: number, options: object, print: Inspect): string {
    return `Tokens ${print(this.toJSON(), options)}`;
  }
}

function requireText(name: string, value: unknown): void {
  if (typeof value !== 'string' || value === '')
    throw new InvalidOptionError(name, `must be a text that is not empty, got ${typeof value}`);
}
