/**
 * The index of flows by state.
 *
 * One class, although it is long: matching and using a state are one step over the same maps.
 */
import { requireOutcome, type BeginOptions, type Outcome, readBeginOptions } from '../model/flow.ts';
import { CallbackResponse, type ResponseFields } from '../model/callback-response.ts';
import { Deadlines } from '../base/deadlines.ts';
import {
  FlowCancelledError,
  ServerClosedError,
  type UnansweredError,
  StateInUseError,
  TooManyFlowsError,
} from '../model/errors.ts';
import { answeredEvent, begunEvent, type ServerEvent } from '../model/events.ts';
import { confirmError, requireBinding } from '../model/binding.ts';
import { Confirmation, newCode, wrongCodeError } from '../model/confirmation.ts';
import type { FoundLink } from '../model/start-link.ts';
import type { WaitingSignIn } from '../model/waiting-sign-in.ts';
import {
  issuerOf,
  mismatch,
  needsCode,
  plainExpectation,
  readExpectation,
  usualExpectation,
  withCode,
  type Expectation,
  type Mismatch,
} from '../model/expectation.ts';
import { labelOf, readDescription, type FlowDescription } from '../model/flow-description.ts';
import { closedError, expiredError, PendingFlow, type FlowOwner } from './pending-flow.ts';
import type { Match } from './match.ts';
import type { FlowIndexOptions } from './flow-index-options.ts';
import { HeldRedirects, type HeldRedirect } from './held-redirects.ts';
import type { HotStream } from '../base/hot-stream.ts';
import type { Report } from '../base/isolated-observable.ts';
import { randomToken } from '../base/random.ts';
import { Recent } from '../base/recent.ts';
import { StartLinks } from './start-links.ts';
import type { Arrival } from '../model/redirect.ts';
import { AbortListeners } from '../base/abort-listeners.ts';
import type { Language } from '../page/texts.ts';
import { requireInteger, requireStrong } from '../base/validate.ts';

// Minimum number of used states to remember, so that a reload is `duplicate` or `late`, not `unmatched`.
const remembered = 5_000;

/** Index of this process's flows by state: knows which flows are pending and which states are used. */
export class FlowIndex implements FlowOwner {
  readonly report: Report;
  /** Set once a flow has asked for `form_post`. */
  formsExpected = false;
  /** Set once a flow has a redirect URI of its own. */
  contextsInUse = false;
  /** Set once a flow has a start URL. */
  startsInUse = false;
  readonly #starts: StartLinks;
  readonly #events: HotStream<ServerEvent>;
  readonly #live = new Map<string, PendingFlow>();
  readonly #byKey = new Map<string, PendingFlow>();
  readonly #signals = new AbortListeners();
  readonly #deadlines: Deadlines<PendingFlow>;
  readonly #options: FlowIndexOptions;
  readonly #ended = new Recent<'duplicate' | 'late'>(remembered);
  readonly #held: HeldRedirects | undefined;
  readonly #plain: Expectation;
  readonly #usual: Expectation;
  #pending = 0;
  #closed = false;

  constructor(options: FlowIndexOptions) {
    this.#options = options;
    this.report = options.report;
    this.#events = options.events;
    this.#deadlines = new Deadlines(options.clock, (flow) => this.#end(flow, expiredError()));
    this.#held =
      typeof options.unmatched === 'object' ? new HeldRedirects(options.unmatched, options.clock) : undefined;
    const { callbackPath, issuers } = options;
    this.#starts = new StartLinks(options.startUrlOf, options.consent === 'always');
    this.#usual = usualExpectation(callbackPath);
    // A caller of `ofState` cannot name an issuer, so each configured one is allowed.
    this.#plain = plainExpectation(this.#usual, issuers);
  }

