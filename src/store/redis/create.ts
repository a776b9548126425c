import type { FlowStore } from '../../model/flow-store.ts';
import { readRedisStoreOptions, type RedisStoreOptions } from './options.ts';
import { RedisStore } from './store.ts';

/** Store of flows in Redis, for any number of nodes. It owns its connection for messages; the client stays the caller's. */
export interface RedisFlowStore extends FlowStore, AsyncDisposable {
  /** Stops watching, and closes the connection for messages. Repeatable; flows stay in Redis. */
  close(): Promise<void>;
}

/**
 * Creates a store of flows that any number of nodes share.
 *
 * @returns Rejects with `InvalidOptionError` for an option that is out of range, and with `StoreUnavailableError` if Redis
 * does not answer within `timeout`.
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { createBridge } from 'rx-oauth-callback/bridge';
 * import { redisStore, type RedisClient } from 'rx-oauth-callback/redis';
 *
 * // createClient() of `redis`, connected, is a RedisClient.
 * async function serve(client: RedisClient, token: string) {
 *   const store = await redisStore({ client });
 *   const bridge = createBridge(createOAuthCallbackServer({ port: 8080 }), { store, token });
 *   await bridge.listen();
 * }
 */
export async function redisStore(options: RedisStoreOptions): Promise<RedisFlowStore> {
  const store = new RedisStore(readRedisStoreOptions(options));
  await store.open();
  return store;
}
