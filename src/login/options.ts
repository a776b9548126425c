import type { AuthorizationParameters } from '../authorization-url.ts';
import { InvalidOptionError } from '../errors.ts';
import { requireKnown } from '../known-options.ts';
import { readOptions, type ServerOptions } from '../options.ts';
import type { ResponseMode } from '../redirect.ts';
import type { CallbackHost } from '../server.ts';
import { isLoopback, requireInteger, requireOneOf, requireText, show } from '../validate.ts';
import type { ServerMetadata } from './metadata.ts';
import type { Fetch } from './openid-client.ts';

/** Who asks, and whom. */
export interface ClientOptions {
  /**
   * The metadata of the authorization server, where it is known.
   * @default discovered (OpenID Connect Discovery, RFC 8414)
   */
  metadata?: ServerMetadata;
  /** Of a confidential client. */
  clientSecret?: string;
  /**
   * How the secret is sent.
   * @default 'client_secret_basic', unless the server's metadata does not have it
   */
  clientAuthentication?: 'client_secret_basic' | 'client_secret_post';
  /** Makes the requests to the authorization server. @default the platform's `fetch` */
  fetch?: Fetch;
}

/** Options of `signIn`. */
export interface SignInOptions extends ClientOptions {
  /** The issuer of the authorization server, exactly as in its metadata: https, or http on loopback. */
  issuer: string;
  /**
   * The client's id at the authorization server.
   * @default registers a public client, where the server offers that (RFC 7591)
   */
  clientId?: string;
  /**
   * The name to register under, which people see at the authorization server.
   * @default 'rx-oauth-callback'
   */
  clientName?: string;
  /**
   * What is asked for, separated by spaces. With `openid` an ID token must come, and is validated. `offline_access` asks
   * for consent (`prompt=consent`) unless `parameters` have a `prompt`, as OpenID Connect demands it.
   * @default the server's default
   */
  scope?: string;
  /** What the tokens are for, sent with both requests. @see RFC 8707 */
  resource?: string | readonly string[];
  /** Further parameters of the authorization URL: `prompt`, `login_hint`, `audience`. */
  parameters?: AuthorizationParameters;
  /**
   * Where the redirect arrives: a server of this process, or a service elsewhere. It stays open.
   * @default a server of its own on loopback, closed when the sign-in is over and its page has been sent
   */
  host?: CallbackHost;
  /** Options of that own server, such as `port`. */
  server?: ServerOptions;
  /**
   * Milliseconds the person has, 1 to 86,400,000.
   * @default as the host has it: 600_000
   */
  timeout?: number;
  /** As in `begin()`: a redirect URI for this authorization server and no other. */
  context?: string;
  /** As in `begin()`. @default 'query' */
  responseMode?: ResponseMode;
  /** As in `begin()`: refuses a response without `iss`, advertised or not. @default false */
  requireIssuer?: boolean;
  /**
   * Refuses a server whose metadata does not say that it supports PKCE with S256. S256 is sent in any case.
   * @default false
   */
  requirePkce?: boolean;
  /**
   * Joins a sign-in that is under way for the same issuer, client, scope, resource and parameters at the same host; its
   * other options are the ones that count.
   * @default true
   */
  singleFlight?: boolean;
}

const names: ReadonlySet<string> = new Set<keyof SignInOptions>([
  'issuer',
  'metadata',
  'clientId',
  'clientSecret',
  'clientAuthentication',
  'clientName',
  'scope',
  'resource',
  'parameters',
  'host',
  'server',
  'timeout',
  'context',
  'responseMode',
  'requireIssuer',
  'requirePkce',
  'singleFlight',
  'fetch',
]);

/** Those of a flow, or options of their own. */
const reserved = ['client_id', 'scope', 'resource', 'nonce', 'state', 'redirect_uri', 'response_type'];

/** Throws `InvalidOptionError` for what is missing, out of range or contradicts another option. */
export function requireSignInOptions(options: SignInOptions): void {
  requireKnown(options, names, 'signIn');
  const { issuer, metadata, clientId, clientName, scope, timeout, parameters = {}, host, server } = options;
  requireIssuerUrl(issuer);
  if (metadata && metadata.issuer !== issuer)
    throw new InvalidOptionError(
      'metadata',
      `must be of the issuer ${show(issuer)}, got ${show(metadata.issuer)}`,
    );
  for (const [name, value] of Object.entries({ clientId, clientName, scope })) {
    if (value !== undefined) requireText(name, value);
  }
  if (clientId === '') throw new InvalidOptionError('clientId', 'must not be empty');
  requireClientOptions(options);
  if (options.clientSecret !== undefined && clientId === undefined)
    throw new InvalidOptionError('clientSecret', 'needs the clientId it belongs to, got none');
  if (timeout !== undefined) requireInteger('timeout', timeout, 1, 86_400_000);
  const taken = Object.keys(parameters).find((name) => reserved.includes(name));
  if (taken !== undefined)
    throw new InvalidOptionError(`parameters.${taken}`, 'is set by the sign-in itself');
  if (server) readOptions(server);
  if (host && server)
    throw new InvalidOptionError('server', 'is for a server of its own; leave it out where host is given');
}

export function requireClientOptions({ clientSecret, clientAuthentication }: ClientOptions): void {
  if (clientSecret !== undefined && (typeof clientSecret !== 'string' || clientSecret === ''))
    throw new InvalidOptionError('clientSecret', 'must be a text that is not empty');
  if (clientAuthentication === undefined) return;
  requireOneOf('clientAuthentication', clientAuthentication, ['client_secret_basic', 'client_secret_post']);
  if (clientSecret === undefined)
    throw new InvalidOptionError('clientAuthentication', 'needs a clientSecret to send, got none');
}

function requireIssuerUrl(issuer: unknown): void {
  requireText('issuer', issuer);
  const url = URL.canParse(issuer as string) ? new URL(issuer as string) : undefined;
  // RFC 8414 section 2.
  if (!url || url.search || url.hash || url.username || url.password)
    throw new InvalidOptionError('issuer', `must be a URL without query and fragment, got ${show(issuer)}`);
  if (!isSecure(url))
    throw new InvalidOptionError('issuer', `must be https, or http on loopback, got ${show(issuer)}`);
}

/** What may be sent to, and opened in a browser. */
export function isSecure({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname.replace(/^\[|\]$/g, '')));
}
