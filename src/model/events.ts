import { count } from '../base/count.ts';
import type { Disposition, RefusalReason } from './redirect.ts';

/**
 * Event of a server or of one of its flows. It may be logged and sent to monitors: it has neither code nor state, and no
 * text from requests that were not accepted.
 *
 * `at` and `expiresAt` are in milliseconds since the epoch. `flowId` is public and gives access to nothing.
 */
export type ServerEvent =
  | { type: 'listening'; at: number; redirectUri: string }
  | { type: 'begun'; at: number; flowId: string; expiresAt: number | undefined }
  | {
      type: 'redirect';
      at: number;
      disposition: Disposition;
      flowId: string | undefined;
      reason: RefusalReason | undefined;
      /**
       * Number of redirects that the event stands for; left out for one. If many redirects of one disposition and reason
       * are rejected, an event each second sums them up.
       */
      count?: number;
    }
  | { type: 'answered'; at: number; flowId: string; outcome: 'code' | 'error'; error: string | undefined }
  | { type: 'settled'; at: number; flowId: string; outcome: 'success' | 'failure' | 'redirect' }
  | { type: 'expired'; at: number; flowId: string }
  | { type: 'cancelled'; at: number; flowId: string; reason: 'cancelled' | 'closed' | 'lost' }
  | { type: 'closed'; at: number };

/** Counts an event by its type or disposition, and by its reason if it has one. */
export function countEvent(
  event: ServerEvent,
  counts: Record<string, number>,
  reasons: Record<string, number>,
): void {
  if (event.type !== 'redirect') {
    count(counts, event.type);
    return;
  }
  count(counts, event.disposition, event.count);
  if (event.reason) count(reasons, event.reason, event.count);
}
