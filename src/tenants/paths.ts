import { InvalidOptionError } from '../base/invalid-option.ts';
import { show } from '../base/validate.ts';
import type { ServerInternals } from '../server/internals.ts';

/** A path that a part of the server answers. */
interface Claim {
  readonly path: string;
  /** Name of the part, for people. */
  readonly by: string;
  /** True for a redirect URI: paths one step below it may be those of its flows. */
  readonly hasContexts: boolean;
}

/**
 * Checks that each tenant has paths of its own. Throws `InvalidOptionError` about the first that another part has too.
 *
 * @param tenants Paths of the redirect URIs, by the name of the tenant.
 */
export function requireOwnPaths(tenants: ReadonlyMap<string, string>, server: ServerInternals): void {
  const { callbackPath, routes, upgrades } = server;
  const claims: Claim[] = [{ path: callbackPath, by: 'the server itself', hasContexts: true }];
  for (const path of [...(routes?.paths() ?? []), ...(upgrades?.paths() ?? [])])
    claims.push({ path, by: 'another part of the server', hasContexts: false });
  for (const [name, path] of tenants) {
    const claim: Claim = { path, by: `the tenant ${name}`, hasContexts: true };
    const other = claims.find((each) => overlap(each, claim));
    if (other)
      throw new InvalidOptionError(
        `tenants.${name}.callbackPath`,
        `must be a path of its own; got ${show(path)}, but ${other.by} has ${show(other.path)}`,
      );
    claims.push(claim);
  }
}

function overlap(one: Claim, other: Claim): boolean {
  return one.path === other.path || isBelow(one, other) || isBelow(other, one);
}

/** Tells if a path is that of a flow of a redirect URI, which is one step below it. */
function isBelow({ path }: Claim, { path: above, hasContexts }: Claim): boolean {
  const below = above.endsWith('/') ? above : `${above}/`;
  return hasContexts && path.startsWith(below) && !path.slice(below.length).includes('/');
}
