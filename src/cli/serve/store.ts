import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { ReadConfig } from './config.ts';
import type { OpenStore } from './open-store.ts';

/**
 * Opens the store of the configuration; resolves with undefined if it has none. Throws `CommandError` if that fails.
 *
 * @param report Called with the cause, once for each outage.
 */
export async function openStore(
  read: ReadConfig,
  report: (message: string) => void,
): Promise<OpenStore | undefined> {
  const { redis, store } = read.config;
  if (redis && store) throw new CommandError('--store and --redis exclude each other', exitCodes.usage);
  if (redis) return (await import('./redis-store.ts')).openRedis(read, report);
  if (store) return (await import('./sqlite-store.ts')).openFile(read, report);
  return undefined;
}
