import { MissingPackageError } from '../../base/optional-package.ts';
import { StoreUnavailableError } from '../../model/errors.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { ReadConfig } from './config.ts';
import { optionsFor } from './options.ts';
import { readSealingKeys } from './sealing-keys.ts';
import type { OpenStore } from './open-store.ts';

/**
 * Opens the file of the configuration. Throws `CommandError` if that fails.
 *
 * @param report Called with the cause, once for each outage.
 */
export async function openFile(
  { config, blame }: ReadConfig,
  report: (message: string) => void,
): Promise<OpenStore> {
  const { file, keys } = config.store ?? {};
  if (file === undefined)
    throw new CommandError('--store is required by the other --store options', exitCodes.usage);
  const options = {
    ...optionsFor('sqlite', config),
    ...(keys !== undefined && { keys: readSealingKeys(keys, '--store-keys') }),
  };
  const { sqliteStore } = await import('../../sqlite.ts');
  try {
    const store = await sqliteStore({
      ...options,
      file,
      report: (error) => report((error as Error).message),
    });
    return { store, close: () => store.close() };
  } catch (error) {
    if (error instanceof MissingPackageError)
      throw new CommandError(
        '--store needs Node 22.13 or later, or the package libsql: npm install libsql',
        exitCodes.usage,
        { cause: error },
      );
    if (error instanceof StoreUnavailableError)
      throw new CommandError(`--store: ${error.message}`, exitCodes.failed, { cause: error });
    throw blame(error, 'store.');
  }
}
