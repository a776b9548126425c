import { VirtualTimeScheduler } from 'rxjs';

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
