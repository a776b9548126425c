import { delayWhen, ReplaySubject } from 'rxjs';
import { createBridge, type Bridge, type FlowStore } from '../../bridge.ts';
import { createOAuthCallbackServer, type OAuthCallbackServer } from '../../index.ts';
import { internalsOfBridge } from '../../bridge/internals.ts';
import { InvalidOptionError } from '../../base/invalid-option.ts';
import { internalsOf } from '../../server/internals.ts';
import { createMonitor, type Monitor } from '../../monitor.ts';
import { createTenants, type Tenants } from '../../tenants.ts';
import { operatorPaths } from '../../telemetry/operator.ts';
import { authorityOf, isLoopback } from '../../base/loopback.ts';
import type { Io } from '../io.ts';
import { jsonLog, textLog, type Log } from '../log.ts';
import { announce, type Addresses } from './announce.ts';
import { publishClientMetadata } from './client-document.ts';
import { connectionLog } from './connections.ts';
import { readConfig, type Config, type ReadConfig } from './config.ts';
import type { Flags } from '../settings/layers.ts';
import { Jwts } from './jwts.ts';
import { Operations } from './operator.ts';
import { bridgeOptions, monitorOptions, serverOptions } from './options.ts';
import { reload } from './reload.ts';
import { idle, untilStopped } from './stop.ts';
import { openStore } from './store.ts';
import { readTenants, redirectUrisOf, type ReadTenants } from './tenants.ts';
import { readAccess, type Access } from './tokens.ts';

/** Runs the service until a signal stops it. */
export async function serve(flags: Flags, io: Io): Promise<void> {
  const read = readConfig(flags, io.env);
  const { config } = read;
  for (const name of ['metrics', 'health'] as const)
    if (config[`${name}Host`] !== undefined && config[`${name}Port`] === undefined)
      throw read.blame(new InvalidOptionError(`${name}Host`, `needs --${name}-port`));
  const given = readTenants(read);
  const access = readAccess(config, undefined, given?.tokens);
  const log = config.json ? await jsonLog(io, config.logLevel) : textLog(io, config.logLevel);
  if (read.remark !== undefined) log.warn(read.remark);
  const shared = await openStore(read, (message) => log.error(message));
  const { server, bridge, jwts, monitor, certificate } = await create(read, access, shared?.store, log);
  const operations = new Operations(server, bridge, shared?.store);
  operations.certificate = certificate;
  let tenants: Tenants | undefined;
  const stopped = untilStopped(io, () => {
    void reload({ flags, io, access, server, bridge, jwts, tenants, operations, log });
  });
  // Events are logged once the service has started; if it cannot start, only the reason is logged.
  const started = new ReplaySubject<void>(1);
  server.events.pipe(delayWhen(() => started)).subscribe((event) => log.event(event));
  internalsOfBridge(bridge).onConnection(connectionLog(log));
  try {
    // The operator's ports are opened first, so that no address is printed if one is taken.
    await operations.open(config);
    tenants = given && openTenants(server, given, shared?.store);
    await bridge.listen();
    started.next();
    operations.unready = undefined;
    const addresses = addressesOf(config, server, bridge, operations, access);
    const monitorUrl = monitor && monitorUrlOf(config, monitor, log);
    announce(
      {
        ...addresses,
        ...(monitorUrl !== undefined && { monitorUrl }),
        ...(tenants && { tenants: redirectUrisOf(tenants) }),
      },
      config.json,
      io.stdout,
    );
    // A wrong URL is logged now, and not when the first program connects.
    void jwts?.readKeys();
    await operations.start();
    const signal = await stopped;
    operations.unready = 'draining';
    // With a store, listeners reconnect to another node, or to this one once it is back.
    await bridge.drain({ restart: shared !== undefined });
    if (!shared) await drain(signal, config, { server, bridge, tenants }, log);
  } finally {
    await server.close();
    await operations.close();
    await shared?.close();
  }
}

/** What the service consists of. */
interface Created {
  readonly server: OAuthCallbackServer;
  readonly bridge: Bridge;
  /** Undefined if no issuer of JWTs is configured. */
  readonly jwts: Jwts | undefined;
  readonly monitor: Monitor | undefined;
  /** PEM; undefined without TLS. */
  readonly certificate: string | undefined;
}

