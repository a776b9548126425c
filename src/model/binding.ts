import { InvalidOptionError } from '../base/invalid-option.ts';
import { requireOneOf } from '../base/validate.ts';

/** Tie between who begins a flow and who finishes it: a cookie of the browser, a code that the person types in, or none. */
export type Binding = 'cookie' | 'code' | 'none';

/** Checks a binding. @throws InvalidOptionError if it is unknown. */
export function requireBinding(binding: unknown): void {
  requireOneOf('binding', binding, ['cookie', 'code', 'none']);
}

/** Makes the error of `confirm()` for a flow that needs no code. */
export function confirmError(): InvalidOptionError {
  return new InvalidOptionError('binding', "must be 'code' for confirm()");
}
