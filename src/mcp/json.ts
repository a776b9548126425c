import { invalid } from '../base/validate.ts';

/** Returns the JSON of a value that is to be stored. @throws InvalidOptionError if it has none, as a function */
export function jsonOf(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw invalid('value', 'be JSON', value);
  return text;
}
