import { Recent } from '../base/recent.ts';
import type { ServerEvent } from '../model/events.ts';
import { endsFlow } from './totals.ts';

// The default of `maxFlows`. The waiting times of older flows are not known.
const minRemembered = 100_000;

/** Measures how long flows wait, from `begun` to their end. */
export class WaitingTimes {
  #begunAt = new Recent<number>(minRemembered);

  /** Returns the milliseconds that a flow has waited if this event ends it and its `begun` was seen. */
  waited(event: ServerEvent): number | undefined {
    if (event.type === 'begun') {
      this.#begunAt.set(event.flowId, event.at);
      return undefined;
    }
    if (!endsFlow(event)) return undefined;
    const begunAt = this.#begunAt.get(event.flowId);
    this.#begunAt.delete(event.flowId);
    // The clock may have been set back meanwhile.
    return begunAt === undefined ? undefined : Math.max(0, event.at - begunAt);
  }

  /** Forgets all flows. After a restart, a service may use the same ids for other flows. */
  clear(): void {
    this.#begunAt = new Recent(minRemembered);
  }
}
