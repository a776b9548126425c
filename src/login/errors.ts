import type { OAuthCallbackError } from '../errors.ts';

/** What is wrong with an authorization server's metadata. */
export type DiscoveryFlaw =
  /** It cannot be fetched, or the server did not answer with metadata. */
  | 'unavailable'
  /** It is another issuer's. @see RFC 8414 section 3.3 */
  | 'issuer_mismatch'
  /** It lacks an endpoint that a sign-in needs. */
  | 'missing_endpoint'
  /** It names an endpoint that is neither https nor on loopback. */
  | 'insecure_endpoint'
  /** It does not say that S256 is supported, and `requirePkce` asks for that. */
  | 'pkce_not_supported';

/** The authorization server's metadata cannot be had, or must not be used. No browser has been sent anywhere. */
export class DiscoveryError extends Error {
  readonly code = 'discovery_failed';
  override readonly name = 'DiscoveryError';
  constructor(
    readonly issuer: string,
    readonly flaw: DiscoveryFlaw,
    message: string,
  ) {
    super(message);
  }
}

/** There is no client id, and the authorization server does not give one. @see RFC 7591 */
export class RegistrationError extends Error {
  readonly code = 'registration_failed';
  override readonly name = 'RegistrationError';
  constructor(
    readonly issuer: string,
    message: string,
    /** Whether nothing came back: it may be asked again. */
    readonly unanswered = false,
  ) {
    super(message);
  }
}

/**
 * The token endpoint refused, could not be reached, or gave an answer that does not hold: an ID token for somebody else,
 * a wrong nonce. Has no `cause`, in which there could be tokens.
 *
 * @see RFC 6749 section 5.2
 */
export class TokenError extends Error {
  readonly code = 'token_request_failed';
  override readonly name = 'TokenError';
  constructor(
    readonly issuer: string,
    message: string,
    /** The error code it answered with, such as `invalid_grant`; undefined where it did not come to that. */
    readonly error: string | undefined,
    /** Whether nothing came back. */
    readonly unanswered = false,
  ) {
    super(message);
  }
}

/** A package that this entry works with is not installed. */
export class MissingPackageError extends Error {
  readonly code = 'missing_package';
  override readonly name = 'MissingPackageError';
  constructor(
    /** Its name in the registry. */
    readonly missing: string,
  ) {
    super(`the package ${missing} is needed for this: npm install ${missing}`);
  }
}

/** Every way in which a sign-in fails; `code` tells them apart. */
export type SignInError =
  DiscoveryError | RegistrationError | TokenError | MissingPackageError | OAuthCallbackError;

// Typed, so that a new class cannot be forgotten here.
const codes: Readonly<Record<SignInError['code'], true>> = {
  authorization_error: true,
  cancelled: true,
  closed: true,
  connection_failed: true,
  discovery_failed: true,
  expired: true,
  invalid_option: true,
  listen_failed: true,
  missing_package: true,
  not_listening: true,
  port_in_use: true,
  registration_failed: true,
  state_in_use: true,
  store_unavailable: true,
  stored_flow_unreadable: true,
  token_request_failed: true,
  too_many_flows: true,
  unreachable: true,
};

/** Whether this is an ending that is told, and not a defect. */
export function isSignInError(error: unknown): error is SignInError {
  return error instanceof Error && Object.hasOwn(codes, String((error as { code?: unknown }).code));
}
