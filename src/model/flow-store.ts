import type { ResponseFields } from './callback-response.ts';
import type { Confirmed } from './confirmation.ts';
import type { Expectation, Mismatch } from './expectation.ts';
import type { Outcome } from './flow.ts';
import type { FlowDescription } from './flow-description.ts';
import type { Arrival } from './redirect.ts';

/** A flow that is kept in a store. Any node may receive its redirect, and any connection its result. */
export interface StoredFlow {
  /** Public id of the flow. */
  readonly id: string;
  readonly state: string;
  readonly expectation: Expectation;
  readonly redirectUri: string;
  /** Names of what the flow signs in to, if it has any. */
  readonly description?: FlowDescription | undefined;
  /** End of the flow's time to live, in milliseconds since the epoch by the store's clock. */
  readonly expiresAt: number;
  /** Id of the flow's start URL, if it is bound to the browser. */
  readonly startId?: string | undefined;
  /** Random key of the listener, 32 bytes as base64url. The proof in a `resume` is checked with it. */
  readonly key: string;
}

/** A flow to begin. The store adds its id and its deadline. */
export type NewFlow = Omit<StoredFlow, 'id' | 'expiresAt'>;

/** Part of a store that one identity of a bridge may use, so that it leaves the rest to others. */
export interface FlowShare {
  /** Account of the identity: its tenant, if it has one, and its name. No other identity has the same text. */
  readonly name: string;
  /** Flows, pending ones and ended ones that are not acknowledged. */
  readonly flows: number;
}

/** Limits of one tenant at all nodes together. Beyond them `begin` rejects; pending flows are not affected. */
export interface FlowQuota {
  /** Pending flows. @default 100_000 */
  flows?: number;
  /** Flows begun per second. @default 10_000 */
  perSecond?: number;
}

/** Result of `begin`. `again` is true if the same state and key had begun the flow before. */
export interface BegunFlow {
  readonly flow: StoredFlow;
  readonly again: boolean;
}

/** Result of `consume`: the id of the flow that the redirect belongs to, and the flow's description if the redirect is accepted. */
export interface Consumed {
  readonly disposition: 'accepted' | 'unconfirmed' | 'unmatched' | 'duplicate' | Mismatch;
  /** Code for the page to show, if the disposition is `unconfirmed`. */
  readonly code?: string | undefined;
  readonly flowId?: string | undefined;
  readonly description?: FlowDescription | undefined;
}

/** The end of a flow. Once a flow has ended, its result never changes. */
export type StoredResult =
  { type: 'response'; response: ResponseFields } | { type: 'expired' } | { type: 'cancelled' };

/** Observer of a flow in a store. */
export interface FlowWatcher {
  /** Called when the flow may have ended; `take` returns its result. */
  wake(): void;
}

/** A record of a store. */
export interface SharedRecord {
  readonly text: string;
  /** Changes with each change of the record. */
  readonly version: string;
}

/**
 * Short-lived texts that all nodes of a store share. Each is known to whoever has its key; the store need not know the key.
 *
 * Each method is one atomic operation, and rejects with `StoreUnavailableError` if the store cannot be reached.
 */
export interface SharedRecords {
  /** Returns the record of a key until its time is over. */
  read(key: string): Promise<SharedRecord | undefined>;
  /**
   * Replaces a record, if the store has this version of it still. Of several callers with one version only one succeeds.
   *
   * @param version Version that was read; undefined if there was no record.
   * @param text Undefined removes the record.
   * @param ttl Milliseconds that the record is kept from now on.
   * @returns false if the record has changed meanwhile; then it stays as it is.
   */
  replace(key: string, version: string | undefined, text: string | undefined, ttl: number): Promise<boolean>;
}

/** How long a store keeps a flow beyond its time to live, in milliseconds, so that its listener can reconnect and take the result. */
export const resultRetentionMs = 60_000;

/**
 * Store of flows that outlive a connection, a process or a node.
 *
 * The state is the key of a flow; a store may keep only its hash. Each method is one atomic operation. If the store
 * cannot be reached, the methods reject with `StoreUnavailableError`.
 */
