import { asyncScheduler, VirtualTimeScheduler, type SchedulerLike } from 'rxjs';

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

/** Delays of up to a minute pass fifty times as fast, so that nobody waits to come back; deadlines are the machine's. */
export const hasty: SchedulerLike = {
  now: () => performance.timeOrigin + performance.now(),
  schedule: (work, delay = 0, state?: unknown) =>
    asyncScheduler.schedule(work as never, delay > 60_000 ? delay : delay / 50, state as never),
};
