import { CodedError } from '../base/coded-error.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import type { MissingPackageError } from '../base/optional-package.ts';
import type { OAuthCallbackError } from '../model/errors.ts';
import type { Tokens } from './tokens.ts';

/** Reasons why the metadata of an authorization server must not be used. */
export type DiscoveryFlaw =
  /** The request failed, or the answer was no metadata. */
  | 'unavailable'
  /** The metadata belongs to another issuer (RFC 8414 section 3.3). */
  | 'issuer_mismatch'
  /** The metadata lacks an endpoint that the sign-in, or the revocation, needs. */
  | 'missing_endpoint'
  /** An endpoint is neither https nor on loopback. */
  | 'insecure_endpoint'
  /** The metadata has the authorization endpoint of another issuer (RFC 9700 section 4.4). */
  | 'shared_endpoint'
  /** The metadata does not list S256, which `requirePkce` requires. */
  | 'pkce_not_supported'
  /** The metadata does not list the response mode, or none that a callback server can receive. */
  | 'response_mode_not_supported'
  /** The metadata does not list ES256 for DPoP, which `dpop` requires. */
  | 'dpop_not_supported';

/**
 * The metadata of the authorization server is unavailable or must not be used. The user has not been sent to it.
 *
 * @example
 * import { DiscoveryError, signIn } from 'rx-oauth-callback/login';
 *
 * signIn({ issuer: 'https://as.example' }).subscribe((event) => {
 *   if (event.type === 'failed' && event.error instanceof DiscoveryError) console.error(event.error.flaw);
 * });
 */
export class DiscoveryError extends CodedError {
  readonly code = 'discovery_failed';
  override readonly name = 'DiscoveryError';
  constructor(
    readonly issuer: string,
    readonly flaw: DiscoveryFlaw,
    message: string,
    /** HTTP status of the answer, if it was the cause. 404 means that the issuer publishes no metadata. */
    readonly status?: number,
  ) {
    super(message);
  }
}

/**
 * The sign-in has no client id, and the authorization server has not registered a client.
 *
 * @see RFC 7591
 *
 * @example
 * import { RegistrationError, signIn } from 'rx-oauth-callback/login';
 *
 * signIn({ issuer: 'https://as.example' }).subscribe((event) => {
 *   if (event.type === 'failed' && event.error instanceof RegistrationError) console.error('Set a clientId.');
 * });
 */
export class RegistrationError extends CodedError {
  readonly code = 'registration_failed';
  override readonly name = 'RegistrationError';
  constructor(
    readonly issuer: string,
    message: string,
    /** True if the server did not answer, so that the caller may retry. */
    readonly unanswered = false,
  ) {
    super(message);
  }
}

/** Names of the endpoints that take the authorization request of a sign-in. */
export type RequestEndpoint = 'pushed_authorization_request_endpoint' | 'device_authorization_endpoint';

/**
 * An endpoint that takes the authorization request rejected it, could not be reached, or sent an invalid answer. The user has
 * not been sent to the server.
 *
 * @see RFC 9126 section 2.3, RFC 8628 section 3.2
 *
 * @example
 * import { AuthorizationRequestError, signIn } from 'rx-oauth-callback/login';
 *
 * signIn({ issuer: 'https://as.example', clientId: 'my-cli' }).subscribe((event) => {
 *   if (event.type === 'failed' && event.error instanceof AuthorizationRequestError) console.error(event.error.endpoint);
 * });
 */
export class AuthorizationRequestError extends CodedError {
  readonly code = 'authorization_request_failed';
  override readonly name = 'AuthorizationRequestError';
  constructor(
    readonly issuer: string,
    readonly endpoint: RequestEndpoint,
    /** Continues a sentence that begins with the endpoint. */
    reason: string,
    /** Error code of the answer, such as `invalid_request`; undefined if there was none. */
    readonly error?: string,
    /** True if the server did not answer, so that the caller may retry. */
    readonly unanswered = false,
    /** HTTP status of the answer, if it was the cause. */
    readonly status?: number,
  ) {
    super(`the ${endpoint} of ${issuer} ${reason}`);
  }
}

/**
 * The token endpoint rejected the request, could not be reached, or sent an invalid answer, for example an ID token with a
 * wrong nonce. It has no `cause`, because that could contain tokens.
 *
 * @see RFC 6749 section 5.2
 *
 * @example
 * import { signIn, TokenError } from 'rx-oauth-callback/login';
 *
 * signIn({ issuer: 'https://as.example', clientId: 'my-cli' }).subscribe((event) => {
 *   if (event.type === 'failed' && event.error instanceof TokenError) console.error(event.error.error);
 * });
 */
export class TokenError extends CodedError {
  readonly code = 'token_request_failed';
  override readonly name = 'TokenError';
  readonly #kept: Tokens | undefined;
  constructor(
    readonly issuer: string,
    message: string,
    /** Error code of the answer, such as `invalid_grant`; undefined if there was none. */
    readonly error: string | undefined,
    /** True if the server did not answer. */
    readonly unanswered = false,
    /** HTTP status of the answer, if it was the cause. An error may come with 200. */
    readonly status?: number,
    kept?: Tokens,
  ) {
    super(message);
    this.#kept = kept;
  }

  /**
   * The tokens to keep after a refresh whose answer was invalid: those that were given, with the refresh token of that answer. The
   * server may accept no other one any more. Undefined if the answer had no new refresh token, or an ID token of another user.
   */
  get kept(): Tokens | undefined {
    return this.#kept;
  }
}

/**
 * The revocation endpoint rejected the request, or could not be reached. Some tokens may stay valid until they expire.
 *
 * @see RFC 7009 section 2.2.1
 *
 * @example
 * import { RevocationError, revoke, type Tokens } from 'rx-oauth-callback/login';
 *
 * const signOut = (tokens: Tokens) =>
 *   revoke(tokens).subscribe({
 *     error: (error: unknown) => {
 *       if (error instanceof RevocationError) console.error('Revoked before that:', error.revoked);
 *     },
 *   });
 */
export class RevocationError extends CodedError {
  readonly code = 'revocation_failed';
  override readonly name = 'RevocationError';
  constructor(
    readonly issuer: string,
    message: string,
    /** Error code of the answer, such as `invalid_client`; undefined if there was none. */
    readonly error: string | undefined,
    /** True if the server did not answer, so that the caller may retry. */
    readonly unanswered = false,
    /** HTTP status of the answer, if it was the cause. */
    readonly status?: number,
    /** Tokens that the server has revoked all the same. */
    readonly revoked: readonly RevokedToken[] = [],
  ) {
    super(message);
  }
}

/** Names of the tokens that a server can revoke, as the fields of {@link Tokens} and as a `token_type_hint`. */
export type RevokedToken = 'refresh_token' | 'access_token';

/** Errors with which a sign-in fails. They differ in their `code`. */
export type SignInError =
  | DiscoveryError
  | RegistrationError
  | AuthorizationRequestError
  | TokenError
  | MissingPackageError
  | OAuthCallbackError;

/** Tells if an error is an expected failure of a sign-in. Any other error is a defect of the program. */
export function isSignInError(error: unknown): error is SignInError {
  return error instanceof CodedError || error instanceof InvalidOptionError;
}
