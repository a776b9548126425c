/** The assertions of the specs: uvu's, less those that can pass for the wrong reason. */
import { inspect } from 'node:util';
import { Assertion, equal as uvuEqual, not as uvuNot } from 'uvu/assert';

export { Assertion, instance, is, match, ok, snapshot, type, unreachable } from 'uvu/assert';

/** Without `not.throws`, which every async function passes. */
export const not: Pick<typeof uvuNot, 'ok' | 'equal' | 'type' | 'instance' | 'match' | 'snapshot'> = uvuNot;

export type ErrorClass<E extends Error = Error> = abstract new (...args: never[]) => E;

/** A class, the value of `error.code`, or a predicate. */
export type Expectation = ErrorClass | string | ((error: Error) => boolean);

/** Runs a synchronous function that must throw; returns the error. (uvu's takes any error for `TypeError`.) */
export function throws<E extends Error>(fn: () => unknown, expectation: ErrorClass<E>): E;
export function throws(fn: () => unknown, expectation?: Expectation): Error;
export function throws(fn: () => unknown, expectation?: Expectation): Error {
  let returned: unknown;
  try {
    returned = fn();
  } catch (thrown) {
    return expected(thrown, expectation);
  }
  if (!isThenable(returned)) return fail('throws', 'Expected function to throw');
  // Its rejection would otherwise end the process before this message is seen.
  returned.then(undefined, () => undefined);
  return fail('throws', 'Expected function to throw, but it is async: use rejects');
}

/** Awaits a promise, or a function's promise, that must reject; returns the error. */
export function rejects<E extends Error>(work: Work, expectation: ErrorClass<E>): Promise<E>;
export function rejects(work: Work, expectation?: Expectation): Promise<Error>;
export async function rejects(work: Work, expectation?: Expectation): Promise<Error> {
  // Outside the try: an async API that throws in the caller's face is a defect, not a rejection.
  const promise = typeof work === 'function' ? work() : work;
  if (!isThenable(promise))
    return fail('rejects', 'Expected a promise: use throws for a synchronous function');
  try {
    await promise;
  } catch (thrown) {
    return expected(thrown, expectation);
  }
  return fail('rejects', 'Expected promise to reject');
}

type Work = PromiseLike<unknown> | (() => unknown);

// Taken before a spec can replace the timers.
const { setTimeout, clearTimeout } = globalThis;
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Milliseconds after which what has not happened counts as lost. A wait ends with its event, so the limit costs nothing but
 * for a failure, and a machine may be many times slower than the one that the spec was written on.
 */
export const patience = 30_000;

/** The promise's value, or after `ms` an error that begins with `what`. The timer keeps the process alive. */
export async function deadline<T>(promise: PromiseLike<T>, what: string, ms = patience): Promise<T> {
  // Node turns a longer timer into 1 ms.
  if (!(ms > 0 && ms <= LONGEST_TIMER)) throw new RangeError(`deadline: ${ms} is not between 0 and 2^31 ms`);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not settled within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** uvu's `equal`, but refuses what it cannot look into: to it, any two `Error`s or `Headers` are equal. */
export function equal(actual: unknown, expects: unknown, message?: string): void {
  uvuEqual(actual, expects, message);
  const blind = unseen(actual, expects);
  if (blind) fail('equal', `equal cannot see into ${blind}: compare its fields`);
}

// Called on values that uvu holds for equal, so both have the same shape.
function unseen(a: unknown, b: unknown): string | undefined {
  if (a === b || typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return undefined;
  if (COMPARED.some((type) => a instanceof type) || ArrayBuffer.isView(a)) return undefined;
  const inner = members(a);
  const plain = Array.isArray(a) || a instanceof Map || a instanceof Set || isRecord(a);
  if (a instanceof Error || (!plain && inner.length === 0)) return a.constructor.name;
  const other = members(b);
  for (const [index, value] of inner.entries()) {
    const blind = unseen(value, other[index]);
    if (blind) return blind;
  }
  return undefined;
}

const COMPARED = [Date, RegExp, URL, ArrayBuffer];

const isRecord = (value: object): boolean =>
  [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);

// Sorted, because objects with their keys in another order are equal too. The order of a Map or a Set may differ;
// then an element meets a stranger, and at worst the comparison is refused.
const members = (value: object): unknown[] =>
  value instanceof Map || value instanceof Set
    ? [...value].flat()
    : Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, member]: [string, unknown]) => member);

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

const isErrorClass = (value: Exclude<Expectation, string>): value is ErrorClass =>
  (value as unknown) === Error || (value.prototype as unknown) instanceof Error;

function expected(thrown: unknown, expectation?: Expectation): Error {
  // A failed assertion within the tested function is not the error that was asked for.
  if (thrown instanceof Assertion && expectation !== Assertion) throw thrown;
  if (!(thrown instanceof Error)) return fail('error', `Expected an Error; got ${inspect(thrown)}`);
  const [met, wanted] = meets(thrown, expectation);
  if (met) return thrown;
  return fail('error', `Expected ${wanted}; got ${thrown.name}: ${thrown.message}`, thrown);
}

function meets(error: Error, expectation?: Expectation): [met: boolean, wanted: string] {
  if (expectation === undefined) return [true, 'an error'];
  if (typeof expectation === 'string') {
    const { code } = error as NodeJS.ErrnoException;
    return [code === expectation, `code ${expectation} instead of ${code ?? 'none'}`];
  }
  if (isErrorClass(expectation)) return [error instanceof expectation, `an instance of ${expectation.name}`];
  return [expectation(error), 'an error that meets the predicate'];
}

function fail(operator: string, message: string, cause?: Error): never {
  const failure = new Assertion({ message, operator, expects: true, actual: false });
  if (cause) failure.cause = cause;
  throw failure;
}
