import type { Observable, Subscription } from 'rxjs';

/** Record of a stream, with a way to wait for its next value. */
export interface Recording<T> {
  readonly values: readonly T[];
  /** How it ended; undefined while it has not. */
  readonly ending: { readonly completed: true } | { readonly error: unknown } | undefined;
  /** How often it ended; more than once is a defect. */
  readonly endings: number;
  /** Takes the oldest value that no `next()` has returned yet. Rejects if the stream ends before. */
  next(): Promise<T>;
  /** Resolves with the error, or with undefined if the stream completed. */
  readonly ended: Promise<unknown>;
  unsubscribe(): void;
}

/** Subscribes, and keeps everything. */
export function record<T>(stream: Observable<T>): Recording<T> {
  const values: T[] = [];
  let taken = 0;
  let endings = 0;
  let ending: Recording<T>['ending'];
  let wake: () => void = () => undefined;
  let news = new Promise<void>((resolve) => (wake = resolve));
  let end: (error: unknown) => void = () => undefined;
  const ended = new Promise<unknown>((resolve) => (end = resolve));
  const told = (): void => {
    wake();
    news = new Promise((resolve) => (wake = resolve));
  };
  const finish = (how: NonNullable<Recording<T>['ending']>): void => {
    endings++;
    ending = how;
    end('error' in how ? how.error : undefined);
    told();
  };
  const subscription: Subscription = stream.subscribe({
    next(value) {
      values.push(value);
      told();
    },
    error: (error: unknown) => finish({ error }),
    complete: () => finish({ completed: true }),
  });
  return {
    values,
    ended,
    get ending() {
      return ending;
    },
    get endings() {
      return endings;
    },
    async next() {
      while (taken >= values.length) {
        if (ending) throw new Error('the stream ended before its next value', { cause: ending });
        await news;
      }
      return values[taken++] as T;
    },
    unsubscribe: () => subscription.unsubscribe(),
  };
}
