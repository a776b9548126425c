import type { FeedStatus } from '../client/remote-feed.ts';
import { countEvent, type ServerEvent } from '../model/events.ts';
import { isDisposition, isRefusal } from './refusals.ts';
import { readable } from './wording.ts';

/** Dispositions that are listed by their reason instead. */
const withReason: ReadonlySet<string> = new Set(['malformed', 'refused']);

/** Counts all events of the service up to the last one: its own counts plus the events received since then. */
export class Totals {
  /** Number of pending flows. Reported by the service, because a flow may end at another node than it began at. */
  waiting = 0;
  #counts: Record<string, number> = {};
  #reasons: Record<string, number> = {};
  #repeated = 0;

  setStatus({ counts, reasons, repeated }: FeedStatus): void {
    this.#counts = { ...counts };
    this.#reasons = { ...reasons };
    this.#repeated = repeated;
  }

  /** Counts an event. Returns false if the service has sent it again and its counts already include it. */
  add(event: ServerEvent): boolean {
    if (this.#repeated > 0) {
      this.#repeated--;
      return false;
    }
    // The reason of a disposition that only a newer service has may be no reason to reject.
    if (event.type !== 'redirect' || isDisposition(event.disposition))
      countEvent(event, this.#counts, this.#reasons);
    return true;
  }

  of(name: string): number {
    return this.#counts[name] ?? 0;
  }

  get refused(): number {
    return sum(this.#refusals);
  }

  /** Reasons for which redirects were rejected, the most frequent one first. */
  get refusedFor(): [reason: string, count: number][] {
    const reasons = Object.entries(this.#reasons);
    const byDisposition = this.#refusals.filter(([name]) => withReason.has(name));
    const withoutReason = sum(byDisposition) - sum(reasons);
    return [
      ...this.#refusals.filter(([name]) => !withReason.has(name)),
      ...reasons,
      ...(withoutReason > 0 ? ([['malformed', withoutReason]] as const) : []),
    ]
      .map(([name, times]): [string, number] => [readable(name), times])
      .sort(([, a], [, b]) => b - a);
  }

  get #refusals(): [string, number][] {
    return Object.entries(this.#counts).filter(([name]) => isRefusal(name));
  }
}

type FlowEnd = Extract<ServerEvent, { type: 'answered' | 'expired' | 'cancelled' }>;

/** Tells if an event ends a flow. */
export function endsFlow(event: ServerEvent): event is FlowEnd {
  return event.type === 'answered' || event.type === 'expired' || event.type === 'cancelled';
}

function sum(entries: readonly (readonly [string, number])[]): number {
  return entries.reduce((total, [, each]) => total + each, 0);
}
