import { readOptions, type OptionTable } from '../base/options.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { requireInteger, requireList, requireOneOf, requireText, show, typeOf } from '../base/validate.ts';
import { requireClientIdUrl } from '../login/client-id-url.ts';
import { joined } from '../login/options.ts';
import type { CallbackHost } from '../model/callback-host.ts';
import { memoryStore } from './memory-store.ts';
import type { FetchLike } from './requests.ts';
import type { McpStore } from './store.ts';

/** Brings a person to a URL. The result is ignored, but a rejection fails the sign-in. */
export type Open = (url: URL, server: string) => unknown;

/** Options of `mcpAuth`. */
export interface McpAuthOptions {
  /**
   * Host that receives the redirects, or a function that returns it. It is asked at the first sign-in, and a server that does not
   * listen is told to listen then. `close` leaves it open.
   * @default a new server on loopback, which `close` closes
   */
  host?: CallbackHost | (() => CallbackHost | PromiseLike<CallbackHost>);
  /**
   * Brings the person to the authorization URL, for example by `openBrowser`.
   * @default nobody is asked, and a request that needs a person rejects with `SignInRequiredError`
   */
  open?: Open;
  /** Store of tokens and registrations. @default a new `memoryStore()` */
  store?: McpStore;
  /** Name to register, which the authorization server shows to the user. @default 'rx-oauth-callback' */
  clientName?: string;
  /** Further fields to register (RFC 7591 section 2): `client_uri`, `logo_uri`, `software_id`. @default none */
  clientMetadata?: Readonly<Record<string, unknown>>;
  /**
   * URL of a document about the client, which `clientMetadata` of `./login` makes. Authorization servers that support such documents
   * take it as client id.
   * @default none
   */
  clientMetadataUrl?: string;
  /** Maximum number of sign-ins that a person is asked for at a time, 1 to 1,000. The others wait, and their time does not run. @default 1 */
  tabs?: number;
  /** Maximum number of milliseconds that a person may take, 1 to 86,400,000. @default 600_000 */
  timeout?: number;
  /** Number of milliseconds before its expiry at which an access token is refreshed, 0 to 3,600,000. @default 30_000 */
  margin?: number;
  /**
   * Function that sends the requests to servers and authorization servers. It must follow redirects as the Fetch standard says: without
   * `Authorization` to another origin.
   * @default the global `fetch`
   */
  fetch?: FetchLike;
}

/** A client that was registered beforehand. */
export interface GivenClient {
  /** Client id. */
  id: string;
  /** Secret of a confidential client. @default none */
  secret?: string;
  /** Issuer that has registered the client. No other authorization server gets the id and the secret. */
  issuer: string;
  /** Method that sends the secret. @default as in `signIn` */
  authentication?: 'client_secret_basic' | 'client_secret_post';
}

/** Options of one server. */
export interface McpServerOptions {
  /**
   * Scopes to request, as a list or separated by spaces, whatever the server asks for. A request that needs more still adds to them.
   * @default the scopes of the server's challenge, else those of its metadata, else none
   */
  scopes?: string | readonly string[];
  /** Client that was registered beforehand. @default a document, else a registration */
  client?: GivenClient;
  /** Issuers that the metadata of the authorization server may name instead of its own. Exact strings. @default [] */
  trustedIssuers?: readonly string[];
  /** Name of the person, if tokens of several people at one server are kept apart. @default '' */
  account?: string;
}

const authTable: OptionTable<McpAuthOptions> = {
  host: true,
  open: true,
  store: true,
  clientName: true,
  clientMetadata: true,
  clientMetadataUrl: true,
  tabs: true,
  timeout: true,
  margin: true,
  fetch: true,
};

const serverTable: OptionTable<McpServerOptions> = {
  scopes: true,
  client: true,
  trustedIssuers: true,
  account: true,
};

const clientTable: OptionTable<GivenClient> = { id: true, secret: true, issuer: true, authentication: true };

const authDefaults = { clientName: 'rx-oauth-callback', tabs: 1, timeout: 600_000, margin: 30_000 };

