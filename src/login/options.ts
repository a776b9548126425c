import type { SchedulerLike } from 'rxjs';
import { isSecure } from '../base/loopback.ts';
import type { AuthorizationParameters } from '../model/authorization-url.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { requireInteger, requireOneOf, requireText, show, typeOf } from '../base/validate.ts';
import { requireClientIdUrl } from './client-id-url.ts';
import { DpopKey } from './dpop-key.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import type { ServerOptions } from '../server/options.ts';
import { readServerOptions, requireWebUrl } from '../server/settings.ts';
import { requireBinding, type Binding } from '../model/binding.ts';
import type { ResponseMode } from '../model/redirect.ts';
import type { CallbackHost } from '../model/callback-host.ts';
import { ofManyTenants, type ServerMetadata } from './server-metadata.ts';
import type { Fetch } from './requests.ts';

/** Options for the client and the requests to the authorization server. */
export interface ClientOptions {
  /**
   * Metadata of the authorization server, if the caller knows it.
   * @default discovered (OpenID Connect Discovery, RFC 8414)
   */
  metadata?: ServerMetadata;
  /** Secret of a confidential client. */
  clientSecret?: string;
  /**
   * Method that sends the secret to the token endpoint, or to the revocation endpoint.
   * @default 'client_secret_basic', or 'client_secret_post' if the server's metadata does not list the former for that endpoint
   */
  clientAuthentication?: 'client_secret_basic' | 'client_secret_post';
  /** Function that sends the requests to the authorization server. @default the global `fetch` */
  fetch?: Fetch;
}

/** Options of `signIn`. */
export interface SignInOptions extends ClientOptions {
  /**
   * Issuer URL of the authorization server, exactly as in its metadata: https, or http on loopback. For Microsoft Entra it may
   * be that of all tenants, as `https://login.microsoftonline.com/common/v2.0`.
   */
  issuer: string;
  /**
   * Client id at the authorization server.
   * @default registers a public client, if the server supports that (RFC 7591)
   */
  clientId?: string;
  /**
   * URL of a document about the client, which `clientMetadata` makes. The URL is the client id, if the server supports that.
   * @default none
   * @see draft-ietf-oauth-client-id-metadata-document
   */
  clientMetadataUrl?: string;
  /**
   * Name to register, which the authorization server shows to the user.
   * @default 'rx-oauth-callback'
   */
  clientName?: string;
  /**
   * Requested scopes, as a list or separated by spaces. With `openid`, the answer must contain an ID token, which is validated. If
   * `offline_access` is requested too, `prompt` defaults to `consent`, as OpenID Connect requires.
   * @default the server's default
   */
  scope?: string | readonly string[];
  /** Resources that the tokens are for, sent in the authorization and the token request. @see RFC 8707 */
  resource?: string | readonly string[];
  /** Further parameters of the authorization URL: `prompt`, `login_hint`, `audience`. */
  parameters?: AuthorizationParameters;
  /**
   * Host that receives the redirect: a server of this process or a remote service. The sign-in does not close it.
   * @default a new server on loopback, closed when the sign-in has ended and its page has been sent
   */
  host?: CallbackHost;
  /** Options of the new server if there is no `host`, such as `port`. */
  server?: ServerOptions;
  /**
   * If true, opens the authorization URL in the user's browser, as `openBrowser` does. The event `opened` tells if that worked.
   * @default false
   */
  open?: boolean;
  /**
   * Maximum number of milliseconds that the user may take, 1 to 86,400,000.
   * @default the host's, usually 600_000
   */
  timeout?: number;
  /** As in `begin()`: selects a redirect URI that only this authorization server uses. */
  context?: string;
  /**
   * As in `begin()`. With `'code'`, pass the code that the user types in to `confirm` of the event `waiting`.
   * @default the host's, usually 'cookie', or 'none' on loopback
   */
  binding?: Binding;
  /** As in `begin()`: name for people who watch the service. */
  label?: string;
  /** As in `begin()`: server that the flow's page names. @default the `serverUrl` of the host */
  serverUrl?: string;
  /**
   * URL to which the page redirects after a successful sign-in. A `host` must have it in its `finishUrls`; otherwise its own page is
   * shown.
   */
  successUrl?: string;
  /**
   * As in `begin()`. A mode that the server's metadata does not list fails the sign-in before the browser opens.
   * @default 'query', or 'form_post' if the server's metadata lists that and not the former
   */
  responseMode?: ResponseMode;
  /**
   * If true, pushes the authorization request to the server before the browser opens, so that its parameters are in no URL. A
   * server whose metadata requires that gets it in any case.
   * @default false
   * @see RFC 9126
   */
  pushedAuthorizationRequest?: boolean;
  /**
   * Device grant: the user enters a code on any device that has a browser. `'beside'` offers it with the redirect, and the first
   * answer wins. `'only'` opens no port and no browser here. `'never'` leaves it out.
   * @default 'beside' if the server's metadata offers it, 'only' if it has no authorization endpoint
   * @see RFC 8628
   */
  device?: 'beside' | 'only' | 'never';
  /**
   * Scheduler of the requests that ask if the user has entered the code, for tests.
   * @default the system's timers
   */
  scheduler?: SchedulerLike;
  /**
   * Key that the tokens are bound to, or true for a new one. `Tokens` have the key with them, and `refresh` uses it.
   * @default the tokens are not bound
   * @see RFC 9449
   */
  dpop?: DpopKey | boolean;
  /** As in `begin()`: if true, rejects a response without `iss` even if the server does not advertise it. @default false */
  requireIssuer?: boolean;
  /**
   * If true, rejects a server whose metadata does not list the PKCE method S256. The request uses S256 in any case.
   * @default false
   */
  requirePkce?: boolean;
  /**
   * If true, joins a sign-in in progress at the same host with the same issuer, client, scope, resource and parameters. The
   * other options of that sign-in then apply.
   * @default true
   */
  singleFlight?: boolean;
}

