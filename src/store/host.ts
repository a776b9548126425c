import { takeUntil, Subject, type Observable } from 'rxjs';
import { InvalidOptionError } from '../base/invalid-option.ts';
import type { ServerEvent } from '../model/events.ts';
import type { ResumableFlow } from '../flows/resumable-flow.ts';
import type { BeginOptions } from '../model/flow.ts';
import { internalsOf } from '../server/internals.ts';
import type { CallbackHost } from '../model/callback-host.ts';
import type { OAuthCallbackServer } from '../server/callback-server.ts';
import { HostFlows } from './host-flows.ts';
import { storedFlowsOf } from './stored-flows.ts';
import type { FlowStore } from '../model/flow-store.ts';

/** Callback host whose redirects may come to any node that shares its store. */
export interface StoredHost extends CallbackHost, AsyncDisposable {
  /** Begins a flow, as every callback host does. Another process can take it up. */
  begin(options?: BeginOptions): Promise<ResumableFlow>;
  /**
   * Takes up a flow that another process of the same store has begun and not ended, for example before a crash.
   *
   * The flow has the same state, redirect URI and verifier. A response that the store has received meanwhile is delivered. At a
   * process that still waits for it, the flow ends with `FlowTakenOverError`.
   *
   * @param saved Text from `toResumable()` of the flow.
   * @returns Rejects with `FlowExpiredError` after the flow's time, and with `ServerClosedError` if the store does not know it, for
   * example because its response was delivered.
   * @throws {InvalidOptionError} `saved` is another text, as a rejection.
   *
   * @example
   * import { readFile } from 'node:fs/promises';
   * import { createOAuthCallbackServer } from 'rx-oauth-callback';
   * import { createStoredHost, sqliteStore } from 'rx-oauth-callback/sqlite';
   *
   * const server = createOAuthCallbackServer({ port: 8080 });
   * await server.listen();
   * const host = createStoredHost(server, await sqliteStore({ file: 'private/flows.db' }));
   * const flow = await host.resume(await readFile('private/flow.secret', 'utf8'));
   * flow.response.subscribe(({ code }) => console.log(code?.length));
   */
  resume(saved: string): Promise<ResumableFlow>;
  /**
   * Ends every pending flow with `ServerClosedError`. May be called repeatedly.
   *
   * @param options With `restart: true` the flows stay in the store, so that the next process can resume them. Call it before the
   * server is closed.
   */
  close(options?: { restart?: boolean }): Promise<void>;
}

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

  async begin(options?: BeginOptions): Promise<ResumableFlow> {
    const flow = await this.#flows.begin(options);
    return flow.handle;
  }

  async resume(saved: string): Promise<ResumableFlow> {
    const flow = await this.#flows.resume(saved);
    return flow.handle;
  }

  async close({ restart = false }: { restart?: boolean } = {}): Promise<void> {
    await this.#flows.close(restart);
    this.#undo();
    this.#closed.next();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
