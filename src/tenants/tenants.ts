import { isDeepStrictEqual } from 'node:util';
import { filter, Subject, takeUntil, type Observable } from 'rxjs';
import { inTurn } from '../base/in-turn.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { withoutUndefined } from '../base/without-undefined.ts';
import { readOptions } from '../base/options.ts';
import { show, typeOf } from '../base/validate.ts';
import type { ServerEvent } from '../model/events.ts';
import type { FlowStore } from '../model/flow-store.ts';
import type { OAuthCallbackServer } from '../server/callback-server.ts';
import { internalsOf, type ServerInternals } from '../server/internals.ts';
import { tenantsOf, type TenantTable } from '../server/tenant-table.ts';
import { readTenantOptions, tenantsOptionTable, type TenantOptions, type TenantsOptions } from './options.ts';
import { requireOwnPaths } from './paths.ts';
import { InsideTenant, type Tenant } from './tenant.ts';

/** Customers of a shared callback server. */
export interface Tenants extends AsyncDisposable {
  /** Names of the tenants. */
  readonly names: readonly string[];
  /** Events of all tenants, each with its `tenant`. They are events of the server too. Completes on `close()`. */
  readonly events: Observable<ServerEvent>;
  /** Number of flows of all tenants that wait for their redirect. */
  readonly pending: number;
  /** Starts to take redirects, and lets the server listen too. Repeatable. */
  listen(): Promise<void>;
  /** Returns a tenant. Throws `InvalidOptionError` if there is none of this name. */
  tenant(name: string): Tenant;
  /**
   * Replaces all tenants in one step. A tenant whose options are the same as before keeps its flows. One that is missing ends its
   * flows with `ServerClosedError`; so does one whose options have changed, which begins anew with the new ones. Flows of remote
   * listeners whose tenant stays go on: the listeners reconnect.
   *
   * @throws InvalidOptionError if an option is invalid or two parts of the server have one path; then nothing changes.
   */
  replace(tenants: Readonly<Record<string, TenantOptions>>): Promise<void>;
  /** Removes all tenants. Repeatable. */
  close(): Promise<void>;
}

/**
 * Adds tenants to a callback server: each has a redirect URI, flows, checks and pages of its own, on the port of the server. The
 * path of a request alone tells whose it is. The same state of two tenants is two flows, and a response that comes to the path
 * of another tenant belongs to no flow.
 *
 * @throws {InvalidOptionError} if an option is invalid, two parts of the server have one path, or the server has tenants already
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { createTenants } from 'rx-oauth-callback/tenants';
 *
 * const server = createOAuthCallbackServer({ port: 8080 });
 * const tenants = createTenants(server, {
 *   tenants: {
 *     acme: { callbackPath: '/acme/callback', productName: 'Acme Notes' },
 *     globex: { callbackPath: '/globex/callback', productName: 'Globex' },
 *   },
 * });
 * await tenants.listen();
 * const flow = await tenants.tenant('acme').begin();
 * console.log(flow.redirectUri); // http://127.0.0.1:8080/acme/callback
 */
export function createTenants(server: OAuthCallbackServer, options: TenantsOptions): Tenants {
  const { tenants, store } = readOptions(options, tenantsOptionTable, { of: 'the tenants' }, {});
  if (store && !store.forTenant)
    throw new InvalidOptionError('store', 'must keep tenants apart; it has no method forTenant');
  return new InsideTenants(server, tenants, store);
}

/** Tenant to be, or one that stays as it is. */
interface Planned {
  readonly options: object;
  readonly tenant: InsideTenant;
}

class InsideTenants implements Tenants {
  readonly events: Observable<ServerEvent>;
  readonly #server: OAuthCallbackServer;
  readonly #internals: ServerInternals;
  readonly #store: FlowStore | undefined;
  readonly #table: TenantTable;
  #current: ReadonlyMap<string, Planned> = new Map();
  readonly #inTurn = inTurn();
  readonly #closed = new Subject<void>();

