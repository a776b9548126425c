import { printable } from '../base/printable.ts';
import { DiscoveryError } from '../login/errors.ts';
import { fetchUntil, type Fetch } from '../login/requests.ts';
import { listOf } from '../login/server-metadata.ts';
import { ResourceMismatchError } from './errors.ts';
import { mayLeadTo } from './origins.ts';

/** Metadata that a server publishes about itself as a protected resource. @see RFC 9728 section 2 */
export interface ResourceMetadata {
  readonly resource: string;
  /** Authorization servers; empty if the server names none. */
  readonly issuers: readonly unknown[];
  /** Scopes, separated by spaces. */
  readonly scopes: string | undefined;
}

const maxRedirects = 3;

/**
 * Resolves with the metadata of a server, or undefined if it publishes none.
 *
 * @param named URL that the server's challenge has named.
 * @throws {ResourceMismatchError} if it is that of another resource
 * @throws {DiscoveryError} if it is unavailable, or leads to a place that a remote server must not lead to
 */
export async function resourceMetadataOf(
  server: string,
  named: string | undefined,
  fetch: Fetch,
  signal: AbortSignal,
): Promise<ResourceMetadata | undefined> {
  for (const url of named === undefined ? wellKnownUrls(server) : [named]) {
    const answer = await answerOf(server, url, fetchUntil(signal, fetch));
    if (answer) return read(server, answer);
  }
  return undefined;
}

/** @see RFC 9728 section 3.1 */
function wellKnownUrls(server: string): string[] {
  const { origin, pathname, search } = new URL(server);
  const place = `${origin}/.well-known/oauth-protected-resource`;
  return [...new Set([`${place}${pathname === '/' ? '' : pathname}${search}`, place])];
}

/** Resolves with the JSON object at a URL, or undefined if there is none. */
async function answerOf(
  server: string,
  place: string,
  send: ReturnType<typeof fetchUntil>,
): Promise<Record<string, unknown> | undefined> {
  let url = place;
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    if (!mayLeadTo(server, url))
      throw unusable(server, `${shown(url)} must be https, and must not lead to this machine`);
    const headers = { accept: 'application/json' };
    const response = await send(url, { method: 'GET', headers, redirect: 'manual', body: undefined }).catch(
      (error: unknown) => {
        throw unusable(server, `cannot be read at ${shown(url)} (${reasonOf(error)})`);
      },
    );
    const { status } = response;
    const location = response.headers.get('location');
    if (status >= 300 && status < 400 && location !== null) {
      url = URL.canParse(location, url) ? new URL(location, url).href : location;
      continue;
    }
    if (status >= 500 || status === 429)
      throw unusable(server, `cannot be read at ${shown(url)} (answered ${status})`, status);
    if (status !== 200) return undefined;
    // Some sites answer every path with their own page.
    const body: unknown = await response.json().catch(() => undefined);
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : undefined;
  }
  throw unusable(server, `cannot be read at ${shown(place)} (more than ${maxRedirects} redirects)`);
}

function read(server: string, fields: Record<string, unknown>): ResourceMetadata {
  const { resource, authorization_servers: issuers, scopes_supported: scopes } = fields;
  if (typeof resource !== 'string' || !isOf(server, resource))
    throw new ResourceMismatchError(server, typeof resource === 'string' ? shown(resource) : 'no name');
  const texts = listOf(scopes).filter((each) => typeof each === 'string' && each !== '');
  return { resource, issuers: listOf(issuers), scopes: texts.length > 0 ? texts.join(' ') : undefined };
}

/**
 * Returns the authorization server to ask: the first of the preferred ones that the server names, else the first that it names. Returns
 * undefined if it names none.
 *
 * @throws {DiscoveryError} if it leads to a place that a remote server must not lead to
 * @see RFC 9728 section 7.6
 */
export function issuerFor(
  server: string,
  { issuers }: ResourceMetadata,
  preferred: readonly string[],
): string | undefined {
  const issuer = preferred.find((each) => issuers.includes(each)) ?? issuers[0];
  if (issuer === undefined || mayLeadTo(server, issuer)) return issuer;
  throw unusable(
    server,
    `names the authorization server ${shown(issuer)}, which must be https, and must not lead to this machine`,
  );
}

/** Tells if a resource is a server, or has it below its path. A query tells servers apart, for example those of tenants. */
function isOf(server: string, resource: string): boolean {
  if (!URL.canParse(resource)) return false;
  const [one, other] = [new URL(server), new URL(resource)];
  const slashed = (path: string): string => (path.endsWith('/') ? path : `${path}/`);
  if (one.origin !== other.origin || (other.search !== '' && other.search !== one.search)) return false;
  return slashed(one.pathname).startsWith(slashed(other.pathname));
}

function unusable(server: string, reason: string, status?: number): DiscoveryError {
  return new DiscoveryError(server, 'unavailable', `the resource metadata of ${server} ${reason}`, status);
}

function reasonOf(error: unknown): string {
  const { name, message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
  return name === 'TimeoutError' ? 'no answer in time' : printable(cause?.code ?? message);
}

const shown = (value: unknown): string => printable(String(value)).slice(0, 500);
