import type { BridgeOptions } from '../../bridge.ts';
import type { ServerOptions } from '../../index.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Config } from './config.ts';
import { readText } from './files.ts';
import { serverKeys } from './schema.ts';

export async function serverOptions(config: Config): Promise<ServerOptions> {
  const options = Object.fromEntries(serverKeys.map((key) => [key, config[key]])) as Pick<
    Config,
    (typeof serverKeys)[number]
  >;
  return defined({ ...options, tls: config.tls && (await secureContext(config.tls)) });
}

export function bridgeOptions({ bridge = {} }: Config): Omit<BridgeOptions, 'token' | 'tokens'> {
  return defined(bridge);
}

async function secureContext(files: NonNullable<Config['tls']>): Promise<{ cert: string; key: string }> {
  const tls = { cert: readText(files.cert, '--tls-cert'), key: readText(files.key, '--tls-key') };
  const { createSecureContext } = await import('node:tls');
  try {
    // It takes an empty one for none.
    createSecureContext({ cert: tls.cert || 'none', key: tls.key || 'none' });
  } catch (error) {
    const { code = 'not PEM' } = error as NodeJS.ErrnoException;
    const message = `--tls-cert ${files.cert} and --tls-key ${files.key} do not work together: ${code}`;
    throw new CommandError(message, exitCodes.usage);
  }
  return tls;
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(options: T): Defined<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Defined<T>;
}
