import { withoutUndefined } from '../../base/without-undefined.ts';
import type { BridgeOptions } from '../../bridge.ts';
import type { OwnTexts, ServerOptions } from '../../index.ts';
import type { MonitorOptions } from '../../monitor.ts';
import { readJson } from '../settings/files.ts';
import { valueAt } from '../settings/layers.ts';
import { parse } from '../settings/read.ts';
import { texts as schema } from '../settings/schema.ts';
import type { Values, ValueType } from '../settings/setting.ts';
import type { Config } from './config.ts';
import { readLogo } from './logo.ts';
import type { Options } from './objects.ts';
import type { FedOptions } from './schema.ts';
import { settings } from './settings.ts';
import { readTls } from './tls.ts';
import { webhookOptions } from './webhooks.ts';

/** Types whose values are read further: from their file, or by `readAccess`. */
const readLater: readonly ValueType[] = ['file', 'token', 'tokens', 'texts', 'tenants', 'image'];

/** Collects the options of one object from the configuration, without those that `serve` reads further. */
export function optionsFor<O extends keyof Options>(object: O, config: Config): FedOptions<O> {
  const fed = settings.flatMap(({ key, feeds, type }) => {
    const [owner, name = ''] = feeds.split('.');
    return owner === object && !readLater.includes(type) ? [[name, valueAt(config, key)] as const] : [];
  });
  return withoutUndefined(Object.fromEntries(fed)) as FedOptions<O>;
}

/** Collects the options of the callback server, with the contents of its files. */
export async function serverOptions(
  config: Config,
): Promise<ServerOptions & { tls?: { cert: string; key: string } }> {
  return {
    ...optionsFor('server', config),
    ...(config.tls && { tls: await readTls(config.tls) }),
    ...(config.logo !== undefined && { logo: readLogo(config.logo, '--logo') }),
    ...(config.texts !== undefined && { texts: readTexts(config.texts, '--texts') }),
  };
}

/** @param option Name of the option that has the texts, for messages. */
export function readTexts(texts: Values['texts'], option: string): OwnTexts {
  if (typeof texts !== 'string') return texts;
  return parse(schema, readJson(texts, option), (path) => `${path.join('.') || 'what is'} in ${texts}`);
}

export function bridgeOptions(config: Config): Omit<BridgeOptions, 'token' | 'tokens'> {
  const webhooks = webhookOptions(config);
  return { ...optionsFor('bridge', config), ...(webhooks && { webhooks }) };
}

/** Collects the options of the monitor; undefined if it is switched off. */
export function monitorOptions(config: Config): MonitorOptions | undefined {
  const { path, ...rest } = optionsFor('monitor', config);
  if (path === false) return undefined;
  return path === undefined ? rest : { path, ...rest };
}
