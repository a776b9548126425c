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
import type { BegunFlow, Consumed, FlowStore, StoredFlow, StoredResult, Watcher } from './store/store.ts';
import { unavailable } from './unavailable-texts.ts';
import { requireInteger, requireStrong } from './validate.ts';

/** A page of this node that waits to hear how its sign-in ended. The outcome may come before the page waits for it. */
interface Page {
  tell: ((outcome: Outcome) => void) | undefined;
  outcome: Outcome | undefined;
  drop: () => void;
}

/** A flow that this node is woken for. */
class Waiting implements Watcher {
  readonly id: string;
  readonly state: string;
  readonly expiresAt: number;
  /** Without one, only the flow's end is noted. */
  listener: Watcher | undefined = undefined;
  readonly #flows: StoredFlows;

  constructor({ id, state, expiresAt }: StoredFlow, flows: StoredFlows) {
    this.id = id;
    this.state = state;
    this.expiresAt = expiresAt;
    this.#flows = flows;
  }

  wake(): void {
    if (this.listener) this.listener.wake();
    else void this.#flows.note(this);
  }
}

const nothing = (): void => undefined;

const settledRemembered = 5_000;

/** The flows whose truth is in a store: begun here or elsewhere, waited for here or elsewhere. */
export class StoredFlows {
  readonly store: FlowStore;
  /** What the page says while it is away. */
  readonly unavailable = unavailable;
  readonly options: FlowsOptions;
  readonly #events: HotStream<ServerEvent>;
  readonly #usual: Expectation;
  /** By state: begun or resumed here, and not known to have ended. */
  readonly #waiting = new Map<string, Waiting>();
  #beginning = 0;
  /** By flow. */
  readonly #pages = new Map<string, Page>();
  /** Of which the outcome is known; the last ones only. */
  readonly #settled = new Recent<true>(settledRemembered);

