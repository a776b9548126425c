import type { Observable } from 'rxjs';
import { readOptions, type OptionTable } from '../base/options.ts';
import { invalid, requireOneOf, requireText } from '../base/validate.ts';
import type { AuthorizationParameters } from './authorization-url.ts';
import type { CallbackResponse } from './callback-response.ts';
import type { Binding } from './binding.ts';
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
  /**
   * Tie between the person who begins the flow and the one who finishes it. With `'cookie'` only the browser that has opened the
   * start URL may bring the response. With `'code'` the page shows a code, and the response is delivered once the person has
   * typed it into the program, which passes it to `flow.confirm`.
   * @default the server's `binding`: `'cookie'`, or `'none'` if the redirect URI is on loopback
   * @see draft-ietf-oauth-security-topics-update section 2.3; draft-ietf-oauth-cross-device-security section 6
   */
  binding?: Binding;
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
  /** Tie between who begins the flow and who finishes it. */
  readonly binding: Binding;
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
   * It is `endpoint` with `response_type=code`, `redirect_uri`, `state`, an S256 code challenge and `params`. If the flow is bound
   * to the browser, the result is the start URL, which leads there.
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
   * Returns the URL to open in the browser for an authorization URL that another library has built.
   *
   * If the flow is bound to the browser, it is the flow's start URL: on the server's own origin, for one browser, until the flow
   * ends. It leads to the URL that was given last before a browser opened it. Otherwise it is the given URL.
   *
   * @throws InvalidOptionError if `url` is not an absolute http or https URL.
   * @example
   * import { createOAuthCallbackServer } from 'rx-oauth-callback';
   *
   * const server = createOAuthCallbackServer({ publicUrl: 'https://sign-in.example', port: 8080 });
   * await server.listen();
   * const flow = await server.begin();
   * const built = new URL(`https://as.example/authorize?client_id=my-cli&response_type=code&state=${flow.state}`);
   * console.log(`Open ${flow.startUrl(built)}`);
   */
  startUrl(url: string | URL): URL;
  /**
   * Delivers the response of a flow with `binding: 'code'`, once the person has typed in the code that the page shows.
   *
   * Case, spaces and hyphens of the code do not matter. The fifth wrong code cancels the flow.
   *
   * @returns Rejects with `WrongCodeError` if the page shows another code, or none yet, and with the error of a flow that has
   * ended without a response.
   * @example
   * import { createInterface } from 'node:readline/promises';
   * import { createOAuthCallbackServer } from 'rx-oauth-callback';
   *
   * const server = createOAuthCallbackServer();
   * await server.listen();
   * const flow = await server.begin({ binding: 'code' });
   * console.log(`Open ${flow.authorizationUrl('https://as.example/authorize', { client_id: 'my-cli' })}`);
   * const terminal = createInterface(process.stdin, process.stdout);
   * await flow.confirm(await terminal.question('Code that the page shows: '));
   */
  confirm(code: string): Promise<void>;
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
  binding: true,
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
