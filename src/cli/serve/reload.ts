import { X509Certificate } from 'node:crypto';
import type { Bridge } from '../../bridge.ts';
import type { OAuthCallbackServer } from '../../index.ts';
import { InvalidOptionError } from '../../index.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import type { Log } from '../log.ts';
import { readConfig, type Config } from './config.ts';
import type { Flags } from '../settings/layers.ts';
import type { Operations } from './operator.ts';
import { readTls } from './tls.ts';
import { readAccess, type Access } from './tokens.ts';

/** Running service, with the flags and tokens that it was started with. */
export interface Running {
  readonly flags: Flags;
  readonly io: Io;
  readonly access: Access;
  readonly server: OAuthCallbackServer;
  readonly bridge: Bridge;
  readonly operations: Pick<Operations, 'certificate'>;
  readonly log: Log;
}

/** Reads tokens and certificate again. If one cannot be read, the current one is kept and the error is logged. */
export async function reload(running: Running): Promise<void> {
  const { flags, io, log } = running;
  const attempt = async (read: () => string | Promise<string>): Promise<void> => {
    try {
      log.info(await read());
    } catch (error) {
      log.error(error instanceof Error ? error : String(error));
    }
  };
  let config: Config | undefined;
  await attempt(() => {
    ({ config } = readConfig(flags, io.env));
    return renewTokens(running, config);
  });
  const tls = config?.tls;
  if (tls) await attempt(() => renewTls(running, tls));
}

function renewTokens({ access: { made }, bridge }: Running, config: Config): string {
  const { tokens, made: own } = readAccess(config, made);
  // A token that is made now would be unknown to all programs, because it is not printed.
  if (own !== made && own !== undefined)
    throw new CommandError('no tokens configured any more; keeping the current ones', exitCodes.usage);
  bridge.setTokens(tokens);
  return `tokens reloaded: ${tokens.map(({ name }) => name).join(', ')}`;
}

async function renewTls({ server, operations }: Running, files: NonNullable<Config['tls']>): Promise<string> {
  const tls = await readTls(files);
  try {
    server.setSecureContext(tls);
    operations.certificate = tls.cert;
  } catch (error) {
    if (error instanceof InvalidOptionError)
      return 'TLS requires a restart, because the service was started without it';
    throw error;
  }
  return `certificate reloaded, valid until ${new X509Certificate(tls.cert).validTo}`;
}