export interface FlowStore {
  /** Id of the store's content; it changes when the store has lost its flows. */
  readonly epoch: string;
  /** Random secret that all nodes of the store have, and that no message shows; it may change with `epoch`. */
  readonly secret: string;
  /** True if several nodes share the store, so that a node may receive redirects for flows of another. */
  readonly shared: boolean;
  /** Tickets and page sessions of the store's nodes. @default each node has its own, which end with its process */
  readonly records?: SharedRecords;
  /** Returns the time of the store's clock, as estimated by this node, in milliseconds since the epoch. */
  now(): number;
  /**
   * Registers a flow for `ttl` milliseconds. If a flow has the same state and key, returns that one, ended or not.
   *
   * Resolves with `state_in_use` if the state belongs to another flow or was used, and with `too_many_flows` if the
   * store is full or the share is used up. A store may account shares for all nodes, for one node, or not at all.
   */
  begin(
    flow: NewFlow,
    ttl: number,
    share?: FlowShare,
  ): Promise<BegunFlow | 'state_in_use' | 'too_many_flows'>;
  /** Returns a flow, ended or not, until it is acknowledged or expires. */
  read(state: string): Promise<StoredFlow | undefined>;
  /**
   * Moves a flow to this node: from now on the store wakes only this node, and only it may take the result.
   *
   * Resolves with false if there is no such flow.
   */
  adopt(state: string): Promise<boolean>;
  /**
   * Marks the state as used and keeps the response for the flow's listener, who gets it after `confirm` if the flow asks for that.
   * Does neither if the response does not match.
   */
  consume(response: ResponseFields & { state: string }, arrival: Arrival): Promise<Consumed>;
  /**
   * Ends a flow that `consume` left unconfirmed with its response, if the code is that of its page. The fifth wrong code ends it as
   * cancelled.
   *
   * Resolves with `again` if the code was right before, until the flow is acknowledged. Resolves with `none` if the flow has ended
   * otherwise, or has no response that waits for a code.
   */
  confirm(state: string, code: string): Promise<Confirmed | 'again' | 'none'>;
  /** Ends a flow as cancelled, unless it has ended already. */
  cancel(state: string): Promise<void>;
  /**
   * Returns the result of a flow until it is acknowledged, and undefined while the flow is pending.
   *
   * Resolves with `elsewhere` if another node has adopted the flow, and with `gone` if the flow no longer exists.
   */
  take(state: string): Promise<StoredResult | 'elsewhere' | 'gone' | undefined>;
  /**
   * Decides if the caller publishes the event for a flow's end: resolves with true for the first caller only.
   *
   * This includes flows that the store has lost, but not flows that were acknowledged.
   */
  announce(flow: Pick<StoredFlow, 'state' | 'expiresAt'>): Promise<boolean>;
  /**
   * Removes a flow whose listener has received the result. Only the used state is remembered.
   *
   * Resolves with false if the flow has not ended.
   */
  acknowledge(state: string): Promise<boolean>;
  /**
   * Returns the id and key of a flow that a listener may settle: of one that is not acknowledged, and of an acknowledged one if
   * a page waited for its outcome then.
   */
  owner(state: string): Promise<Pick<StoredFlow, 'id' | 'key'> | undefined>;
  /** Sends the outcome of a sign-in to the nodes that wait for it with `onOutcome`. Delivery is not guaranteed. */
  settle(state: string, outcome: Outcome): Promise<void>;
  /**
   * Calls `tell` with the outcome that `settle` sends. Call this before `consume`.
   *
   * Waits for at most `ms` milliseconds after the state is consumed. Resolves once no later outcome can be missed, with
   * a function that ends the waiting.
   */
  onOutcome(state: string, ms: number, tell: (outcome: Outcome) => void): Promise<() => void>;
  /** Wakes the watcher when the flow may have ended, once or more often. */
  watch(flow: StoredFlow, watcher: FlowWatcher): void;
  unwatch(flow: Pick<StoredFlow, 'id' | 'state'>, watcher: FlowWatcher): void;
  /** Resolves if the store can be reached now. */
  check(): Promise<void>;
  /**
   * Returns the flows of a tenant, the same object for the same name: the same state of two tenants is two flows. Only `epoch`,
   * `now` and `check` are those of the whole store.
   *
   * @param quota Limits of the tenant. @default those of the store
   */
  forTenant?(name: string, quota?: FlowQuota): FlowStore;
}
