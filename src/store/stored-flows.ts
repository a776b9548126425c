/**
 * The flows of a server that are in a store.
 *
 * One class, although it is long: the states of a flow follow each other over the same maps.
 */
import type { ResponseFields } from '../model/callback-response.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { requireInteger, requireStrong } from '../base/validate.ts';
import { StateInUseError, TooManyFlowsError } from '../model/errors.ts';
import { answeredEvent, begunEvent, type ServerEvent } from '../model/events.ts';
import { requireBinding, type Binding } from '../model/binding.ts';
import type { Confirmed } from '../model/confirmation.ts';
import { browserOf, type FoundLink, type StartLink } from '../model/start-link.ts';
import { readStartTarget } from '../model/start-url.ts';
import { randomToken } from '../base/random.ts';
import { readExpectation, usualExpectation, withCode, type Expectation } from '../model/expectation.ts';
import { labelOf, readDescription } from '../model/flow-description.ts';
import { requireOutcome, type BeginOptions, type Outcome } from '../model/flow.ts';
import type { Arrival } from '../model/redirect.ts';
import { Recent } from '../base/recent.ts';
import type { WaitingSignIn } from '../model/waiting-sign-in.ts';
import type { FlowsElsewhere } from '../callback/flows-elsewhere.ts';
import { internalsOf } from '../server/internals.ts';
import { accountOf, type FlowHolder } from './flow-holder.ts';
import { Holders, pathOf, type HolderPath } from './holders.ts';
import { MemoryRecords } from './memory-records.ts';
import { sameKey } from './same-key.ts';
import { StoredStartLinks } from './start-links.ts';
import type { StoredFlowsOptions } from './stored-flows-options.ts';
import { WaitingFlow } from './waiting-flow.ts';
import type {
  BegunFlow,
  Consumed,
  FlowShare,
  FlowStore,
  StoredFlow,
  StoredResult,
  FlowWatcher,
} from '../model/flow-store.ts';

/** Flows of the server itself, which share its states with the stored flows. */
export interface LocalFlows {
  /** Tells if a flow of the server has or had this state. */
  has(state: string): boolean;
  /** Handles a redirect that was held until a flow with its state began. */
  claim(state: string): void;
}

/** A page of this node that waits for the outcome of its sign-in. The outcome may come before the page waits for it. */
interface Page {
  deliver: ((outcome: Outcome) => void) | undefined;
  outcome: Outcome | undefined;
  drop: () => void;
}

/** Limit that is reached. */
interface Limit {
  /** Holders that may lose a flow to a newcomer. */
  readonly within: 'all' | 'name';
  readonly message: string;
}

const nothing = (): void => undefined;

// Bounds what one flow of a remote program takes.
const maxIssuer = 2_048;
const maxContext = 128;

// A listener that is connected asks for the end of its flow at once.
const minEvicted = 10_000;

// Outcomes that a listener repeats after a reconnect are ignored for this many flows.
const minSettled = 5_000;

/** Returns the flows of a server's store; creates them with `store` if the server has no store yet. */
export function storedFlowsOf(server: object, store: FlowStore): StoredFlows {
  const internals = internalsOf(server);
  return internals.elsewhere((options) => new StoredFlows(store, internals.flows, options));
}

/** Flows in a store: begun at this node or another one, waited for at this node or another one. */
export class StoredFlows implements FlowsElsewhere {
  readonly store: FlowStore;
  readonly #options: StoredFlowsOptions;
  readonly #local: LocalFlows;
  readonly #usual: Expectation;
  readonly #starts: StoredStartLinks;
  /** Flows begun or resumed at this node and not known to have ended, by state. */
  readonly #waiting = new Map<string, WaitingFlow>();
  /** Those of these that remote programs have begun or taken up at this node. */
  readonly #holders = new Holders<WaitingFlow>();
  /** States of flows that this node has evicted, until their listeners are told. */
  readonly #evicted = new Recent<true>(minEvicted);
  /** Functions that tell if others than this name may begin flows. Each bridge adds one. */
  readonly sharers: ((name: string) => boolean)[] = [];
  #beginning = 0;
  readonly #beginningOf = new Map<string, number>();
  /** Pages that wait or will wait, by the flow's id. */
  readonly #pages = new Map<string, Page>();
  /** Ids of the flows that were settled last. */
  readonly #settled = new Recent<true>(minSettled);

