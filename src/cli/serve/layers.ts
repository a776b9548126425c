import { settings, variableOf, nameOf, type Reading, type Setting } from './settings.ts';

/** Flags as commander gives them, by the key of their setting. */
export type Flags = Readonly<Record<string, string | readonly string[] | boolean | undefined>>;

/** A JSON file that has been read. */
export interface ConfigFile {
  readonly name: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** What is set, by keys as in the file, and how whoever set it would name each. */
export interface Merged {
  readonly values: Record<string, unknown>;
  readonly labels: ReadonlyMap<string, string>;
}

/** Flags over the environment over the file. Nothing is checked yet. */
export function merge(
  flags: Flags,
  env: Readonly<Record<string, string | undefined>>,
  file: ConfigFile | undefined,
): Merged {
  const values = structuredClone(file?.content ?? {}) as Record<string, unknown>;
  const labels = new Map<string, string>();
  for (const setting of settings) {
    if (file && valueAt(values, setting.key) !== undefined)
      labels.set(setting.key, `${setting.key} in ${file.name}`);
    // An empty variable is how a shell unsets one for a single command.
    const variable = env[variableOf(setting)] || undefined;
    if (variable !== undefined) put(values, labels, setting, words(variable, setting), variableOf(setting));
    const flag = flags[setting.key];
    if (flag !== undefined) put(values, labels, setting, [flag].flat().map(String), nameOf(setting));
  }
  return { values, labels };
}

export function valueAt(values: Readonly<Record<string, unknown>>, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((within, name) => (isRecord(within) ? within[name] : undefined), values);
}

function put(
  values: Record<string, unknown>,
  labels: Map<string, string>,
  setting: Setting,
  texts: readonly string[],
  label: string,
): void {
  const { key, reads } = setting;
  const below = valueAt(values, key);
  const value = readers[reads](texts);
  const [name = '', parent] = key.split('.').reverse();
  const container = parent === undefined ? values : within(values, parent);
  container[name] = reads === 'bounds' && isRecord(below) && isRecord(value) ? { ...below, ...value } : value;
  labels.set(key, label);
}

function within(values: Record<string, unknown>, name: string): Record<string, unknown> {
  const present = values[name];
  const container = isRecord(present) ? present : {};
  values[name] = container;
  return container;
}

/** A variable has room for several words where a flag can be repeated. */
function words(text: string, { reads }: Setting): string[] {
  return reads === 'list' || reads === 'numbers' || reads === 'bounds'
    ? text.split(/[\s]+/).filter(Boolean)
    : [text];
}

const readers: Readonly<Record<Reading, (texts: readonly string[]) => unknown>> = {
  text: last,
  number: (texts) => number(last(texts)),
  numbers: (texts) => (texts.length > 1 ? texts.map(number) : number(last(texts))),
  list: (texts) => texts,
  switch: (texts) => flag(last(texts)),
  bounds,
  choice: (texts) => (last(texts) === 'false' ? false : number(last(texts))),
  policy: (texts) => (last(texts).includes('=') ? bounds(texts) : last(texts)),
};

function last(texts: readonly string[]): string {
  return texts.at(-1) ?? '';
}

function number(text: string): number | string {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}

function flag(text: string): boolean | string {
  if (text === 'true' || text === '1') return true;
  return text === 'false' || text === '0' ? false : text;
}

function bounds(texts: readonly string[]): unknown {
  const pairs = texts.flatMap((text) => text.split(',')).map((pair) => pair.split('='));
  // Not `__proto__` either, which would be lost on the way.
  if (!pairs.every(([name = '', ...value]) => /^[a-z]\w*$/i.test(name) && value.length === 1))
    return texts.join(' ');
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, number(value)]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
