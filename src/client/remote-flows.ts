import type { ServiceMessage } from '../bridge/protocol.ts';
import type { Clock } from '../clock.ts';
import {
  FlowCancelledError,
  FlowExpiredError,
  InvalidOptionError,
  ServerClosedError,
  StateInUseError,
  StoreUnavailableError,
  TooManyFlowsError,
} from '../errors.ts';
import type { BeginOptions, Flow, Outcome } from '../flow.ts';
import type { Report } from '../isolated-observable.ts';
import { beginOptions, requireKnown } from '../known-options.ts';
import { Signals } from '../signals.ts';
import type { StoredResult } from '../store/store.ts';
import type { Connection } from './connection.ts';
import { RemoteFlow, type RemoteFlowOwner } from './remote-flow.ts';
import { mostAcknowledged } from './names.ts';
import { requireFits, requireOutcome } from './limits.ts';
import { proofOf } from './secrets.ts';

interface Asked {
  flow: RemoteFlow;
  begun: (flow: Flow) => void;
  failed: (error: Error) => void;
}

type Heard<T extends ServiceMessage['type']> = Extract<ServiceMessage, { type: T }>;

// The service keeps an expired flow's result this long for those that reconnect.
const afterlife = 60_000;

// Results that come in a row are acknowledged together, which halves the messages of a busy client.
const gathering = 50;

/** The flows of one client: asked for, waiting, and ended until the service has let go of them too. */
export class RemoteFlows implements RemoteFlowOwner {
  readonly report: Report;
  readonly #clock: Clock;
  readonly #connection: () => Connection;
  readonly #asked = new Map<number, Asked>();
  readonly #resuming = new Map<number, RemoteFlow>();
  readonly #flows = new Map<string, RemoteFlow>();
  readonly #byKey = new Map<string, { begun: Promise<Flow>; signal: AbortSignal | undefined }>();
  readonly #signals = new Signals();
  #received: string[] = [];
  #acknowledging: (() => void) | undefined;
  #ref = 0;
  /** Of the connection; of the last one, while there is none. */
  #nonce: string | undefined;
  /** Milliseconds that the service's clock is ahead. */
  #ahead = 0;
  #closed: Error | undefined;

  constructor(clock: Clock, report: Report, connection: () => Connection) {
    this.#clock = clock;
    this.report = report;
    this.#connection = connection;
  }

  now(): number {
    return this.#clock.now();
  }

