import type { CallbackResponse } from './callback-response.ts';
import type { Clock } from './clock.ts';
import { Deadlines } from './deadlines.ts';
import {
  FlowCancelledError,
  InvalidOptionError,
  ServerClosedError,
  StateInUseError,
  TooManyFlowsError,
} from './errors.ts';
import type { ServerEvent } from './events.ts';
import { PendingFlow, type BeginOptions, type Ending, type FlowOwner } from './flow.ts';
import type { HotStream } from './hot-stream.ts';
import type { Report } from './isolated-observable.ts';
import { requireInteger } from './options.ts';
import { randomToken } from './pkce.ts';

/** Whose a response is. With a flow it is accepted and the flow's state consumed. */
export type Match =
  { disposition: 'accepted'; flow: PendingFlow } | { disposition: 'unmatched' | 'duplicate' | 'late' };

export interface FlowsOptions {
  clock: Clock;
  flowTtl: number;
  maxFlows: number;
  events: HotStream<ServerEvent>;
  report: Report;
  redirectUri: () => string;
}

// States that ended are remembered in two halves, the older dropped whole: bounded, and no walk to find the oldest.
const rememberedHalf = 5_000;

/** The index by state, and the only thing here that changes: which flows are pending, and which states are used up. */
export class Flows implements FlowOwner {
  readonly report: Report;
  readonly #events: HotStream<ServerEvent>;
  readonly #live = new Map<string, PendingFlow>();
  readonly #byKey = new Map<string, PendingFlow>();
  readonly #bySignal = new Map<AbortSignal, Set<PendingFlow>>();
  readonly #deadlines: Deadlines<PendingFlow>;
  readonly #options: FlowsOptions;
  #ended = new Map<string, 'duplicate' | 'late'>();
  #endedBefore = new Map<string, 'duplicate' | 'late'>();
  #sequence = 0;
  #closed = false;

  constructor(options: FlowsOptions) {
    this.#options = options;
    this.report = options.report;
    this.#events = options.events;
    this.#deadlines = new Deadlines(options.clock, (flow) => this.#end(flow, { type: 'expired' }));
  }

  /** Flows that wait for their redirect. */
  get size(): number {
    return this.#live.size;
  }

  now(): number {
    return this.#options.clock.now();
  }

