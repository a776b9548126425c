import type { SchedulerLike } from 'rxjs';

/** Source of time, replaceable in tests. */
export interface Clock {
  /** Returns whole milliseconds since the epoch. */
  now(): number;
  /** Returns the time of the wall clock, by which dates that people wrote are judged. @default that of `now` */
  wall?(): number;
  /** Calls `run` after `ms` milliseconds. Returns a function that cancels the call. */
  after(ms: number, run: () => void): () => void;
}

const { timeOrigin } = performance;

// A longer timer would run at once.
const longestMs = 2 ** 31 - 1;

/**
 * The monotonic clock of the process: setting the wall clock neither expires nor prolongs a flow.
 *
 * Its timers do not keep the process alive.
 */
export const systemClock: Clock = {
  now: () => Math.trunc(timeOrigin + performance.now()),
  wall: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, longestMs));
    // Browsers return a number, which has no `unref`.
    (timer as Partial<NodeJS.Timeout>).unref?.();
    return () => clearTimeout(timer);
  },
};

/** Returns the time of a clock's wall clock. */
export function wallOf(clock: Clock): number {
  return clock.wall?.() ?? clock.now();
}

/** Returns a clock that follows an RxJS scheduler, or the system clock if there is no scheduler. */
export function clockFrom(scheduler: SchedulerLike | undefined): Clock {
  if (!scheduler) return systemClock;
  return {
    now: () => Math.trunc(scheduler.now()),
    after(ms, run) {
      const action = scheduler.schedule(run, ms);
      return () => action.unsubscribe();
    },
  };
}
