import { safeParse, type BaseIssue, type GenericSchema, type InferOutput } from 'valibot';
import { InvalidOptionError } from '../../base/invalid-option.ts';
import { show } from '../../base/validate.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { readJson } from './files.ts';
import { merge, type ConfigFile, type Flags, type Merged } from './layers.ts';
import { nameOf, type Setting } from './setting.ts';

/** Settings of a command, with the schema of their values. */
export interface SettingsOf<Config> {
  readonly settings: readonly Setting[];
  readonly schema: GenericSchema<unknown, Config>;
}

/** Settings that have been read, with the means to name the source of a value in messages. */
export interface ReadSettings<Config> {
  readonly config: Config;
  /** Name of each setting, by its key, as its source has it. */
  readonly labels: Merged['labels'];
  /** Names a value, given by its path, as its source has it: `--port`, or `bridge.port in serve.json`. */
  readonly label: (path: readonly string[]) => string;
  /** Turns an error about an option into one about its source: `--port must be …`. Other errors are returned unchanged. */
  readonly blame: (error: unknown, prefix?: string) => unknown;
}

/**
 * Reads flags, environment and files, in that order of precedence. Throws `CommandError` for an unknown name or an invalid value.
 *
 * @param flags Flags by the key of their setting.
 * @param files The later ones override the earlier ones.
 */
export function readSettings<Config>(
  { settings, schema }: SettingsOf<Config>,
  flags: Flags,
  env: Readonly<Record<string, string | undefined>>,
  files: readonly ConfigFile[],
): ReadSettings<Config> {
  const merged = merge(settings, flags, env, files);
  const label = (path: readonly string[]): string => labelOf(path, settings, merged, files.at(-1)?.name);
  return {
    config: parse(schema, merged.values, label, settings),
    labels: merged.labels,
    label,
    blame(error, prefix = '') {
      if (!(error instanceof InvalidOptionError)) return error;
      const message = error.message.slice(error.option.length).trimStart();
      return new CommandError(`${label((prefix + error.option).split('.'))} ${message}`, exitCodes.usage, {
        cause: error,
      });
    },
  };
}

/** Parses a value. Throws `CommandError` about the first part that does not fit the schema. */
export function parse<S extends GenericSchema>(
  valueSchema: S,
  value: unknown,
  label: (path: readonly string[]) => string,
  settings: readonly Setting[] = [],
): InferOutput<S> {
  const parsed = safeParse(valueSchema, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = (issue.path ?? []).map(({ key }) => String(key));
  throw new CommandError(`${label(path)} ${complaint(issue, path, settings)}`, exitCodes.usage);
}

function complaint(issue: BaseIssue<unknown>, path: readonly string[], settings: readonly Setting[]): string {
  if (issue.expected === 'never') return 'is not an option';
  if (issue.received === 'undefined') return 'is missing';
  const must = `must be ${issue.message}`;
  return isSecret(path, settings) ? must : `${must}; got ${short(show(issue.input))}`;
}

function isSecret([first = '', ...more]: readonly string[], settings: readonly Setting[]): boolean {
  const secrets = settings.filter(({ secret }) => secret).map(({ key }) => key);
  // A profile and its name come before the key.
  return (
    more.includes('token') ||
    [first, [first, ...more].join('.'), ...more].some((key) => secrets.includes(key))
  );
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** Names a value as its source has it: `--limit connections`, `bridge.port in serve.json`. */
function labelOf(
  path: readonly string[],
  settings: readonly Setting[],
  { labels }: Merged,
  file: string | undefined,
): string {
  const dotted = path.join('.');
  const setting = settings.find(({ key }) => key === dotted || dotted.startsWith(`${key}.`));
  const label = setting && labels.get(setting.key);
  if (label === undefined) {
    if (file !== undefined) return `${dotted || 'what'} in ${file}`;
    return setting ? nameOf(setting) : dotted;
  }
  const rest = dotted.slice(setting?.key.length).replace('.', ' ');
  return label.includes(' in ') ? label.replace(' in ', `${rest.replace(' ', '.')} in `) : label + rest;
}

/**
 * Reads a configuration file. Throws `CommandError` if it holds no JSON object.
 *
 * @param option Name of the option that names the file.
 */
export function readObject(name: string, option = '--config'): Record<string, unknown> {
  const content = readJson(name, option);
  if (typeof content === 'object' && content !== null && !Array.isArray(content))
    return content as Record<string, unknown>;
  throw new CommandError(`${option} ${name} must hold a JSON object`, exitCodes.usage);
}
