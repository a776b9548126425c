import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import * as v from 'valibot';
import { InvalidOptionError } from '../../base/invalid-option.ts';
import { isExposed } from '../../base/private-file.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import type { ConfigFile, Flags } from '../settings/layers.ts';
import { parse, readObject, readSettings, type ReadSettings } from '../settings/read.ts';
import { configSchema, entriesOf, object, type ConfigOf } from '../settings/schema.ts';
import { nameOf, variableOf, type Setting } from '../settings/setting.ts';
import { configSetting, profileSetting, settings, type Row } from './table.ts';

/** Configuration of `login`, `token` and `logout`. */
export type Config = ConfigOf<Row>;

const schema = configSchema(settings) as unknown as v.GenericSchema<unknown, Config>;

const profiles = v.optional(
  object(configSchema(settings), 'an object with profiles, such as { "work": { … } }'),
);
const fileSchema = v.strictObject({ ...entriesOf(settings), profiles }, 'an object');

/** Options of the library whose settings have other keys. */
const keys: Readonly<Partial<Record<string, string>>> = {
  scope: 'scopes',
  resource: 'resources',
  url: 'via',
  finishUrls: 'successUrl',
};

/**
 * Reads flags, environment, profile and file, in that order of precedence. Throws `CommandError` for an unknown name or an invalid
 * value, and for a file with a secret that other users may read.
 *
 * @param flags Flags by the key of their setting.
 */
export function readConfig(flags: Flags, env: Io['env']): ReadSettings<Config> {
  const read = readSettings({ settings, schema }, flags, env, filesOf(flags, env));
  return {
    ...read,
    blame(error) {
      if (!(error instanceof InvalidOptionError)) return error;
      const [name = '', ...rest] = error.option.split('.');
      const option = [keys[name] ?? name, ...rest].join('.');
      return read.blame(new InvalidOptionError(option, error.message.slice(error.option.length).trimStart()));
    },
  };
}

/** Gives the place of the configuration file if none is named. */
export function defaultFile({ XDG_CONFIG_HOME: folder = '' }: Io['env']): string {
  return join(isAbsolute(folder) ? folder : join(homedir(), '.config'), 'rx-oauth-callback', 'login.json');
}

function filesOf(flags: Flags, env: Io['env']): ConfigFile[] {
  const given = valueOf(configSetting, flags, env);
  const profile = valueOf(profileSetting, flags, env);
  const name = given?.value ?? defaultFile(env);
  if (given === undefined && !existsSync(name)) {
    if (profile === undefined) return [];
    throw usage(`${profile.label} needs a configuration file; ${name} does not exist`);
  }
  const content = readObject(name, given?.label ?? 'the configuration file');
  parse(fileSchema, content, (path) => `${path.join('.') || 'what'} in ${name}`, settings);
  requirePrivate(name, content);
  const { profiles: all = {}, ...common } = content as { profiles?: Record<string, ConfigFile['content']> };
  if (profile === undefined) return [{ name, content: common }];
  const { value, label } = profile;
  if (!Object.hasOwn(all, value)) {
    const known = Object.keys(all).join(', ') || 'none';
    throw usage(`${label} must be a profile in ${name}, which has ${known}; got ${JSON.stringify(value)}`);
  }
  return [
    { name, content: common },
    { name, content: all[value] ?? {}, within: `profiles.${value}.` },
  ];
}

function valueOf(
  setting: Setting,
  flags: Flags,
  env: Io['env'],
): { value: string; label: string } | undefined {
  const flag = [flags[setting.key] ?? []].flat().at(-1);
  if (flag !== undefined) return { value: String(flag), label: nameOf(setting) };
  const variable = variableOf(setting);
  const value = env[variable];
  return value ? { value, label: variable } : undefined;
}

/** Throws `CommandError` if a file has a secret, and other users may read the file or write it. */
function requirePrivate(name: string, { profiles: all = {}, ...common }: ConfigFile['content']): void {
  const secrets = settings.filter(({ key, secret }) => secret && key !== 'parameters').map(({ key }) => key);
  const parts = [common, ...Object.values(all as Record<string, ConfigFile['content']>)];
  const secret = secrets.find((key) => parts.some((part) => part[key] !== undefined));
  if (secret !== undefined && isExposed(statSync(name)))
    throw usage(`${name} has a ${secret}, and other users can read it; run chmod go-rwx ${name}`);
}

function usage(message: string): CommandError {
  return new CommandError(message, exitCodes.usage);
}
