import { DiscoveryError } from '../login/errors.ts';
import { discover } from '../login/metadata.ts';
import type { Fetch } from '../login/requests.ts';
import type { ServerMetadata } from '../login/server-metadata.ts';
import type { Challenge } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { mayHaveToken, mayLeadTo } from './origins.ts';
import { issuerFor, resourceMetadataOf } from './resource-metadata.ts';

/** An authorization server. */
export interface AuthorizationServer {
  readonly metadata: ServerMetadata;
  /** False if it publishes no metadata; then its endpoints are those of the MCP specification of 2025-03-26. */
  readonly isPublished: boolean;
}

/** Facts about a server. */
export interface Discovered extends AuthorizationServer {
  /** Name of the server in requests to the authorization server (RFC 8707); undefined if it publishes none. */
  readonly resource: string | undefined;
  /** Scopes that the server names in its metadata. */
  readonly scopes: string | undefined;
  /** True if the server names its authorization server. */
  readonly isNamed: boolean;
  /** Issuer that has published the metadata, if the metadata names another one that is trusted. */
  readonly publisher: string | undefined;
}

/** Which authorization servers are right for a server. */
export interface Acceptable {
  /** Issuers that metadata may name instead of its own. */
  readonly trustedIssuers: readonly string[];
  /** Issuers to choose if the server names several, the best one first. */
  readonly preferred: readonly string[];
}

/** Finds the authorization servers of servers. */
export class Discovery {
  readonly #fetch: Fetch;
  /** Issuers by authorization endpoint. Two that share one could mix up their responses. */
  readonly #issuers = new Map<string, string>();

  constructor(fetch: Fetch) {
    this.#fetch = fetch;
  }

  /**
   * Resolves with the authorization server of a server.
   *
   * @throws {DiscoveryError} if metadata is unavailable or must not be used
   * @throws {ResourceMismatchError} if the server has the metadata of another resource
   */
  async ofServer(
    server: string,
    { resourceMetadata }: Challenge,
    { trustedIssuers, preferred }: Acceptable,
    signal: AbortSignal,
  ): Promise<Discovered> {
    if (!mayHaveToken(new URL(server)))
      throw new DiscoveryError(
        server,
        'insecure_endpoint',
        `the server ${server} must be https, or on this machine; a token would cross the network in the clear`,
      );
    const found = await resourceMetadataOf(server, resourceMetadata, this.#fetch, signal);
    const choices = preferred.flatMap((each) => [each, slashToggled(each)]);
    const named = found && issuerFor(server, found, choices);
    const issuer = named ?? new URL(server).origin;
    const isNamed = named !== undefined;
    const as = await this.ofIssuer(issuer, trustedIssuers, signal, !isNamed);
    const isOwn = [issuer, slashToggled(issuer)].includes(as.metadata.issuer);
    return {
      ...as,
      resource: found?.resource,
      scopes: found?.scopes,
      isNamed,
      publisher: isOwn ? undefined : issuer,
    };
  }

  /** Resolves with the authorization server that has issued tokens. */
  ofCredentials(
    { tokens: { issuer }, publisher = issuer }: Credentials,
    signal: AbortSignal,
  ): Promise<AuthorizationServer> {
    return this.ofIssuer(publisher, [issuer], signal);
  }

  /** @param mayLackMetadata True if the issuer may publish no metadata. */
  async ofIssuer(
    issuer: string,
    trustedIssuers: readonly string[],
    signal: AbortSignal,
    mayLackMetadata = true,
  ): Promise<AuthorizationServer> {
    const aliases = [slashToggled(issuer), ...trustedIssuers];
    try {
      const metadata = await discover({ issuer, aliases, fetch: this.#fetch }, signal);
      this.#require(metadata);
      return { metadata, isPublished: true };
    } catch (error) {
      // The endpoints of the specification of 2025-03-26 are those of an origin.
      const { origin } = new URL(issuer);
      if (!mayLackMetadata || issuer !== origin || !isUnpublished(error)) throw error;
      return { metadata: defaultMetadata(issuer), isPublished: false };
    }
  }

  #require(metadata: ServerMetadata): void {
    const { issuer, authorization_endpoint: endpoint } = metadata;
    for (const name of endpoints)
      if (metadata[name] !== undefined && !mayLeadTo(issuer, metadata[name]))
        throw new DiscoveryError(
          issuer,
          'insecure_endpoint',
          `the ${name} of ${issuer} must be https, and must not lead to this machine`,
        );
    if (endpoint === undefined) return;
    const { origin, pathname } = new URL(endpoint);
    const other = this.#issuers.get(origin + pathname);
    if (other !== undefined && other !== issuer)
      throw new DiscoveryError(
        issuer,
        'shared_endpoint',
        `the issuer ${issuer} has the authorization endpoint of ${other}; each must have its own`,
      );
    this.#issuers.set(origin + pathname, issuer);
  }
}

const endpoints = [
  'authorization_endpoint',
  'token_endpoint',
  'registration_endpoint',
  'revocation_endpoint',
  'pushed_authorization_request_endpoint',
  'device_authorization_endpoint',
] as const;

/** Returns the other spelling of an issuer. Many servers name their issuer with a slash in one place and without it in another. */
function slashToggled(issuer: string): string {
  return issuer.endsWith('/') ? issuer.slice(0, -1) : `${issuer}/`;
}

function isUnpublished(error: unknown): boolean {
  if (!(error instanceof DiscoveryError) || error.flaw !== 'unavailable') return false;
  const { status = 0 } = error;
  return status >= 400 && status < 500 && status !== 429;
}

function defaultMetadata(issuer: string): ServerMetadata {
  const { origin } = new URL(issuer);
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
  };
}
