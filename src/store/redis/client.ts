/** Methods of a Redis client that the store calls. Clients and clusters of the package `redis` have them. */
export interface RedisClient {
  evalSha(sha1: string, options: ScriptOptions): Promise<unknown>;
  eval(script: string, options: ScriptOptions): Promise<unknown>;
  /** Creates another, unconnected client for the same Redis: sharded pub/sub needs a connection of its own. */
  duplicate(): RedisSubscriber;
}

/** Keys and arguments of a script. */
export interface ScriptOptions {
  keys: string[];
  arguments: string[];
}

/** Methods of a client that the store has made by `duplicate` and owns. */
export interface RedisSubscriber {
  /** Resolves once the client can be used. */
  connect(): Promise<unknown>;
  sSubscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  on(event: string, listener: (...args: string[]) => void): unknown;
  destroy(): void;
  /** With it the store runs scripts over this client if the other one is connected to a Redis that only reads. */
  evalSha?(sha1: string, options: ScriptOptions): Promise<unknown>;
  eval?(script: string, options: ScriptOptions): Promise<unknown>;
}

/** Methods of an `ioredis` client or cluster that `fromIoRedis` calls. */
export interface IoRedisClient {
  evalsha(sha1: string, keys: number, ...args: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  duplicate(...overrides: never[]): IoRedisSubscriber;
  readonly isCluster?: boolean;
  readonly options?: { readonly keyPrefix?: string | undefined };
}

/** Methods of the `ioredis` client that receives messages. */
export interface IoRedisSubscriber {
  evalsha(sha1: string, keys: number, ...args: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  ssubscribe(channel: string): Promise<unknown>;
  on(event: string, listener: (...args: string[]) => void): unknown;
  connect(): Promise<unknown>;
  disconnect(): void;
  readonly status: string;
}

/**
 * Adapts a client or cluster of `ioredis` to `redisStore`. A cluster needs its option `shardedSubscribers`.
 *
 * @example
 * import { fromIoRedis, redisStore, type IoRedisClient } from 'rx-oauth-callback/redis';
 *
 * // new Redis() of `ioredis` is an IoRedisClient.
 * const storeOf = (client: IoRedisClient) => redisStore({ client: fromIoRedis(client) });
 */
export function fromIoRedis(client: IoRedisClient): RedisClient {
  return { ...scriptsOf(client, ''), duplicate: () => subscriberOf(client) };
}

/** @param prefix Put before each key, because the client does not. */
function scriptsOf(
  client: Pick<IoRedisClient, 'evalsha' | 'eval'>,
  prefix: string,
): Pick<RedisClient, 'evalSha' | 'eval'> {
  const words = ({ keys, arguments: args }: ScriptOptions): string[] => [
    ...keys.map((key) => prefix + key),
    ...args,
  ];
  return {
    evalSha: (sha1, options) => client.evalsha(sha1, options.keys.length, ...words(options)),
    eval: (script, options) => client.eval(script, options.keys.length, ...words(options)),
  };
}

function subscriberOf(original: IoRedisClient): RedisSubscriber {
  // `ioredis` would put its `keyPrefix` before the channel too, but scripts publish without it.
  const plain = { keyPrefix: '' };
  const ofCluster = { ...plain, redisOptions: plain };
  const duplicate = original.duplicate.bind(original) as (...overrides: object[]) => IoRedisSubscriber;
  const client = original.isCluster ? duplicate([], ofCluster) : duplicate(plain);
  const listeners = new Map<string, (message: string) => void>();
  client.on('smessage', (channel = '', message = '') => listeners.get(channel)?.(message));
  return {
    ...scriptsOf(client, original.options?.keyPrefix ?? ''),
    connect: () => untilReady(client),
    sSubscribe(channel, listener) {
      listeners.set(channel, listener);
      return client.ssubscribe(channel);
    },
    on: (event, listener) => client.on(event, listener),
    destroy: () => client.disconnect(),
  };
}

/** Resolves once the client is connected. Until then one without an offline queue rejects commands. */
async function untilReady(client: IoRedisSubscriber): Promise<void> {
  if (client.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    client.on('ready', () => resolve());
    client.on('end', () => reject(new Error('the connection was closed')));
    // `ioredis` connects by itself, unless it is lazy.
    if (client.status === 'wait') client.connect().catch(() => undefined);
  });
}
