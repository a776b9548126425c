import { CallbackResponse } from './callback-response.ts';
import { Deadlines, type Timed } from './deadlines.ts';
import { FlowCancelledError, ServerClosedError } from './errors.ts';
import { requireOutcome } from './flows.ts';
import { PendingFlow, type BeginOptions, type Ending, type FlowOwner, type Outcome } from './flow.ts';
import type { ServerInternals } from './internals.ts';
import type { Report } from './isolated-observable.ts';
import { beginOptions, requireKnown } from './known-options.ts';
import { randomToken } from './pkce.ts';
import { Signals } from './signals.ts';
import type { StoredFlow, Watcher } from './store/store.ts';
import type { StoredFlows } from './stored-flows.ts';

// A flow ends when the store says so; where nothing is heard of it, so many milliseconds after its time.
const lastResort = 60_000;

/** Flows of this process whose truth is in a store: begun here, while their redirects may come to any node. */
export class SharedFlows implements FlowOwner {
  readonly report: Report;
  readonly #stored: StoredFlows;
  readonly #internals: ServerInternals;
  readonly #flows = new Map<PendingFlow, Shared>();
  readonly #byKey = new Map<string, Promise<PendingFlow>>();
  readonly #signals = new Signals();
  readonly #deadlines: Deadlines<Shared>;
  /** What the store is being told. */
  readonly #running = new Set<Promise<void>>();
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(stored: StoredFlows, internals: ServerInternals) {
    this.report = internals.report;
    this.#stored = stored;
    this.#internals = internals;
    this.#deadlines = new Deadlines(internals.clock, (shared) => this.#over(shared, 'expired'));
  }

  now(): number {
    return this.#stored.store.now();
  }

  async begin(options: BeginOptions = {}): Promise<PendingFlow> {
    requireKnown(options, beginOptions, 'begin');
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

  cancel(flow: PendingFlow, ending: Ending): void {
    if (!flow.pending) return;
    this.#end(flow, ending);
    this.#run(this.#stored.free(flow.state));
  }

  /** Somebody came for the response that was kept. */
  taken(flow: PendingFlow): void {
    this.#forget(flow);
  }

  settle(flow: PendingFlow, outcome: Outcome): void {
    requireOutcome(outcome, this.#stored.options.finishUrls);
    if (flow.settled) return;
    flow.settled = true;
    this.#stored.settle(flow.id, flow.state, outcome);
  }

  /** Ends every flow, and frees those that wait at the store, for at most `closeTimeout`. None begins any more. */
  close(): Promise<void> {
    this.#closed = true;
    return (this.#closing ??= this.#endAll());
  }

  async #endAll(): Promise<void> {
    for (const shared of [...this.#flows.values()]) this.#over(shared, 'closed');
    let stop = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      stop = this.#internals.clock.after(this.#stored.options.closeTimeout, resolve);
    });
    await Promise.race([Promise.all(this.#running), late]);
    stop();
  }

  async #begin(options: BeginOptions): Promise<PendingFlow> {
    const { state = randomToken(), signal } = options;
    // Nobody knows a secret that has this for its digest: no listener can take the flow over.
    const { flow: stored } = await this.#stored.begin(randomToken(), state, options, (taken) =>
      this.#internals.flows.has(taken),
    );
    try {
      this.#requireOpen(options);
    } catch (error) {
      this.#run(this.#stored.free(state));
      throw error;
    }
    const flow = new PendingFlow(this, stored.id, state, stored.expiresAt, stored.expectation);
    flow.redirectUri = stored.redirectUri;
    if (signal) flow.release = this.#signals.follow(signal, flow);
    const shared = new Shared(flow, stored, this.#here(stored.expiresAt) + lastResort, () =>
      this.#look(shared),
    );
    this.#flows.set(flow, shared);
    this.#deadlines.add(shared);
    const waits = this.#stored.waits(stored);
    this.#stored.listen(stored, shared);
    this.#internals.flows.claim(state);
    if (!waits) this.#look(shared);
    return flow;
  }

  #requireOpen({ signal }: BeginOptions): void {
    if (this.#closed) throw new ServerClosedError('the callback host is closed');
    if (signal?.aborted)
      throw new FlowCancelledError('the signal was aborted already', { cause: signal.reason });
  }

  #look(shared: Shared): void {
    this.#run(this.#receive(shared));
  }

  /** Hands over how the flow ended, if it has. A store that is away wakes once more when it is back. */
  async #receive({ flow, stored }: Shared): Promise<void> {
    const result = await this.#stored.take(stored.state);
    if (!result || result === 'elsewhere' || !flow.pending) return;
    if (result === 'gone') this.#end(flow, new ServerClosedError('the store has lost the flow'));
    else if (result.type !== 'response') this.#end(flow, result);
    else {
      flow.ended = new CallbackResponse(result.response);
      if (flow.tell()) this.#forget(flow);
      else this.#keep(flow);
    }
    await this.#stored.store.acknowledge(stored.state);
  }

  /** Until its time is over, for whoever comes late. */
  #keep(flow: PendingFlow): void {
    const shared = this.#flows.get(flow);
    if (!shared) return;
    this.#deadlines.remove(shared);
    shared.deadline = this.#here(flow.deadline);
    this.#deadlines.add(shared);
  }

  /** A time of the store's clock by this process's. */
  #here(at: number): number {
    return at - this.now() + this.#internals.clock.now();
  }

  #over({ flow }: Shared, type: 'expired' | 'closed'): void {
    if (flow.pending) this.cancel(flow, { type });
    else this.#end(flow, { type });
  }

  #run(step: Promise<void>): void {
    const running = step.catch(this.report).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** A response that was kept is wiped; those who are being told of it have it all the same. */
  #end(flow: PendingFlow, ending: Ending | Error): void {
    const { pending } = flow;
    this.#forget(flow);
    flow.mark(ending);
    if (pending) flow.tell();
  }

  #forget(flow: PendingFlow): void {
    const shared = this.#flows.get(flow);
    if (!shared) return;
    this.#flows.delete(flow);
    this.#deadlines.remove(shared);
    this.#stored.leave(flow.state, shared);
  }
}

/** A flow of this process and what the store has of it. */
class Shared implements Watcher, Timed {
  slot = -1;

  constructor(
    readonly flow: PendingFlow,
    readonly stored: StoredFlow,
    /** By this process's clock. */
    public deadline: number,
    readonly wake: () => void,
  ) {}
}

/** Runs once the flow has ended, if it has not. */
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
