import { InvalidOptionError } from '../base/invalid-option.ts';
import { isLoopback } from '../base/loopback.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import { requireInteger, requireList, requireText, show } from '../base/validate.ts';
import { requireClientIdUrl } from './client-id-url.ts';
import { joined } from './options.ts';
import { deviceGrant } from './server-metadata.ts';

/** Options of `clientMetadata`. */
export interface ClientMetadataOptions {
  /** URL at which the document is published, which is the client id: https, with a path. */
  url: string;
  /** Name that the authorization server shows to the user. @default 'rx-oauth-callback' */
  clientName?: string;
  /**
   * Redirect URIs, such as `server.redirectUri`.
   * @default those of `ports`
   */
  redirectUris?: readonly string[];
  /**
   * Ports of 127.0.0.1 that the program listens on.
   * @default no port in the URI: the server then takes any, if it follows RFC 8252 section 7.3
   */
  ports?: readonly number[];
  /** Path of the redirect URIs of `ports`. @default '/callback' */
  callbackPath?: string;
  /** Scopes that the program may request, as a list or separated by spaces. @default the document names none */
  scope?: string | readonly string[];
  /** True if the program uses the device grant, which only some servers allow a document to name. @default false */
  device?: boolean;
  /** True if the server must bind the tokens to a key (RFC 9449). @default false */
  dpop?: boolean;
}

const table: OptionTable<ClientMetadataOptions> = {
  url: true,
  clientName: true,
  redirectUris: true,
  ports: true,
  callbackPath: true,
  scope: true,
  device: true,
  dpop: true,
};

/** Document about a client, as an authorization server fetches it. */
export interface ClientMetadataDocument {
  client_id: string;
  client_name: string;
  application_type: 'native' | 'web';
  redirect_uris: string[];
  grant_types: string[];
  response_types: string[];
  token_endpoint_auth_method: 'none';
  scope?: string;
  dpop_bound_access_tokens?: true;
}

/**
 * Returns the document about a client that its URL names. Publish it there as JSON, and give the URL to `signIn` as
 * `clientMetadataUrl`. An authorization server that supports such documents then needs no registration.
 *
 * @throws {InvalidOptionError} if an option is invalid, or contradicts another
 * @see draft-ietf-oauth-client-id-metadata-document
 *
 * @example
 * import { clientMetadata } from 'rx-oauth-callback/login';
 *
 * const document = clientMetadata({ url: 'https://client.example/notes.json', clientName: 'Notes', ports: [53682, 53683] });
 * console.log(JSON.stringify(document, undefined, 2));
 */
export function clientMetadata(given: ClientMetadataOptions): ClientMetadataDocument {
  const options = readOptions(given, table, { of: 'clientMetadata' }, {});
  const { url, clientName = 'rx-oauth-callback', device = false, dpop = false } = options;
  requireClientIdUrl('url', url);
  requireText('clientName', clientName);
  const redirect_uris = redirectUrisOf(options);
  const scope = joined(options.scope);
  if (scope !== undefined) requireText('scope', scope);
  return {
    client_id: url,
    client_name: clientName,
    application_type: redirect_uris.every((each) => each.startsWith('https:')) ? 'web' : 'native',
    redirect_uris,
    grant_types: ['authorization_code', 'refresh_token', ...(device ? [deviceGrant] : [])],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    ...(scope !== undefined && { scope }),
    ...(dpop && { dpop_bound_access_tokens: true }),
  };
}

function redirectUrisOf({ redirectUris, ports, callbackPath }: ClientMetadataOptions): string[] {
  if (redirectUris === undefined) return loopbackUris(ports, callbackPath);
  const other = ports === undefined ? callbackPath : ports;
  if (other !== undefined)
    throw new InvalidOptionError(
      'redirectUris',
      'has ports and paths already; leave ports and callbackPath out',
    );
  requireList('redirectUris', redirectUris, ' of URLs');
  if (redirectUris.length === 0) throw new InvalidOptionError('redirectUris', 'must have a URL');
  for (const [index, each] of redirectUris.entries()) {
    const url = URL.canParse(each) ? new URL(each) : undefined;
    const isUsable = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
    if (!isUsable || url.hash !== '')
      throw new InvalidOptionError(
        `redirectUris[${index}]`,
        `must be https, or http on loopback, without a fragment; got ${show(each)}`,
      );
  }
  return [...redirectUris];
}

function loopbackUris(ports: readonly number[] | undefined, path = '/callback'): string[] {
  if (!path.startsWith('/'))
    throw new InvalidOptionError('callbackPath', `must begin with /; got ${show(path)}`);
  if (ports === undefined) return [`http://127.0.0.1${path}`];
  requireList('ports', ports, ' of ports');
  if (ports.length === 0) throw new InvalidOptionError('ports', 'must have a port');
  return ports.map((port, index) => {
    requireInteger(`ports[${index}]`, port, 1, 65_535);
    return `http://127.0.0.1:${port}${path}`;
  });
}
