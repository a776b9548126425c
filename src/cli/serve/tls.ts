import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Config } from './config.ts';
import { readText } from '../settings/files.ts';

/** Reads certificate and key. Throws `CommandError` unless they work together. */
export async function readTls(files: NonNullable<Config['tls']>): Promise<{ cert: string; key: string }> {
  const tls = { cert: readText(files.cert, '--tls-cert'), key: readText(files.key, '--tls-key') };
  const { createSecureContext } = await import('node:tls');
  try {
    // `createSecureContext` ignores empty values; this text makes it reject them.
    createSecureContext({ cert: tls.cert || 'none', key: tls.key || 'none' });
  } catch (error) {
    const { code = 'not PEM' } = error as NodeJS.ErrnoException;
    const message = `--tls-cert ${files.cert} and --tls-key ${files.key} do not work together: ${code}`;
    throw new CommandError(message, exitCodes.usage);
  }
  return tls;
}
