import { readJson } from './files.ts';
import { parse, type ReadConfig } from './config.ts';
import { sealingKeys } from './schema.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { RedisFlowStore } from '../../redis.ts';

/** The flows of a service that has other nodes. */
export interface SharedStore {
  readonly store: RedisFlowStore;
  close(): Promise<void>;
}

/**
 * Opens the store that the configuration names, if it names one.
 *
 * @param report Told when the connection breaks.
 */
export async function openStore(
  { config: { redis }, blame }: ReadConfig,
  report: (message: string) => void,
): Promise<SharedStore | undefined> {
  if (!redis) return undefined;
  const { url, keys, ...rest } = redis;
  if (url === undefined)
    throw new CommandError(
      '--redis must say where Redis is: the other options of Redis were given',
      exitCodes.usage,
    );
  const options = { ...defined(rest), ...(keys !== undefined && { keys: readKeys(keys) }) };
  const { createClient } = await loadRedis();
  const { redisStore } = await import('../../redis.ts');
  // The store bounds each step itself. What the client would do for that, a queue while it is away and a timer for each
  // command, outlives the step by seconds, and makes the pauses of the garbage collector longer.
  const bounded = { disableOfflineQueue: true, commandOptions: { timeout: 0 } };
  const client = attempt(() => createClient({ url, ...bounded }));
  let away = false;
  client.on('error', () => {
    // Once for each time it is away: it tries again several times a second.
    if (!away) report('Redis is away');
    away = true;
  });
  client.on('ready', () => (away = false));
  try {
    // It would try for ever.
    await Promise.race([client.connect(), firstError(client)]);
    const store = await redisStore({ client, ...options });
    return {
      store,
      async close() {
        await store.close();
        client.destroy();
      },
    };
  } catch (error) {
    client.destroy();
    throw unreachable(blame(error, 'redis.'));
  }
}

/** Seals with the first, opens with all of them. */
function readKeys(file: string): { id: string; key: string }[] {
  return parse(
    sealingKeys,
    readJson(file, '--redis-keys'),
    (path) => `${path.join('.') || 'what is'} in ${file}`,
  );
}

async function loadRedis(): Promise<typeof import('redis')> {
  try {
    return await import('redis');
  } catch (error) {
    throw new CommandError('--redis needs the package redis: npm install redis', exitCodes.usage, {
      cause: error,
    });
  }
}

function attempt<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    // Without what was given: there may be a password in it.
    throw new CommandError('--redis must be a URL such as rediss://host:6379', exitCodes.usage, {
      cause: error,
    });
  }
}

function firstError(client: {
  once(event: 'error', listener: (error: Error) => void): unknown;
}): Promise<never> {
  return new Promise((_, reject) => void client.once('error', reject));
}

function unreachable(error: unknown): unknown {
  if (error instanceof CommandError) return error;
  const { message, cause } = error as Error;
  const why = cause instanceof Error ? cause.message : message;
  return new CommandError(`--redis cannot be reached: ${why || 'no answer'}`, exitCodes.connection, {
    cause: error,
  });
}

function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
