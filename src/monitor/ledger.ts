import type { FeedStatus } from '../client/remote-feed.ts';
import type { ServerEvent } from '../events.ts';
import { spoken } from './words.ts';

/** These two are told by their reasons. */
const reasoned: ReadonlySet<string> = new Set(['malformed', 'refused']);
const notRefused: ReadonlySet<string> = new Set([
  'accepted',
  'held',
  ...(['listening', 'begun', 'settled', 'finished', 'expired', 'cancelled', 'closed'] as const),
]);

/** What the service has had, to the last event: its own counts, and what has come since. */
export class Ledger {
  /** As it says itself: flows may begin at one node and end at another, so that events do not add up to it. */
  waiting = 0;
  #counts: Record<string, number> = {};
  #reasons: Record<string, number> = {};
  #repeated = 0;

  stands({ counts, reasons, repeated }: FeedStatus): void {
    this.#counts = { ...counts };
    this.#reasons = { ...reasons };
    this.#repeated = repeated;
  }

  /** Returns whether the event is new, and not one of those sent again that were counted before. */
  add(event: ServerEvent): boolean {
    if (this.#repeated > 0) {
      this.#repeated--;
      return false;
    }
    count(this.#counts, event.type === 'redirect' ? event.disposition : event.type);
    if (event.type === 'redirect' && event.reason) count(this.#reasons, event.reason);
    return true;
  }

  of(name: string): number {
    return this.#counts[name] ?? 0;
  }

  get refused(): number {
    return sum(this.#refusals);
  }

  /** What redirects were refused for, the most frequent first. */
  get refusedFor(): [reason: string, count: number][] {
    const reasons = Object.entries(this.#reasons);
    const rest = this.#refusals.filter(([name]) => reasoned.has(name));
    const untold = sum(rest) - sum(reasons);
    return [
      ...this.#refusals.filter(([name]) => !reasoned.has(name)),
      ...reasons,
      ...(untold > 0 ? ([['malformed', untold]] as const) : []),
    ]
      .map(([name, count]): [string, number] => [spoken(name), count])
      .sort(([, a], [, b]) => b - a);
  }

  get #refusals(): [string, number][] {
    return Object.entries(this.#counts).filter(([name]) => !notRefused.has(name));
  }
}

/** Whether a flow waits no longer. */
export function endsFlow({ type }: ServerEvent): boolean {
  return type === 'settled' || type === 'expired' || type === 'cancelled';
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

function sum(entries: readonly (readonly [string, number])[]): number {
  return entries.reduce((total, [, each]) => total + each, 0);
}
