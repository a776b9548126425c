import type { Observable } from 'rxjs';
import type { HotStream } from '../base/hot-stream.ts';
import type { Binding } from '../http/binding.ts';
import type { CallbackHost } from '../model/callback-host.ts';
import { NotListeningError, ServerClosedError } from '../model/errors.ts';
import type { ServerEvent } from '../model/events.ts';
import type { BeginOptions, Flow } from '../model/flow.ts';
import type { FlowStore } from '../model/flow-store.ts';
import type { Redirect } from '../model/redirect.ts';
import { internalsOf, type OuterServer, type ServedTenant } from '../server/internals.ts';
import { CallbackServer } from '../server/server.ts';
import type { Settings } from '../server/settings.ts';
import { createStoredHost } from '../store/host.ts';
import { TenantEvents } from './events.ts';

/** One customer of a shared callback server: its flows, checks and pages are its own. */
export interface Tenant extends CallbackHost {
  readonly name: string;
  /** Every request that reaches the tenant's callback path as a redirect. */
  readonly redirects: Observable<Redirect>;
  /** Number of flows of the tenant that wait for their redirect. */
  readonly pending: number;
  /** Checks that a request to the tenant's redirect URI reaches it. Rejects with `UnreachableError` if it does not. */
  probe(): Promise<void>;
  /** Removes the tenant: ends its pending flows with `ServerClosedError`, and gives its path free. Repeatable. */
  close(): Promise<void>;
}

/** A tenant with the server that it consists of. */
export class InsideTenant implements Tenant, ServedTenant {
  readonly name: string;
  readonly server: CallbackServer;
  readonly internals: ServedTenant['internals'];
  readonly quota: ServedTenant['quota'];
  readonly #host: Pick<CallbackHost, 'begin'>;
  readonly #remove: (tenant: InsideTenant) => Promise<void>;
  #removed = false;

  /** @param remove Removes the tenant from its server. */
  constructor(
    name: string,
    { settings, quota }: { settings: Settings; quota: ServedTenant['quota'] },
    outer: OuterServer,
    store: FlowStore | undefined,
    remove: (tenant: InsideTenant) => Promise<void>,
  ) {
    this.name = name;
    this.quota = quota;
    this.#remove = remove;
    const events: HotStream<ServerEvent> = new TenantEvents(name, outer.events);
    this.server = new CallbackServer(settings, { ...outer, events, bind: () => bindInside(outer) });
    this.internals = internalsOf(this.server);
    const view = store?.forTenant?.(name, quota);
    this.#host = view ? createStoredHost(this.server, view) : this.server;
  }

  get redirectUri(): string {
    return this.server.redirectUri;
  }

  get events(): Observable<ServerEvent> {
    return this.server.events;
  }

  get redirects(): Observable<Redirect> {
    return this.server.redirects;
  }

  get pending(): number {
    return this.server.pending;
  }

  async begin(options?: BeginOptions): Promise<Flow> {
    if (this.#removed)
      throw new ServerClosedError(`the tenant ${this.name} was removed or replaced; ask for it again`);
    return this.#host.begin(options);
  }

  probe(): Promise<void> {
    return this.server.probe();
  }

  close(): Promise<void> {
    return this.#remove(this);
  }

  /** Ends its flows, once its path leads elsewhere. */
  end(): Promise<void> {
    this.#removed = true;
    return this.server.close();
  }
}

/** Resolves with the addresses of the outer server, which alone listens and closes. */
async function bindInside({ binding }: OuterServer): Promise<Binding> {
  const bound = await binding();
  if (!bound) throw new NotListeningError('the server of the tenant must listen first; await its listen()');
  const { addresses, secure } = bound;
  const nothing = (): void => undefined;
  return { addresses, secure, onUpgrade: () => nothing, leave: nothing, close: () => Promise.resolve() };
}
