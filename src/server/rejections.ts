import type { Clock } from '../base/clock.ts';
import type { ServerEvent } from '../model/events.ts';

/** Event of a redirect that was not accepted. */
export type RejectionEvent = Extract<ServerEvent, { type: 'redirect' }>;

// Events of one disposition and reason that are emitted singly within a second. A user who reloads a page causes a few.
const maxSingle = 10;

const summaryIntervalMs = 1_000;

/** Events of one disposition and reason in the current second. */
interface Tally {
  single: number;
  /** Number of events that the next summary stands for. */
  summarised: number;
  latest: RejectionEvent;
}

/**
 * Emits the events of rejected redirects, of a flood only one a second for each disposition and reason.
 *
 * Anyone who reaches the callback path can cause such events; as many events as requests would push everything else out of
 * a log and out of the feed's history.
 */
export class Rejections {
  readonly #emit: (event: RejectionEvent) => void;
  readonly #clock: Clock;
  readonly #tallies = new Map<string, Tally>();
  #stop: (() => void) | undefined;

  constructor(emit: (event: RejectionEvent) => void, clock: Clock) {
    this.#emit = emit;
    this.#clock = clock;
  }

  add(event: RejectionEvent): void {
    const key = `${event.disposition} ${event.reason ?? ''}`;
    let tally = this.#tallies.get(key);
    if (!tally) this.#tallies.set(key, (tally = { single: 0, summarised: 0, latest: event }));
    this.#stop ??= this.#clock.after(summaryIntervalMs, () => this.#nextSecond());
    // An event of a known flow is caused by somebody who knows its state.
    if (event.flowId !== undefined || tally.single < maxSingle) {
      tally.single++;
      this.#emit(event);
      return;
    }
    tally.summarised++;
    tally.latest = event;
  }

  /** Emits the summaries that are due, at the latest when the server closes. */
  flush(): void {
    this.#stop?.();
    this.#stop = undefined;
    for (const tally of this.#tallies.values()) this.#summarise(tally);
    this.#tallies.clear();
  }

  #nextSecond(): void {
    this.#stop = undefined;
    for (const [key, tally] of [...this.#tallies]) {
      // While a flood goes on, the next second has only a summary.
      if (tally.summarised === 0) this.#tallies.delete(key);
      this.#summarise(tally);
    }
    if (this.#tallies.size > 0) this.#stop = this.#clock.after(summaryIntervalMs, () => this.#nextSecond());
  }

  #summarise(tally: Tally): void {
    const { summarised, latest } = tally;
    tally.summarised = 0;
    if (summarised > 0) this.#emit(summarised === 1 ? latest : { ...latest, count: summarised });
  }
}
