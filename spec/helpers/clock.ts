import { Subscription, VirtualTimeScheduler, type SchedulerLike } from 'rxjs';
import { connectTimeoutMs } from '../../src/client/connection.ts';

/** Time that stands still until a spec moves it. */
export interface VirtualTime {
  /** For the option of the same name. */
  readonly scheduler: VirtualTimeScheduler;
  /** Lets the milliseconds pass, and whatever is due within them happen at its time. */
  readonly advance: (ms: number) => void;
}

export function virtualTime(): VirtualTime {
  const scheduler = new VirtualTimeScheduler();
  return {
    scheduler,
    advance(ms) {
      const end = scheduler.now() + ms;
      scheduler.maxFrames = end;
      scheduler.flush();
      scheduler.frame = end;
    },
  };
}

/** Virtual time for timers of Node. */
export interface HeldTimers extends Pick<VirtualTime, 'advance'>, Disposable {
  /** Number of timers that have neither run nor been cleared. */
  readonly pending: number;
}

/** Intervals of Node that run only when a spec says so. */
export interface HeldIntervals extends Disposable {
  /** Runs each that has this period, once. */
  readonly tick: (ms: number) => void;
}

interface HeldInterval {
  readonly run: () => void;
  readonly ms: number;
  readonly ref: () => HeldInterval;
  readonly unref: () => HeldInterval;
}

/** Replaces `setInterval` until it is disposed; what is set meanwhile runs only when `tick` is called. */
export function holdIntervals(): HeldIntervals {
  const { setInterval, clearInterval } = globalThis;
  const held = new Set<HeldInterval>();
  const hold = (run: () => void, ms = 0): HeldInterval => {
    const interval: HeldInterval = { run, ms, ref: () => interval, unref: () => interval };
    held.add(interval);
    return interval;
  };
  const clear = (interval: HeldInterval | NodeJS.Timeout | undefined): void => {
    if (!held.delete(interval as HeldInterval)) clearInterval(interval as NodeJS.Timeout | undefined);
  };
  Object.assign(globalThis, { setInterval: hold, clearInterval: clear });
  return {
    tick: (ms) => {
      for (const interval of held) if (interval.ms === ms) interval.run();
    },
    [Symbol.dispose]: () => void Object.assign(globalThis, { setInterval, clearInterval }),
  };
}

/**
 * Replaces `setTimeout` until it is disposed, so that timers set meanwhile run only when `advance` is called.
 *
 * @example
 * using timers = holdTimers();
 */
export function holdTimers(): HeldTimers {
  const { setTimeout, clearTimeout } = globalThis;
  const { scheduler, advance } = virtualTime();
  const held = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
    const timer = scheduler.schedule(() => run(...args), ms);
    return Object.assign(timer, { ref: () => timer, unref: () => timer });
  };
  const clear = (timer: { unsubscribe?: () => void } | undefined): void =>
    timer?.unsubscribe ? timer.unsubscribe() : clearTimeout(timer as NodeJS.Timeout | undefined);
  Object.assign(globalThis, { setTimeout: held, clearTimeout: clear });
  return {
    advance,
    get pending() {
      return scheduler.actions.length;
    },
    [Symbol.dispose]: () => void Object.assign(globalThis, { setTimeout, clearTimeout }),
  };
}

/**
 * A client's waits of up to a minute, as those before it reconnects, are this many times shorter. The time that an attempt may
 * take is not: the other program is as fast as the machine is.
 */
export const hastened = (times: number): SchedulerLike => ({
  now: () => performance.timeOrigin + performance.now(),
  schedule: (work, delay = 0) => {
    const ms = delay > 60_000 || delay === connectTimeoutMs ? delay : delay / times;
    // As those of the system's clock, its timers keep no process alive.
    const timer = setTimeout(work as () => void, ms).unref();
    return new Subscription(() => clearTimeout(timer));
  },
});

export const hasty = hastened(50);
