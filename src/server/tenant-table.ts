import { readTarget } from '../callback/request.ts';
import { Routes } from '../http/routes.ts';
import { internalsOf, type ServedTenant, type TenantsInside } from './internals.ts';

/** Called for each tenant, now and whenever one joins. The function that it returns is called when the tenant leaves. */
export type TenantObserver = (tenant: ServedTenant) => () => void;

/** Returns the tenants of a server. Other parts may ask for them before the server has any. */
export function tenantsOf(server: object): TenantTable {
  const internals = internalsOf(server);
  if (internals.tenants instanceof TenantTable) return internals.tenants;
  const table = new TenantTable();
  internals.tenants = table;
  (internals.routes ??= new Routes(internals)).openTenants();
  return table;
}

/** Tenants of a server, by name and by the path of their redirect URI. */
export class TenantTable implements TenantsInside {
  readonly #byName = new Map<string, ServedTenant>();
  readonly #byPath = new Map<string, ServedTenant>();
  /** Functions to call when a tenant leaves, by observer. */
  readonly #observers = new Map<TenantObserver, Map<ServedTenant, () => void>>();
  /** True once the program has created tenants, even if there is none now. */
  inUse = false;

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): ServedTenant | undefined {
    return this.#byName.get(name);
  }

  values(): Iterable<ServedTenant> {
    return this.#byName.values();
  }

  /** Finds by exact spelling, never by `Host`, header or parameter: only the path tells whose a redirect URI is. */
  find(target: string): ServedTenant | undefined {
    const path = readTarget(target)?.path;
    if (path === undefined || this.#byPath.size === 0) return undefined;
    const end = path.lastIndexOf('/');
    return (
      this.#byPath.get(path) ??
      this.#byPath.get(path.slice(0, end)) ??
      this.#byPath.get(path.slice(0, end + 1))
    );
  }

  /** Replaces tenants in one step. A tenant of `joins` takes the name and the path of one that leaves. */
  exchange(leaves: readonly ServedTenant[], joins: readonly ServedTenant[]): void {
    for (const tenant of leaves) {
      this.#byName.delete(tenant.name);
      for (const path of pathsOf(tenant)) this.#byPath.delete(path);
    }
    for (const tenant of joins) {
      this.#byName.set(tenant.name, tenant);
      for (const path of pathsOf(tenant)) this.#byPath.set(path, tenant);
    }
    for (const [observer, present] of this.#observers) {
      for (const tenant of joins) present.set(tenant, observer(tenant));
      for (const tenant of leaves) {
        present.get(tenant)?.();
        present.delete(tenant);
      }
    }
  }

  /** Registers an observer. Returns a function that removes it. */
  observe(observer: TenantObserver): () => void {
    const present = new Map<ServedTenant, () => void>();
    this.#observers.set(observer, present);
    for (const tenant of this.values()) present.set(tenant, observer(tenant));
    return () => void this.#observers.delete(observer);
  }

  async listen(): Promise<void> {
    await Promise.all([...this.values()].map(({ server }) => server.listen()));
  }

  async close(): Promise<void> {
    await Promise.all([...this.values()].map(({ server }) => server.close()));
  }
}

/** Paths of the redirect URI and of the start URLs. */
function pathsOf({ internals: { callbackPath, outer } }: ServedTenant): readonly string[] {
  return [callbackPath, outer.settings.startPath];
}
