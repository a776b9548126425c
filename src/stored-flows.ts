import { timingSafeEqual } from 'node:crypto';
import type { CallbackFields } from './callback-response.ts';
import { InvalidOptionError, StateInUseError, TooManyFlowsError } from './errors.ts';
import type { ServerEvent } from './events.ts';
import { mismatch, readExpectation } from './expectation.ts';
import type { BeginOptions, Outcome } from './flow.ts';
import type { FlowsOptions } from './flows.ts';
import type { HotStream } from './hot-stream.ts';
import { randomToken } from './pkce.ts';
import type { Arrival, Disposition } from './redirect.ts';
import type { FlowStore, StoredFlow, StoredResult } from './store/store.ts';
import { requireInteger, requireStrong } from './validate.ts';

/** Whose a response is, by the store. Accepted, it is kept there for the flow's listener. */
export type StoredMatch = { disposition: Disposition; flow?: StoredFlow };

const mostSettled = 10_000;

/** The flows whose truth is in a store: begun here or elsewhere, waited for here or elsewhere. */
export class StoredFlows {
  readonly store: FlowStore;
  readonly #options: FlowsOptions;
  readonly #events: HotStream<ServerEvent>;
  /** Begun here and not ended, each with how to stop watching it. */
  readonly #begun = new Map<string, () => void>();
  #beginning = 0;
  /** Pages of this node that wait to hear how a sign-in ended. */
  readonly #pages = new Map<string, (outcome: Outcome) => void>();
  /** Of which the outcome is known; the last ones only. */
  readonly #settled = new Set<string>();

  constructor(store: FlowStore, options: FlowsOptions) {
    this.store = store;
    this.#options = options;
    this.#events = options.events;
  }

  get size(): number {
    return this.#begun.size;
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
    const { callbackPath, issuers, maxFlows } = this.#options;
    const expectation = readExpectation(options, callbackPath, issuers);
    const known = await this.#own(state, key);
    if (known) return known;
    if (taken(state)) throw new StateInUseError('this state is in use or was used before');
    if (this.size + this.#beginning >= maxFlows)
      throw new TooManyFlowsError(`maxFlows (${maxFlows}) flows are pending`);
    const redirectUri = this.#options.redirectUriFor(expectation.path);
    const id = randomToken().slice(0, 22);
    this.#beginning++;
    const flow = await this.store
      .begin({ id, state, expectation, redirectUri, key }, ttl)
      .finally(() => this.#beginning--);
    if (!flow) {
      // Sent twice, over a connection that broke, both may have found nothing.
      const other = await this.#own(state, key);
      if (other) return other;
      throw new StateInUseError('this state is in use or was used before');
    }
    this.#begun.set(
      id,
      this.store.watch(id, () => void this.#ended(id)),
    );
    this.#tell({ type: 'begun', at: this.#at(), flow: id, expiresAt: flow.expiresAt });
    return flow;
  }

  /** The listener's own flow, which it asks for again: it may have ended before its `begun` arrived. */
  async #own(state: string, key: string): Promise<StoredFlow | undefined> {
    const known = await this.store.find(state);
    return known && known !== 'used' && sameKey(known.flow.key, key) ? known.flow : undefined;
  }

  /** Consumes the state in the store. Looked at first and then consumed: what it is checked against never changes. */
  async match(fields: CallbackFields, arrival: Arrival): Promise<StoredMatch> {
    if (fields.state === undefined) return { disposition: 'unmatched' };
    const found = await this.store.find(fields.state);
    if (!found) return { disposition: 'unmatched' };
    if (found === 'used' || found.ended) return { disposition: 'duplicate' };
    const { flow } = found;
    const wrong = mismatch(flow.expectation, arrival, fields.iss);
    if (wrong) return { disposition: wrong, flow };
    const consumed = await this.store.end(flow.id, { type: 'response', response: fields });
    return { disposition: consumed ? 'accepted' : 'duplicate', flow };
  }

  async cancel(id: string): Promise<void> {
    await this.store.end(id, { type: 'cancelled' });
  }

  /** Lets a page of this node wait; returns its undo. */
  awaitOutcome(id: string, page: (outcome: Outcome) => void): () => void {
    this.#pages.set(id, page);
    return () => void this.#pages.delete(id);
  }

  /** False where the outcome is not one that the server is configured to allow; nothing has changed then. */
  settle(id: string, outcome: Outcome): boolean {
    if (outcome.status === 'redirect' && !this.#options.finishUrls.includes(outcome.url)) {
      this.#options.report(
        new InvalidOptionError('url', "of settle over the bridge must be one of the server's finishUrls"),
      );
      return false;
    }
    // A listener says it again where its connection broke.
    if (this.#settled.has(id)) return true;
    const [oldest] = this.#settled.size >= mostSettled ? this.#settled : [];
    if (oldest !== undefined) this.#settled.delete(oldest);
    this.#settled.add(id);
    const page = this.#pages.get(id);
    this.#pages.delete(id);
    page?.(outcome);
    this.#tell({ type: 'finished', at: this.#at(), flow: id, outcome: outcome.status });
    return true;
  }

  /** Stops watching. The flows live on in the store. */
  release(): void {
    for (const stop of this.#begun.values()) stop();
    this.#begun.clear();
  }

  async #ended(id: string): Promise<void> {
    const result: StoredResult | undefined = await this.store.result(id).catch(() => undefined);
    const stop = this.#begun.get(id);
    if (!result || !stop) return;
    stop();
    this.#begun.delete(id);
    const at = this.#at();
    if (result.type === 'expired') this.#tell({ type: 'expired', at, flow: id });
    if (result.type === 'cancelled') this.#tell({ type: 'cancelled', at, flow: id, reason: 'cancelled' });
  }

  #tell(event: ServerEvent): void {
    if (this.#events.observed) this.#events.next(event);
  }

  #at(): number {
    return Math.trunc(this.#options.clock.now());
  }
}

/** In constant time: who could guess it piece by piece would be the flow's owner. */
function sameKey(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
