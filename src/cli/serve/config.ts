import { safeParse, type BaseIssue, type GenericSchema, type InferOutput } from 'valibot';
import { InvalidOptionError } from '../../base/invalid-option.ts';
import { show } from '../../base/validate.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { readJson } from './files.ts';
import { merge, type Flags, type Merged } from './layers.ts';
import { config as schema, type Config } from './schema.ts';
import { nameOf } from './setting.ts';
import { settings } from './settings.ts';

export type { Config } from './schema.ts';

// `watch` and `login` read this variable too. A list of tokens replaces it, because it may be set for them only.
const tokenVariable = 'RX_OAUTH_CALLBACK_TOKEN';

/** Configuration, with the means to name the source of a value in messages. */
export interface ReadConfig {
  readonly config: Config;
  /** Warning about a value that is ignored. */
  readonly remark: string | undefined;
  /** Turns an error about an option into one about its source: `--port must be …`. Other errors are returned unchanged. */
  readonly blame: (error: unknown, prefix?: string) => unknown;
}

/**
 * Reads flags, environment and file, in that order of precedence. Throws `CommandError` for an unknown name or an invalid value.
 *
 * @param flags Flags by the key of their setting; `config` names the file.
 */
export function readConfig(flags: Flags, env: Readonly<Record<string, string | undefined>>): ReadConfig {
  const name = flags['config'] ?? (env['RX_OAUTH_CALLBACK_CONFIG'] || undefined);
  const file = typeof name === 'string' ? { name, content: readObject(name) } : undefined;
  const merged = merge(flags, env, file);
  const given = parse(schema, merged.values, (path) => labelOf(path, merged, file?.name));
  const isLeftOver = given.tokens !== undefined && merged.labels.get('token') === tokenVariable;
  return {
    config: isLeftOver ? { ...given, token: undefined } : given,
    remark: isLeftOver
      ? `${tokenVariable} is ignored because ${merged.labels.get('tokens')} is set`
      : undefined,
    blame(error, prefix = '') {
      if (!(error instanceof InvalidOptionError)) return error;
      const message = error.message.slice(error.option.length).trimStart();
      const label = labelOf((prefix + error.option).split('.'), merged, file?.name);
      return new CommandError(`${label} ${message}`, exitCodes.usage, { cause: error });
    },
  };
}

/** Parses a value. Throws `CommandError` about the first part that does not fit the schema. */
export function parse<S extends GenericSchema>(
  valueSchema: S,
  value: unknown,
  label: (path: readonly string[]) => string,
): InferOutput<S> {
  const parsed = safeParse(valueSchema, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = (issue.path ?? []).map(({ key }) => String(key));
  throw new CommandError(`${label(path)} ${complaint(issue, path)}`, exitCodes.usage);
}

function complaint(issue: BaseIssue<unknown>, path: readonly string[]): string {
  if (issue.expected === 'never') return 'is not an option';
  if (issue.received === 'undefined') return 'is missing';
  const must = `must be ${issue.message}`;
  return isSecret(path) ? must : `${must}; got ${short(show(issue.input))}`;
}

function isSecret([first = '', ...more]: readonly string[]): boolean {
  return (
    more.includes('token') ||
    settings.some(({ key, secret }) => secret && (key === first || key === [first, ...more].join('.')))
  );
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** Names a value as its source has it: `--limit connections`, `bridge.port in serve.json`. */
function labelOf(path: readonly string[], { labels }: Merged, file: string | undefined): string {
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

function readObject(name: string): Record<string, unknown> {
  const content = readJson(name, '--config');
  if (typeof content === 'object' && content !== null && !Array.isArray(content))
    return content as Record<string, unknown>;
  throw new CommandError(`--config ${name} must hold a JSON object`, exitCodes.usage);
}
