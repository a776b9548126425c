import { withoutUndefined } from '../../base/without-undefined.ts';
import type { BridgeOptions } from '../../bridge.ts';
import type { ServerOptions } from '../../index.ts';
import type { MonitorOptions } from '../../monitor.ts';
import type { Config } from './config.ts';
import { valueAt } from './layers.ts';
import type { FedOptions } from './schema.ts';
import type { Options, ValueType } from './setting.ts';
import { settings } from './settings.ts';
import { readTls } from './tls.ts';

/** Types whose values are read further: from their file, or by `readAccess`. */
const readLater: readonly ValueType[] = ['file', 'token', 'tokens'];

/** Collects the options of one object from the configuration, without those that `serve` reads further. */
export function optionsFor<O extends keyof Options>(object: O, config: Config): FedOptions<O> {
  const fed = settings.flatMap(({ key, feeds, type }) => {
    const [owner, name = ''] = feeds.split('.');
    return owner === object && !readLater.includes(type) ? [[name, valueAt(config, key)] as const] : [];
  });
  return withoutUndefined(Object.fromEntries(fed)) as FedOptions<O>;
}

/** Collects the options of the callback server, with the contents of its certificate and key. */
export async function serverOptions(
  config: Config,
): Promise<ServerOptions & { tls?: { cert: string; key: string } }> {
  return { ...optionsFor('server', config), ...(config.tls && { tls: await readTls(config.tls) }) };
}

export function bridgeOptions(config: Config): Omit<BridgeOptions, 'token' | 'tokens'> {
  return optionsFor('bridge', config);
}

/** Collects the options of the monitor; undefined if it is switched off. */
export function monitorOptions(config: Config): MonitorOptions | undefined {
  const { path, ...rest } = optionsFor('monitor', config);
  if (path === false) return undefined;
  return path === undefined ? rest : { path, ...rest };
}