const signInTable: OptionTable<SignInOptions> = {
  issuer: true,
  metadata: true,
  clientId: true,
  clientSecret: true,
  clientAuthentication: true,
  clientName: true,
  clientMetadataUrl: true,
  scope: true,
  resource: true,
  parameters: true,
  host: true,
  server: true,
  open: true,
  timeout: true,
  context: true,
  binding: true,
  label: true,
  serverUrl: true,
  successUrl: true,
  responseMode: true,
  pushedAuthorizationRequest: true,
  device: true,
  dpop: true,
  scheduler: true,
  requireIssuer: true,
  requirePkce: true,
  singleFlight: true,
  fetch: true,
};

/** Parameters that the sign-in sets itself. */
const reserved = [
  'client_id',
  'scope',
  'resource',
  'nonce',
  'state',
  'redirect_uri',
  'response_type',
  'dpop_jkt',
];

/** Options of `signIn` as they were read. */
export type ReadSignInOptions = Omit<SignInOptions, 'scope'> & { scope?: string };

/**
 * Reads the options of `signIn`.
 *
 * @throws {InvalidOptionError} if an option is missing, unknown, out of range or contradicts another
 */
export function readSignInOptions(given: SignInOptions): ReadSignInOptions {
  const { scope: asked, ...rest } = readOptions(given, signInTable, { of: 'signIn' }, {});
  const joinedScope = joined(asked);
  const options = { ...rest, ...(joinedScope !== undefined && { scope: joinedScope }) };
  const { issuer, metadata, clientId, clientName, scope, timeout, parameters = {}, host, server } = options;
  const { pushedAuthorizationRequest, device } = options;
  requireIssuerUrl(issuer);
  // `discover` decides about metadata of many tenants.
  if (metadata && metadata.issuer !== issuer && !ofManyTenants(metadata))
    throw new InvalidOptionError(
      'metadata',
      `must be of the issuer ${show(issuer)}; got ${show(metadata.issuer)}`,
    );
  for (const [name, value] of Object.entries({ clientId, clientName, scope })) {
    if (value !== undefined) requireText(name, value);
  }
  if (clientId === '') throw new InvalidOptionError('clientId', 'must not be empty');
  requireClientOptions(options);
  if (options.clientMetadataUrl !== undefined) {
    requireClientIdUrl('clientMetadataUrl', options.clientMetadataUrl);
    if (clientId !== undefined)
      throw new InvalidOptionError('clientMetadataUrl', 'is a client id itself; leave the clientId out');
  }
  if (options.clientSecret !== undefined && clientId === undefined)
    throw new InvalidOptionError('clientSecret', 'requires the clientId that it belongs to');
  if (timeout !== undefined) requireInteger('timeout', timeout, 1, 86_400_000);
  if (options.successUrl !== undefined) requireWebUrl('successUrl', options.successUrl);
  requireOneOf('open', options.open ?? false, [true, false]);
  if (options.binding !== undefined) requireBinding(options.binding);
  const taken = Object.keys(parameters).find((name) => reserved.includes(name));
  if (taken !== undefined)
    throw new InvalidOptionError(`parameters.${taken}`, 'is set by the sign-in itself');
  if (pushedAuthorizationRequest !== undefined)
    requireOneOf('pushedAuthorizationRequest', pushedAuthorizationRequest, [true, false]);
  if (options.dpop !== undefined && typeof options.dpop !== 'boolean') requireKey(options.dpop);
  if (device !== undefined) requireOneOf('device', device, ['beside', 'only', 'never']);
  if (server) readServerOptions(server);
  if (host && server)
    throw new InvalidOptionError('server', 'applies to its own server only; leave it out if host is given');
  return options;
}

/** @throws {InvalidOptionError} if a value is no key for DPoP */
export function requireKey(value: unknown): void {
  if (!(value instanceof DpopKey))
    throw new InvalidOptionError('dpop', `must be a DpopKey; got ${typeOf(value)}`);
}

/** Joins scopes with spaces (RFC 6749 section 3.3). */
export function joined(scope: string | readonly string[] | undefined): string | undefined {
  if (!Array.isArray(scope)) return scope as string | undefined;
  for (const [index, each] of (scope as readonly unknown[]).entries()) requireText(`scope[${index}]`, each);
  return scope.length > 0 ? scope.join(' ') : undefined;
}

export function requireClientOptions({ clientSecret, clientAuthentication }: ClientOptions): void {
  if (clientSecret !== undefined && (typeof clientSecret !== 'string' || clientSecret === ''))
    throw new InvalidOptionError('clientSecret', 'must be a non-empty string');
  if (clientAuthentication === undefined) return;
  requireOneOf('clientAuthentication', clientAuthentication, ['client_secret_basic', 'client_secret_post']);
  if (clientSecret === undefined)
    throw new InvalidOptionError('clientAuthentication', 'requires a clientSecret');
}

function requireIssuerUrl(issuer: unknown): void {
  requireText('issuer', issuer);
  const url = URL.canParse(issuer as string) ? new URL(issuer as string) : undefined;
  // RFC 8414 section 2 allows no query and no fragment.
  if (!url || url.search || url.hash || url.username || url.password)
    throw new InvalidOptionError('issuer', `must be a URL without query and fragment; got ${show(issuer)}`);
  if (!isSecure(url))
    throw new InvalidOptionError('issuer', `must be https, or http on loopback; got ${show(issuer)}`);
}
