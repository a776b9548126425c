import { CodedError } from '../base/coded-error.ts';
import type { SignInError } from '../login/errors.ts';
import type { OAuthCallbackError } from '../model/errors.ts';

/** Reasons why a person must sign in. */
export type SignInReason =
  /** There are no tokens. */
  | 'no_tokens'
  /** The server rejected the access token, and there is no refresh token. */
  | 'tokens_refused'
  /** The authorization server rejected the refresh token. */
  | 'refresh_refused'
  /** The request needs scopes that the tokens do not have. */
  | 'insufficient_scope'
  /** The server uses another authorization server than the one that issued the tokens. */
  | 'issuer_changed';

/**
 * A person must sign in, and there is no `open` to ask one.
 *
 * @example
 * import { mcpAuth, SignInRequiredError } from 'rx-oauth-callback/mcp';
 *
 * await using auth = mcpAuth();
 * try {
 *   await auth.fetch('https://mcp.example/mcp')('https://mcp.example/mcp');
 * } catch (error) {
 *   if (error instanceof SignInRequiredError) console.error(`Sign in to ${error.server}: ${error.reason}`);
 * }
 */
export class SignInRequiredError extends CodedError {
  readonly code = 'sign_in_required';
  override readonly name = 'SignInRequiredError';
  constructor(
    readonly server: string,
    readonly reason: SignInReason,
    /** Scopes that the server asked for, separated by spaces; undefined if it named none. */
    readonly scope?: string,
  ) {
    super(`a person must sign in to ${server} (${reason}), and there is no option open to ask one`);
  }
}

/**
 * The scopes that a request needs were requested before, or other ones were for the same request. Nobody is asked again.
 *
 * @see RFC 6750 section 3.1
 *
 * @example
 * import { InsufficientScopeError } from 'rx-oauth-callback/mcp';
 *
 * const explain = (error: unknown) =>
 *   error instanceof InsufficientScopeError ? `needs ${error.needed}, has ${error.granted ?? 'none'}` : String(error);
 */
export class InsufficientScopeError extends CodedError {
  readonly code = 'insufficient_scope';
  override readonly name = 'InsufficientScopeError';
  constructor(
    readonly server: string,
    /** Scopes that the request needs, separated by spaces; empty if the server named none. */
    readonly needed: string,
    /** Scopes of the tokens, separated by spaces; undefined if the authorization server named none. */
    readonly granted?: string,
  ) {
    super(
      `the server ${server} needs the scopes ${JSON.stringify(needed)}; granted are ${JSON.stringify(granted ?? '')}`,
    );
  }
}

/**
 * The metadata of a server is that of another resource. No token was requested.
 *
 * @see RFC 9728 section 3.3
 *
 * @example
 * import { ResourceMismatchError } from 'rx-oauth-callback/mcp';
 *
 * const warn = (error: unknown) => {
 *   if (error instanceof ResourceMismatchError) console.error(`${error.server} claims to be ${error.resource}`);
 * };
 */
export class ResourceMismatchError extends CodedError {
  readonly code = 'resource_mismatch';
  override readonly name = 'ResourceMismatchError';
  constructor(
    readonly server: string,
    /** Resource that the metadata names. */
    readonly resource: string,
  ) {
    super(`the server ${server} has metadata of the resource ${resource}; it must be the server's own`);
  }
}

/**
 * The store cannot be read or written. It was left as it is.
 *
 * @example
 * import { mcpAuth, TokenStoreError } from 'rx-oauth-callback/mcp';
 *
 * await using auth = mcpAuth();
 * auth.events.subscribe((event) => {
 *   if (event.type === 'failed' && event.error instanceof TokenStoreError) console.error(event.error.message);
 * });
 */
export class TokenStoreError extends CodedError {
  readonly code = 'token_store';
  override readonly name = 'TokenStoreError';
  constructor(
    /** Key of the value: `server <url> [account]` or `client <issuer> <redirect URI>`. */
    readonly key: string,
    /** Continues a sentence that begins with the value. */
    reason: string,
  ) {
    super(`the stored value of ${JSON.stringify(key)} ${reason}`);
  }
}

/** Errors with which a request, or a sign-in to a server, fails. They differ in their `code`. */
export type McpAuthError =
  | SignInRequiredError
  | InsufficientScopeError
  | ResourceMismatchError
  | TokenStoreError
  | SignInError
  | OAuthCallbackError;
