import { count } from '../base/count.ts';
import { issuerOf, type Expectation } from './expectation.ts';
import { labelOf, type FlowDescription } from './flow-description.ts';
import type { Disposition, RefusalReason, ResponseMode } from './redirect.ts';

/**
 * Event of a server or of one of its flows. It may be logged and sent to monitors: it has neither code nor state, and no
 * text from requests that were not accepted.
 *
 * `at` and `expiresAt` are in milliseconds since the epoch. `flowId` is public and gives access to nothing. `label` and
 * `issuer` are those of `begin`; an event leaves them out if the flow has none or its node does not know them.
 * `responseMode` is left out for `'query'`. `tenant` is the name of the tenant; the service's own events leave it out.
 */
export type ServerEvent = { tenant?: string } & (
  | { type: 'listening'; at: number; redirectUri: string }
  | {
      type: 'begun';
      at: number;
      flowId: string;
      expiresAt: number | undefined;
      label?: string;
      issuer?: string;
      responseMode?: ResponseMode;
    }
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
      /** Number of parameters that the response has lost by `limits.parameters` or `limits.parameter`; left out for none. */
      droppedParameters?: number;
    }
  | {
      type: 'answered';
      at: number;
      flowId: string;
      outcome: 'code' | 'error';
      error: string | undefined;
      label?: string;
    }
  | {
      type: 'settled';
      at: number;
      flowId: string;
      outcome: 'success' | 'failure' | 'redirect';
      label?: string;
    }
  | { type: 'expired'; at: number; flowId: string; label?: string }
  | {
      type: 'cancelled';
      at: number;
      flowId: string;
      label?: string;
      reason: 'cancelled' | 'closed' | 'lost' | 'evicted';
    }
  | { type: 'closed'; at: number }
);

/** Why a flow ended without a response: by its program, with the server, by its store, or for a flow of a smaller holder. */
export type CancelReason = Extract<ServerEvent, { type: 'cancelled' }>['reason'];

/** Tells if a flow ended although its program still waited and its server goes on. */
export function isLost(reason: CancelReason): boolean {
  return reason === 'lost' || reason === 'evicted';
}

interface BegunFlow {
  readonly id: string;
  readonly expiresAt: number;
  readonly expectation: Expectation;
  readonly description?: FlowDescription | undefined;
}

/** Returns the event of a flow that has begun. @param flow Its `expiresAt` is infinite if it ends with its last subscriber. */
export function begunEvent(
  at: number,
  { id, expiresAt, expectation, description }: BegunFlow,
): Extract<ServerEvent, { type: 'begun' }> {
  const issuer = issuerOf(expectation);
  const { responseMode } = expectation;
  return {
    type: 'begun',
    at,
    flowId: id,
    expiresAt: expiresAt === Infinity ? undefined : expiresAt,
    ...labelOf(description),
    ...(issuer !== undefined && { issuer }),
    ...(responseMode !== 'query' && { responseMode }),
  };
}

/** Returns the event of a flow that got its response. */
export function answeredEvent(
  at: number,
  flowId: string,
  error: string | undefined,
  description: FlowDescription | undefined,
): Extract<ServerEvent, { type: 'answered' }> {
  const outcome = error === undefined ? 'code' : 'error';
  return { type: 'answered', at, flowId, outcome, error, ...labelOf(description) };
}

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
