import { isIPv4 } from 'node:net';
import { inspect } from 'node:util';
import { InvalidOptionError } from './errors.ts';

/** Of a value that cannot be, which the message shows. */
export function invalid(option: string, must: string, value: unknown): InvalidOptionError {
  return new InvalidOptionError(option, `must ${must}, got ${show(value)}`);
}

/** As it is called in messages. */
export function typeOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

export function requireInteger(option: string, value: unknown, least: number, most: number): void {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
    throw new InvalidOptionError(
      option,
      `must be a whole number from ${least} to ${most}, got ${String(value)}`,
    );
  }
}

export function requireText(option: string, value: unknown): void {
  if (typeof value !== 'string')
    throw new InvalidOptionError(option, `must be a string, got ${typeOf(value)}`);
}

export function requireOneOf(option: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) throw invalid(option, `be one of ${allowed.map(show).join(', ')}`, value);
}

export function show(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value)
    : inspect(value, { depth: 1, breakLength: Infinity });
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** A state that another library has made must be as hard to guess as one of ours. @see RFC 6749 section 10.10 and appendix A.5 */
export function requireStrong(state: string): void {
  if (!/^[\x20-\x7e]{22,512}$/.test(state)) {
    throw new InvalidOptionError('state', `must be 22 to 512 visible ASCII characters, got ${state.length}`);
  }
  // A set of its characters would cost as much as the rest of a flow's beginning.
  let different = '';
  for (const character of state) {
    if (!different.includes(character)) different += character;
    if (different.length === 8) return;
  }
  throw new InvalidOptionError('state', 'must be random, got repeated characters');
}
