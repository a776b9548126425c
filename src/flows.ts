import { CallbackResponse, type CallbackFields } from './callback-response.ts';
import type { Clock } from './clock.ts';
import { Deadlines } from './deadlines.ts';
import { FlowCancelledError, ServerClosedError, StateInUseError, TooManyFlowsError } from './errors.ts';
import type { ServerEvent } from './events.ts';
import {
  mismatch,
  plainExpectation,
  readExpectation,
  usualExpectation,
  type Expectation,
  type Mismatch,
} from './expectation.ts';
import { PendingFlow, type BeginOptions, type Ending, type FlowOwner, type Outcome } from './flow.ts';
import { HeldRedirects, type HeldRedirect, type HoldOptions } from './held.ts';
import type { HotStream } from './hot-stream.ts';
import type { Report } from './isolated-observable.ts';
import { beginOptions, requireKnown } from './known-options.ts';
import { randomToken } from './pkce.ts';
import { Recent } from './recent.ts';
import type { Arrival, Disposition } from './redirect.ts';
import { Signals } from './signals.ts';
import { StateMap } from './state-map.ts';
import type { Language } from './texts.ts';
import { invalid, requireInteger, requireOneOf, requireStrong, requireText } from './validate.ts';

/** Whose a response is. Accepted, the flow's state is consumed; otherwise nothing has changed. */
export type Match =
  | { disposition: 'accepted'; flow: PendingFlow; response: CallbackResponse }
  | { disposition: Exclude<Disposition, 'accepted'>; flow?: PendingFlow };

export interface FlowsOptions {
  clock: Clock;
  flowTtl: number;
  maxFlows: number;
  events: HotStream<ServerEvent>;
  report: Report;
  /** The path of the redirect URI of a flow without a context. */
  callbackPath: string;
  /** The authorization servers in use; with several, `begin` must say which. */
  issuers: readonly string[];
  unmatched: 'reject' | 'accept' | HoldOptions;
  finishUrls: readonly string[];
  /** Milliseconds that a page waits to hear how its sign-in ended. */
  settle: number | false;
  /** Milliseconds that closing may take. */
  closeTimeout: number;
  redirectUriFor: (path: string) => string;
  /** A redirect was held for this state, which is now asked for. */
  onClaimed: (held: HeldRedirect) => void;
}

// So many states that have ended are told from those that never were.
const remembered = 5_000;

/** The index by state, and the only thing here that changes: which flows are pending, and which states are used up. */
export class Flows implements FlowOwner {
  readonly report: Report;
  /** Whether a flow of this server has asked for form_post. */
  formsExpected = false;
  /** Whether a flow of this server has a redirect URI of its own. */
  contextsInUse = false;
  readonly #events: HotStream<ServerEvent>;
  readonly #live = new StateMap<PendingFlow>();
  readonly #byKey = new Map<string, PendingFlow>();
  readonly #signals = new Signals();
  readonly #deadlines: Deadlines<PendingFlow>;
  readonly #options: FlowsOptions;
  readonly #ended = new Recent<'duplicate' | 'late'>(remembered);
  readonly #held: HeldRedirects | undefined;
  readonly #plain: Expectation;
  readonly #usual: Expectation;
  #sequence = 0;
  #pending = 0;
  #closed = false;

  constructor(options: FlowsOptions) {
    this.#options = options;
    this.report = options.report;
    this.#events = options.events;
    this.#deadlines = new Deadlines(options.clock, (flow) => this.#end(flow, { type: 'expired' }));
    this.#held =
      typeof options.unmatched === 'object' ? new HeldRedirects(options.unmatched, options.clock) : undefined;
    const { callbackPath, issuers } = options;
    this.#usual = usualExpectation(callbackPath);
    // With several, whoever only has a state cannot say which.
    this.#plain = plainExpectation(this.#usual, issuers);
  }

