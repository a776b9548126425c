import { takeUntil, Subject, type Observable } from 'rxjs';
import { InvalidOptionError } from '../base/invalid-option.ts';
import type { ServerEvent } from '../model/events.ts';
import type { BeginOptions, Flow } from '../model/flow.ts';
import { internalsOf } from '../server/internals.ts';
import type { CallbackHost } from '../model/callback-host.ts';
import type { OAuthCallbackServer } from '../server/callback-server.ts';
import { HostFlows } from './host-flows.ts';
import { storedFlowsOf } from './stored-flows.ts';
import type { FlowStore } from '../model/flow-store.ts';

/** Callback host whose redirects may come to any node that shares its store. */
export interface StoredHost extends CallbackHost, AsyncDisposable {}

/**
 * Creates a callback host over a server and a store. Its flows are registered in the store, so that their redirects may come
 * to this node or to any other node with a server of the same redirect URI over the same store. It closes with its server.
 *
 * `begin` rejects with `StoreUnavailableError` while the store is unavailable. Wait for a flow by its `response`: `ofState`
 * on `server.redirects` knows only the flows of the server itself.
 *
 * @throws {InvalidOptionError} The server has another store already.
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { createStoredHost, redisStore, type RedisClient } from 'rx-oauth-callback/redis';
 *
 * async function signIn(client: RedisClient) {
 *   const server = createOAuthCallbackServer({ port: 8080 });
 *   await server.listen();
 *   const host = createStoredHost(server, await redisStore({ client }));
 *   const flow = await host.begin();
 *   flow.response.subscribe(({ code }) => console.log(code));
 * }
 */
export function createStoredHost(server: OAuthCallbackServer, store: FlowStore): StoredHost {
  return new Host(server, store);
}

class Host implements StoredHost {
  readonly events: Observable<ServerEvent>;
  readonly #server: OAuthCallbackServer;
  readonly #flows: HostFlows;
  readonly #closed = new Subject<void>();
  readonly #undo: () => void;

  constructor(server: OAuthCallbackServer, store: FlowStore) {
    const internals = internalsOf(server);
    const stored = storedFlowsOf(server, store);
    if (stored.store !== store) throw new InvalidOptionError('store', 'must be the one that this server has');
    this.#server = server;
    this.#flows = new HostFlows(stored, internals);
    this.events = server.events.pipe(takeUntil(this.#closed));
    this.#undo = internals.onClose(() => this.#flows.close());
  }

  get redirectUri(): string {
    return this.#server.redirectUri;
  }

  async begin(options?: BeginOptions): Promise<Flow> {
    const flow = await this.#flows.begin(options);
    return flow.handle;
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
