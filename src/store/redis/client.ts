/** What is asked of a client of Redis: those of the package `redis` have it, the one for a cluster too. */
export interface RedisClient {
  evalSha(sha1: string, options: ScriptOptions): Promise<unknown>;
  eval(script: string, options: ScriptOptions): Promise<unknown>;
  /** Another client for the same Redis, not connected: sharded pub/sub has a connection of its own. */
  duplicate(): RedisSubscriber;
}

export interface ScriptOptions {
  keys: string[];
  arguments: string[];
}

/** The client that is told of endings. */
export interface RedisSubscriber {
  connect(): Promise<unknown>;
  sSubscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  on(event: string, listener: (...args: string[]) => void): unknown;
  destroy(): void;
}

/** The same of `ioredis`. */
export interface IoRedisClient {
  evalsha(sha1: string, keys: number, ...args: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  duplicate(): IoRedisSubscriber;
}

export interface IoRedisSubscriber {
  ssubscribe(channel: string): Promise<unknown>;
  on(event: string, listener: (...args: string[]) => void): unknown;
  disconnect(): void;
}

/** Makes an `ioredis` client, or cluster of its, fit `redisStore`. A cluster needs its option `shardedSubscribers`. */
export function fromIoRedis(client: IoRedisClient): RedisClient {
  return {
    evalSha: (sha1, { keys, arguments: args }) => client.evalsha(sha1, keys.length, ...keys, ...args),
    eval: (script, { keys, arguments: args }) => client.eval(script, keys.length, ...keys, ...args),
    duplicate: () => subscriberOf(client.duplicate()),
  };
}

function subscriberOf(client: IoRedisSubscriber): RedisSubscriber {
  const listeners = new Map<string, (message: string) => void>();
  client.on('smessage', (channel = '', message = '') => listeners.get(channel)?.(message));
  return {
    // It connects by itself.
    connect: () => Promise.resolve(),
    sSubscribe(channel, listener) {
      listeners.set(channel, listener);
      return client.ssubscribe(channel);
    },
    on: (event, listener) => client.on(event, listener),
    destroy: () => client.disconnect(),
  };
}
