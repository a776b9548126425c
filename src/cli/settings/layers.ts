import { dirname, isAbsolute, join } from 'node:path';
import { isKeychain } from '../places.ts';
import { nameOf, variableOf, type Setting, type ValueType } from './setting.ts';

/** Flags as commander parses them, by the key of their setting. */
export type Flags = Readonly<Record<string, string | readonly string[] | boolean | undefined>>;

/** Configuration file that has been read, or a part of one. */
export interface ConfigFile {
  readonly name: string;
  /** Place of the part in the file, with a dot at its end: `profiles.work.`. */
  readonly within?: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** All that is set, by keys as in the file. */
export interface Merged {
  readonly values: Record<string, unknown>;
  /** Name of each setting, by its key, as its source has it: a flag, a variable, or a key and its file. */
  readonly labels: ReadonlyMap<string, string>;
}

/**
 * Merges flags over the environment over the files, without checks.
 *
 * @param files The later ones override the earlier ones.
 */
export function merge(
  settings: readonly Setting[],
  flags: Flags,
  env: Readonly<Record<string, string | undefined>>,
  files: readonly ConfigFile[],
): Merged {
  const values = structuredClone(Object.assign({}, ...files.map(({ content }) => content))) as Record<
    string,
    unknown
  >;
  const labels = new Map<string, string>();
  for (const setting of settings) {
    const file = files.findLast(({ content }) => valueAt(content, setting.key) !== undefined);
    const inFile = file && valueAt(values, setting.key);
    if (file && inFile !== undefined) {
      labels.set(setting.key, `${file.within ?? ''}${setting.key} in ${file.name}`);
      if (namesFile(setting) && typeof inFile === 'string')
        replace(values, setting.key, besideFile(file.name, inFile));
    }
    // A shell unsets a variable for a single command by an empty value.
    const variable = env[variableOf(setting)] || undefined;
    if (variable !== undefined) put(values, labels, setting, words(variable, setting), variableOf(setting));
    const flag = flags[setting.key];
    if (flag !== undefined) put(values, labels, setting, [flag].flat().map(String), nameOf(setting));
  }
  return { values, labels };
}

/** Gives the value at a key such as `bridge.path`; undefined if there is none. */
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
  const { key, type } = setting;
  const below = valueAt(values, key);
  const value = readers[type](texts, setting);
  replace(
    values,
    key,
    type === 'bounds' && isRecord(below) && isRecord(value) ? { ...below, ...value } : value,
  );
  labels.set(key, label);
}

function replace(values: Record<string, unknown>, key: string, value: unknown): void {
  const [name = '', parent] = key.split('.').reverse();
  const container = parent === undefined ? values : within(values, parent);
  container[name] = value;
}

const typesOfFiles: readonly ValueType[] = ['file', 'place', 'tokens', 'texts', 'tenants', 'image'];

/** Tells if a text is the path of a file. */
export function namesFile({ type }: Setting): boolean {
  return typesOfFiles.includes(type);
}

/** Resolves a path that a file has: it is relative to the folder of that file. An empty path stays, to be rejected. */
export function besideFile(file: string, path: string): string {
  const isNoPath = path === '' || path.startsWith('data:') || isKeychain(path);
  return isNoPath || isAbsolute(path) ? path : join(dirname(file), path);
}

function within(values: Record<string, unknown>, name: string): Record<string, unknown> {
  const present = values[name];
  const container = isRecord(present) ? present : {};
  values[name] = container;
  return container;
}

/** Splits a variable into words if its flag can be repeated. */
function words(text: string, { type }: Setting): string[] {
  return type === 'list' || type === 'integers' || type === 'bounds'
    ? text.split(/[\s]+/).filter(Boolean)
    : [text];
}

/** Readers of the texts of a flag or variable. Text that does not fit stays text, which the schema rejects. */
const readers: Readonly<Record<ValueType, (texts: readonly string[], setting: Setting) => unknown>> = {
  text: last,
  file: last,
  place: last,
  token: last,
  tokens: last,
  texts: last,
  tenants: last,
  image: last,
  integer: (texts) => number(last(texts)),
  integers: (texts) => (texts.length > 1 ? texts.map(number) : number(last(texts))),
  port: (texts) => number(last(texts)),
  duration: (texts) => number(last(texts)),
  durationOrFalse: (texts) => (last(texts) === 'false' ? false : number(last(texts))),
  pathOrFalse: (texts) => (last(texts) === 'false' ? false : last(texts)),
  list: (texts) => texts,
  switch: (texts) => flag(last(texts)),
  bounds,
  choice: (texts, { choices = [] }) =>
    choices.find((choice) => String(choice) === last(texts)) ?? last(texts),
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
  // `__proto__` must not match: as a key it would be lost.
  if (!pairs.every(([name = '', ...value]) => /^[a-z]\w*$/i.test(name) && value.length === 1))
    return texts.join(' ');
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, number(value)]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