  begin(options: BeginOptions = {}): PendingFlow {
    const { state = randomToken(), ttl = this.#options.flowTtl, signal, key } = options;
    requireInteger('ttl', ttl, 1, 86_400_000);
    const joined = key === undefined ? undefined : this.#byKey.get(key);
    if (joined) return joined;
    if (options.state !== undefined) requireStrong(state);
    if (signal?.aborted)
      throw new FlowCancelledError('the signal was aborted already', { cause: signal.reason });
    if (this.#closed) throw new ServerClosedError('the callback server is closing');
    const flow = this.#register(state, this.now() + ttl, this.#options.redirectUri());
    if (signal || key !== undefined) this.#tie(flow, signal, key);
    return flow;
  }

  /** The flow to observe for this state; made, where none is. Undefined where none can come: ended, or closed. */
  watch(state: string): PendingFlow | undefined {
    const flow = this.#live.get(state);
    if (flow || this.#closed || this.#endingOf(state)) return flow;
    return this.#register(state, Infinity, '');
  }

  /** Forgets a flow that `watch` made, once nobody observes it. */
  abandon(flow: PendingFlow): void {
    if (flow.deadline === Infinity && flow.pending && !flow.observed)
      this.#remove(flow, { type: 'cancelled' });
  }

  /** Consumes the state, in one step: of two equal responses the second is a duplicate. */
  match(state: string): Match {
    const flow = this.#live.get(state);
    if (!flow?.pending) return { disposition: this.#endingOf(state) ?? 'unmatched' };
    this.#live.delete(state);
    this.remember(state, 'duplicate');
    return { disposition: 'accepted', flow };
  }

  /** Hands a matched flow its response, or keeps it for the flow until its deadline. */
  deliver(flow: PendingFlow, response: CallbackResponse): void {
    if (flow.deliver(response)) this.#deadlines.remove(flow);
    else this.#live.set(flow.state, flow);
  }

  /** Somebody came for the response that was kept. */
  taken(flow: PendingFlow): void {
    if (this.#live.get(flow.state) !== flow) return;
    this.#live.delete(flow.state);
    this.#deadlines.remove(flow);
  }

  cancel(flow: PendingFlow, ending: Ending): void {
    if (!flow.pending) return;
    this.remember(flow.state, 'late');
    this.#remove(flow, ending);
  }

  /** Ends every flow, and wipes the responses that nobody has taken. None begins until `open`. */
  close(): void {
    this.#closed = true;
    for (const flow of [...this.#deadlines.values()]) this.#end(flow, { type: 'closed' });
  }

  open(): void {
    this.#closed = false;
  }

  remember(state: string, as: 'duplicate' | 'late'): void {
    if (this.#ended.size >= rememberedHalf) {
      this.#endedBefore = this.#ended;
      this.#ended = new Map();
    }
    this.#ended.set(state, as);
  }

  #register(state: string, deadline: number, redirectUri: string): PendingFlow {
    if (this.#live.has(state)) throw new StateInUseError('another pending flow has this state');
    if (this.#endingOf(state))
      throw new StateInUseError('this state was used before; each sign-in needs its own');
    if (this.#deadlines.size >= this.#options.maxFlows) {
      throw new TooManyFlowsError(`maxFlows (${this.#options.maxFlows}) flows are pending`);
    }
    const flow = new PendingFlow(this, ++this.#sequence, state, deadline, redirectUri);
    this.#live.set(state, flow);
    this.#deadlines.add(flow);
    if (this.#events.observed) {
      const expiresAt = deadline === Infinity ? undefined : Math.trunc(deadline);
      this.#events.next({ type: 'begun', at: this.#at(), flow: flow.id, expiresAt });
    }
    return flow;
  }

  #tie(flow: PendingFlow, signal: AbortSignal | undefined, key: string | undefined): void {
    if (signal) this.#follow(signal, flow);
    if (key !== undefined) this.#byKey.set(key, flow);
    flow.release = () => {
      if (signal) this.#unfollow(signal, flow);
      if (key !== undefined) this.#byKey.delete(key);
    };
  }

  // One listener for a signal, however many flows it cancels: Node warns of a leak from the eleventh on.
  #follow(signal: AbortSignal, flow: PendingFlow): void {
    const flows = this.#bySignal.get(signal);
    if (flows) return void flows.add(flow);
    this.#bySignal.set(signal, new Set([flow]));
    signal.addEventListener('abort', this.#abort);
  }

  #unfollow(signal: AbortSignal, flow: PendingFlow): void {
    const flows = this.#bySignal.get(signal);
    flows?.delete(flow);
    if (flows?.size !== 0) return;
    this.#bySignal.delete(signal);
    signal.removeEventListener('abort', this.#abort);
  }

  readonly #abort = ({ target }: Event): void => {
    const signal = target as AbortSignal;
    for (const flow of [...(this.#bySignal.get(signal) ?? [])]) flow.cancel(signal.reason);
  };

  #end(flow: PendingFlow, ending: Ending): void {
    if (flow.pending) {
      this.cancel(flow, ending);
    } else {
      this.taken(flow);
      flow.end(ending);
    }
  }

  #remove(flow: PendingFlow, ending: Ending): void {
    this.#live.delete(flow.state);
    this.#deadlines.remove(flow);
    flow.end(ending);
    if (!this.#events.observed) return;
    const { id } = flow;
    if (ending.type === 'expired') this.#events.next({ type: 'expired', at: this.#at(), flow: id });
    else this.#events.next({ type: 'cancelled', at: this.#at(), flow: id, reason: ending.type });
  }

  #endingOf(state: string): 'duplicate' | 'late' | undefined {
    return this.#ended.get(state) ?? this.#endedBefore.get(state);
  }

  #at(): number {
    return Math.trunc(this.now());
  }
}

/** @see RFC 6749 section 10.10 and appendix A.5 */
function requireStrong(state: string): void {
  if (!/^[\x20-\x7e]{22,512}$/.test(state)) {
    throw new InvalidOptionError('state', `must be 22 to 512 visible ASCII characters, got ${state.length}`);
  }
  if (new Set(state).size < 8)
    throw new InvalidOptionError('state', 'must be random, got a few repeated characters');
}
