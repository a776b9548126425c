import { randomInt, timingSafeEqual } from 'node:crypto';
import { sha256 } from '../base/sha256.ts';
import { WrongCodeError } from './errors.ts';

/** Number of wrong codes that cancel a flow. */
export const maxWrongCodes = 5;

// Letters without vowels, so that no code is a word (RFC 8628 section 6.1).
const letters = 'BCDFGHJKLMNPQRSTVWXZ';
const lettersOfCode = 8;

/** Makes a code for a person to type in: eight letters, 34 random bits. */
export function newCode(): string {
  return Array.from({ length: lettersOfCode }, () => letters[randomInt(letters.length)]).join('');
}

/** Formats a code so that it can be read: `WDJB-MJHT`. */
export function shownCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}

/** Returns the letters of a code as a person has typed it: case, spaces and hyphens do not matter. */
export function readCode(typed: unknown): string {
  if (typeof typed !== 'string' || typed.length > 100) return '';
  return typed.toUpperCase().replace(/[\s\-\u2010-\u2015]/g, '');
}

/** Result of a code that a person has typed in. The last wrong one is `exhausted`. */
export type Confirmed = 'confirmed' | 'wrong' | 'exhausted';

/** A code that a page shows, and the attempts to type it in. */
export class Confirmation {
  readonly #digest: Buffer;
  #wrong = 0;

  constructor(code: string) {
    this.#digest = sha256(code, 'buffer');
  }

  /** Compares what a person has typed. */
  matches(typed: unknown): boolean {
    return timingSafeEqual(sha256(readCode(typed), 'buffer'), this.#digest);
  }

  /** Compares what a person has typed, and counts it if it is wrong. */
  check(typed: unknown): Confirmed {
    if (this.matches(typed)) return 'confirmed';
    this.#wrong++;
    return this.#wrong < maxWrongCodes ? 'wrong' : 'exhausted';
  }
}

/** Makes the error for a code that is wrong. */
export function wrongCodeError(result: Exclude<Confirmed, 'confirmed'> | 'none'): WrongCodeError {
  const why = {
    none: 'no page shows a code yet: the user has not come back from the authorization server',
    wrong: 'the page of this sign-in shows another code',
    exhausted: `the page shows another code, and after ${maxWrongCodes} wrong ones the flow is cancelled`,
  };
  return new WrongCodeError(why[result]);
}
