import type { ServedTenant } from '../server/internals.ts';
import { tenantsOf } from '../server/tenant-table.ts';
import type { Identity } from './credentials.ts';
import type { SessionContext } from './session.ts';

/** Parts of a bridge that the connections of one tenant use, or those of the service's own credentials. */
export interface Desk {
  /** Undefined for that of the service. */
  readonly tenant: ServedTenant | undefined;
  readonly context: SessionContext;
}

/** How the desks of a bridge are made, and what follows when a tenant leaves. */
export interface DesksContext {
  open(tenant: ServedTenant): Desk;
  /** @param replaced True if the tenant has other options now, and a new desk. */
  onLeft(desk: Desk, replaced: boolean): void;
}

/** The desks of a bridge: a connection uses that of its identity's tenant, and reaches no other. */
export class Desks {
  readonly own: Desk;
  readonly #byTenant = new Map<string, Desk>();

  constructor(server: object, own: SessionContext, context: DesksContext) {
    this.own = { tenant: undefined, context: own };
    tenantsOf(server).observe((tenant) => {
      const desk = context.open(tenant);
      this.#byTenant.set(tenant.name, desk);
      return () => {
        const replaced = this.#byTenant.get(tenant.name) !== desk;
        if (!replaced) this.#byTenant.delete(tenant.name);
        context.onLeft(desk, replaced);
      };
    });
  }

  /** Returns the desk of an identity; undefined if its tenant does not exist. */
  of({ tenant }: Pick<Identity, 'tenant'>): Desk | undefined {
    return tenant === undefined ? this.own : this.#byTenant.get(tenant);
  }

  /** Desks of tenants. */
  ofTenants(): Iterable<Desk> {
    return this.#byTenant.values();
  }
}
