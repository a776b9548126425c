import type { SchedulerLike } from 'rxjs';
import { InvalidOptionError } from '../../base/invalid-option.ts';
import { requireInteger, show, typeOf } from '../../base/validate.ts';
import { readOptions, type OptionTable } from '../../base/options.ts';
import type { RedisClient } from './client.ts';
import type { FlowQuota } from '../../model/flow-store.ts';
import type { SealingKey } from '../../base/sealing-keys.ts';

/** Options of `redisStore`. Only `client` must be given. */
export interface RedisStoreOptions {
  /** Connected client or cluster of the package `redis`, for Redis 7 or later or Valkey. For `ioredis` see `fromIoRedis`. */
  client: RedisClient;
  /** Beginning of every key and channel: letters, digits, ":", ".", "_" and "-". @default 'rxoc:' */
  prefix?: string;
  /**
   * Tenant of the flows: the same state of two tenants is two flows. `forTenant('acme')` of a store without a tenant has the flows
   * of a store with the tenant `acme`.
   *
   * @default ''
   */
  tenant?: string;
  /**
   * Keys that seal codes and error texts, together with each flow's state. The first key seals, all of them open: put a new
   * key first, and remove an old one once `flowTtl` is over.
   * @default none: the state alone, which Redis never gets
   */
  keys?: readonly SealingKey[];
  /** Limits of a tenant at all nodes together. @default none */
  quota?: RedisQuota;
  /** Milliseconds that a step may take with all its attempts, before the store counts as unavailable. @default 3_000 */
  timeout?: number;
  /** Milliseconds between searches for ended flows whose message was lost. @default 10_000 */
  poll?: number;
  /**
   * Called once when Redis becomes unavailable, with the error; its `cause` has what Redis or the client said, such as
   * `READONLY …` or `OOM …`. @default ignores it
   */
  report?: (error: unknown) => void;
  /** Source of this node's time; flows expire by the clock of Redis. @default the system's clock */
  scheduler?: SchedulerLike;
}

/** Limits beyond which `begin` rejects with `TooManyFlowsError`; pending flows are not affected. */
export type RedisQuota = FlowQuota;

export type RedisStoreSettings = Omit<RedisStoreOptions, 'quota'> &
  typeof defaults & { quota: Required<RedisQuota> | undefined };

const defaults = {
  prefix: 'rxoc:',
  tenant: '',
  keys: [] as readonly SealingKey[],
  timeout: 3_000,
  poll: 10_000,
  report: ((): void => undefined) as (error: unknown) => void,
};

export const quotaDefaults: Required<RedisQuota> = { flows: 100_000, perSecond: 10_000 };

const quotaTable: OptionTable<RedisQuota> = { flows: true, perSecond: true };

export const redisStoreOptionTable: OptionTable<RedisStoreOptions> = {
  client: true,
  prefix: true,
  tenant: true,
  keys: true,
  quota: true,
  timeout: true,
  poll: true,
  report: true,
  scheduler: true,
};

export function readRedisStoreOptions(given: RedisStoreOptions): RedisStoreSettings {
  const options = readOptions(given, redisStoreOptionTable, { of: 'redisStore' }, defaults);
  const { prefix, tenant, timeout, poll } = options;
  const { client } = options as { client: Partial<RedisClient> | undefined };
  if (typeof client?.evalSha !== 'function' || typeof client.duplicate !== 'function')
    throw new InvalidOptionError('client', 'must be a client of the package redis, or fromIoRedis(client)');
  // A brace would begin a hash tag.
  if (!/^[\w:.-]+$/.test(prefix))
    throw new InvalidOptionError(
      'prefix',
      `must be letters, digits, ":", ".", "_" and "-"; got ${show(prefix)}`,
    );
  if (typeof tenant !== 'string')
    throw new InvalidOptionError('tenant', `must be a string; got ${typeOf(tenant)}`);
  requireInteger('timeout', timeout, 1, 60_000);
  requireInteger('poll', poll, 100, 600_000);
  const quota =
    options.quota && readOptions(options.quota, quotaTable, { of: 'quota', prefix: 'quota.' }, quotaDefaults);
  for (const [name, value] of Object.entries(quota ?? {}))
    requireInteger(`quota.${name}`, value, 1, 1_000_000_000);
  return { ...options, quota };
}
