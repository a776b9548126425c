import { showDuration, type DurationUnit } from './duration.ts';

/** Values by the type of their setting, as the configuration file has them. Those of a `choice` are its `choices`. */
export interface Values {
  text: string;
  /** Path of a file whose content the option gets. */
  file: string;
  /** Path of a file of saved tokens, or another place for them. */
  place: string;
  /** A bridge token. */
  token: string;
  /** Path of a file of bridge tokens, or the tokens themselves. */
  tokens: string | Token[];
  /** Path of a file of sentences for the pages, or the sentences themselves, by language and name. */
  texts: string | Record<string, Record<string, string>>;
  /** Path of a file of tenants, or the tenants themselves, by name. `serve` reads what is in them. */
  tenants: string | Record<string, unknown>;
  /** A data: URI, or the path of an image. */
  image: string;
  integer: number;
  /** Milliseconds. */
  duration: number;
  durationOrFalse: number | false;
  /** Number, or several candidates. */
  integers: number | number[];
  port: number;
  pathOrFalse: string | false;
  list: string[];
  /** `true` by a flag without a value, `false` by its opposite. */
  switch: boolean;
  /** Numbers by name, merged by name over those of the layers below. */
  bounds: Record<string, number>;
  policy: 'reject' | 'accept' | { holdFor: number; max: number };
}

/** A token with the roles that it gives. */
export interface Token {
  name: string;
  token: string;
  roles: ('listener' | 'monitor')[];
  /** Milliseconds since the epoch. */
  expiresAt?: number | undefined;
  /** Bounds on all connections of this name together. */
  limits?:
    | { connections?: number | undefined; flows?: number | undefined; perSecond?: number | undefined }
    | undefined;
}

export type ValueType = keyof Values | 'choice';

/** Row of a table of settings. Its key there is its key in the configuration file. */
export interface SettingRow<Feeds extends string = string> {
  /** Flag as commander reads it: `--flow-ttl <ms>`. Left out for a secret, which every user of the machine could see. */
  readonly flag?: string;
  /** Environment variable. @default named after the flag */
  readonly variable?: string;
  readonly type: ValueType;
  /** Option that gets the value: `server.flowTtl`; `command` for a setting that the command uses itself. */
  readonly feeds: Feeds | 'command';
  /** Meaning, for help and documents; choices, range, default and `repeatable` are added to it. */
  readonly sentence?: string;
  /** Value if nothing is set. A command applies the default of its own settings; of others it only documents the library's. */
  readonly default?: string | number | boolean;
  readonly choices?: readonly (string | false)[];
  readonly min?: number;
  readonly max?: number;
  /** Unit of a duration without one. @default 'ms' */
  readonly unit?: DurationUnit;
  /** Meaning of the opposite flag of a `switch`: `--no-json`. */
  readonly opposite?: string;
  /** False for a setting that says which part of which file is read. @default true */
  readonly inFile?: false;
  /** Set if the object that the key names, such as `tls`, must have this member. */
  readonly required?: true;
  /** Set if no message may show the value. */
  readonly secret?: true;
}

export interface Setting extends SettingRow {
  /** Key in the configuration file: `bridge.path` is `{ "bridge": { "path": … } }`. */
  readonly key: string;
  /** Heading in the help. */
  readonly group: string;
}

/** Gives the name of the flag, `--flow-ttl` for `--flow-ttl <ms>`, or of the variable if there is no flag. */
export function nameOf({ flag, variable = '' }: SettingRow): string {
  return flag?.split(' ', 1)[0] ?? variable;
}

/** Gives the name of the opposite flag: `--no-json` for `--json`. */
export function oppositeOf(setting: SettingRow): string {
  return nameOf(setting).replace('--', '--no-');
}

/** Gives the name of the environment variable: `RX_OAUTH_CALLBACK_FLOW_TTL` for `--flow-ttl <ms>`. */
export function variableOf(setting: SettingRow): string {
  return (
    setting.variable ?? `RX_OAUTH_CALLBACK${nameOf(setting).slice(1).replaceAll('-', '_').toUpperCase()}`
  );
}

/** Describes a setting in one sentence without a full stop, for help and documents. */
export function describe(setting: SettingRow): string {
  const { type, sentence, choices, min, max } = setting;
  const show = (value: unknown): string =>
    type.startsWith('duration') && typeof value === 'number'
      ? showDuration(value, setting.unit)
      : String(value);
  const named = [sentence, choices && alternatives(choices)].filter(Boolean).join(': ');
  const range = min === undefined || max === undefined ? '' : `, ${show(min)} to ${show(max)}`;
  const repeatable = type === 'list' ? '; repeatable' : '';
  // A switch is off unless its flag is given, as its reader expects.
  const value =
    type === 'switch' || setting.default === undefined ? '' : ` (default: ${show(setting.default)})`;
  return named + range + repeatable + value;
}

/** Lists alternatives: `script, redirect or false`. */
export function alternatives(choices: readonly (string | false)[]): string {
  return choices.join(', ').replace(/, (?=[^,]*$)/, ' or ');
}