  constructor(server: OAuthCallbackServer, tenants: TenantsOptions['tenants'], store: FlowStore | undefined) {
    this.#server = server;
    this.#internals = internalsOf(server);
    this.#store = store;
    this.#table = tenantsOf(server);
    if (this.#table.inUse)
      throw new InvalidOptionError('server', 'must have no tenants yet; call replace() to change them');
    this.#exchange(this.#plan(tenants));
    this.#table.inUse = true;
    this.events = server.events.pipe(
      filter(({ tenant }) => tenant !== undefined),
      takeUntil(this.#closed),
    );
  }

  get names(): readonly string[] {
    return [...this.#current.keys()];
  }

  get pending(): number {
    return [...this.#table.values()].reduce((sum, { server }) => sum + server.pending, 0);
  }

  listen(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#server.listen();
      await this.#table.listen();
    });
  }

  tenant(name: string): Tenant {
    const found = this.#current.get(name);
    if (found) return found.tenant;
    throw new InvalidOptionError('tenant', `must be one of ${this.names.join(', ')}; got ${show(name)}`);
  }

  replace(tenants: Readonly<Record<string, TenantOptions>>): Promise<void> {
    return this.#inTurn(() => this.#replace(tenants));
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#replace({});
      this.#table.inUse = false;
      this.#closed.next();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #replace(tenants: Readonly<Record<string, TenantOptions>>): Promise<void> {
    const planned = this.#plan(tenants);
    const joins = [...planned.values()].filter(({ tenant }) => this.#table.get(tenant.name) !== tenant);
    // First, so that no request comes to a tenant that does not listen yet.
    if (this.#isOpen) await Promise.all(joins.map(({ tenant }) => tenant.server.listen()));
    const left = this.#exchange(planned);
    if (this.#isOpen) await this.#table.listen();
    else await this.#table.close();
    await Promise.all(left.map((tenant) => tenant.end()));
  }

  get #isOpen(): boolean {
    try {
      return this.#server.redirectUri !== '';
    } catch {
      return false;
    }
  }

  /** Checks all tenants, and creates those that are new or have changed. Throws `InvalidOptionError`, and then changes nothing. */
  #plan(tenants: Readonly<Record<string, TenantOptions>>): Map<string, Planned> {
    if (typeof tenants !== 'object' || (tenants as unknown) === null || Array.isArray(tenants))
      throw new InvalidOptionError('tenants', `must be an object of tenants by name; got ${typeOf(tenants)}`);
    const { outer } = this.#internals;
    const read = Object.entries(tenants).map(
      ([name, given]) => [name, given, readTenantOptions(name, given, outer.settings)] as const,
    );
    requireOwnPaths(
      new Map(read.map(([name, , { settings }]) => [name, settings.callbackPath])),
      this.#internals,
    );
    return new Map(
      read.map(([name, given, checked]) => {
        const before = this.#current.get(name);
        if (before && isDeepStrictEqual(before.options, withoutUndefined(given))) return [name, before];
        const remove = (tenant: InsideTenant): Promise<void> => this.#remove(tenant);
        return [
          name,
          { options: copyOf(given), tenant: new InsideTenant(name, checked, outer, this.#store, remove) },
        ];
      }),
    );
  }

  /** Makes planned tenants the current ones. Returns those that have left. */
  #exchange(planned: ReadonlyMap<string, Planned>): readonly InsideTenant[] {
    const left = [...this.#current.values()].filter((each) => planned.get(each.tenant.name) !== each);
    const joined = [...planned.values()].filter((each) => this.#current.get(each.tenant.name) !== each);
    const tenantsIn = (list: readonly Planned[]): InsideTenant[] => list.map(({ tenant }) => tenant);
    this.#current = planned;
    this.#table.exchange(tenantsIn(left), tenantsIn(joined));
    return tenantsIn(left);
  }

  #remove(tenant: InsideTenant): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#current.get(tenant.name)?.tenant !== tenant) return;
      const others = new Map([...this.#current].filter(([name]) => name !== tenant.name));
      await Promise.all(this.#exchange(others).map((left) => left.end()));
    });
  }
}

/** Copies options, because the program may change its object before it passes it again. */
function copyOf({ render, ...values }: TenantOptions): object {
  const copied = structuredClone(values);
  return withoutUndefined(render ? { ...copied, render } : copied);
}
