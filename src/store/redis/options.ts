import type { SchedulerLike } from 'rxjs';
import { InvalidOptionError } from '../../errors.ts';
import { requireKnown } from '../../known-options.ts';
import { requireInteger, show } from '../../validate.ts';
import type { RedisClient } from './client.ts';
import type { SealingKey } from './seal.ts';

/** Options of `redisStore`. Only `client` must be given. */
export interface RedisStoreOptions {
  /** Connected, of the package `redis`, for one Redis (7 or later, or Valkey) or a cluster; for `ioredis` see `fromIoRedis`. */
  client: RedisClient;
  /** What every key and channel begins with: letters, digits, ":", ".", "_" and "-". @default 'rxoc:' */
  prefix?: string;
  /** Whose flows these are: the same state of two tenants is two flows. @default '' */
  tenant?: string;
  /**
   * What codes and error texts are sealed with besides each flow's state. The first one seals, all of them open: put a
   * new one first, and take an old one away once `flowTtl` is over.
   * @default none: the state alone, which Redis is not told
   */
  keys?: readonly SealingKey[];
  /** What one tenant may have of all nodes together. */
  quota?: RedisQuota;
  /** Milliseconds a step may take, with all its attempts; the store counts as away then. @default 3_000 */
  timeout?: number;
  /** Milliseconds between looks for endings whose message was lost. @default 10_000 */
  poll?: number;
  /** Told when a look for endings fails. @default nobody */
  report?: (error: unknown) => void;
  /** Where this node's time comes from; flows expire by the clock of Redis. @default the system's clock */
  scheduler?: SchedulerLike;
}

/** Beyond it `begin` fails with `TooManyFlowsError`, and those that wait are undisturbed. */
export interface RedisQuota {
  /** Flows that wait. @default 100_000 */
  flows?: number;
  /** Flows begun in a second. @default 10_000 */
  perSecond?: number;
}

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

const quotaDefaults: Required<RedisQuota> = { flows: 100_000, perSecond: 10_000 };

export const redisStoreOptionNames: ReadonlySet<string> = new Set([
  ...Object.keys(defaults),
  'client',
  'quota',
  'scheduler',
]);

export function readRedisStoreOptions(options: RedisStoreOptions): RedisStoreSettings {
  requireKnown(options, redisStoreOptionNames, 'redisStore');
  requireKnown(options.quota ?? {}, new Set(Object.keys(quotaDefaults)), 'quota', 'quota.');
  const { prefix, tenant, timeout, poll } = { ...defaults, ...options };
  const { client } = options as { client: Partial<RedisClient> | undefined };
  if (typeof client?.evalSha !== 'function' || typeof client.duplicate !== 'function')
    throw new InvalidOptionError('client', 'must be a client of the package redis, or fromIoRedis(client)');
  // A brace would begin a hash tag.
  if (!/^[\w:.-]+$/.test(prefix))
    throw new InvalidOptionError(
      'prefix',
      `must be letters, digits, ":", ".", "_" and "-", got ${show(prefix)}`,
    );
  if (typeof tenant !== 'string')
    throw new InvalidOptionError('tenant', `must be a string, got ${typeof tenant}`);
  requireInteger('timeout', timeout, 1, 60_000);
  requireInteger('poll', poll, 100, 600_000);
  const quota = options.quota && { ...quotaDefaults, ...options.quota };
  for (const [name, value] of Object.entries(quota ?? {}))
    requireInteger(`quota.${name}`, value, 1, 1_000_000_000);
  return { ...defaults, ...options, quota };
}
