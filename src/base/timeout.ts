import type { Clock } from './clock.ts';

/** Settles like `promise`. If that takes longer than `ms` milliseconds, settles like `onTimeout()` instead. */
export async function withTimeout<T>(
  clock: Clock,
  ms: number,
  promise: Promise<T>,
  onTimeout: () => T | Promise<T>,
): Promise<T> {
  let stop = (): void => undefined;
  const late = new Promise<void>((resolve) => (stop = clock.after(ms, resolve)));
  try {
    return await Promise.race([promise, late.then(onTimeout)]);
  } finally {
    stop();
  }
}
