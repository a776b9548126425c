import type { CallbackFields } from '../callback-response.ts';
import type { Expectation } from '../expectation.ts';

/** A sign-in whose truth is in a store, so that any node may take its redirect and any connection its result. */
export interface StoredFlow {
  /** Names the flow; no secret. */
  readonly id: string;
  readonly state: string;
  readonly expectation: Expectation;
  readonly redirectUri: string;
  /** Milliseconds since the epoch, by the store's clock. */
  readonly expiresAt: number;
  /** SHA-256 of the listener's secret, base64url; what a `resume` is checked against. */
  readonly key: string;
}

/** A flow, and whether its redirect may still come. */
export interface FoundFlow {
  readonly flow: StoredFlow;
  readonly ended: boolean;
}

/** How a flow ended: exactly one of these, ever. */
export type StoredResult =
  { type: 'response'; response: CallbackFields } | { type: 'expired' } | { type: 'cancelled' };

/**
 * The truth about flows that outlive a connection, a process or a node.
 *
 * Each method is one atomic step. A store away rejects; it never guesses.
 */
export interface FlowStore {
  /** Names the life of this memory; another one has other flows. */
  readonly epoch: string;
  /** Registers a flow for `ttl` milliseconds and gives its deadline; undefined where its state lives or has been used. */
  begin(flow: Omit<StoredFlow, 'expiresAt'>, ttl: number): Promise<StoredFlow | undefined>;
  /** The flow of a state, ended or not; `used` once its result is acknowledged. */
  find(state: string): Promise<FoundFlow | 'used' | undefined>;
  /** A flow by its id, until it is acknowledged or its time is over. */
  read(id: string): Promise<StoredFlow | undefined>;
  /** Ends a flow that has not ended, and keeps the result for its listener. False where it had ended. */
  end(id: string, result: StoredResult): Promise<boolean>;
  /** The kept result, until it is acknowledged or the flow's time is over. */
  result(id: string): Promise<StoredResult | undefined>;
  /** The listener has it: forgets the result and, but for the used state, the flow. False where it has not ended. */
  acknowledge(id: string): Promise<boolean>;
  /** Calls back, once or more often, when the flow may have ended. Returns its undo. */
  watch(id: string, wake: () => void): () => void;
}
