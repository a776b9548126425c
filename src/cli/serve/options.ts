import type { BridgeOptions } from '../../bridge.ts';
import type { ServerOptions } from '../../index.ts';
import type { MonitorOptions } from '../../monitor.ts';
import type { Config } from './config.ts';
import { serverKeys } from './schema.ts';
import { readTls } from './tls.ts';

export async function serverOptions(config: Config): Promise<ServerOptions> {
  const options = Object.fromEntries(serverKeys.map((key) => [key, config[key]])) as Pick<
    Config,
    (typeof serverKeys)[number]
  >;
  return defined({ ...options, tls: config.tls && (await readTls(config.tls)) });
}

export function bridgeOptions({ bridge = {} }: Config): Omit<BridgeOptions, 'token' | 'tokens'> {
  return defined(bridge);
}

/** Undefined where there is to be no monitor. */
export function monitorOptions({ monitor = {} }: Config): MonitorOptions | undefined {
  const { path, ...rest } = monitor;
  return path === false ? undefined : defined({ path, ...rest });
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(options: T): Defined<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Defined<T>;
}