  constructor(store: FlowStore, options: FlowsOptions) {
    this.store = store;
    this.options = options;
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
  ): Promise<BegunFlow> {
    const { ttl = this.options.flowTtl } = options;
    requireInteger('ttl', ttl, 1, 86_400_000);
    requireStrong(state);
    const expectation = readExpectation(options, this.#usual, this.options.issuers);
    if (taken(state)) throw new StateInUseError('this state is in use or was used before');
    if (this.size + this.#beginning >= this.options.maxFlows) return this.#known(state, key);
    const redirectUri = this.options.redirectUriFor(expectation.path);
    let begun: Awaited<ReturnType<FlowStore['begin']>>;
    this.#beginning++;
    try {
      begun = await this.store.begin({ state, expectation, redirectUri, key }, ttl);
    } finally {
      this.#beginning--;
    }
    if (begun === 'too_many_flows') throw new TooManyFlowsError('too many flows are pending');
    if (begun === 'state_in_use') throw new StateInUseError('this state is in use or was used before');
    if (begun.again) return begun;
    const { flow } = begun;
    this.#wait(flow);
    this.#tell({ type: 'begun', at: this.#at(), flow: flow.id, expiresAt: flow.expiresAt });
    return begun;
  }

  /** Beyond `maxFlows` none begins; a listener that asks again for its own, over a connection that broke, still has it. */
  async #known(state: string, key: string): Promise<BegunFlow> {
    const flow = await this.store.read(state);
    if (flow && sameKey(flow.key, key) && (await this.store.adopt(state))) return { flow, again: true };
    throw new TooManyFlowsError(`maxFlows (${this.options.maxFlows}) flows are pending`);
  }

  /** Consumes the state in the store, where the response is accepted. */
  match(fields: CallbackFields, arrival: Arrival): Promise<Consumed> {
    const { state, error } = fields;
    const { settle } = this.options;
    if (state === undefined) return Promise.resolve({ disposition: 'unmatched' });
    const response = { ...fields, state };
    if (settle === false || error !== undefined) return this.store.consume(response, arrival);
    return this.#matchWithPage(response, arrival, settle);
  }

  async #matchWithPage(
    response: CallbackFields & { state: string },
    arrival: Arrival,
    settle: number,
  ): Promise<Consumed> {
    const page: Page = { tell: undefined, outcome: undefined, drop: nothing };
    // First: a listener elsewhere may be faster than the answer here.
    const stop = await this.store.onOutcome(response.state, settle, (outcome) => this.#decide(page, outcome));
    let found: Consumed | undefined;
    try {
      found = await this.store.consume(response, arrival);
    } finally {
      if (found?.disposition === 'accepted' && found.flow !== undefined)
        this.#keep(found.flow, page, settle, stop);
      else stop();
    }
    return found;
  }

  /** Whether a listener of this flow will be woken: it has not ended, as far as is known here. */
  waits({ state }: StoredFlow): boolean {
    return this.#waiting.has(state);
  }

  /** Wakes this listener, and no other one, when there may be something to take. */
  listen(flow: StoredFlow, listener: Watcher): void {
    const waiting = this.#waiting.get(flow.state) ?? this.#wait(flow);
    waiting.listener = listener;
  }

  leave(state: string, listener: Watcher): void {
    const waiting = this.#waiting.get(state);
    if (waiting?.listener === listener) waiting.listener = undefined;
  }

  /** How the flow ended, if it has; `elsewhere` where its listener has gone to another node, `gone` where the store lost it. */
  async take(state: string): Promise<StoredResult | 'elsewhere' | 'gone' | undefined> {
    const result = await this.store.take(state);
    const waiting = this.#waiting.get(state);
    // Once it has been taken, it goes when it is acknowledged.
    if (!waiting) return result === 'gone' ? undefined : result;
    if (!result) return undefined;
    this.#forget(waiting);
    // A store that was away until then has forgotten those whose time was over, too.
    if (result === 'gone')
      await this.#announce(waiting, this.store.now() < waiting.expiresAt ? 'lost' : 'expired');
    else if (result !== 'elsewhere' && result.type !== 'response') await this.#announce(waiting, result.type);
    return result;
  }

  /** Nobody is to hear of the flow any more: it ends, and nothing of it is kept. */
  async free(state: string): Promise<void> {
    await this.store.cancel(state);
    // Tells of the end, too.
    await this.take(state);
    await this.store.acknowledge(state);
  }

  /** Lets the page of a response that was just accepted wait; returns its undo. */
  awaitOutcome(id: string, tell: (outcome: Outcome) => void): () => void {
    const page = this.#pages.get(id);
    if (!page) return nothing;
    page.tell = tell;
    const { outcome } = page;
    // Not before whoever asks has the undo.
    if (outcome) queueMicrotask(() => page.tell?.(outcome));
    return page.drop;
  }

  /** Reports an outcome that the server is not configured to allow; nothing has changed then. */
  settle(id: string, state: string, outcome: Outcome): void {
    if (!this.#allows(outcome)) return;
    // A listener says it again where its connection broke.
    if (this.#settled.get(id)) return;
    this.#settled.set(id, true);
    const page = this.#pages.get(id);
    if (page) this.#decide(page, outcome);
    else this.store.settle(state, outcome).catch(this.options.report);
    this.#tell({ type: 'finished', at: this.#at(), flow: id, outcome: outcome.status });
  }

  /** Stops watching. The flows live on in the store. */
  release(): void {
    for (const waiting of [...this.#waiting.values()]) this.#forget(waiting);
  }

  /** Nobody listens, but somebody may have begun to meanwhile. A store that is away wakes once more when it is back. */
  async note(waiting: Waiting): Promise<void> {
    if (await this.take(waiting.state).catch(() => undefined)) waiting.listener?.wake();
  }

  #allows(outcome: Outcome): boolean {
    if (outcome.status !== 'redirect' || this.options.finishUrls.includes(outcome.url)) return true;
    this.options.report(
      new InvalidOptionError('url', "of settle over the bridge must be one of the server's finishUrls"),
    );
    return false;
  }

  /** Of a URL that was pasted there is no page that could say when it has gone: nobody waits for longer than this. */
  #keep(id: string, page: Page, ms: number, stop: () => void): void {
    const inTime = this.options.clock.after(ms, () => page.drop());
    page.drop = () => {
      page.tell = undefined;
      inTime();
      stop();
      this.#pages.delete(id);
    };
    this.#pages.set(id, page);
  }

  /** The first outcome counts. The node that it comes from may be configured otherwise than this one. */
  #decide(page: Page, outcome: Outcome): void {
    if (page.outcome || !this.#allows(outcome)) return;
    page.outcome = outcome;
    page.tell?.(outcome);
  }

  #wait(flow: StoredFlow): Waiting {
    const waiting = new Waiting(flow, this);
    this.#waiting.set(flow.state, waiting);
    this.store.watch(flow, waiting);
    return waiting;
  }

  #forget(waiting: Waiting): void {
    this.store.unwatch(waiting, waiting);
    this.#waiting.delete(waiting.state);
  }

  /** Whoever resumes the flow, here or at another node, takes its end too; it is told of once. */
  async #announce(waiting: Waiting, ending: 'expired' | 'cancelled' | 'lost'): Promise<void> {
    if (!this.#events.observed) return;
    try {
      if (!(await this.store.announce(waiting))) return;
    } catch (error) {
      this.options.report(error);
      return;
    }
    const told = { at: this.#at(), flow: waiting.id };
    this.#tell(
      ending === 'expired' ? { type: ending, ...told } : { type: 'cancelled', ...told, reason: ending },
    );
  }

  #tell(event: ServerEvent): void {
    if (this.#events.observed) this.#events.next(event);
  }

  #at(): number {
    return this.options.clock.now();
  }
}
