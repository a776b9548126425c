import type { NewFlow } from '../../src/model/flow-store.ts';
import type { fromIoRedis, RedisFlowStore, RedisStoreOptions } from '../../src/redis.ts';
import { newKey } from '../helpers/bridge.ts';
import { newFlow, withRedis, type RedisBench } from '../helpers/redis.ts';
import { newState } from '../helpers/server.ts';
import { check, exportsOf, type Check, type Twin } from './requirement.ts';

interface Opened extends Omit<RedisBench, 'open'> {
  fromIoRedis: typeof fromIoRedis;
  open(options?: Partial<RedisStoreOptions>): Promise<RedisFlowStore>;
}

const redis = exportsOf<typeof import('../../src/redis.ts')>('redis.ts');

export const arrival = { path: '/callback', mode: 'query' } as const;

export const fresh = (): NewFlow => newFlow('f', { state: newState(), key: newKey() });

/** A check of the stores that `redis.ts` makes, on a server of its own. */
export function ofStores(
  title: string,
  body: (opened: Opened) => Promise<void>,
  twins: readonly Twin[] = [],
  also: readonly string[] = [],
): Check {
  return check(
    redis,
    title,
    ({ redisStore: make, fromIoRedis: adapt }) =>
      withRedis(async (bench) => {
        const open: Opened['open'] = async (options = {}) => {
          const client = options.client ?? (await bench.client());
          const store = await make({ client, ...options });
          bench.defer(() => store.close());
          return store;
        };
        await body({ ...bench, open, fromIoRedis: adapt });
      }),
    twins,
    { also, redis: true },
  );
}
