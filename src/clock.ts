import type { SchedulerLike } from 'rxjs';

/** Time, injected. Whole milliseconds since the epoch; `after` returns its undo. */
export interface Clock {
  now(): number;
  after(ms: number, run: () => void): () => void;
}

const { timeOrigin } = performance;

/** Monotonic, so that a corrected wall clock neither expires nor prolongs a flow; no timer keeps the process alive. */
export const systemClock: Clock = {
  now: () => Math.trunc(timeOrigin + performance.now()),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    // In browsers a timer is a number, and there is no process to keep alive.
    (timer as Partial<NodeJS.Timeout>).unref?.();
    return () => clearTimeout(timer);
  },
};

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
