import { listOf as supported, type ServerMetadata } from '../login/server-metadata.ts';

/** Joins scopes without repeating one. Returns undefined if there are none. @see RFC 6749 section 3.3 */
export function unionOf(...scopes: readonly (string | undefined)[]): string | undefined {
  const all = new Set(scopes.flatMap(listOf));
  return all.size > 0 ? [...all].join(' ') : undefined;
}

/** Scopes that a sign-in could request, each of them separated by spaces. */
export interface ScopeSources {
  /** Scopes that the program, or its user, wants. */
  readonly own: string | undefined;
  /** Scopes that the server names, in its challenge or else in its metadata. */
  readonly named: string | undefined;
  /** Scopes to request in any case. */
  readonly further?: string | undefined;
}

/** Returns the scopes that a sign-in needs. */
export function neededScopes({ own, named, further }: ScopeSources): string | undefined {
  return unionOf(own ?? named, further);
}

/**
 * Returns the scopes to request: those that are needed, and `offline_access` for a refresh token. Undefined leaves the choice to the
 * authorization server.
 *
 * @see Model Context Protocol, Authorization, "Scope Selection Strategy"
 */
export function scopesToRequest(sources: ScopeSources, metadata: ServerMetadata): string | undefined {
  const scope = neededScopes(sources);
  // A program that names scopes can name this one too.
  return scope === undefined || sources.own !== undefined ? scope : unionOf(scope, offlineAccess(metadata));
}

/** Tells if all scopes of `some` are among `all`. */
export function includesScopes(all: string | undefined, some: string | undefined): boolean {
  const given = new Set(listOf(all));
  return listOf(some).every((scope) => given.has(scope));
}

function listOf(scope = ''): string[] {
  return scope.split(' ').filter((each) => each !== '');
}

/** Returns the scopes that both have. */
export function commonScopes(one: string | undefined, other: string | undefined): string | undefined {
  return unionOf(...listOf(one).filter((scope) => includesScopes(other, scope)));
}

/** Returns the scope for a refresh token, if an authorization server lists it. @see OpenID Connect Core section 11 */
export function offlineAccess({ scopes_supported }: ServerMetadata): string | undefined {
  const scope = 'offline_access';
  return supported(scopes_supported).includes(scope) ? scope : undefined;
}
