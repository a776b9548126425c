/** State of an authorization server, and what it has seen. */
import { noCounts, type AuthorizationServerCounts } from './switches.ts';

export class Records {
  readonly counts: AuthorizationServerCounts = noCounts();
  /** Errors answered, one a line. */
  readonly log: string[] = [];
  readonly accessTokens = new AccessTokens();
  /** Grants that refresh tokens belong to. */
  readonly grants = new Set<string>();
  /** Refresh tokens that were used. */
  readonly used = new Set<string>();
  /** Ids of clients that have registered. */
  readonly registered = new Set<string>();
  /** Ids of clients that the server no longer knows. */
  readonly forgotten = new Set<string>();

  /** Counts a token request. */
  countToken(grantType: string | null | undefined): void {
    this.counts[grantType === 'refresh_token' ? 'refresh' : 'code']++;
  }
}

/** Access tokens by their ids. No time is compared, so that a token issued in the second of a revocation is good. */
export class AccessTokens {
  readonly #audiences = new Map<string, string | undefined>();
  readonly #revoked = new Set<string>();

  add(id: string, audience: string | undefined): void {
    this.#audiences.set(id, audience);
  }

  revoke(id: string): void {
    this.#revoked.add(id);
  }

  /** Revokes every token that was issued so far for an audience. */
  revokeFor(audience: string): void {
    for (const [id, aud] of this.#audiences) if (aud === audience) this.#revoked.add(id);
  }

  isRevoked(id: string): boolean {
    return this.#revoked.has(id);
  }
}
