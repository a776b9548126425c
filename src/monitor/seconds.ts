import type { ServerEvent } from '../model/events.ts';
import {
  addOutcomes,
  countOutcome,
  noOutcomes,
  sumOf,
  type Decided,
  type OutcomeCounts,
} from '../model/sign-in-outcomes.ts';
import { isRefusal } from './refusals.ts';

/** Maximum number of seconds that the charts show. */
export const span = 300;
/** Minimum number of seconds that the charts show, even if there are no events yet. */
const leastSpan = 60;

// The median of a second uses only its first 1,000 waiting times, which bounds the memory.
const mostWaits = 1_000;

// Maximum delay of an event in milliseconds. A longer one means that a clock was set.
const longestWay = 2_000;

interface Second {
  accepted: number;
  refused: number;
  /** Waiting times in milliseconds, unsorted. */
  waits: number[];
  median: number | null | undefined;
  longest: number | null;
  readonly outcomes: ReturnType<typeof noOutcomes>;
}

/** Points of the charts, by second: `x` in seconds since the epoch, waiting times in seconds. */
export interface Points {
  x: number[];
  accepted: number[];
  refused: number[];
  median: (number | null)[];
  longest: (number | null)[];
  /** Outcomes of sign-ins in each span that the seconds are in, the latest incomplete: `x` is the middle of the span. */
  outcomes: { x: number[]; counts: OutcomeCounts[] };
}

/** Row of the table of the charts: `from` in seconds since the epoch, waiting times in milliseconds. */
export interface Span {
  from: number;
  accepted: number;
  refused: number;
  median: number | null;
  longest: number | null;
  outcomes: OutcomeCounts;
}

/** Number of seconds of a `Span`. */
export const spanLength = 10;

/** Counts the events of each of the last seconds, by the service's clock. */
export class Seconds {
  readonly #seconds = new Map<number, Second>();
  /** Milliseconds by which the service's clock is at least ahead of the local one; undefined until an event was compared. */
  #ahead: number | undefined;

  /** @param now Milliseconds by the local clock, if the event has only just happened. */
  add(event: ServerEvent, waited: number | undefined, now?: number): void {
    if (now !== undefined) this.#compare(event.at, now);
    if (event.type === 'redirect') {
      const second = this.#at(event.at);
      if (event.disposition === 'accepted') second.accepted++;
      else if (isRefusal(event.disposition)) second.refused++;
    } else if (event.type === 'answered' && waited !== undefined) {
      const second = this.#at(event.at);
      second.longest = Math.max(second.longest ?? 0, waited);
      second.median = undefined;
      if (second.waits.length < mostWaits) second.waits.push(waited);
    }
  }

  /** Counts the outcome of a sign-in. */
  decide(decided: Decided): void {
    countOutcome(this.#at(decided.at).outcomes, decided);
  }

  /** Returns the points of the last complete seconds. @param now Milliseconds by the local clock. */
  points(now: number): Points {
    const last = Math.floor((now + (this.#ahead ?? 0)) / 1_000) - 1;
    for (const second of this.#seconds.keys()) if (second <= last - span) this.#seconds.delete(second);
    const oldest = Math.min(...this.#seconds.keys(), last);
    const length = Math.min(Math.max(last - oldest + 1, leastSpan), span);
    const x = Array.from({ length }, (_, index) => last - length + 1 + index);
    const found = x.map((second) => this.#seconds.get(second));
    return {
      x,
      accepted: found.map((second) => second?.accepted ?? 0),
      refused: found.map((second) => second?.refused ?? 0),
      median: found.map((second) => (second ? inSeconds(medianOf(second)) : null)),
      longest: found.map((second) => inSeconds(second?.longest ?? null)),
      outcomes: this.#outcomesIn(last - length + 1, last + 1),
    };
  }

  /** Returns the complete spans that have events, the latest first. @param now Milliseconds by the local clock. */
  spans(now: number): Span[] {
    const current = spanAt((now + (this.#ahead ?? 0)) / 1_000);
    const found = new Map<number, Second>();
    for (const [at, { accepted, refused, waits, longest, outcomes }] of this.#seconds) {
      const from = spanAt(at);
      if (from >= current || at <= current - span) continue;
      const whole = found.get(from) ?? emptySecond();
      whole.accepted += accepted;
      whole.refused += refused;
      whole.waits.push(...waits);
      whole.median = undefined;
      whole.longest = longest === null ? whole.longest : Math.max(whole.longest ?? 0, longest);
      addOutcomes(whole.outcomes, outcomes);
      found.set(from, whole);
    }
    return [...found]
      .filter(([, { accepted, refused, outcomes }]) => accepted + refused + sumOf(outcomes) > 0)
      .map(([from, whole]) => {
        const { accepted, refused, longest, outcomes } = whole;
        return { from, accepted, refused, median: medianOf(whole), longest, outcomes };
      })
      .sort((a, b) => b.from - a.from);
  }

  /** Sums the outcomes of each span that has a second between these. */
  #outcomesIn(from: number, to: number): Points['outcomes'] {
    const first = spanAt(from);
    const length = Math.floor((to - first) / spanLength) + 1;
    const counts = Array.from({ length }, noOutcomes);
    for (const [at, { outcomes }] of this.#seconds) {
      const sum = counts[Math.floor((at - first) / spanLength)];
      if (sum) addOutcomes(sum, outcomes);
    }
    return { x: counts.map((_, index) => first + (index + 0.5) * spanLength), counts };
  }

  #compare(theirs: number, ours: number): void {
    const ahead = theirs - ours;
    if (this.#ahead === undefined || ahead > this.#ahead) this.#ahead = ahead;
    if (ahead >= this.#ahead - longestWay) return;
    this.#ahead = ahead;
    // Drop seconds in the future: they were recorded before the service's clock was set back.
    const latest = Math.floor(theirs / 1_000);
    for (const second of this.#seconds.keys()) if (second > latest) this.#seconds.delete(second);
  }

  #at(ms: number): Second {
    const key = Math.floor(ms / 1_000);
    let second = this.#seconds.get(key);
    if (!second) {
      second = emptySecond();
      this.#seconds.set(key, second);
    }
    return second;
  }
}

function emptySecond(): Second {
  return { accepted: 0, refused: 0, waits: [], median: null, longest: null, outcomes: noOutcomes() };
}

function spanAt(second: number): number {
  return Math.floor(second / spanLength) * spanLength;
}

function medianOf(second: Second): number | null {
  if (second.median === undefined) {
    const sorted = second.waits.sort((a, b) => a - b);
    second.median = sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
  }
  return second.median;
}

function inSeconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1_000;
}
