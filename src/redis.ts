/**
 * Store in Redis, so that several nodes share their flows.
 *
 * @module rx-oauth-callback/redis
 */
export { redisStore } from './store/redis/create.ts';
export { createStoredHost } from './store/host.ts';
export { fromIoRedis } from './store/redis/client.ts';
export { StoreUnavailableError, StoredFlowError } from './model/errors.ts';
export type { ResumableFlow } from './flows/resumable-flow.ts';
export type { StoredHost } from './store/host.ts';
export type { RedisFlowStore } from './store/redis/create.ts';
export type { RedisQuota, RedisStoreOptions } from './store/redis/options.ts';
export type { SealingKey } from './base/sealing-keys.ts';
export type {
  IoRedisClient,
  IoRedisSubscriber,
  RedisClient,
  RedisSubscriber,
  ScriptOptions,
} from './store/redis/client.ts';