  /** Whether a flow stands here under this state, or did. */
  has(state: string): boolean {
    return (this.#live.get(state) ?? this.#ended.get(state)) !== undefined;
  }

  /** The issuer that the flow of this state expects, if it expects one. */
  issuerOf(state: string): string | undefined {
    const expected = this.#live.get(state)?.expectation.issuer?.issuers;
    return expected?.length === 1 ? expected[0] : undefined;
  }

  /** Flows that wait for their redirect. */
  get pending(): number {
    return this.#pending;
  }

  /** Those, and the ones whose response nobody has taken yet. */
  get size(): number {
    return this.#deadlines.size;
  }

  now(): number {
    return this.#options.clock.now();
  }

  begin(options: BeginOptions = {}): PendingFlow {
    requireKnown(options, beginOptions, 'begin');
    const { state, ttl = this.#options.flowTtl, signal, key } = options;
    if (this.#closed) throw new ServerClosedError('the callback server is closing');
    requireInteger('ttl', ttl, 1, 86_400_000);
    const joined = key === undefined ? undefined : this.#byKey.get(key);
    if (joined && joined.deadline > this.now()) return joined;
    if (state !== undefined) requireStrong(state);
    if (signal?.aborted)
      throw new FlowCancelledError('the signal was aborted already', { cause: signal.reason });
    const { callbackPath, issuers, redirectUriFor } = this.#options;
    const expectation = readExpectation(options, this.#usual, issuers);
    this.formsExpected ||= expectation.responseMode === 'form_post';
    this.contextsInUse ||= expectation.path !== callbackPath;
    const deadline = this.now() + ttl;
    // One of our own making is like no other, and need not be looked for.
    const flow =
      state === undefined
        ? this.#add(randomToken(), deadline, expectation)
        : (this.#adopt(state, deadline, expectation) ?? this.#register(state, deadline, expectation));
    flow.redirectUri = redirectUriFor(expectation.path);
    if (signal || key !== undefined) this.#tie(flow, signal, key);
    if (state !== undefined) this.claim(state);
    return flow;
  }

  /** A flow that somebody watches already becomes the one that is begun. */
  #adopt(state: string, deadline: number, expectation: Expectation): PendingFlow | undefined {
    const flow = this.#live.get(state);
    if (!flow?.pending || flow.deadline !== Infinity) return undefined;
    this.#deadlines.remove(flow);
    flow.deadline = deadline;
    flow.expectation = expectation;
    this.#deadlines.add(flow);
    return flow;
  }

  /** The flow to observe for this state; made, where none is. Undefined where none can come: ended, or closed. */
  watch(state: string): PendingFlow | undefined {
    const flow = this.#live.get(state);
    if (flow || this.#closed || this.#ended.get(state)) return flow;
    const watched = this.#register(state, Infinity, this.#plain);
    this.claim(state);
    return watched;
  }

  /** Forgets a flow that `watch` made, once nobody observes it. */
  abandon(flow: PendingFlow): void {
    if (flow.deadline !== Infinity || flow.observers[0]) return;
    if (flow.pending) this.#remove(flow, { type: 'cancelled' });
    else this.taken(flow);
  }

  /** Consumes the state, in one step: of two equal responses the second is a duplicate. */
  match(fields: CallbackFields, arrival: Arrival): Match {
    const { state = '' } = fields;
    const flow = this.#live.get(state);
    if (!flow?.pending) return { disposition: this.#ended.get(state) ?? 'unmatched' };
    return this.#judge(flow, fields, arrival);
  }

  /** Consumes the only flow that is pending, if there is exactly one and the rest of the response fits it. */
  matchOnly(fields: CallbackFields, arrival: Arrival): Match {
    const only = this.#pending === 1 && this.#deadlines.values().find(({ pending }) => pending);
    if (!only) return { disposition: 'unmatched' };
    return this.#judge(only, fields, arrival);
  }

  #judge(flow: PendingFlow, fields: CallbackFields, arrival: Arrival): Match {
    // Its timer may be behind: the process was busy, or many flows end at once.
    if (flow.deadline <= this.now()) {
      this.#end(flow, { type: 'expired' });
      return { disposition: 'late' };
    }
    const wrong = mismatch(flow.expectation, arrival, fields.iss);
    if (wrong) return { disposition: wrong, flow };
    // Its own in place of the query's, a slice that would keep the whole query in memory.
    if (fields.state !== undefined) fields.state = flow.state;
    const response = new CallbackResponse(fields);
    flow.ended = response;
    this.#pending--;
    this.remember(flow.state, 'duplicate');
    return { disposition: 'accepted', flow, response };
  }

  /** What is wrong with a response that nobody asked for, by what the server knows of its authorization servers. */
  mismatchUnasked({ iss }: CallbackFields, arrival: Arrival): Mismatch | undefined {
    return mismatch(this.#plain, arrival, iss);
  }

  /** Keeps an unmatched redirect for whoever asks for its state; undefined where it cannot be kept. */
  hold(fields: CallbackFields, arrival: Arrival, language: Language): HeldRedirect | undefined {
    return this.#closed ? undefined : this.#held?.add(fields, arrival, language);
  }

  /** Hands a matched flow its response, or keeps it for the flow until its deadline. */
  deliver(flow: PendingFlow): void {
    if (flow.tell()) this.taken(flow);
    // Nobody but its subscribers knew of it, so none comes late for the response.
    if (flow.deadline === Infinity && flow.slot < 0) flow.mark({ type: 'closed' });
  }

  /** Somebody came for the response that was kept. */
  taken(flow: PendingFlow): void {
    // Once forgotten, another flow may have its state.
    if (flow.slot >= 0) this.#forget(flow);
  }

  cancel(flow: PendingFlow, ending: Ending): void {
    if (!flow.pending) return;
    this.remember(flow.state, 'late');
    this.#remove(flow, ending);
  }

  settle(flow: PendingFlow, outcome: Outcome): void {
    requireOutcome(outcome, this.#options.finishUrls);
    if (flow.settled) return;
    flow.settled = true;
    flow.onSettled?.(outcome);
    flow.onSettled = undefined;
    if (this.#events.observed) {
      this.#events.next({ type: 'finished', at: this.now(), flow: flow.id, outcome: outcome.status });
    }
  }

  /** Ends every flow, and wipes the responses that nobody has taken. None begins until `open`. */
  close(): void {
    this.#closed = true;
    this.#held?.close();
    for (const flow of [...this.#deadlines.values()]) this.#end(flow, { type: 'closed' });
  }

  open(): void {
    this.#closed = false;
  }

  remember(state: string, as: 'duplicate' | 'late'): void {
    this.#ended.set(state, as);
  }

  #register(state: string, deadline: number, expectation: Expectation): PendingFlow {
    if (this.#live.get(state)) throw new StateInUseError('another pending flow has this state');
    if (this.#ended.get(state))
      throw new StateInUseError('this state was used before; each sign-in needs its own');
    return this.#add(state, deadline, expectation);
  }

  #add(state: string, deadline: number, expectation: Expectation): PendingFlow {
    if (this.size >= this.#options.maxFlows) {
      throw new TooManyFlowsError(`maxFlows (${this.#options.maxFlows}) flows are pending`);
    }
    const flow = new PendingFlow(this, ++this.#sequence, state, deadline, expectation);
    this.#live.set(state, flow);
    this.#deadlines.add(flow);
    this.#pending++;
    if (this.#events.observed) {
      const expiresAt = deadline === Infinity ? undefined : deadline;
      this.#events.next({ type: 'begun', at: this.now(), flow: flow.id, expiresAt });
    }
    return flow;
  }

  /** Hands over a redirect that came before its state was asked for. */
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

  #end(flow: PendingFlow, ending: Ending): void {
    if (flow.pending) {
      this.cancel(flow, ending);
    } else {
      this.#forget(flow);
      flow.mark(ending);
    }
  }

  #remove(flow: PendingFlow, ending: Ending): void {
    this.#forget(flow);
    this.#pending--;
    flow.mark(ending);
    // Before the consumer, whose reaction may make events of its own.
    if (this.#events.observed) {
      const { type } = ending;
      const told = { at: this.now(), flow: flow.id };
      this.#events.next(
        type === 'expired' ? { type, ...told } : { type: 'cancelled', ...told, reason: type },
      );
    }
    flow.tell();
  }

  #forget(flow: PendingFlow): void {
    this.#live.delete(flow.state);
    this.#deadlines.remove(flow);
  }
}

/** Throws `InvalidOptionError` for what no page can be told. */
export function requireOutcome(outcome: Outcome, finishUrls: readonly string[]): void {
  requireOneOf('status', outcome.status, ['success', 'failure', 'redirect']);
  if (outcome.status === 'failure') requireText('message', outcome.message);
  if (outcome.status === 'redirect' && !finishUrls.includes(outcome.url)) {
    throw invalid('url', "be one of the server's finishUrls", outcome.url);
  }
}
