import { DiscoveryError, type DiscoveryFlaw } from './errors.ts';
import { allowLoopback, fetchUntil, loadOpenId, refusalOf, type Refusal } from './openid-client.ts';
import { isSecure, type ClientOptions } from './options.ts';

/** What an authorization server says of itself. @see RFC 8414 section 2 */
export interface ServerMetadata {
  issuer: string;
  authorization_endpoint?: string;
  token_endpoint?: string;
  registration_endpoint?: string;
  jwks_uri?: string;
  code_challenge_methods_supported?: readonly string[];
  grant_types_supported?: readonly string[];
  token_endpoint_auth_methods_supported?: readonly string[];
  authorization_response_iss_parameter_supported?: boolean;
  [name: string]: unknown;
}

export interface DiscoverOptions extends Pick<ClientOptions, 'metadata' | 'fetch'> {
  issuer: string;
  requirePkce?: boolean;
}

/** The metadata of the issuer, checked. Rejects with `DiscoveryError`. */
export async function discover(options: DiscoverOptions, signal: AbortSignal): Promise<ServerMetadata> {
  const metadata = options.metadata ?? (await fetchMetadata(options, signal));
  requireUsable(metadata, options);
  return metadata;
}

async function fetchMetadata(
  { issuer, fetch = globalThis.fetch }: DiscoverOptions,
  signal: AbortSignal,
): Promise<ServerMetadata> {
  const openid = await loadOpenId();
  let refusal: Refusal = { reason: 'was not asked' };
  for (const url of metadataUrls(issuer)) {
    try {
      const configuration = await openid.discovery(url, 'nobody-yet', undefined, openid.None(), {
        [openid.customFetch]: fetchUntil(signal, fetch),
        execute: [allowLoopback(openid)],
      });
      return configuration.serverMetadata();
    } catch (error) {
      refusal = refusalOf(openid, error);
      // Only a server that has nothing there may have it elsewhere.
      if (refusal.status === undefined || refusal.status >= 500) break;
    }
  }
  throw new DiscoveryError(issuer, 'unavailable', `the issuer ${issuer} ${refusal.reason}`);
}

/** OpenID Connect Discovery section 4, then RFC 8414 sections 3.1 and 5: of issuers with a path, a server may have one only. */
export function metadataUrls(issuer: string): URL[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const urls = [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}/.well-known/openid-configuration${path}`,
  ];
  return [...new Set(urls)].map((url) => new URL(url));
}

function requireUsable(metadata: ServerMetadata, { issuer, requirePkce = false }: DiscoverOptions): void {
  const fail = (flaw: DiscoveryFlaw, message: string): never => {
    throw new DiscoveryError(issuer, flaw, message);
  };
  // By simple string comparison: who answers for another name may be another one.
  if (metadata.issuer !== issuer) {
    fail(
      'issuer_mismatch',
      `the issuer ${issuer} calls itself ${JSON.stringify(metadata.issuer)}; these must be the same`,
    );
  }
  const local = issuer.startsWith('http:');
  for (const name of [
    'authorization_endpoint',
    'token_endpoint',
    'registration_endpoint',
    'jwks_uri',
  ] as const) {
    // As it came: nobody has looked into it yet.
    const url: unknown = metadata[name];
    const needed = name === 'authorization_endpoint' || name === 'token_endpoint';
    if (url === undefined && needed) fail('missing_endpoint', `the issuer ${issuer} has no ${name}`);
    if (url !== undefined && !mayBeAsked(url, local))
      fail('insecure_endpoint', `the ${name} of ${issuer} must be https, got ${JSON.stringify(url)}`);
  }
  if (requirePkce && !metadata.code_challenge_methods_supported?.includes('S256'))
    fail('pkce_not_supported', `the issuer ${issuer} does not say that it supports PKCE with S256`);
}

/** A server elsewhere has no business with this machine. */
function mayBeAsked(url: unknown, local: boolean): boolean {
  if (typeof url !== 'string' || !URL.canParse(url)) return false;
  const parsed = new URL(url);
  return local ? isSecure(parsed) : parsed.protocol === 'https:';
}
