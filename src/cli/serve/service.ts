import { delayWhen, ReplaySubject } from 'rxjs';
import { createBridge, type Bridge, type FlowStore } from '../../bridge.ts';
import { createOAuthCallbackServer, type OAuthCallbackServer } from '../../index.ts';
import { InvalidOptionError } from '../../errors.ts';
import { internalsOf } from '../../internals.ts';
import { createMonitor, type Monitor } from '../../monitor.ts';
import { operatorPaths } from '../../telemetry/operator.ts';
import { isLoopback } from '../../validate.ts';
import type { Io } from '../io.ts';
import { jsonLog, textLog, type Log } from '../log.ts';
import { announce, type Addresses } from './announce.ts';
import { readConfig, type Config, type ReadConfig } from './config.ts';
import type { Flags } from './layers.ts';
import { OperatorSide } from './operator.ts';
import { bridgeOptions, monitorOptions, serverOptions } from './options.ts';
import { reload } from './reload.ts';
import { idle, untilStopped } from './stop.ts';
import { openStore } from './store.ts';
import { readAccess, type Access } from './tokens.ts';

/** Runs the service until it is told to stop. */
export async function serve(flags: Flags, io: Io): Promise<void> {
  const read = readConfig(flags, io.env);
  const { config } = read;
  const access = readAccess(config);
  const log = config.json ? await jsonLog(io, config.logLevel) : textLog(io, config.logLevel);
  if (read.remark !== undefined) log.warn(read.remark);
  const shared = await openStore(read, (message) => log.error(message));
  const { server, bridge, monitor } = await create(read, access, shared?.store, log);
  const operator = new OperatorSide(server, bridge, shared?.store);
  const stopped = untilStopped(io, () => void reload({ flags, io, access, server, bridge, log }));
  // Of one that cannot start there is nothing to tell but why.
  const started = new ReplaySubject<void>(1);
  server.events.pipe(delayWhen(() => started)).subscribe((event) => log.event(event));
  try {
    // First, so that a port that is taken is known before anybody is told of the others.
    await operator.open(config.metricsPort);
    await bridge.listen();
    started.next();
    operator.unready = undefined;
    const addresses = addressesOf(config, server, bridge, operator, access);
    const monitorUrl = monitor && monitorUrlOf(config, monitor, log);
    announce({ ...addresses, ...(monitorUrl !== undefined && { monitorUrl }) }, config.json, io.stdout);
    await operator.start();
    const signal = await stopped;
    operator.unready = 'draining';
    // With others to go to, listeners need not be waited for.
    if (shared) await bridge.close({ restart: true });
    else await drain(signal, config, server, bridge, log);
  } finally {
    await server.close();
    await operator.close();
    await shared?.close();
  }
}

async function create(
  { config, blame }: ReadConfig,
  { tokens }: Access,
  store: FlowStore | undefined,
  log: Log,
): Promise<{ server: OAuthCallbackServer; bridge: Bridge; monitor: Monitor | undefined }> {
  const options = await serverOptions(config);
  const page = monitorOptions(config);
  for (const [option, path] of Object.entries({
    callbackPath: options.callbackPath,
    'monitor.path': page?.path,
  })) {
    if (config.metricsPort !== undefined || !isOperatorPath(path)) continue;
    const message = `must not be ${operatorPaths.join(', ')}, unless there is a port for those`;
    throw blame(new InvalidOptionError(option, message));
  }
  const logger = {
    debug: (message: string) => log.debug(message),
    warn: (told: string | Error) => log.warn(told),
  };
  const server = attempt(() => createOAuthCallbackServer({ ...options, logger }), blame);
  const bridge = attempt(
    () => createBridge(server, { ...bridgeOptions(config), ...(store && { store }), tokens }),
    blame,
    'bridge.',
  );
  const monitor = page && attempt(() => createMonitor(server, bridge, page), blame, 'monitor.');
  return { server, bridge, monitor };
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
  operator: OperatorSide,
  { made }: Access,
): Addresses {
  const { urlOf } = internalsOf(server);
  return {
    redirectUri: server.redirectUri,
    bridgeUrl:
      port === undefined
        ? urlOf(path).replace(/^http/, 'ws')
        : `ws://127.0.0.1:${bridge.address.port}${path}`,
    metricsUrl: operator.port === undefined ? urlOf('/metrics') : `http://127.0.0.1:${operator.port}/metrics`,
    ...(made !== undefined && { token: made }),
  };
}

/** Undefined where no browser could use it, which is said. */
function monitorUrlOf({ bridge }: Config, monitor: Monitor, log: Log): string | undefined {
  const url = monitor.url();
  if (bridge?.port === undefined || isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''))) return url;
  log.warn(
    'there is no link to the monitor: its page is not on loopback, and the bridge, by --bridge-port, is',
  );
  return undefined;
}

async function drain(
  signal: NodeJS.Signals,
  { drain: ms }: Config,
  server: OAuthCallbackServer,
  bridge: Bridge,
  log: Log,
): Promise<void> {
  const { pending } = internalsOf(server);
  // A flow that has ended has a listener until that has the result.
  const waiting = (): number => Math.max(pending(), bridge.stats().listeners);
  if (waiting() > 0)
    log.info(`${signal}: ${waiting()} still wait, for ${ms} ms at the most; Ctrl-C ends at once`);
  await idle(() => waiting() > 0, ms);
}
