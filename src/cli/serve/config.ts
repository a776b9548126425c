import type { Flags } from '../settings/layers.ts';
import { readObject, readSettings, type ReadSettings } from '../settings/read.ts';
import { config as schema, type Config } from './schema.ts';
import { settings } from './settings.ts';

export type { Config } from './schema.ts';

// `watch` and `login` read this variable too. A list of tokens replaces it, because it may be set for them only.
const tokenVariable = 'RX_OAUTH_CALLBACK_TOKEN';

/** Configuration of `serve`. */
export interface ReadConfig extends Pick<ReadSettings<Config>, 'config' | 'label' | 'blame'> {
  /** Path of the configuration file; undefined if there is none. */
  readonly file: string | undefined;
  /** Warning about a value that is ignored. */
  readonly remark: string | undefined;
}

/**
 * Reads flags, environment and file, in that order of precedence. Throws `CommandError` for an unknown name or an invalid value.
 *
 * @param flags Flags by the key of their setting; `config` names the file.
 */
export function readConfig(flags: Flags, env: Readonly<Record<string, string | undefined>>): ReadConfig {
  const name = flags['config'] ?? (env['RX_OAUTH_CALLBACK_CONFIG'] || undefined);
  const files = typeof name === 'string' ? [{ name, content: readObject(name) }] : [];
  const { config, labels, label, blame } = readSettings({ settings, schema }, flags, env, files);
  const isLeftOver = config.tokens !== undefined && labels.get('token') === tokenVariable;
  return {
    config: isLeftOver ? { ...config, token: undefined } : config,
    remark: isLeftOver ? `${tokenVariable} is ignored because ${labels.get('tokens')} is set` : undefined,
    file: files[0]?.name,
    label,
    blame,
  };
}
