import { Recent } from '../base/recent.ts';
import { isCancellation } from './cancellation.ts';
import { isLost, type ServerEvent } from './events.ts';

/**
 * Outcome of a sign-in: the user came back with a code, or declined; the authorization server, the program or the store failed;
 * the user did not come back in time; the program cancelled.
 */
export type SignInOutcome = 'succeeded' | 'denied' | 'failed' | 'expired' | 'cancelled';

/** Outcomes of sign-ins in the order in which people read them. */
export const signInOutcomes: readonly SignInOutcome[] = [
  'succeeded',
  'denied',
  'failed',
  'expired',
  'cancelled',
];

/** Number of sign-ins by outcome. */
export type OutcomeCounts = Readonly<Record<SignInOutcome, number>>;

/** Outcome that an event has decided. */
export interface Decided {
  readonly outcome: SignInOutcome;
  /** Time at which the sign-in was first decided, in milliseconds since the epoch. */
  readonly at: number;
  /** Outcome that it was counted with until now. */
  readonly instead: SignInOutcome | undefined;
}

// A program settles within minutes. At 10,000 events a minute these are the sign-ins of the last five.
const minRemembered = 20_000;

/** Decides the outcome of each sign-in from its events. A sign-in that succeeded fails if its program settles it so. */
export class OutcomesOfFlows {
  readonly #decided = new Recent<Omit<Decided, 'instead'>>(minRemembered);

  /** Returns what this event decides; undefined if it changes no count. */
  add(event: ServerEvent): Decided | undefined {
    const outcome = outcomeOf(event);
    if (outcome === undefined || !('flowId' in event) || event.flowId === undefined) return undefined;
    const known = this.#decided.get(event.flowId);
    const changes = event.type === 'settled' && outcome === 'failed' && known?.outcome === 'succeeded';
    if (known && !changes) return undefined;
    const decided = { outcome, at: known?.at ?? event.at };
    this.#decided.set(event.flowId, decided);
    return { ...decided, instead: known?.outcome };
  }
}

function outcomeOf(event: ServerEvent): SignInOutcome | undefined {
  switch (event.type) {
    case 'answered':
      if (event.outcome === 'code') return 'succeeded';
      return isCancellation(event.error ?? '') ? 'denied' : 'failed';
    case 'settled':
      return event.outcome === 'failure' ? 'failed' : 'succeeded';
    case 'expired':
      return 'expired';
    case 'cancelled':
      return isLost(event.reason) ? 'failed' : 'cancelled';
    default:
      return undefined;
  }
}

/** Returns the number of sign-ins that have ended. */
export function sumOf(counts: OutcomeCounts): number {
  return signInOutcomes.reduce((sum, outcome) => sum + counts[outcome], 0);
}

/** Adds counts to a sum. */
export function addOutcomes(sum: Record<SignInOutcome, number>, more: OutcomeCounts): void {
  for (const outcome of signInOutcomes) sum[outcome] += more[outcome];
}

/** Returns counts that are all 0. */
export function noOutcomes(): Record<SignInOutcome, number> {
  return { succeeded: 0, denied: 0, failed: 0, expired: 0, cancelled: 0 };
}

/** Adds a decision to counts. */
export function countOutcome(counts: Record<SignInOutcome, number>, { outcome, instead }: Decided): void {
  counts[outcome]++;
  if (instead !== undefined) counts[instead]--;
}
