import type { CallbackFields } from '../callback-response.ts';
import type { Expectation, Mismatch } from '../expectation.ts';
import type { Outcome } from '../flow.ts';
import type { Arrival } from '../redirect.ts';

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

/** A flow to begin: the store gives it its id and its deadline. */
export type NewFlow = Omit<StoredFlow, 'id' | 'expiresAt'>;

/** A flow as begun; `again` where the same state and key had begun it before. */
export interface BegunFlow {
  readonly flow: StoredFlow;
  readonly again: boolean;
}

/** What became of a redirect; `flow` is the id of the one it is of. */
export interface Consumed {
  readonly disposition: 'accepted' | 'unmatched' | 'duplicate' | Mismatch;
  readonly flow?: string | undefined;
}

/** How a flow ended: exactly one of these, ever. */
export type StoredResult =
  { type: 'response'; response: CallbackFields } | { type: 'expired' } | { type: 'cancelled' };

/** Who is to know that a flow may have ended. */
export interface Watcher {
  /** There may be something to take. */
  wake(): void;
}

/**
 * The truth about flows that outlive a connection, a process or a node.
 *
 * A flow is asked for by its state, which a store need not be able to read. Each method is one atomic step. A store away
 * rejects with `StoreUnavailableError`; it never guesses.
 */
export interface FlowStore {
  /** Names the life of this memory; another one has other flows. */
  readonly epoch: string;
  /** Whether flows of other nodes are in it, whose redirects may come to this one. */
  readonly shared: boolean;
  /** Milliseconds since the epoch by the store's clock, as near as this node knows it. */
  now(): number;
  /**
   * Registers a flow for `ttl` milliseconds. The same state and key again give the same flow, ended or not, and adopt it.
   *
   * `state_in_use` where its state lives or has been used; `too_many_flows` where the store takes no more.
   */
  begin(flow: NewFlow, ttl: number): Promise<BegunFlow | 'state_in_use' | 'too_many_flows'>;
  /** A flow, ended or not, until it is acknowledged or its time is over. */
  read(state: string): Promise<StoredFlow | undefined>;
  /** From now on it is this node that is woken and may take the result; another one no longer. False where there is no such flow. */
  adopt(state: string): Promise<boolean>;
  /** Uses up the state of a response that fits, and keeps the response for the flow's listener: both, or nothing. */
  consume(response: CallbackFields & { state: string }, arrival: Arrival): Promise<Consumed>;
  /** Ends a flow that has not ended without a response. */
  cancel(state: string): Promise<void>;
  /**
   * How the flow ended, until that is acknowledged; `elsewhere` where another node has adopted it, `gone` where there is no
   * such flow any more.
   */
  take(state: string): Promise<StoredResult | 'elsewhere' | 'gone' | undefined>;
  /**
   * Whether the caller, at whose node the flow was, is to tell of its end: true for the first one that asks. That of a flow
   * which was lost is told too, and of one that was acknowledged no more.
   */
  announce(flow: Pick<StoredFlow, 'state' | 'expiresAt'>): Promise<boolean>;
  /** The listener has it: forgets the result and, but for the used state, the flow. False where it has not ended. */
  acknowledge(state: string): Promise<boolean>;
  /** Tells whoever waits for it, at any node, how a sign-in ended that had its redirect. It may be lost on the way. */
  settle(state: string, outcome: Outcome): Promise<void>;
  /**
   * Asks to be told that, for `ms` milliseconds after the state is consumed, which is to come after this. Resolves with its
   * undo, once nothing that is told from then on is missed.
   */
  onOutcome(state: string, ms: number, tell: (outcome: Outcome) => void): Promise<() => void>;
  /** Wakes the watcher, once or more often, when there may be something to take. */
  watch(flow: StoredFlow, watcher: Watcher): void;
  unwatch(flow: Pick<StoredFlow, 'id' | 'state'>, watcher: Watcher): void;
  /** Resolves where the store can be reached now. */
  check(): Promise<void>;
}