  /** Tells if a flow of this process has this state, or had it. */
  has(state: string): boolean {
    return (this.#live.get(state) ?? this.#ended.get(state)) !== undefined;
  }

  /** Returns the pending flow that a response names by its state. The response is not matched, and changes nothing. */
  pendingOf({ state = '' }: Pick<ResponseFields, 'state'>): PendingFlow | undefined {
    const flow = this.#live.get(state);
    return flow?.pending ? flow : undefined;
  }

  /** Returns the issuer that the flow of this state expects, if it expects exactly one. */
  issuerOf(state: string): string | undefined {
    const flow = this.#live.get(state);
    return flow && issuerOf(flow.expectation);
  }

  /** Number of flows that wait for their redirect. */
  get pending(): number {
    return this.#pending;
  }

  /** Number of pending flows, plus flows whose response no subscriber has received yet. */
  get size(): number {
    return this.#deadlines.size;
  }

  /** Describes the pending flows, the oldest first. @param max Maximum number of flows. */
  waiting(max: number): WaitingSignIn[] {
    const found: WaitingSignIn[] = [];
    for (const flow of this.#live.values()) {
      if (found.length === max) break;
      if (flow.pending) found.push(waitingSignIn(flow));
    }
    return found;
  }

  now(): number {
    return this.#options.clock.now();
  }

  begin(given: BeginOptions = {}): PendingFlow {
    const options = readBeginOptions(given);
    const { state, ttl = this.#options.flowTtl, signal, key } = options;
    if (this.#closed) throw new ServerClosedError('the callback server is closing');
    requireInteger('ttl', ttl, 1, 86_400_000);
    const joined = key === undefined ? undefined : this.#byKey.get(key);
    if (joined && joined.expiresAt > this.now()) return joined;
    if (state !== undefined) requireStrong(state);
    if (signal?.aborted)
      throw new FlowCancelledError('the signal was aborted already', { cause: signal.reason });
    const { callbackPath, issuers, redirectUriFor } = this.#options;
    const { binding = this.#options.binding() } = options;
    requireBinding(binding);
    const expectation = withCode(readExpectation(options, this.#usual, issuers), binding);
    const description = readDescription(options);
    this.formsExpected ||= expectation.responseMode === 'form_post';
    this.contextsInUse ||= expectation.path !== callbackPath;
    const deadline = this.now() + ttl;
    // A generated state is unique; no lookup needed.
    const flow =
      state === undefined
        ? this.#add(randomToken(), deadline, expectation, description)
        : (this.#adopt(state, deadline, expectation, description) ??
          this.#register(state, deadline, expectation, description));
    flow.redirectUri = redirectUriFor(expectation.path);
    if (binding === 'cookie') this.#starts.bind(flow);
    this.startsInUse ||= binding === 'cookie';
    if (signal || key !== undefined) this.#tie(flow, signal, key);
    if (state !== undefined) this.claim(state);
    return flow;
  }

  /** Turns a flow that `watch` made into a begun one. Returns undefined if there is none. */
  #adopt(
    state: string,
    deadline: number,
    expectation: Expectation,
    description: FlowDescription | undefined,
  ): PendingFlow | undefined {
    const flow = this.#live.get(state);
    if (!flow?.pending || flow.expiresAt !== Infinity) return undefined;
    this.#deadlines.remove(flow);
    flow.expiresAt = deadline;
    flow.expectation = expectation;
    flow.description = description;
    this.#deadlines.add(flow);
    return flow;
  }

  /** Finds the flow of this state, or makes one. Returns undefined if the state is used or the index is closed. */
  watch(state: string): PendingFlow | undefined {
    const flow = this.#live.get(state);
    if (flow || this.#closed || this.#ended.get(state)) return flow;
    const watched = this.#register(state, Infinity, this.#plain);
    this.claim(state);
    return watched;
  }

  /** Forgets a flow that `watch` made, if it has no observer left. */
  abandon(flow: PendingFlow): void {
    if (flow.expiresAt !== Infinity || flow.observed) return;
    if (flow.pending) this.#remove(flow, new FlowCancelledError('the flow was cancelled'));
    else this.taken(flow);
  }

  /** Matches a response and consumes its state in the same step: a second equal response is a duplicate. */
  match(fields: ResponseFields, arrival: Arrival): Match {
    const { state = '' } = fields;
    const flow = this.#live.get(state);
    if (!flow?.pending) return { disposition: this.#ended.get(state) ?? 'unmatched' };
    return flow.unconfirmed ? { disposition: 'duplicate', flow } : this.#judge(flow, fields, arrival);
  }

  /** Matches a response without a state to the pending flow, if there is exactly one. */
  matchOnly(fields: ResponseFields, arrival: Arrival): Match {
    const only = this.#pending === 1 && this.#deadlines.values().find(({ pending }) => pending);
    if (!only || only.unconfirmed) return { disposition: 'unmatched' };
    return this.#judge(only, fields, arrival);
  }

  #judge(flow: PendingFlow, fields: ResponseFields, arrival: Arrival): Match {
    // The flow's timer may be late if the process is busy or many flows expire at once.
    if (flow.expiresAt <= this.now()) {
      this.#end(flow, expiredError());
      return { disposition: 'late' };
    }
    const wrong = mismatch(flow.expectation, arrival, fields.iss);
    if (wrong) return { disposition: wrong, flow };
    // The flow's own string: the parsed state is a slice that keeps the whole query in memory.
    if (fields.state !== undefined) fields.state = flow.state;
    const response = new CallbackResponse(fields);
    if (needsCode(flow.expectation, arrival, response.error)) {
      const code = newCode();
      flow.unconfirmed = { response, confirmation: new Confirmation(code) };
      return { disposition: 'unconfirmed', flow, code };
    }
    this.#answer(flow, response);
    return { disposition: 'accepted', flow, response };
  }

  #answer(flow: PendingFlow, response: CallbackResponse): void {
    flow.end = { response };
    this.#pending--;
    this.remember(flow.state, 'duplicate');
  }

  startUrl(flow: PendingFlow, url: string | URL): URL {
    return this.#starts.lead(flow, url);
  }

  /** Finds what a start URL leads to. Returns undefined if no pending flow has it. */
  startLink(startId: string): FoundLink | undefined {
    return this.#starts.find(startId, this.now());
  }

  // A promise, because other hosts of sign-ins need a round trip to a service or store.
  // eslint-disable-next-line @typescript-eslint/require-await
  async confirm(flow: PendingFlow, code: string): Promise<void> {
    const { unconfirmed, end, expectation } = flow;
    if (end && 'error' in end) throw end.error;
    if (end) return;
    if (!expectation.byCode) throw confirmError();
    if (!unconfirmed) throw wrongCodeError('none');
    const result = unconfirmed.confirmation.check(code);
    if (result === 'exhausted') flow.cancel(wrongCodeError(result));
    if (result !== 'confirmed') throw wrongCodeError(result);
    flow.unconfirmed = undefined;
    this.#answer(flow, unconfirmed.response);
    if (this.#events.observed)
      this.#events.next(answeredEvent(this.now(), flow.id, undefined, flow.description));
    this.deliver(flow);
  }

  /** Checks a response that no flow asked for against the server's path and issuers. Returns what does not match. */
  mismatchUnasked({ iss }: ResponseFields, arrival: Arrival): Mismatch | undefined {
    return mismatch(this.#plain, arrival, iss);
  }

  /** Holds an unmatched redirect until a program asks for its state. Returns undefined if it cannot be held. */
  hold(
    fields: ResponseFields,
    arrival: Arrival,
    language: Language,
    address?: string,
  ): HeldRedirect | undefined {
    return this.#closed ? undefined : this.#held?.add(fields, arrival, language, address);
  }

  /** Ends the waiting of a held redirect, as if its time were over. */
  release(held: HeldRedirect): void {
    this.#held?.release(held);
  }

  /** Delivers a matched flow's response. Without a subscriber it is kept until the flow's deadline. */
  deliver(flow: PendingFlow): void {
    if (flow.notify()) this.taken(flow);
    // A flow made by `ofState` is known only to its subscribers, so none can subscribe late.
    if (flow.expiresAt === Infinity && flow.slot < 0) flow.end = { error: closedError() };
  }

  /** Forgets a flow whose response has reached a subscriber. */
  taken(flow: PendingFlow): void {
    // A flow that is already forgotten must be skipped: another one may have its state by now.
    if (flow.slot >= 0) this.#forget(flow);
  }

  cancel(flow: PendingFlow, error: UnansweredError): void {
    if (!flow.pending) return;
    this.remember(flow.state, 'late');
    this.#remove(flow, error);
  }

  settle(flow: PendingFlow, outcome: Outcome): void {
    requireOutcome(outcome, this.#options.finishUrls);
    if (flow.settled) return;
    flow.settled = true;
    flow.onSettled?.(outcome);
    flow.onSettled = undefined;
    if (this.#events.observed) {
      const { id: flowId, description } = flow;
      const at = this.now();
      this.#events.next({ type: 'settled', at, flowId, outcome: outcome.status, ...labelOf(description) });
    }
  }

  /** Ends every flow and wipes responses that no subscriber has received. No flow can begin until `open`. */
  close(): void {
    this.#closed = true;
    this.#held?.close();
    for (const flow of [...this.#deadlines.values()]) this.#end(flow, closedError());
  }

  open(): void {
    this.#closed = false;
  }

  remember(state: string, as: 'duplicate' | 'late'): void {
    this.#ended.set(state, as);
  }

  #register(
    state: string,
    deadline: number,
    expectation: Expectation,
    description?: FlowDescription,
  ): PendingFlow {
    if (this.#live.get(state)) throw new StateInUseError('another pending flow has this state');
    if (this.#ended.get(state))
      throw new StateInUseError('this state was used before; each sign-in needs its own');
    return this.#add(state, deadline, expectation, description);
  }

  #add(
    state: string,
    deadline: number,
    expectation: Expectation,
    description?: FlowDescription,
  ): PendingFlow {
    if (this.size >= this.#options.maxFlows) {
      throw new TooManyFlowsError(`maxFlows (${this.#options.maxFlows}) flows are pending`);
    }
    const flow = new PendingFlow(this, this.#options.nextId(), state, deadline, expectation, description);
    flow.begunAt = this.now();
    this.#live.set(state, flow);
    this.#deadlines.add(flow);
    this.#pending++;
    if (this.#events.observed) {
      this.#events.next(begunEvent(flow.begunAt, flow));
    }
    return flow;
  }

  /** Hands over the redirect that is held for this state, if there is one. */
  claim(state: string): void {
    const held = this.#held?.take(state);
    if (held) this.#options.onClaimed(held);
  }

  #tie(flow: PendingFlow, signal: AbortSignal | undefined, key: string | undefined): void {
    const unfollow = signal && this.#signals.follow(signal, flow);
    if (key !== undefined) this.#byKey.set(key, flow);
    flow.release = () => {
      unfollow?.();
      if (key !== undefined) this.#byKey.delete(key);
    };
  }

  #end(flow: PendingFlow, error: UnansweredError): void {
    if (flow.pending) {
      this.cancel(flow, error);
    } else {
      this.#forget(flow);
      flow.end = { error };
      // An observer may still wait if the response was never delivered.
      flow.notify();
    }
  }

  #remove(flow: PendingFlow, error: UnansweredError): void {
    this.#forget(flow);
    this.#pending--;
    flow.end = { error };
    // Before the flow's observers are notified, because they may cause further events.
    if (this.#events.observed) {
      const { code } = error;
      const of = { at: this.now(), flowId: flow.id, ...labelOf(flow.description) };
      this.#events.next(
        code === 'expired' ? { type: code, ...of } : { type: 'cancelled', ...of, reason: code },
      );
    }
    flow.notify();
  }

  #forget(flow: PendingFlow): void {
    this.#starts.remove(flow);
    flow.unconfirmed = undefined;
    this.#live.delete(flow.state);
    this.#deadlines.remove(flow);
  }
}

function waitingSignIn({ id, begunAt, expiresAt, expectation, description }: PendingFlow): WaitingSignIn {
  return {
    flowId: id,
    begunAt,
    expiresAt: expiresAt === Infinity ? undefined : expiresAt,
    label: description?.label,
    issuer: issuerOf(expectation),
  };
}
