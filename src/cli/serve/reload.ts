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
import type { Jwts } from './jwts.ts';
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
  /** Left out if the service was started without an issuer of JWTs. */
  readonly jwts?: Jwts | undefined;
  readonly operations: Pick<Operations, 'certificate'>;
  readonly log: Log;
}

/** Reads tokens, keys of JWTs and certificate again. If one cannot be read, the current one is kept and the error is logged. */
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
  if (config && (config.jwt ?? running.jwts)) await attempt(() => renewJwts(running, config?.jwt));
  const tls = config?.tls;
  if (tls) await attempt(() => renewTls(running, tls));
}

function renewTokens({ access: { made }, bridge, jwts }: Running, config: Config): string {
  // Without its issuer of JWTs the service would have no program.
  const { tokens, made: own } = readAccess({ ...config, jwt: jwts && config.jwt }, made);
  // A token that is made now would be unknown to all programs, because it is not printed.
  if (own !== made && own !== undefined)
    throw new CommandError('no tokens configured any more; keeping the current ones', exitCodes.usage);
  bridge.setTokens(tokens);
  return `tokens reloaded: ${tokens.map(({ name }) => name).join(', ') || 'none'}`;
}

async function renewJwts({ jwts }: Running, given: Config['jwt']): Promise<string> {
  if (!jwts || !given)
    return (
      'JWTs require a restart, because the service was started ' + (given ? 'without them' : 'with them')
    );
  jwts.renew(given);
  return (await jwts.readKeys()) ? `keys of JWTs reloaded from ${given.jwks}` : 'keys of JWTs not reloaded';
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
