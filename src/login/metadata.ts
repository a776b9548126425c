import { DiscoveryError, type DiscoveryFlaw } from './errors.ts';
import { isSecure } from '../base/loopback.ts';
import { printable } from '../base/printable.ts';
import { show } from '../base/validate.ts';
import { metadataAnswer, withoutEmpty } from './answers.ts';
import { configurationOf, unregistered } from './configuration.ts';
import { allowLoopback, loadOpenId, type OpenId } from './openid-client.ts';
import { refusalOf, type Refusal } from './refusals.ts';
import { fetchUntil, type Fetch } from './requests.ts';
import { listOf, ofManyTenants, type ServerMetadata } from './server-metadata.ts';

export interface DiscoverOptions {
  issuer: string;
  metadata?: ServerMetadata;
  requirePkce?: boolean;
  fetch?: Fetch;
  /** Other issuers that the metadata may name. Exact strings. @default none */
  aliases?: readonly string[];
  /** Throws `DiscoveryError` if the metadata lacks what the caller needs. */
  check?: (metadata: ServerMetadata) => void;
}

/** Resolves with the issuer's metadata after checking it. Rejects with `DiscoveryError`. */
export async function discover(options: DiscoverOptions, signal: AbortSignal): Promise<ServerMetadata> {
  const openid = await loadOpenId();
  const { issuer, metadata } = options;
  if (metadata) return usable(openid, withoutEmpty(metadata), options);
  let best: Failure | undefined;
  for (const url of metadataUrls(issuer)) {
    const found = await lookAt(openid, url, options, signal);
    if (!(found instanceof Failure)) return found;
    if (!best || found.rank > best.rank) best = found;
    if (found.isFinal) break;
  }
  throw (
    best?.error ??
    new DiscoveryError(issuer, 'unavailable', `no metadata URL of the issuer ${issuer} was requested`)
  );
}

/** Failure at one URL. */
class Failure {
  constructor(
    readonly error: DiscoveryError,
    /** The failure with the highest rank is reported. */
    readonly rank: number,
    /** True if the other URLs would fail too, because they are at the same server. */
    readonly isFinal = false,
  ) {}
}

async function lookAt(
  openid: OpenId,
  url: URL,
  options: DiscoverOptions,
  signal: AbortSignal,
): Promise<ServerMetadata | Failure> {
  let metadata: ServerMetadata;
  try {
    metadata = await fetchMetadata(openid, url, options, signal);
  } catch (thrown) {
    return unavailable(options, refusalOf(openid, thrown));
  }
  try {
    return await usable(openid, metadata, options);
  } catch (error) {
    if (!(error instanceof DiscoveryError)) throw error;
    return new Failure(error, error.flaw === 'issuer_mismatch' ? 3 : 4);
  }
}

function unavailable({ issuer }: DiscoverOptions, { reason, status, unanswered, closed }: Refusal): Failure {
  const hasNothing = status === 404 || status === 410;
  return new Failure(
    new DiscoveryError(issuer, 'unavailable', `the issuer ${issuer} ${reason}`, status),
    hasNothing ? 0 : unanswered ? 1 : 2,
    unanswered === true && !closed,
  );
}

async function fetchMetadata(
  openid: OpenId,
  url: URL,
  { fetch = globalThis.fetch }: DiscoverOptions,
  signal: AbortSignal,
): Promise<ServerMetadata> {
  const configuration = await openid.discovery(url, unregistered, undefined, openid.None(), {
    [openid.customFetch]: fetchUntil(signal, fetch, metadataAnswer),
    execute: [allowLoopback(openid)],
  });
  return configuration.serverMetadata();
}

/**
 * Returns the URLs at which the metadata may be, in the order to try them. They differ only for an issuer with a path.
 *
 * @see OpenID Connect Discovery section 4, RFC 8414 sections 3.1 and 5
 */
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

/** Resolves with the metadata if a sign-in may use it. Rejects with `DiscoveryError`. */
async function usable(
  openid: OpenId,
  metadata: ServerMetadata,
  { issuer, requirePkce = false, aliases = [], check }: DiscoverOptions,
): Promise<ServerMetadata> {
  const fail = (flaw: DiscoveryFlaw, message: string): never => {
    throw new DiscoveryError(issuer, flaw, message);
  };
  if (!aliases.includes(metadata.issuer) && !(await isOfIssuer(openid, metadata, issuer))) {
    const advice = ofManyTenants(metadata)
      ? '; use the issuer of one tenant, with its id'
      : '; both must be equal';
    fail('issuer_mismatch', `the issuer ${issuer} has metadata of ${shown(metadata.issuer)}${advice}`);
  }
  for (const name of [
    'authorization_endpoint',
    'token_endpoint',
    'registration_endpoint',
    'jwks_uri',
  ] as const) {
    if (name === 'token_endpoint' || metadata[name] !== undefined) requireEndpoint(metadata, name, issuer);
  }
  if (requirePkce && !listOf(metadata.code_challenge_methods_supported).includes('S256'))
    fail('pkce_not_supported', `the issuer ${issuer} does not list PKCE with S256 in its metadata`);
  check?.(metadata);
  return metadata;
}

/** Throws `DiscoveryError` if the metadata has no such endpoint, or one that must not be asked. */
export function requireEndpoint(metadata: ServerMetadata, name: string, issuer: string): void {
  // Not validated yet, so it may be of any type.
  const url = metadata[name];
  if (url === undefined)
    throw new DiscoveryError(issuer, 'missing_endpoint', `the issuer ${issuer} has no ${name}`);
  if (!mayBeAsked(url, issuer.startsWith('http:')))
    throw new DiscoveryError(
      issuer,
      'insecure_endpoint',
      `the ${name} of ${issuer} must be https; got ${shown(url)}`,
    );
}

/**
 * Tells if metadata belongs to an issuer.
 *
 * Issuers are compared as strings (RFC 8414 section 3.3): a URL that only looks equivalent may belong to another server. The
 * exceptions are those of openid-client, such as `common` and `organizations` of Microsoft Entra, whose metadata names the
 * issuers of all tenants.
 */
async function isOfIssuer(openid: OpenId, metadata: ServerMetadata, issuer: string): Promise<boolean> {
  const named: unknown = metadata.issuer;
  if (named === issuer) return true;
  if (typeof named !== 'string' || !URL.canParse(named)) return false;
  if (new URL(named).href === new URL(issuer).href) return false;
  return configurationOf(openid, metadata, issuer, { id: unregistered, auth: openid.None() }).then(
    () => true,
    () => false,
  );
}

export function shown(value: unknown): string {
  return printable(show(value)).slice(0, 500);
}

/** Tells if this program may send a user to the URL, or a request. A remote server must not direct requests to loopback. */
export function mayBeAsked(url: unknown, local: boolean): boolean {
  if (typeof url !== 'string' || !URL.canParse(url)) return false;
  const parsed = new URL(url);
  return local ? isSecure(parsed) : parsed.protocol === 'https:';
}
