import type { Observable } from 'rxjs';
import { readOptions, type OptionTable } from '../base/options.ts';
import { invalid, requireOneOf, requireText } from '../base/validate.ts';
import type { AuthorizationParameters } from './authorization-url.ts';
import type { CallbackResponse } from './callback-response.ts';
import type { ResponseMode } from './redirect.ts';

/** Options of `begin`, each with a default. */
export interface BeginOptions {
  /**
   * State that another library has made: 22 to 512 visible ASCII characters, at least 4 of them different.
   * @default 256 random bits as 43 base64url characters
   */
  state?: string;
  /**
   * Milliseconds until the flow expires.
   * @default the server's `flowTtl`
   */
  ttl?: number;
  /** Cancels the flow when it aborts. */
  signal?: AbortSignal;
  /** Issuer of the authorization server; responses of other issuers are rejected. @see RFC 9207 section 2.4 */
  issuer?: string;
  /**
   * True if the issuer's metadata says `authorization_response_iss_parameter_supported`; a response must then have `iss`.
   * @default false
   */
  issuerAdvertised?: boolean;
  /**
   * Rejects a response without `iss`, even if `issuerAdvertised` is false.
   * @default false
   */
  requireIssuer?: boolean;
  /**
   * Treatment of a response with an `iss` that was not advertised: compare it with `issuer`, or discard the response.
   * @default 'compare'
   */
  unadvertisedIssuer?: 'compare' | 'discard';
  /**
   * Mode in which the authorization server sends the response; any other one is rejected.
   * @default 'query'
   */
  responseMode?: ResponseMode;
  /**
   * Last segment of the redirect URI of this flow, `callbackPath/context`: letters, digits, `.`, `_` and `-`.
   *
   * Register each such redirect URI with only one authorization server.
   * @see RFC 8252 section 8.10
   */
  context?: string;
  /**
   * Name for people who watch the service, such as the product that the user signs in to: a line of 1 to 100 characters
   * without control characters. It is part of the flow's events, and the monitor page shows it.
   */
  label?: string;
  /**
   * Server that the user connects to. The flow's page names it when the sign-in has succeeded: an http or https URL.
   * @default the server's `serverUrl`
   */
  serverUrl?: string;
  /** Key to share a flow: while a flow with this key is pending, `begin` returns it and ignores the other options. */
  key?: string;
}

/** A sign-in, from the URL that starts it to the response that ends it. */
export interface Flow {
  /** Public id of the flow: `flowId` in `server.events`. */
  readonly id: string;
  readonly state: string;
  /** URL to which the authorization server must send the browser. */
  readonly redirectUri: string;
  /** End of the flow's time to live, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** PKCE code verifier for the token request. @see RFC 7636 section 4.1 */
  readonly codeVerifier: string;
  /**
   * Response of this flow: at most one value, then completes. A response with `error` is a value too. While the flow is
   * pending, a subscriber keeps the process alive.
   *
   * Late subscribers receive it as well, until the flow's time to live ends. Errors with `FlowExpiredError`,
   * `FlowCancelledError` or `ServerClosedError`.
   */
  readonly response: Observable<CallbackResponse>;
  /**
   * Builds the URL to open in the browser.
   *
   * It is `endpoint` with `response_type=code`, `redirect_uri`, `state`, an S256 code challenge and `params`.
   *
   * @throws InvalidOptionError if `params` contradict the other parameters or `responseMode`.
   * @example
   * import { createOAuthCallbackServer } from 'rx-oauth-callback';
   *
   * const server = createOAuthCallbackServer();
   * await server.listen();
   * const flow = await server.begin();
   * const url = flow.authorizationUrl('https://as.example/authorize', { client_id: 'my-cli', scope: 'openid' });
   * console.log(`Open ${url}`);
   */
  authorizationUrl(endpoint: string | URL, params?: AuthorizationParameters): URL;
  /**
   * Reports the outcome of the sign-in after the token request. The waiting page shows it.
   *
   * Pages wait only if the server has the option `settle`. The event `settled` is published in any case.
   */
  settle(outcome: Outcome): void;
  /** Cancels this flow only. Does nothing if it has ended. */
  cancel(reason?: unknown): void;
}

/** Outcome of a sign-in: the page shows success or a failure message, or redirects to one of `finishUrls`. */
export type Outcome =
  { status: 'success' } | { status: 'failure'; message: string } | { status: 'redirect'; url: string };

const beginTable: OptionTable<BeginOptions> = {
  state: true,
  ttl: true,
  signal: true,
  issuer: true,
  issuerAdvertised: true,
  requireIssuer: true,
  unadvertisedIssuer: true,
  responseMode: true,
  context: true,
  label: true,
  serverUrl: true,
  key: true,
};

/** Reads the options of `begin`. @throws InvalidOptionError if a name is unknown. */
export function readBeginOptions(options: BeginOptions): BeginOptions {
  return readOptions(options, beginTable, { of: 'begin' }, {});
}

/**
 * Checks an outcome.
 *
 * @param finishUrls URLs to which a redirect may lead; if undefined, every URL is allowed.
 * @throws InvalidOptionError if a page cannot show the outcome.
 */
export function requireOutcome(outcome: Outcome, finishUrls?: readonly string[]): void {
  requireOneOf('status', outcome.status, ['success', 'failure', 'redirect']);
  if (outcome.status === 'failure') requireText('message', outcome.message);
  if (outcome.status !== 'redirect') return;
  if (finishUrls && !finishUrls.includes(outcome.url))
    throw invalid('url', "be one of the server's finishUrls", outcome.url);
  requireText('url', outcome.url);
}
