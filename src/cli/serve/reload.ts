import { X509Certificate } from 'node:crypto';
import type { Bridge } from '../../bridge.ts';
import type { OAuthCallbackServer } from '../../index.ts';
import { internalsOf } from '../../internals.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import type { Log } from '../log.ts';
import { readConfig, type Config } from './config.ts';
import type { Flags } from './layers.ts';
import { readTls } from './tls.ts';
import { readAccess, type Access } from './tokens.ts';

/** A running service, and what it was started with. */
export interface Running {
  readonly flags: Flags;
  readonly io: Io;
  readonly access: Access;
  readonly server: OAuthCallbackServer;
  readonly bridge: Bridge;
  readonly log: Log;
}

/** Reads tokens and certificate again. Of what cannot be read, what there is stays, and one sentence says so. */
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
  // Made now, it would let nobody in: nothing prints it any more.
  if (own !== made && own !== undefined)
    throw new CommandError('no token is given any more: nobody could connect', exitCodes.usage);
  bridge.setTokens(tokens);
  return `tokens read again: ${tokens.map(({ name }) => name).join(', ')}`;
}

async function renewTls({ server }: Running, files: NonNullable<Config['tls']>): Promise<string> {
  const tls = await readTls(files);
  const own = internalsOf(server).tls();
  if (!own) return 'TLS needs a restart: the service was started without';
  own.setSecureContext(tls);
  return `certificate read again, good until ${new X509Certificate(tls.cert).validTo}`;
}