/** Options of `mcpAuth` as they were read. */
export type ReadOptions = Required<
  Omit<McpAuthOptions, 'host' | 'open' | 'clientMetadataUrl' | 'clientMetadata'>
> &
  Pick<McpAuthOptions, 'host' | 'open' | 'clientMetadataUrl' | 'clientMetadata'>;

/** @throws {InvalidOptionError} if an option is unknown or invalid */
export function readAuthOptions(given: McpAuthOptions): ReadOptions {
  const options = readOptions(given, authTable, { of: 'mcpAuth' }, authDefaults);
  const { host, open, store = memoryStore(), clientName, clientMetadataUrl, clientMetadata } = options;
  const { fetch = globalThis.fetch } = options;
  if (
    host !== undefined &&
    typeof host !== 'function' &&
    typeof (host as Partial<CallbackHost>).begin !== 'function'
  )
    throw new InvalidOptionError('host', `must be a callback host or a function; got ${typeOf(host)}`);
  if (open !== undefined) requireFunction('open', open);
  requireFunction('fetch', fetch);
  const methods = store as unknown as Readonly<Record<string, unknown>>;
  for (const name of ['get', 'set', 'delete']) requireFunction(`store.${name}`, methods[name]);
  requireText('clientName', clientName);
  if (clientMetadataUrl !== undefined) requireClientIdUrl('clientMetadataUrl', clientMetadataUrl);
  if (
    clientMetadata !== undefined &&
    (typeof clientMetadata !== 'object' || (clientMetadata as unknown) === null)
  )
    throw new InvalidOptionError('clientMetadata', `must be an object; got ${typeOf(clientMetadata)}`);
  requireInteger('tabs', options.tabs, 1, 1_000);
  requireInteger('timeout', options.timeout, 1, 86_400_000);
  requireInteger('margin', options.margin, 0, 3_600_000);
  return { ...options, store, fetch };
}

/** Options of one server as they were read. */
export interface ReadServerOptions {
  /** Undefined if the server decides. */
  readonly scopes: string | undefined;
  readonly client: GivenClient | undefined;
  readonly trustedIssuers: readonly string[];
  readonly account: string;
}

/** @throws {InvalidOptionError} if an option is unknown or invalid */
export function readServerOptions(given: McpServerOptions, of: string): ReadServerOptions {
  const { scopes, client, trustedIssuers, account } = readOptions(
    given,
    serverTable,
    { of },
    { account: '', trustedIssuers: [] },
  );
  const text = joined(scopes);
  if (text !== undefined) requireText('scopes', text);
  requireText('account', account);
  requireList('trustedIssuers', trustedIssuers, ' of issuers');
  trustedIssuers.forEach((each, index) => requireText(`trustedIssuers[${index}]`, each));
  if (client) requireClient(client);
  return { scopes: text, client, trustedIssuers, account };
}

/** Returns the URL of a server in its canonical form. @throws {InvalidOptionError} if it is no http or https URL */
export function readServer(server: string | URL): string {
  const text = String(server);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw new InvalidOptionError(
      'server',
      // A password must not be shown.
      `must be an http or https URL without a user; got ${text.includes('@') ? typeOf(text) : show(text)}`,
    );
  url.hash = '';
  return url.href;
}

function requireClient(client: GivenClient): void {
  const { id, secret, issuer, authentication } = readOptions(
    client,
    clientTable,
    { of: 'client', prefix: 'client.' },
    {},
  );
  for (const [name, value] of Object.entries({ id, issuer, ...(secret !== undefined && { secret }) }))
    if (typeof value !== 'string' || value === '')
      throw new InvalidOptionError(`client.${name}`, `must be a non-empty string; got ${typeOf(value)}`);
  if (authentication !== undefined)
    requireOneOf('client.authentication', authentication, ['client_secret_basic', 'client_secret_post']);
}

export function requireFunction(option: string, value: unknown): void {
  if (typeof value !== 'function')
    throw new InvalidOptionError(option, `must be a function; got ${typeOf(value)}`);
}
