import { CallbackResponse } from '../model/callback-response.ts';
import { Deadlines, type Timed } from '../base/deadlines.ts';
import {
  FlowCancelledError,
  FlowTakenOverError,
  ServerClosedError,
  type UnansweredError,
} from '../model/errors.ts';
import { confirmError } from '../model/binding.ts';
import { wrongCodeError } from '../model/confirmation.ts';
import { readStartTarget } from '../model/start-url.ts';
import { readBeginOptions, type BeginOptions, type Outcome } from '../model/flow.ts';
import { closedError, expiredError, PendingFlow, type FlowOwner } from '../flows/pending-flow.ts';
import type { Clock } from '../base/clock.ts';
import type { Report } from '../base/isolated-observable.ts';
import { randomToken } from '../base/random.ts';
import { AbortListeners } from '../base/abort-listeners.ts';
import { withTimeout } from '../base/timeout.ts';
import type { StoredFlow, FlowWatcher } from '../model/flow-store.ts';
import { readSavedFlow } from '../model/saved-flow.ts';
import { KeptFlow } from './kept-flow.ts';
import type { StoredFlows } from './stored-flows.ts';

// The store decides when a flow has expired; if it stays unavailable, the flow ends this long after its time.
const expiryGraceMs = 60_000;

/** Parts of a server that the flows of a stored host use. */
export interface HostFlowsOptions {
  readonly clock: Clock;
  readonly report: Report;
  /** Milliseconds that closing may take. */
  readonly closeTimeout: number;
}

/** Flows of a stored host: begun in this process, while their redirects may come to any node. */
export class HostFlows implements FlowOwner {
  readonly report: Report;
  readonly #stored: StoredFlows;
  readonly #options: HostFlowsOptions;
  readonly #flows = new Map<PendingFlow, HostFlow>();
  readonly #byKey = new Map<string, Promise<KeptFlow>>();
  readonly #signals = new AbortListeners();
  readonly #deadlines: Deadlines<HostFlow>;
  /** Steps of the store that have not ended. */
  readonly #running = new Set<Promise<void>>();
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(stored: StoredFlows, options: HostFlowsOptions) {
    this.report = options.report;
    this.#stored = stored;
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock, (flow) => this.#endFor(flow, expiredError()));
  }

  now(): number {
    return this.#stored.store.now();
  }

