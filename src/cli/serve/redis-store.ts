import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { ReadConfig } from './config.ts';
import { optionsFor } from './options.ts';
import { readSealingKeys } from './sealing-keys.ts';
import type { OpenStore } from './open-store.ts';

/**
 * Connects to the Redis of the configuration. Throws `CommandError` if that fails.
 *
 * @param report Called with the cause, once for each outage.
 */
export async function openRedis(
  { config, blame }: ReadConfig,
  report: (message: string) => void,
): Promise<OpenStore> {
  const { url, keys } = config.redis ?? {};
  if (url === undefined)
    throw new CommandError('--redis is required by the other --redis options', exitCodes.usage);
  const options = {
    ...optionsFor('redis', config),
    ...(keys !== undefined && { keys: readSealingKeys(keys, '--redis-keys') }),
  };
  const { createClient } = await loadRedis();
  const { redisStore } = await import('../../redis.ts');
  // The store has its own time limit for each step, so the client needs neither a queue while it is disconnected nor a timer for
  // each command. Both would outlive the step by seconds.
  const bounded = { disableOfflineQueue: true, commandOptions: { timeout: 0 } };
  const client = attempt(() => createClient({ url, ...bounded }));
  // An error of the connection says more than one of a command, which finds only that there is no connection.
  let broken: Error | undefined;
  client.on('error', (error: Error) => (broken = error));
  client.on('ready', () => (broken = undefined));
  try {
    // Without the race the client would retry for ever.
    await Promise.race([client.connect(), firstError(client)]);
    const store = await redisStore({
      client,
      ...options,
      report: (error) => report(outageOf(error, broken)),
    });
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
    // The value is not shown: it may hold a password.
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

/** Says what an outage is: Redis begins its own errors with a code, such as `READONLY` or `OOM`. */
function outageOf(error: unknown, broken: Error | undefined): string {
  const answer = causeOf(error);
  if (isAnswer(answer)) return `Redis rejects commands: ${answer}`;
  const reason = broken ? causeOf(broken) : answer;
  return `Redis cannot be reached: ${reason || 'no answer'}`;
}

function isAnswer(text: string): boolean {
  return /^[A-Z]+ /.test(text);
}

function causeOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message || message : message;
}

function unreachable(error: unknown): unknown {
  if (error instanceof CommandError) return error;
  return new CommandError(
    `--redis cannot be reached: ${causeOf(error) || 'no answer'}`,
    exitCodes.connection,
    {
      cause: error,
    },
  );
}
