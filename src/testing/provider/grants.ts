import { randomToken } from '../../base/random.ts';
import { sha256 } from '../../base/sha256.ts';
import { ProviderError } from './exchange.ts';

/** A sign-in that the user has allowed. */
export interface Grant {
  readonly clientId: string;
  readonly scope: string;
  readonly subject: string;
  readonly nonce: string | undefined;
  /** True if its client may refresh tokens. */
  readonly refreshes: boolean;
  /** Errors of the next token requests. */
  readonly tokenErrors: string[];
}

/** Authorization request that a code answers. */
export interface CodeRequest {
  readonly redirectUri: string;
  readonly codeChallenge: string;
}

/** Token that a fake provider has issued. */
export interface FakeToken {
  readonly type: 'access_token' | 'refresh_token';
  readonly value: string;
  readonly clientId: string;
  /** Scopes, separated by spaces. */
  readonly scope: string;
  readonly subject: string;
  /** Id of the sign-in that the token comes from. Its refreshed tokens have the same one. */
  readonly family: string;
  /** True until the token is revoked, has expired or, as a refresh token, was used. */
  readonly active: boolean;
}

/** Sign-in with all tokens that come from it. They are revoked together. */
class Family {
  readonly id = randomToken(8);
  revoked = false;

  constructor(readonly grant: Grant) {}
}

class IssuedToken implements FakeToken {
  readonly value = randomToken();
  used = false;
  revoked = false;

  constructor(
    readonly type: FakeToken['type'],
    readonly of: Family,
    readonly scope: string,
    /** Milliseconds since the epoch. */
    readonly expiresAt: number,
  ) {}

  get clientId(): string {
    return this.of.grant.clientId;
  }

  get subject(): string {
    return this.of.grant.subject;
  }

  get family(): string {
    return this.of.id;
  }

  get active(): boolean {
    return !this.used && !this.revoked && !this.of.revoked && Date.now() < this.expiresAt;
  }
}

interface Code extends CodeRequest {
  readonly of: Family;
  readonly expiresAt: number;
  used: boolean;
}

/** Tokens as the token endpoint answers them, and the grant they come from. */
export interface Issued {
  readonly grant: Grant;
  readonly accessToken: string;
  /** Undefined if the client may not refresh tokens. */
  readonly refreshToken: string | undefined;
  readonly scope: string;
}

const codeTtlMs = 60_000;
// RFC 7636 section 4.1.
const verifierForm = /^[\w\-.~]{43,128}$/;

/** Codes and tokens of a fake provider. */
export class Grants {
  readonly #accessTokenTtlMs: number;
  readonly #codes = new Map<string, Code>();
  readonly #tokens = new Map<string, IssuedToken>();

  /** @param accessTokenTtl Seconds. */
  constructor(accessTokenTtl: number) {
    this.#accessTokenTtlMs = accessTokenTtl * 1_000;
  }

  /** Lists the tokens in the order in which they were issued. */
  get tokens(): readonly FakeToken[] {
    return [...this.#tokens.values()];
  }

  /** Returns the active access token with this value. */
  accessToken(value: string | undefined): FakeToken | undefined {
    const token = this.#tokens.get(value ?? '');
    return token?.type === 'access_token' && token.active ? token : undefined;
  }

  newCode(grant: Grant, { redirectUri, codeChallenge }: CodeRequest): string {
    const code = randomToken();
    const expiresAt = Date.now() + codeTtlMs;
    this.#codes.set(code, { of: new Family(grant), redirectUri, codeChallenge, expiresAt, used: false });
    return code;
  }

  /**
   * Exchanges a code. A code that comes twice revokes the tokens of its sign-in.
   *
   * @throws ProviderError `invalid_grant` unless the code, its client, redirect URI and code verifier belong together.
   * @see RFC 6749 section 4.1.3; RFC 7636 section 4.6
   */
  redeemCode(clientId: string, parameters: Readonly<Record<string, string | undefined>>): Issued {
    const code = this.#codes.get(parameters['code'] ?? '');
    if (code?.of.grant.clientId !== clientId) throw invalidGrant('the code is unknown');
    if (code.used) {
      code.of.revoked = true;
      throw invalidGrant('the code was used before');
    }
    if (Date.now() >= code.expiresAt) throw invalidGrant('the code has expired');
    if (parameters['redirect_uri'] !== code.redirectUri)
      throw invalidGrant('redirect_uri is not that of the request');
    const { code_verifier: verifier = '' } = parameters;
    if (!verifierForm.test(verifier))
      throw invalidGrant('code_verifier must have 43 to 128 letters, digits, or characters of -._~');
    const challenge = sha256(verifier, 'base64url');
    if (challenge !== code.codeChallenge) throw invalidGrant('code_verifier does not fit the code_challenge');
    failAsScripted(code.of.grant);
    code.used = true;
    return this.#issue(code.of, code.of.grant.scope);
  }

  /** Issues the first tokens of a sign-in without a code. */
  redeemGrant(grant: Grant): Issued {
    failAsScripted(grant);
    return this.#issue(new Family(grant), grant.scope);
  }

  /**
   * Exchanges a refresh token for new tokens. A refresh token that comes twice revokes its whole family.
   *
   * @throws ProviderError `invalid_grant` if the token is not active; `invalid_scope` if the scope is larger than before.
   * @see RFC 9700 section 4.14.2
   */
  refresh(clientId: string, value: string | undefined, scope: string | undefined): Issued {
    const token = this.#tokens.get(value ?? '');
    if (token?.type !== 'refresh_token' || token.clientId !== clientId)
      throw invalidGrant('the refresh token is unknown');
    if (token.used) token.of.revoked = true;
    if (!token.active) throw invalidGrant('the refresh token was used or revoked before');
    const granted = token.of.grant.scope.split(' ');
    if (scope !== undefined && !scope.split(' ').every((each) => granted.includes(each)))
      throw new ProviderError('invalid_scope', 'the scope is larger than the one that was granted');
    failAsScripted(token.of.grant);
    token.used = true;
    return this.#issue(token.of, scope ?? token.of.grant.scope);
  }

  /** Revokes a token of a client: a refresh token with its family. @see RFC 7009 section 2.1 */
  revoke(clientId: string, value: string | undefined): void {
    const token = this.#tokens.get(value ?? '');
    if (token?.clientId !== clientId) return;
    if (token.type === 'refresh_token') token.of.revoked = true;
    else token.revoked = true;
  }

  #issue(family: Family, scope: string): Issued {
    const access = new IssuedToken('access_token', family, scope, Date.now() + this.#accessTokenTtlMs);
    const { grant } = family;
    const refresh = grant.refreshes ? new IssuedToken('refresh_token', family, scope, Infinity) : undefined;
    for (const token of [access, ...(refresh ? [refresh] : [])]) this.#tokens.set(token.value, token);
    return { grant, accessToken: access.value, refreshToken: refresh?.value, scope };
  }
}

function failAsScripted({ tokenErrors }: Grant): void {
  const error = tokenErrors.shift();
  if (error === undefined) return;
  throw new ProviderError(error, 'scripted by the test', error === 'invalid_client' ? 401 : 400);
}

function invalidGrant(description: string): ProviderError {
  return new ProviderError('invalid_grant', description);
}
