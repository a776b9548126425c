import { InvalidOptionError } from './invalid-option.ts';

/** Returns the error for an invalid value, which the message includes. */
export function invalid(option: string, must: string, value: unknown): InvalidOptionError {
  return new InvalidOptionError(option, `must ${must}; got ${show(value)}`);
}

/** Describes a value by its type only, because it may be secret: `a string`, `an empty string`, `null`. */
export function typeOf(value: unknown): string {
  if (value === '') return 'an empty string';
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

export function requireInteger(option: string, value: unknown, min: number, max: number): void {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw new InvalidOptionError(option, `must be a whole number from ${min} to ${max}; got ${show(value)}`);
  }
}

export function requireText(option: string, value: unknown): void {
  if (typeof value !== 'string')
    throw new InvalidOptionError(option, `must be a string; got ${typeOf(value)}`);
}

export function requireList(option: string, value: unknown, of = ''): void {
  if (!Array.isArray(value))
    throw new InvalidOptionError(option, `must be a list${of}; got ${typeOf(value)}`);
}

export function requireOneOf(option: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) throw invalid(option, `be one of ${allowed.map(show).join(', ')}`, value);
}

/** Formats a value for a message. Omits the members of an object, which may be secret. */
export function show(value: unknown): string {
  if (value === '') return 'an empty string';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/**
 * Checks that a state made by another library is long enough not to be guessed, and has at least 4 different characters, as
 * every random one of digits or letters has.
 *
 * @throws InvalidOptionError if it is not.
 * @see RFC 6749 section 10.10 and appendix A.5
 */
export function requireStrong(state: string): void {
  if (!/^[\x20-\x7e]{22,512}$/.test(state)) {
    throw new InvalidOptionError('state', `must be 22 to 512 visible ASCII characters; got ${state.length}`);
  }
  // A random state never has fewer: of 22 decimal digits, one in 2,000,000,000.
  // A string, because a `Set` would double the time that `begin` takes.
  let different = '';
  for (const character of state) {
    if (!different.includes(character)) different += character;
    if (different.length === 4) return;
  }
  throw new InvalidOptionError('state', 'must be random; got fewer than 4 different characters');
}
