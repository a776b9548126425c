import { InvalidOptionError } from './invalid-option.ts';
import { typeOf } from './validate.ts';

/** Table of the names of all options of `O`. The compiler reports a name that is missing. */
export type OptionTable<O> = Readonly<Record<keyof O, true>>;

/** Owner of an options object, named in messages. */
export interface OptionsOwner {
  /** Name of the function or object that takes the options: `the bridge`. */
  readonly of: string;
  /** Text before the name of each option: `limits.`. @default '' */
  readonly prefix?: string;
}

/**
 * Reads an options object: fills in the defaults, and leaves out options that are `undefined`.
 *
 * @throws InvalidOptionError unless `options` is an object with known names only; a misspelt option would otherwise be
 * ignored.
 */
export function readOptions<O extends object, D extends object>(
  options: O,
  table: OptionTable<O>,
  { of, prefix = '' }: OptionsOwner,
  defaults: D,
): O & D {
  if (typeof options !== 'object' || (options as unknown) === null || Array.isArray(options)) {
    throw new InvalidOptionError('options', `of ${of} must be an object; got ${typeOf(options)}`);
  }
  const read = { ...defaults } as Record<string, unknown>;
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(table, name)) throw new InvalidOptionError(prefix + name, `is not an option of ${of}`);
    if (value !== undefined) read[name] = value;
  }
  return read as O & D;
}
