export { redisStore } from './store/redis/store.ts';
export { createStoredHost } from './store/host.ts';
export { fromIoRedis } from './store/redis/client.ts';
export { StoreUnavailableError, StoredFlowError } from './errors.ts';
export type { StoredHost } from './store/host.ts';
export type { RedisFlowStore } from './store/redis/store.ts';
export type { RedisQuota, RedisStoreOptions } from './store/redis/options.ts';
export type { SealingKey } from './store/redis/seal.ts';
export type {
  IoRedisClient,
  IoRedisSubscriber,
  RedisClient,
  RedisSubscriber,
  ScriptOptions,
} from './store/redis/client.ts';
