import type { ResponseFields } from '../model/callback-response.ts';
import type { Outcome } from '../model/flow.ts';
import type { Consumed } from '../model/flow-store.ts';
import type { Arrival } from '../model/redirect.ts';
import type { FoundLink } from '../model/start-link.ts';

/** Flows that are kept in a store, which decides which of them a redirect belongs to. */
export interface FlowsElsewhere {
  /** Number of flows that this process waits for. */
  readonly size: number;
  /** Secret that the nodes of the store share. */
  readonly secret: string;
  /** Set if this node may receive redirects that belong to flows of other nodes. */
  readonly shared: boolean;
  /** Consumes the state in the store if the response fits its flow. Rejects if the store is unavailable. */
  match(fields: ResponseFields, arrival: Arrival): Promise<Consumed>;
  /** Finds what a start URL leads to. Waits a moment for a target that is on its way. Rejects if the store is unavailable. */
  startLink(startId: string): Promise<FoundLink | undefined>;
  /** Calls `tell` once with the outcome of a flow that was just accepted. Returns a function that stops waiting. */
  awaitOutcome(id: string, tell: (outcome: Outcome) => void): () => void;
  /** Stops waiting in this process. The flows stay in the store. */
  release(): void;
}
