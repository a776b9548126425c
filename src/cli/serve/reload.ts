import { X509Certificate } from 'node:crypto';
import type { Bridge } from '../../bridge.ts';
import { systemClock } from '../../base/clock.ts';
import { Credentials, type BridgeToken } from '../../bridge/credentials.ts';
import type { OAuthCallbackServer } from '../../index.ts';
import { InvalidOptionError } from '../../index.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import type { Log } from '../log.ts';
import type { Tenants } from '../../tenants.ts';
import { readConfig, type Config, type ReadConfig } from './config.ts';
import type { Flags } from '../settings/layers.ts';
import type { Jwts } from './jwts.ts';
import type { Operations } from './operator.ts';
import { readTenants, redirectUrisOf } from './tenants.ts';
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
  /** Left out if the service was started without tenants. */
  readonly tenants?: Tenants | undefined;
  readonly operations: Pick<Operations, 'certificate'>;
  readonly log: Log;
}

/** Reads tokens, tenants, keys of JWTs and certificate again. If one cannot be read, the current one is kept and the error is logged. */
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
    const read = readConfig(flags, io.env);
    ({ config } = read);
    return renewAccess(running, read);
  });
  if (config && (config.jwt ?? running.jwts)) await attempt(() => renewJwts(running, config?.jwt));
  const tls = config?.tls;
  if (tls) await attempt(() => renewTls(running, tls));
}

/** Replaces tenants and tokens together. Rejects if either cannot be used, and then changes neither. */
async function renewAccess(running: Running, read: ReadConfig): Promise<string> {
  const { bridge, tenants, log } = running;
  const given = readTenants(read);
  if (given && !tenants)
    throw new CommandError(
      'tenants require a restart, because the service was started without them',
      exitCodes.usage,
    );
  const tokens = readTokensOf(running, read.config, given?.tokens);
  if (tenants) {
    await tenants.replace(given?.tenants ?? {}).catch((error: unknown) => {
      throw given?.blame(error) ?? error;
    });
    const uris = Object.entries(redirectUrisOf(tenants)).map(
      ([name, { redirectUri }]) => `${name} at ${redirectUri}`,
    );
    log.info(`tenants reloaded: ${uris.join(', ') || 'none'}`);
  }
  bridge.setTokens(tokens);
  const names = tokens.map(({ name, tenant }) => (tenant === undefined ? name : `${name} of ${tenant}`));
  return `tokens reloaded: ${names.join(', ') || 'none'}`;
}

/** Reads the tokens. Throws if the bridge could not take them. */
function readTokensOf(
  { access: { made }, jwts }: Running,
  config: Config,
  ofTenants: readonly BridgeToken[] | undefined,
): readonly BridgeToken[] {
  // Without its issuer of JWTs the service would have no program.
  const { tokens, made: own } = readAccess({ ...config, jwt: jwts && config.jwt }, made, ofTenants);
  // A token that is made now would be unknown to all programs, because it is not printed.
  if (own !== made && own !== undefined)
    throw new CommandError('no tokens configured any more; keeping the current ones', exitCodes.usage);
  new Credentials(tokens, systemClock);
  return tokens;
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
