import { isDeepStrictEqual } from 'node:util';
import { inspect, type Inspect } from '../model/callback-response.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { typeOf } from '../base/validate.ts';
import { DpopKey } from './dpop-key.ts';

/** Fields of a token response, plus its issuer, client and time of expiry. @see RFC 6749 section 5.1 */
export interface TokenFields {
  /** The authorization server that issued the tokens. */
  issuer: string;
  /** The client that the tokens were issued to. */
  client_id: string;
  access_token: string;
  /** In lower case: `bearer`. */
  token_type: string;
  /** Lifetime of the access token in seconds, from when it was issued. */
  expires_in?: number;
  /** Time at which the access token expires, in seconds since the epoch. */
  expires_at?: number;
  refresh_token?: string;
  id_token?: string;
  scope?: string;
  /** Resources that the tokens were requested for, which `refresh` names again (RFC 8707). */
  resource?: string | readonly string[];
  /** Thumbprint of the key that the tokens are bound to (RFC 9449). */
  dpop_jkt?: string;
  /** That key, as a private JWK. A program that keeps it elsewhere may leave it out, and give it to `refresh`. */
  dpop_jwk?: Readonly<Record<string, unknown>>;
  /** Other fields that the authorization server has sent. */
  [name: string]: unknown;
}

/** The claims of an ID token. @see OpenID Connect Core section 2 */
export interface IdTokenClaims {
  iss: string;
  sub: string;
  [name: string]: unknown;
}

const texts = ['issuer', 'client_id', 'access_token', 'token_type'] as const;
const optionalTexts = ['refresh_token', 'id_token', 'dpop_jkt'] as const;
const shown = ['issuer', 'client_id', 'token_type', 'scope', 'expires_at'] as const;
const secret = ['access_token', 'refresh_token', 'id_token', 'dpop_jwk'] as const;

/**
 * The result of a sign-in. The fields have their wire names.
 *
 * Printing (`JSON.stringify`, `util.inspect`, a template string) shows no token. Read the property, or call
 * {@link Tokens.toDict}. `deepEqual` cannot compare the private values. Use {@link Tokens.equals}, or compare `toDict()`.
 *
 * @example
 * import { Tokens } from 'rx-oauth-callback/login';
 *
 * const tokens = Tokens.fromDict({
 *   issuer: 'https://as.example',
 *   client_id: 'my-cli',
 *   access_token: 'secret',
 *   token_type: 'bearer',
 * });
 * console.log(`${tokens}`); // shows no token
 */
export class Tokens {
  readonly #fields: Readonly<TokenFields>;

  private constructor(fields: Readonly<TokenFields>) {
    this.#fields = fields;
  }

  /**
   * Creates tokens from the record that {@link Tokens.toDict} returned.
   *
   * @throws {InvalidOptionError} if a field is missing or of the wrong type
   */
  static fromDict(record: Readonly<Record<string, unknown>>): Tokens {
    for (const name of texts) requireText(name, record[name]);
    for (const name of optionalTexts) if (record[name] !== undefined) requireText(name, record[name]);
    const { expires_at, scope } = record;
    // Tokens of another program may have an empty scope.
    if (scope !== undefined && scope !== '') requireText('scope', scope);
    if (expires_at !== undefined && !Number.isFinite(expires_at))
      throw new InvalidOptionError('expires_at', `must be a number; got ${typeOf(expires_at)}`);
    requireOwnKey(record);
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

  /** Resources that the tokens were requested for. @see RFC 8707 */
  get resource(): readonly string[] {
    return [this.#fields.resource ?? []].flat().filter((each) => typeof each === 'string');
  }

  /** Key that the tokens are bound to; undefined if they are not bound, or the key is kept elsewhere. */
  get dpopKey(): DpopKey | undefined {
    const { dpop_jwk } = this.#fields;
    return dpop_jwk && DpopKey.fromJwk(dpop_jwk);
  }

  /** Time at which the access token expires, in milliseconds since the epoch; undefined if `expires_in` was not sent. */
  get expiresAt(): number | undefined {
    const { expires_at } = this.#fields;
    return expires_at === undefined ? undefined : expires_at * 1_000;
  }

  /** Claims of the ID token, which was validated when it arrived; undefined if there is none. */
  get claims(): IdTokenClaims | undefined {
    const payload = this.id_token?.split('.')[1];
    if (payload === undefined) return undefined;
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as IdTokenClaims;
  }

  /** Returns all fields, secrets included, for storage in a safe place. */
  toDict(): TokenFields {
    return { ...this.#fields };
  }

  /** Tells if all wire fields are equal, including fields that only this authorization server sends. */
  equals(other: Tokens): boolean {
    return isDeepStrictEqual(this.#fields, other.#fields);
  }

  /** Returns the fields without secrets, for printing. */
  toJSON(): Readonly<Record<string, unknown>> {
    const fields = Object.fromEntries(shown.map((name) => [name, this.#fields[name]]));
    const given = secret.filter((name) => this.#fields[name] !== undefined);
    const { dpop_jkt } = this.#fields;
    return {
      ...fields,
      ...(dpop_jkt !== undefined && { dpop_jkt }),
      ...Object.fromEntries(given.map((name) => [name, '[redacted]'])),
    };
  }

  toString(): string {
    return `Tokens ${JSON.stringify(this)}`;
  }

  /** @internal */
  [inspect](_depth: number, options: object, print: Inspect): string {
    return `Tokens ${print(this.toJSON(), options)}`;
  }
}

function requireOwnKey({ dpop_jkt, dpop_jwk }: Readonly<Record<string, unknown>>): void {
  if (dpop_jwk === undefined) return;
  const isRecord = typeof dpop_jwk === 'object' && dpop_jwk !== null;
  if (!isRecord || DpopKey.fromJwk(dpop_jwk as Record<string, unknown>).thumbprint !== dpop_jkt)
    throw new InvalidOptionError('dpop_jwk', 'must be the key that dpop_jkt names');
}

function requireText(name: string, value: unknown): void {
  if (typeof value !== 'string' || value === '')
    throw new InvalidOptionError(name, `must be a non-empty string; got ${typeOf(value)}`);
}
