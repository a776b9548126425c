import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { clockFrom, systemClock, type Clock } from '../base/clock.ts';

const ofAsyncScheduler = clockFrom(asyncScheduler);

/** Returns a clock that follows `TestScheduler.run` while that runs, and the system clock at other times. */
export function testClock(scheduler: SchedulerLike | undefined): Clock {
  if (scheduler) return clockFrom(scheduler);
  const current = (): Clock => (isVirtual() ? ofAsyncScheduler : systemClock);
  return {
    now: () => current().now(),
    after: (ms, run) => current().after(ms, run),
  };
}

/** Tells if virtual time runs: `TestScheduler.run` gives `asyncScheduler` a time that begins with 0. */
function isVirtual(): boolean {
  return Math.abs(asyncScheduler.now() - Date.now()) > 60_000;
}
