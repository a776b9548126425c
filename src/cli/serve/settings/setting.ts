/** How the text of a flag or a variable becomes a value. What does not fit stays text, and is refused with all else. */
export type Reading =
  | 'text'
  | 'number'
  | 'numbers'
  | 'list'
  /** `true` by being there, `false` by its opposite. */
  | 'switch'
  /** `name=number,name=number`, by name over those of the layers below. */
  | 'bounds'
  /** Text, but that `false` is false and numbers are numbers. */
  | 'choice'
  /** `reject`, `accept`, or as `bounds`. */
  | 'policy';

/** One thing that can be set: by its flag, by the variable of the same name, or at its key in the file. */
export interface Setting {
  /** Of the JSON file, as the library names it. */
  readonly key: string;
  /** As commander reads it. */
  readonly flag: string;
  readonly reads: Reading;
  readonly what: string;
  /** Of a switch: what it is to be switched off by a flag, where the environment or the file has switched it on. */
  readonly not?: string;
  readonly group: (typeof groups)[number];
  /** Whether its value must not be shown. */
  readonly secret?: true;
}

export const groups = [
  'Where it listens:',
  'Who may connect:',
  'Sign-ins:',
  'Several nodes:',
  'Pages:',
  'Operation:',
] as const;
/** Those of one group, in the order of its help. */
export function inGroup(group: Setting['group'], settings: readonly Omit<Setting, 'group'>[]): Setting[] {
  return settings.map((setting) => ({ ...setting, group }));
}

/** `--flow-ttl <ms>` is `--flow-ttl`. */
export function nameOf({ flag }: Setting): string {
  return flag.split(' ', 1)[0] as string;
}

/** `--flow-ttl` is RX_OAUTH_CALLBACK_FLOW_TTL. */
export function variableOf(setting: Setting): string {
  return `RX_OAUTH_CALLBACK${nameOf(setting).slice(1).replaceAll('-', '_').toUpperCase()}`;
}