  constructor(store: FlowStore, local: LocalFlows, options: StoredFlowsOptions) {
    this.store = store;
    this.#local = local;
    this.#options = options;
    this.#usual = usualExpectation(options.callbackPath);
    const records = store.records ?? new MemoryRecords(options.clock);
    const { clock } = options;
    this.#starts = new StoredStartLinks({
      records,
      clock,
      now: () => store.now(),
      secret: () => store.secret,
    });
  }

  get shared(): boolean {
    return this.store.shared;
  }

  get secret(): string {
    return this.store.secret;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Registers a flow for a listener that proves itself by `key`. The same state and key again give the same flow, which
   * stays at its node until `adopt` moves it. Call `claim` next.
   *
   * @param holder A remote program: it has a share of the flows, and no flow of it lives longer than `flowTtl`.
   */
  async begin(key: string, state: string, options: BeginOptions, holder?: FlowHolder): Promise<BegunFlow> {
    const { flowTtl } = this.#options;
    const { ttl = flowTtl } = options;
    requireInteger('ttl', ttl, 1, 86_400_000);
    requireStrong(state);
    if (holder) requireShort(options);
    const binding = this.#bindingOf(options, holder !== undefined);
    const startId = binding === 'cookie' ? randomToken(16) : undefined;
    const expectation = this.#bound(
      withCode(readExpectation(options, this.#usual, this.#options.issuers), binding),
      startId,
    );
    const description = readDescription(options);
    if (this.#local.has(state)) throw new StateInUseError('this state is in use or was used before');
    const share = holder && { name: accountOf(holder), flows: this.#shareOf(holder) };
    const path = holder && pathOf(holder);
    const full = this.#limitFor(path, share);
    const redirectUri = this.#options.redirectUriFor(expectation.path);
    let begun: Awaited<ReturnType<FlowStore['begin']>>;
    this.#countBeginning(share?.name, 1);
    try {
      if (full) {
        const known = await this.store.read(state);
        if (known && sameKey(known.key, key)) return { flow: known, again: true };
        if (!(await this.#evictFor(path, full.within))) throw new TooManyFlowsError(full.message);
      }
      const lifetime = share ? Math.min(ttl, flowTtl) : ttl;
      const flow = { state, expectation, redirectUri, description, startId, key };
      begun = await this.store.begin(flow, lifetime, share);
    } finally {
      this.#countBeginning(share?.name, -1);
    }
    if (begun === 'too_many_flows') throw new TooManyFlowsError('too many flows are pending');
    if (begun === 'state_in_use') throw new StateInUseError('this state is in use or was used before');
    if (begun.again) return begun;
    const { flow } = begun;
    const at = this.#at();
    this.#wait(flow, path, at);
    this.#emit(begunEvent(at, flow));
    return begun;
  }

  #bindingOf({ binding }: BeginOptions, isRemote: boolean): Binding {
    const usual = this.#options.binding();
    if (binding === undefined) return usual;
    requireBinding(binding);
    // A program that could choose this would get the response of whoever follows its link.
    if (binding === 'none' && usual !== 'none' && isRemote)
      throw new InvalidOptionError('binding', "must be 'cookie' or 'code' at this service; got 'none'");
    return binding;
  }

  #bound(expectation: Expectation, startId: string | undefined): Expectation {
    if (startId === undefined) return expectation;
    return { ...expectation, browser: browserOf(this.#starts.cookieOf(startId)) };
  }

  /** Returns the start URL of a flow that is bound to the browser. */
  startUrlOf({ startId }: StoredFlow): string | undefined {
    return startId === undefined ? undefined : this.#options.startUrlOf(startId);
  }

  /**
   * Sets the target of a flow's start URL, until a browser has opened it.
   *
   * @param program Name of the remote program that has begun the flow.
   * @throws InvalidOptionError if the target is not an absolute http or https URL.
   */
  async lead(flow: StoredFlow, target: string, program?: string): Promise<void> {
    const { startId, state, expiresAt, expectation } = flow;
    const { href: url } = readStartTarget(target);
    if (startId === undefined) throw new InvalidOptionError('binding', "must be 'cookie' for a start URL");
    const { consent } = this.#options;
    const asks = consent === 'always' || (consent === 'remote' && program !== undefined);
    const { responseMode } = expectation;
    const link: StartLink = { state, url, responseMode, expiresAt, asks, program, used: false };
    await this.#starts.set(startId, link, Math.max(1, expiresAt - this.store.now()));
  }

  startLink(startId: string): Promise<FoundLink | undefined> {
    return this.#starts.find(startId);
  }

  /** Passes on what a person has typed in. Emits the event of the flow's answer once, if it is the code of its page. */
  async confirm({ id, state, description }: StoredFlow, code: string): Promise<Confirmed | 'none'> {
    const result = await this.store.confirm(state, code);
    if (result === 'confirmed') this.#emit(answeredEvent(this.#at(), id, undefined, description));
    return result === 'again' ? 'confirmed' : result;
  }

  /** Describes the flows that wait at this node, the oldest first. @param max Maximum number of flows. */
  waiting(max: number): WaitingSignIn[] {
    const found: WaitingSignIn[] = [];
    for (const flow of this.#waiting.values()) {
      if (found.length === max) break;
      found.push(flow.shown);
    }
    return found;
  }

  /** Handles a redirect that was held until a flow with this state began. */
  claim(state: string): void {
    this.#local.claim(state);
  }

  /** Counts a flow that is being begun, also for the account of its name: a store may count none. */
  #countBeginning(account: string | undefined, by: 1 | -1): void {
    this.#beginning += by;
    if (account === undefined) return;
    const after = (this.#beginningOf.get(account) ?? 0) + by;
    if (after > 0) this.#beginningOf.set(account, after);
    else this.#beginningOf.delete(account);
  }

  /** Returns the limit that leaves no room for another flow of a holder. @param share Part of the flows that its name may have. */
  #limitFor(path: HolderPath | undefined, share: FlowShare | undefined): Limit | undefined {
    const { maxFlows } = this.#options;
    if (this.size + this.#beginning >= maxFlows)
      return { within: 'all', message: `maxFlows (${maxFlows}) flows are pending` };
    if (path && share && this.#holders.sizeOf(path) + (this.#beginningOf.get(share.name) ?? 0) >= share.flows)
      return { within: 'name', message: 'this credential has too many flows' };
    return undefined;
  }

  /**
   * Cancels the oldest flow of the largest holder that waits for its redirect, so that a holder with fewer gets its place. Resolves
   * with false if no holder has more than the newcomer's.
   */
  async #evictFor(path: HolderPath = ['', '', ''], within: Limit['within']): Promise<boolean> {
    for (const flow of this.#holders.largestFor(path, within) ?? []) {
      const result = await this.#evict(flow);
      // One that was answered meanwhile is its listener's.
      if (typeof result === 'object' && result.type === 'response') continue;
      if (within === 'name' && result !== 'elsewhere') await this.#forgetEvicted(flow);
      return true;
    }
    return false;
  }

  /** Cancels a flow, and resolves with its end. If the store fails, the flow stays as it was. */
  async #evict(flow: WaitingFlow): Promise<Awaited<ReturnType<FlowStore['take']>>> {
    const { state, holder } = flow;
    // First, so that no other newcomer gets the same place.
    if (holder) this.#holders.remove(holder, flow);
    flow.evicted = true;
    try {
      await this.store.cancel(state);
      return await this.take(state);
    } catch (error) {
      if (holder && this.#waiting.get(state) === flow) this.#holders.add(holder, flow);
      flow.evicted = false;
      throw error;
    }
  }

  match(fields: ResponseFields, arrival: Arrival): Promise<Consumed> {
    const { state, error } = fields;
    const { settle } = this.#options;
    if (state === undefined) return Promise.resolve({ disposition: 'unmatched' });
    const response = { ...fields, state };
    if (settle === false || error !== undefined) return this.store.consume(response, arrival);
    return this.#matchWithPage(response, arrival, settle);
  }

  async #matchWithPage(
    response: ResponseFields & { state: string },
    arrival: Arrival,
    settle: number,
  ): Promise<Consumed> {
    const page: Page = { deliver: undefined, outcome: undefined, drop: nothing };
    // First, because a listener at another node may settle before the store's answer arrives here.
    const stop = await this.store.onOutcome(response.state, settle, (outcome) => this.#decide(page, outcome));
    let found: Consumed | undefined;
    try {
      found = await this.store.consume(response, arrival);
    } finally {
      if (found?.disposition === 'accepted' && found.flowId !== undefined)
        this.#keep(found.flowId, page, settle, stop);
      else stop();
    }
    return found;
  }

  /** Tells if the store will wake a listener of this flow: as far as this node knows, it has not ended. */
  waits({ state }: StoredFlow): boolean {
    return this.#waiting.has(state);
  }

  /**
   * Registers the only listener of a flow, which is woken when `take` may have a result.
   *
   * @param name Name of the identity that listens.
   * @param holder The same remote program, which holds a flow from now on that another node has begun.
   */
  listen(flow: StoredFlow, listener: FlowWatcher, name?: string, holder?: FlowHolder): void {
    const waiting = this.#waiting.get(flow.state) ?? this.#wait(flow, holder && pathOf(holder));
    waiting.listener = listener;
    waiting.listenerName = name;
  }

  leave(state: string, listener: FlowWatcher): void {
    const waiting = this.#waiting.get(state);
    if (waiting?.listener === listener) waiting.listener = undefined;
  }

  /** Moves a flow to this node for who has its key. Resolves with undefined if there is none. */
  async takeUp(state: string, key: string): Promise<StoredFlow | undefined> {
    const flow = await this.store.read(state);
    if (!flow || !sameKey(flow.key, key)) return undefined;
    return (await this.store.adopt(state)) ? flow : undefined;
  }

  /** Takes how a flow ended, if it has: `elsewhere` if its listener is at another node now, `gone` if the store has lost it. */
  async take(state: string): Promise<StoredResult | 'elsewhere' | 'gone' | undefined> {
    const result = await this.store.take(state);
    const waiting = this.#waiting.get(state);
    // Taken before: the flow is gone once its listener has acknowledged it.
    if (!waiting) return result === 'gone' ? this.#endOfEvicted(state) : result;
    if (!result) return undefined;
    this.#forget(waiting);
    // A store that was unavailable meanwhile may have dropped an expired flow already.
    if (result === 'gone')
      await this.#announce(waiting, this.store.now() < waiting.expiresAt ? 'lost' : 'expired');
    else if (result !== 'elsewhere' && result.type !== 'response')
      await this.#announce(waiting, waiting.evicted && result.type === 'cancelled' ? 'evicted' : result.type);
    return result;
  }

  /** Makes room in the account of its name, which counts flows until they are acknowledged. */
  async #forgetEvicted({ state, listener }: WaitingFlow): Promise<void> {
    this.#evicted.set(state, true);
    await this.store.acknowledge(state);
    listener?.wake();
  }

  #endOfEvicted(state: string): StoredResult | undefined {
    return this.#evicted.get(state) && { type: 'cancelled' };
  }

  /** Ends a flow that no listener wants any more, and forgets it. */
  async free(state: string): Promise<void> {
    await this.store.cancel(state);
    // Also emits the event of the flow's end.
    await this.take(state);
    await this.store.acknowledge(state);
  }

  awaitOutcome(id: string, deliver: (outcome: Outcome) => void): () => void {
    const page = this.#pages.get(id);
    if (!page) return nothing;
    page.deliver = deliver;
    const { outcome } = page;
    // Later, so that the caller has the undo before.
    if (outcome) queueMicrotask(() => page.deliver?.(outcome));
    return page.drop;
  }

  /** Checks an outcome. Throws `InvalidOptionError` if a page of this server cannot show it. */
  requireOutcome(outcome: Outcome): void {
    requireOutcome(outcome, this.#options.finishUrls);
  }

  /** Settles a flow once. An outcome that the server does not allow is reported and changes nothing. */
  settle(id: string, state: string, outcome: Outcome): void {
    if (!this.#allows(outcome)) return;
    // A listener repeats an outcome after it has reconnected.
    if (this.#settled.get(id)) return;
    this.#settled.set(id, true);
    const page = this.#pages.get(id);
    if (page) this.#decide(page, outcome);
    else this.store.settle(state, outcome).catch(this.#options.report);
    this.#emit({ type: 'settled', at: this.#at(), flowId: id, outcome: outcome.status });
  }

  /** Ends all flows that wait at this node as cancelled. */
  async cancelAll(): Promise<void> {
    await Promise.all([...this.#waiting.keys()].map((state) => this.store.cancel(state)));
  }

  release(): void {
    for (const waiting of [...this.#waiting.values()]) this.#forget(waiting);
  }

  /**
   * Takes the end of a flow that has no listener, and wakes one that has come meanwhile. If the store is unavailable, it
   * wakes this node again later.
   */
  async #onUnheard(waiting: WaitingFlow): Promise<void> {
    if (await this.take(waiting.state).catch(() => undefined)) waiting.listener?.wake();
  }

  #allows(outcome: Outcome): boolean {
    if (outcome.status !== 'redirect' || this.#options.finishUrls.includes(outcome.url)) return true;
    this.#options.report(
      new InvalidOptionError('url', "of settle over the bridge must be one of the server's finishUrls"),
    );
    return false;
  }

  /** Keeps a page. A pasted URL has no page whose closing could be noticed, so waiting ends after `ms`. */
  #keep(id: string, page: Page, ms: number, stop: () => void): void {
    const stopTimer = this.#options.clock.after(ms, () => page.drop());
    page.drop = () => {
      page.deliver = undefined;
      stopTimer();
      stop();
      this.#pages.delete(id);
    };
    this.#pages.set(id, page);
  }

  /** Decides a page's outcome once. Checks it again, because another node may allow other URLs. */
  #decide(page: Page, outcome: Outcome): void {
    if (page.outcome || !this.#allows(outcome)) return;
    page.outcome = outcome;
    page.deliver?.(outcome);
  }

  /** Number of flows that remote programs of one name may have. */
  #shareOf({ name, limits: { flows: own = Infinity } = {} }: FlowHolder): number {
    const { maxFlows } = this.#options;
    const share = this.sharers.some((others) => others(name)) ? Math.ceil(maxFlows / 2) : maxFlows;
    return Math.min(share, own);
  }

  #wait(flow: StoredFlow, holder?: HolderPath, begunAt?: number): WaitingFlow {
    const waiting = new WaitingFlow(flow, (unheard) => void this.#onUnheard(unheard), holder, begunAt);
    if (holder) this.#holders.add(holder, waiting);
    this.#waiting.set(flow.state, waiting);
    this.store.watch(flow, waiting);
    return waiting;
  }

  #forget(waiting: WaitingFlow): void {
    const { holder, state } = waiting;
    this.store.unwatch(waiting, waiting);
    if (this.#waiting.delete(state) && holder) this.#holders.remove(holder, waiting);
  }

  /** Emits the event of a flow's end, unless another node has. */
  async #announce(waiting: WaitingFlow, ending: 'expired' | 'cancelled' | 'lost' | 'evicted'): Promise<void> {
    if (!this.#options.events.observed) return;
    try {
      if (!(await this.store.announce(waiting))) return;
    } catch (error) {
      this.#options.report(error);
      return;
    }
    const common = { at: this.#at(), flowId: waiting.id, ...labelOf(waiting.description) };
    this.#emit(
      ending === 'expired' ? { type: ending, ...common } : { type: 'cancelled', ...common, reason: ending },
    );
  }

  #emit(event: ServerEvent): void {
    const { events } = this.#options;
    if (events.observed) events.next(event);
  }

  #at(): number {
    return this.#options.clock.now();
  }
}

/** Checks the lengths of texts first, so that no message repeats a long one. */
function requireShort({ issuer = '', context = '' }: BeginOptions): void {
  for (const [option, { length }, max] of [
    ['issuer', issuer, maxIssuer],
    ['context', context, maxContext],
  ] as const)
    if (length > max)
      throw new InvalidOptionError(option, `must have at most ${max} characters; got ${length}`);
}
