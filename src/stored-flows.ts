import type { CallbackFields } from './callback-response.ts';
import { InvalidOptionError, StateInUseError, TooManyFlowsError } from './errors.ts';
import type { ServerEvent } from './events.ts';
import { readExpectation, usualExpectation, type Expectation } from './expectation.ts';
import type { BeginOptions, Outcome } from './flow.ts';
import type { FlowsOptions } from './flows.ts';
import type { HotStream } from './hot-stream.ts';
import type { Arrival } from './redirect.ts';
import { Recent } from './recent.ts';
import { sameKey } from './store/same-key.ts';
import type { Consumed, FlowStore, StoredFlow, StoredResult } from './store/store.ts';
import { unavailable } from './unavailable-texts.ts';
import { requireInteger, requireStrong } from './validate.ts';

/** Who listens for a flow. */
export interface Waiter {
  /** There may be something to take. */
  wake(): void;
}

/** A flow that this node is woken for. */
interface Waiting {
  readonly id: string;
  /** Without anybody, only its end is noted. */
  waiter: Waiter | undefined;
  stop: () => void;
}

const nothing = (): void => undefined;

const settledRemembered = 5_000;

/** The flows whose truth is in a store: begun here or elsewhere, waited for here or elsewhere. */
export class StoredFlows {
  readonly store: FlowStore;
  /** What the page says while it is away. */
  readonly unavailable = unavailable;
  readonly #options: FlowsOptions;
  readonly #events: HotStream<ServerEvent>;
  readonly #usual: Expectation;
  /** By state: begun or resumed here, and not known to have ended. */
  readonly #waiting = new Map<string, Waiting>();
  #beginning = 0;
  /** Pages of this node that wait to hear how a sign-in ended. */
  readonly #pages = new Map<string, (outcome: Outcome) => void>();
  /** Of which the outcome is known; the last ones only. */
  readonly #settled = new Recent<true>(settledRemembered);

  constructor(store: FlowStore, options: FlowsOptions) {
    this.store = store;
    this.#options = options;
    this.#events = options.events;
    this.#usual = usualExpectation(options.callbackPath);
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Registers a flow for a listener that proves itself by `key`. The same state and key again give the same flow. */
  async begin(
    key: string,
    state: string,
    options: BeginOptions,
    taken: (state: string) => boolean,
  ): Promise<StoredFlow> {
    const { ttl = this.#options.flowTtl } = options;
    requireInteger('ttl', ttl, 1, 86_400_000);
    requireStrong(state);
    const expectation = readExpectation(options, this.#usual, this.#options.issuers);
    if (taken(state)) throw new StateInUseError('this state is in use or was used before');
    const known = await this.#knownAtCap(state, key);
    if (known) return known;
    const redirectUri = this.#options.redirectUriFor(expectation.path);
    this.#beginning++;
    const begun = await this.store
      .begin({ state, expectation, redirectUri, key }, ttl)
      .finally(() => this.#beginning--);
    if (begun === 'too_many_flows') throw new TooManyFlowsError('too many flows are pending');
    if (begun === 'state_in_use') throw new StateInUseError('this state is in use or was used before');
    const { flow, again } = begun;
    if (again) return flow;
    this.#wait(flow);
    this.#tell({ type: 'begun', at: this.#at(), flow: flow.id, expiresAt: flow.expiresAt });
    return flow;
  }

  /** Beyond `maxFlows` none begins; a listener that asks again for its own, over a connection that broke, still has it. */
  async #knownAtCap(state: string, key: string): Promise<StoredFlow | undefined> {
    const { maxFlows } = this.#options;
    if (this.size + this.#beginning < maxFlows) return undefined;
    const known = await this.store.read(state);
    if (known && sameKey(known.key, key)) return known;
    throw new TooManyFlowsError(`maxFlows (${maxFlows}) flows are pending`);
  }

  /** Consumes the state in the store, where the response is accepted. */
  match(fields: CallbackFields, arrival: Arrival): Promise<Consumed> {
    const { state } = fields;
    if (state === undefined) return Promise.resolve({ disposition: 'unmatched' });
    return this.store.consume({ ...fields, state }, arrival);
  }

  /** Whether a listener of this flow will be woken: it has not ended, as far as is known here. */
  waits({ state }: StoredFlow): boolean {
    return this.#waiting.has(state);
  }

  /** Wakes this listener, and no other one, when there may be something to take. */
  listen(flow: StoredFlow, waiter: Waiter): void {
    const waiting = this.#waiting.get(flow.state) ?? this.#wait(flow);
    waiting.waiter = waiter;
  }

  leave(state: string, waiter: Waiter): void {
    const waiting = this.#waiting.get(state);
    if (waiting?.waiter === waiter) waiting.waiter = undefined;
  }

  /** How the flow ended, if it has; `elsewhere` where its listener has gone to another node. */
  async take(state: string): Promise<StoredResult | 'elsewhere' | undefined> {
    const result = await this.store.take(state);
    const waiting = this.#waiting.get(state);
    if (!result || !waiting) return result;
    this.#forget(state);
    if (result === 'elsewhere') return result;
    const told = { at: this.#at(), flow: waiting.id };
    if (result.type === 'expired') this.#tell({ type: 'expired', ...told });
    if (result.type === 'cancelled') this.#tell({ type: 'cancelled', ...told, reason: 'cancelled' });
    return result;
  }

  /** Lets a page of this node wait; returns its undo. */
  awaitOutcome(id: string, page: (outcome: Outcome) => void): () => void {
    this.#pages.set(id, page);
    return () => void this.#pages.delete(id);
  }

  /** Reports an outcome that the server is not configured to allow; nothing has changed then. */
  settle(id: string, outcome: Outcome): void {
    if (outcome.status === 'redirect' && !this.#options.finishUrls.includes(outcome.url)) {
      this.#options.report(
        new InvalidOptionError('url', "of settle over the bridge must be one of the server's finishUrls"),
      );
      return;
    }
    // A listener says it again where its connection broke.
    if (this.#settled.get(id)) return;
    this.#settled.set(id, true);
    const page = this.#pages.get(id);
    this.#pages.delete(id);
    page?.(outcome);
    this.#tell({ type: 'finished', at: this.#at(), flow: id, outcome: outcome.status });
  }

  /** Stops watching. The flows live on in the store. */
  release(): void {
    for (const state of [...this.#waiting.keys()]) this.#forget(state);
  }

  #wait(flow: StoredFlow): Waiting {
    const { id, state } = flow;
    const waiting: Waiting = { id, waiter: undefined, stop: nothing };
    this.#waiting.set(state, waiting);
    waiting.stop = this.store.watch(flow, () => {
      if (waiting.waiter) waiting.waiter.wake();
      else void this.#note(waiting, state);
    });
    return waiting;
  }

  /** Nobody listens, but somebody may have begun to meanwhile. A store that is away wakes once more when it is back. */
  async #note(waiting: Waiting, state: string): Promise<void> {
    if (await this.take(state).catch(() => undefined)) waiting.waiter?.wake();
  }

  #forget(state: string): void {
    this.#waiting.get(state)?.stop();
    this.#waiting.delete(state);
  }

  #tell(event: ServerEvent): void {
    if (this.#events.observed) this.#events.next(event);
  }

  #at(): number {
    return this.#options.clock.now();
  }
}