  begin(options: BeginOptions): Promise<Flow> {
    requireKnown(options, beginOptions, 'begin');
    const { key, signal } = options;
    if (key === undefined) return this.#begin(options);
    const joined = this.#byKey.get(key);
    if (joined && !joined.signal?.aborted) return joined.begun;
    // By then another flow may have the key.
    const ended = (): void => {
      if (this.#byKey.get(key)?.begun === begun) this.#byKey.delete(key);
    };
    const begun = this.#begin(options, ended);
    this.#byKey.set(key, { begun, signal });
    begun.catch(ended);
    return begun;
  }

  /** Not connected, a flow is cancelled once it is resumed; not begun yet, once it is. */
  cancel({ id }: RemoteFlow): void {
    if (id) this.#send({ type: 'cancel', flow: id });
  }

  settle(flow: RemoteFlow, outcome: Outcome): void {
    requireOutcome(outcome);
    flow.outcome ??= outcome;
    this.#settle(flow);
  }

  /** Connected: what was asked and not answered is asked again, and what the service still has is resumed. */
  welcome({ nonce, now }: Heard<'welcome'>): void {
    this.#nonce = nonce;
    this.#ahead = now - this.now();
    this.#resuming.clear();
    // Those come once more.
    this.#received = [];
    for (const [ref, { flow }] of this.#asked) this.#send(beginning(ref, flow));
    for (const flow of this.#flows.values()) void this.#resume(flow, nonce);
  }

  /** It is the service that says when a flow expires; where it does not say so in time, it is seen here. */
  expire(): void {
    for (const flow of this.#flows.values()) if (this.now() >= flow.expiresAt + afterlife) this.#expire(flow);
  }

  begun({ ref, flow: id, redirectUri, expiresAt }: Heard<'begun'>): void {
    const asked = this.#asked.get(ref);
    if (!asked) return;
    this.#asked.delete(ref);
    const { flow, begun } = asked;
    Object.assign(flow, { id, redirectUri, expiresAt: expiresAt - this.#ahead, nonce: this.#nonce });
    this.#flows.set(id, flow);
    if (flow.pending) begun(flow);
    else this.cancel(flow);
  }

  failed(refusal: Heard<'failed'>): void {
    const { ref } = refusal;
    const asked = this.#asked.get(ref);
    if (asked) {
      this.#asked.delete(ref);
      asked.flow.release?.();
      asked.failed(errorOf(refusal));
      return;
    }
    const flow = this.#resuming.get(ref);
    this.#resuming.delete(ref);
    if (!flow) return;
    if (this.now() >= flow.expiresAt) this.#expire(flow);
    else this.#fail(flow, new ServerClosedError('the callback service no longer knows the flow'));
  }

  resumed({ ref }: Heard<'resumed'>): void {
    const flow = this.#resuming.get(ref);
    this.#resuming.delete(ref);
    if (!flow) return;
    flow.nonce = this.#nonce;
    // Cancelled meanwhile; or ended, where the service knows better.
    if (!flow.pending) this.cancel(flow);
    this.#settle(flow);
  }

  result({ flow: id, result }: Heard<'result'>): void {
    // In this order: a result is acknowledged once it has been handed over.
    this.#flows.get(id)?.receive(result as StoredResult);
    this.#received.push(id);
    this.#acknowledging ??= this.#clock.after(gathering, () => this.#acknowledge());
  }

  acknowledged({ flows }: Heard<'acknowledged'>): void {
    for (const id of flows) this.#flows.delete(id);
  }

  /** Nothing will be heard any more. */
  end(error: Error): void {
    if (this.#closed) return;
    this.#closed = error;
    this.#acknowledging?.();
    const asked = [...this.#asked.values()];
    // First, since a flow that is released while it is asked for counts as cancelled.
    this.#asked.clear();
    for (const { failed, flow } of asked) {
      flow.release?.();
      failed(closedError(error));
    }
    for (const flow of this.#flows.values()) this.#fail(flow, closedError(error));
  }

  async #begin(options: BeginOptions, ended?: () => void): Promise<Flow> {
    const { signal } = options;
    const flow = await RemoteFlow.create(this, options);
    if (signal?.aborted)
      throw new FlowCancelledError('the signal was aborted already', { cause: signal.reason });
    if (this.#closed) throw closedError(this.#closed);
    const ref = ++this.#ref;
    const message = beginning(ref, flow);
    requireFits('options', message);
    return new Promise((begun, failed) => {
      this.#asked.set(ref, { flow, begun, failed });
      const unfollow = signal && this.#signals.follow(signal, flow);
      if (unfollow || ended)
        flow.release = () => {
          unfollow?.();
          ended?.();
          // Asked for still: the service is told once it has begun the flow.
          if (this.#asked.has(ref))
            failed(new FlowCancelledError('the flow was cancelled', { cause: signal?.reason }));
        };
      this.#send(message);
    });
  }

  /** To the connection that listens for the flow; to the next one, where there is none. */
  #settle({ id, nonce, outcome }: RemoteFlow): void {
    if (outcome && nonce === this.#nonce) this.#send({ type: 'settle', flow: id, outcome });
  }

  async #resume(flow: RemoteFlow, nonce: string): Promise<void> {
    const proof = await proofOf(flow.key, nonce);
    if (this.#nonce !== nonce || !this.#flows.has(flow.id)) return;
    const ref = ++this.#ref;
    this.#resuming.set(ref, flow);
    this.#send({ type: 'resume', ref, flow: flow.id, state: flow.state, proof });
  }

  #acknowledge(): void {
    this.#acknowledging = undefined;
    while (this.#received.length > 0)
      this.#send({ type: 'ack', flows: this.#received.splice(0, mostAcknowledged) });
  }

  #expire(flow: RemoteFlow): void {
    this.#fail(flow, new FlowExpiredError('the flow expired'));
  }

  #fail(flow: RemoteFlow, error: FlowExpiredError | ServerClosedError): void {
    this.#flows.delete(flow.id);
    flow.fail(error);
  }

  #send(message: object): void {
    this.#connection().send(message);
  }
}

function beginning(ref: number, { state, key, options }: RemoteFlow): object {
  // A signal is for here only, and the flow's key is not the one for single flight.
  return { type: 'begin', ...options, signal: undefined, ref, state, key };
}

function closedError(cause: Error): ServerClosedError {
  return new ServerClosedError('the connection to the callback service has ended', { cause });
}

/** What a server of this process would have thrown. */
function errorOf({ code, message, option = 'options' }: Heard<'failed'>): Error {
  if (code === 'invalid_option') return new InvalidOptionError(option, message);
  if (code === 'state_in_use') return new StateInUseError(message);
  if (code === 'too_many_flows') return new TooManyFlowsError(message);
  if (code === 'unavailable') return new StoreUnavailableError(message);
  return new ServerClosedError(message);
}