  async begin(given: BeginOptions = {}): Promise<KeptFlow> {
    const options = readBeginOptions(given);
    this.#requireOpen(options);
    const { key } = options;
    if (key === undefined) return this.#begin(options);
    const joined = await this.#byKey.get(key)?.catch(() => undefined);
    if (joined?.pending) return joined;
    const begun = this.#byKey.get(key) ?? this.#begin(options);
    this.#byKey.set(key, begun);
    const forget = (): void => {
      if (this.#byKey.get(key) === begun) this.#byKey.delete(key);
    };
    begun.then((flow) => onRelease(flow, forget), forget);
    return begun;
  }

  /** Takes up a flow that another process has begun, and left or lost. */
  async resume(text: string): Promise<KeptFlow> {
    const { state, key, expiresAt, codeVerifier, options } = readSavedFlow(text);
    this.#requireOpen({});
    const stored = await this.#stored.takeUp(state, key);
    if (!stored)
      throw this.now() < expiresAt
        ? new ServerClosedError('the store does not know this flow')
        : expiredError();
    this.#requireOpen({});
    // Looked up now, because another call may have resumed the flow meanwhile.
    const known = this.#kept(stored.id);
    return known ?? this.#add(stored, options, codeVerifier);
  }

  cancel(flow: PendingFlow, error: UnansweredError): void {
    if (!flow.pending) return;
    this.#end(flow, error);
    this.#run(this.#stored.free(flow.state));
  }

  /** Forgets a flow whose kept response has been delivered. */
  taken(flow: PendingFlow): void {
    this.#forget(flow);
  }

  startUrl(flow: PendingFlow, url: string | URL): URL {
    const target = readStartTarget(url);
    const stored = this.#flows.get(flow)?.flow.stored;
    const startUrl = stored && this.#stored.startUrlOf(stored);
    if (!stored || startUrl === undefined) return target;
    // A browser that is faster than the store waits for it.
    this.#run(this.#stored.lead(stored, target.href));
    return new URL(startUrl);
  }

  async confirm(flow: PendingFlow, code: string): Promise<void> {
    const { end, expectation } = flow;
    if (end && 'error' in end) throw end.error;
    if (end) return;
    if (!expectation.byCode) throw confirmError();
    const stored = this.#flows.get(flow)?.flow.stored;
    const result = stored ? await this.#stored.confirm(stored, code) : 'none';
    if (result !== 'confirmed') throw wrongCodeError(result);
  }

  settle(flow: PendingFlow, outcome: Outcome): void {
    this.#stored.requireOutcome(outcome);
    if (flow.settled) return;
    flow.settled = true;
    this.#stored.settle(flow.id, flow.state, outcome);
  }

  /**
   * Ends every flow within `closeTimeout`. No flow can begin afterwards.
   *
   * @param restart True leaves the flows at the store, for the process that comes next.
   */
  close(restart = false): Promise<void> {
    this.#closed = true;
    return (this.#closing ??= this.#endAll(restart));
  }

  async #endAll(restart: boolean): Promise<void> {
    for (const hostFlow of [...this.#flows.values()])
      if (restart) this.#end(hostFlow.flow, closedError());
      else this.#endFor(hostFlow, closedError());
    const { clock, closeTimeout } = this.#options;
    await withTimeout<unknown>(clock, closeTimeout, Promise.all(this.#running), () => undefined);
  }

  async #begin(options: BeginOptions): Promise<KeptFlow> {
    const { state = randomToken() } = options;
    // A random key that no listener knows, so that none can take the flow over.
    const { flow: stored } = await this.#stored.begin(randomToken(), state, options);
    try {
      this.#requireOpen(options);
    } catch (error) {
      this.#run(this.#stored.free(state));
      throw error;
    }
    return this.#add(stored, options);
  }

  /** @param verifier Verifier of a flow that another process has begun. */
  #add(stored: StoredFlow, options: BeginOptions, verifier?: string): KeptFlow {
    const flow = new KeptFlow(this, stored, options, this.#stored.startUrlOf(stored), verifier);
    if (options.signal) flow.release = this.#signals.follow(options.signal, flow);
    const expiresAt = this.#toLocalTime(stored.expiresAt) + expiryGraceMs;
    const hostFlow = new HostFlow(flow, expiresAt, () => this.#check(hostFlow));
    this.#flows.set(flow, hostFlow);
    this.#deadlines.add(hostFlow);
    const waits = this.#stored.waits(stored);
    this.#stored.listen(stored, hostFlow);
    this.#stored.claim(stored.state);
    if (!waits) this.#check(hostFlow);
    return flow;
  }

  #kept(id: string): KeptFlow | undefined {
    for (const { flow } of this.#flows.values()) if (flow.id === id) return flow;
    return undefined;
  }

  #requireOpen({ signal }: BeginOptions): void {
    if (this.#closed) throw new ServerClosedError('the callback host is closed');
    if (signal?.aborted)
      throw new FlowCancelledError('the signal was aborted already', { cause: signal.reason });
  }

  #check(hostFlow: HostFlow): void {
    this.#run(this.#receive(hostFlow));
  }

  /** Delivers how the flow ended, if it has. If the store is unavailable, it wakes the flow again later. */
  async #receive({ flow }: HostFlow): Promise<void> {
    const result = await this.#stored.take(flow.state);
    if (!result || !flow.pending) return;
    if (result === 'elsewhere') {
      this.#end(flow, new FlowTakenOverError('another process has taken up the flow'));
      return;
    }
    if (result === 'gone') this.#end(flow, new ServerClosedError('the store lost the flow'));
    else if (result.type === 'expired') this.#end(flow, expiredError());
    else if (result.type === 'cancelled') this.#end(flow, new FlowCancelledError('the flow was cancelled'));
    else {
      flow.end = { response: new CallbackResponse(result.response) };
      if (flow.notify()) this.#forget(flow);
      else this.#keep(flow);
    }
    await this.#stored.store.acknowledge(flow.state);
  }

  /** Keeps the response until the flow expires, for late subscribers. */
  #keep(flow: PendingFlow): void {
    const hostFlow = this.#flows.get(flow);
    if (!hostFlow) return;
    this.#deadlines.remove(hostFlow);
    hostFlow.expiresAt = this.#toLocalTime(flow.expiresAt);
    this.#deadlines.add(hostFlow);
  }

  /** Converts a time of the store's clock to this process's clock. */
  #toLocalTime(at: number): number {
    return at - this.now() + this.#options.clock.now();
  }

  #endFor({ flow }: HostFlow, error: UnansweredError): void {
    if (flow.pending) this.cancel(flow, error);
    else this.#end(flow, error);
  }

  #run(step: Promise<void>): void {
    const running = step.catch(this.report).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Ends a flow, and wipes a response that was kept; a delivery under way is not affected. */
  #end(flow: PendingFlow, error: UnansweredError | FlowTakenOverError): void {
    const { pending } = flow;
    this.#forget(flow);
    flow.end = { error };
    if (pending) flow.notify();
  }

  #forget(flow: PendingFlow): void {
    const hostFlow = this.#flows.get(flow);
    if (!hostFlow) return;
    this.#flows.delete(flow);
    this.#deadlines.remove(hostFlow);
    this.#stored.leave(flow.state, hostFlow);
  }
}

/** A flow of this process together with its state in the store. */
class HostFlow implements FlowWatcher, Timed {
  slot = -1;

  constructor(
    readonly flow: KeptFlow,
    /** Time by this process's clock. */
    public expiresAt: number,
    readonly wake: () => void,
  ) {}
}

/** Calls `run` once the flow has ended: now if it has already. */
function onRelease(flow: PendingFlow, run: () => void): void {
  if (!flow.pending) {
    run();
    return;
  }
  const { release } = flow;
  flow.release = () => {
    release?.();
    run();
  };
}
