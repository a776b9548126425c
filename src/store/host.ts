import { takeUntil, Subject, type Observable } from 'rxjs';
import { InvalidOptionError } from '../errors.ts';
import type { ServerEvent } from '../events.ts';
import type { BeginOptions, Flow } from '../flow.ts';
import { internalsOf } from '../internals.ts';
import type { CallbackHost, OAuthCallbackServer } from '../server.ts';
import { SharedFlows } from '../shared-flows.ts';
import { StoredFlows } from '../stored-flows.ts';
import type { FlowStore } from './store.ts';

/** Sign-ins of this process whose redirects may come to any node that shares the store. */
export interface StoredHost extends CallbackHost, AsyncDisposable {}

/**
 * A callback host over a server and a store: what is begun here is registered in the store, so that its redirect may come to
 * this node or to any other one with a server of the same redirect URI over the same store. It closes with its server.
 *
 * `begin` rejects with `StoreUnavailableError` while the store is away, and otherwise as that of the server. A flow is waited
 * for by its `response`: `ofState` on `server.redirects` knows the flows of the server only.
 *
 * Throws `InvalidOptionError` where the server has another store already.
 */
export function createStoredHost(server: OAuthCallbackServer, store: FlowStore): StoredHost {
  return new Host(server, store);
}

class Host implements StoredHost {
  readonly events: Observable<ServerEvent>;
  readonly #server: OAuthCallbackServer;
  readonly #flows: SharedFlows;
  readonly #closed = new Subject<void>();
  readonly #undo: () => void;

  constructor(server: OAuthCallbackServer, store: FlowStore) {
    const internals = internalsOf(server);
    const stored = internals.store((options) => new StoredFlows(store, options));
    if (stored.store !== store) throw new InvalidOptionError('store', 'must be the one that this server has');
    this.#server = server;
    this.#flows = new SharedFlows(stored, internals);
    this.events = server.events.pipe(takeUntil(this.#closed));
    this.#undo = internals.onClose(() => this.#flows.close());
  }

  get redirectUri(): string {
    return this.#server.redirectUri;
  }

  begin(options?: BeginOptions): Promise<Flow> {
    return this.#flows.begin(options);
  }

  async close(): Promise<void> {
    await this.#flows.close();
    this.#undo();
    this.#closed.next();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