async function create(
  { config, blame }: ReadConfig,
  { tokens }: Access,
  store: FlowStore | undefined,
  log: Log,
): Promise<Created> {
  const options = await serverOptions(config);
  const page = monitorOptions(config);
  for (const [option, path] of Object.entries({
    callbackPath: options.callbackPath,
    'monitor.path': page?.path,
  })) {
    if (config.metricsPort !== undefined || !isOperatorPath(path)) continue;
    const message = `must not be ${operatorPaths.join(', ')}, unless --metrics-port is set`;
    throw blame(new InvalidOptionError(option, message));
  }
  const logger = {
    debug: (message: string) => log.debug(message),
    warn: (problem: string | Error) => log.warn(problem),
  };
  const server = attempt(() => createOAuthCallbackServer({ ...options, logger }), blame);
  const { jwt } = config;
  const jwts = jwt && attempt(() => new Jwts(jwt, (error) => log.warn(error.message)), blame, 'jwt.');
  const bridge = attempt(
    () =>
      createBridge(server, {
        ...bridgeOptions(config),
        ...(store && { store }),
        ...(jwts && { authenticate: jwts.authenticate }),
        tokens,
      }),
    blame,
    'bridge.',
  );
  jwts?.serve(internalsOfBridge(bridge));
  attempt(() => publishClientMetadata(server, config), blame);
  const monitor = page && attempt(() => createMonitor(server, bridge, page), blame, 'monitor.');
  return { server, bridge, jwts, monitor, certificate: options.tls?.cert };
}

/** Creates the tenants once all other paths of the server are taken, so that each tenant must have another. */
function openTenants(
  server: OAuthCallbackServer,
  { tenants, blame }: ReadTenants,
  store: FlowStore | undefined,
): Tenants {
  return attempt(() => createTenants(server, { tenants, ...(store && { store }) }), blame);
}

function isOperatorPath(path: string | undefined): boolean {
  return (operatorPaths as readonly unknown[]).includes(path);
}

function attempt<T>(make: () => T, blame: ReadConfig['blame'], prefix?: string): T {
  try {
    return make();
  } catch (error) {
    throw blame(error, prefix);
  }
}

function addressesOf(
  { bridge: { path = '/bridge', port } = {} }: Config,
  server: OAuthCallbackServer,
  bridge: Bridge,
  operations: Operations,
  { made }: Access,
): Addresses {
  const { urlOf } = internalsOf(server);
  return {
    redirectUri: server.redirectUri,
    bridgeUrl:
      port === undefined
        ? urlOf(path).replace(/^http/, 'ws')
        : `ws://127.0.0.1:${bridge.address.port}${path}`,
    metricsUrl:
      operations.address === undefined
        ? urlOf('/metrics')
        : `http://${authorityOf(operations.address)}/metrics`,
    ...(operations.healthAddress && {
      healthUrl: `http://${authorityOf(operations.healthAddress)}/readyz`,
    }),
    ...(made !== undefined && { token: made }),
  };
}

/** Gives the link to the monitor page; undefined, with a warning, if no browser could use it. */
function monitorUrlOf({ bridge }: Config, monitor: Monitor, log: Log): string | undefined {
  const url = monitor.url();
  if (bridge?.port === undefined || isLoopback(new URL(url).hostname)) return url;
  log.warn(
    'no link to the monitor is printed: its page is not on loopback, but the bridge is (--bridge-port)',
  );
  return undefined;
}

async function drain(
  signal: NodeJS.Signals,
  { drain: ms }: Config,
  { server, bridge, tenants }: Pick<Created, 'server' | 'bridge'> & { tenants: Tenants | undefined },
  log: Log,
): Promise<void> {
  // A listener counts until it has received the result of its flow.
  const waiting = (): number => Math.max(server.pending + (tenants?.pending ?? 0), bridge.stats().listeners);
  if (waiting() > 0)
    log.info(`${signal}: waiting up to ${ms} ms for ${pending(waiting())}; Ctrl-C stops immediately`);
  await idle(() => waiting() > 0, ms);
}

function pending(count: number): string {
  return `${count} pending ${count === 1 ? 'sign-in' : 'sign-ins'}`;
}
