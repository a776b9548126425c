import type { ServiceMessage } from '../bridge/protocol.ts';
import type { Clock } from '../clock.ts';
import { Deadlines } from '../deadlines.ts';
import {
  FlowCancelledError,
  FlowExpiredError,
  InvalidOptionError,
  ServerClosedError,
  StateInUseError,
  TooManyFlowsError,
} from '../errors.ts';
import type { BeginOptions, Flow, Outcome } from '../flow.ts';
import type { Report } from '../isolated-observable.ts';
import type { StoredResult } from '../store/store.ts';
import type { Connection } from './connection.ts';
import { RemoteFlow, type RemoteFlowOwner } from './remote-flow.ts';
import { proofOf } from './secrets.ts';

interface Asked {
  flow: RemoteFlow;
  begun: (flow: Flow) => void;
  failed: (error: Error) => void;
}

type Heard<T extends ServiceMessage['type']> = Extract<ServiceMessage, { type: T }>;

// The service keeps an expired flow's result this long for those that reconnect.
const afterlife = 60_000;

/** The flows of one client: asked for, waiting, and ended until the service has let go of them too. */
export class RemoteFlows implements RemoteFlowOwner {
  readonly report: Report;
  readonly #clock: Clock;
  readonly #connection: () => Connection;
  readonly #asked = new Map<number, Asked>();
  readonly #resuming = new Map<number, RemoteFlow>();
  readonly #flows = new Map<string, RemoteFlow>();
  readonly #byKey = new Map<string, Promise<Flow>>();
  readonly #deadlines: Deadlines<RemoteFlow>;
  #ref = 0;
  #closed: Error | undefined;

  constructor(clock: Clock, report: Report, connection: () => Connection) {
    this.#clock = clock;
    this.report = report;
    this.#connection = connection;
    // The service says when a flow expires; this is for when it cannot be reached.
    this.#deadlines = new Deadlines(clock, (flow) => {
      this.#flows.delete(flow.id);
      flow.fail(new FlowExpiredError('the flow expired while the service could not be reached'));
    });
  }

  now(): number {
    return this.#clock.now();
  }

  begin(options: BeginOptions): Promise<Flow> {
    const { key } = options;
    if (key === undefined) return this.#begin(options);
    const joined = this.#byKey.get(key);
    if (joined) return joined;
    const begun = this.#begin(options, () => this.#byKey.delete(key));
    this.#byKey.set(key, begun);
    begun.catch(() => this.#byKey.delete(key));
    return begun;
  }

  /** Not connected, a flow is cancelled once it is resumed; not begun yet, once it is. */
  cancel({ id }: RemoteFlow): void {
    if (id) this.#send({ type: 'cancel', flow: id });
  }

  settle(flow: RemoteFlow, outcome: Outcome): void {
    if (this.#connection().welcome) this.#send({ type: 'settle', flow: flow.id, outcome });
    else flow.outcome = outcome;
  }

  /** Connected: what was asked and not answered is asked again, and what the service still has is resumed. */
  welcome(nonce: string): void {
    this.#resuming.clear();
    for (const [ref, { flow }] of this.#asked) this.#ask(ref, flow);
    for (const flow of this.#flows.values()) void this.#resume(flow, nonce);
  }

  begun({ ref, flow: id, redirectUri, expiresAt }: Heard<'begun'>): void {
    const asked = this.#asked.get(ref);
    if (!asked) return;
    this.#asked.delete(ref);
    const { flow, begun } = asked;
    Object.assign(flow, { id, redirectUri, expiresAt, deadline: expiresAt + afterlife });
    this.#flows.set(id, flow);
    this.#deadlines.add(flow);
    if (flow.cancelled) this.cancel(flow);
    else begun(flow);
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
    this.#forget(flow);
    flow.fail(
      this.now() >= flow.expiresAt
        ? new FlowExpiredError('the flow expired while it was not connected')
        : new ServerClosedError('the callback service no longer knows the flow'),
    );
  }

  resumed({ ref }: Heard<'resumed'>): void {
    const flow = this.#resuming.get(ref);
    this.#resuming.delete(ref);
    if (flow?.cancelled) this.cancel(flow);
    if (flow?.outcome) this.settle(flow, flow.outcome);
  }

  result({ flow: id, result }: Heard<'result'>): void {
    // In this order: a result is acknowledged once it has been handed over.
    this.#flows.get(id)?.end(result as StoredResult);
    this.#send({ type: 'ack', flow: id });
  }

  acknowledged({ flow: id }: Heard<'acknowledged'>): void {
    const flow = this.#flows.get(id);
    if (flow) this.#forget(flow);
  }

  /** Nothing will be heard any more. */
  end(error: Error): void {
    if (this.#closed) return;
    this.#closed = error;
    const asked = [...this.#asked.values()];
    // First, since a flow that is released while it is asked for counts as cancelled.
    this.#asked.clear();
    for (const { failed, flow } of asked) {
      flow.release?.();
      failed(closedError(error));
    }
    for (const flow of [...this.#flows.values()]) {
      this.#forget(flow);
      flow.fail(closedError(error));
    }
  }

  async #begin(options: BeginOptions, ended?: () => void): Promise<Flow> {
    const { signal } = options;
    if (signal?.aborted)
      throw new FlowCancelledError('the signal was aborted already', { cause: signal.reason });
    const flow = await RemoteFlow.create(this, options);
    if (signal?.aborted) throw new FlowCancelledError('the flow was cancelled', { cause: signal.reason });
    if (this.#closed) throw closedError(this.#closed);
    const abort = (): void => flow.cancel(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const ref = ++this.#ref;
    return new Promise((begun, failed) => {
      this.#asked.set(ref, { flow, begun, failed });
      flow.release = () => {
        signal?.removeEventListener('abort', abort);
        ended?.();
        // Asked for still: the service is told once it has begun the flow.
        if (this.#asked.has(ref))
          failed(new FlowCancelledError('the flow was cancelled', { cause: signal?.reason }));
      };
      this.#ask(ref, flow);
    });
  }

  #ask(ref: number, { state, key, options }: RemoteFlow): void {
    // A signal is for here only, and the flow's key is not the one for single flight.
    this.#send({ type: 'begin', ...options, signal: undefined, ref, state, key });
  }

  async #resume(flow: RemoteFlow, nonce: string): Promise<void> {
    const proof = await proofOf(flow.key, nonce);
    if (this.#connection().welcome?.nonce !== nonce || !this.#flows.has(flow.id)) return;
    const ref = ++this.#ref;
    this.#resuming.set(ref, flow);
    this.#send({ type: 'resume', ref, flow: flow.id, proof });
  }

  #forget(flow: RemoteFlow): void {
    this.#flows.delete(flow.id);
    this.#deadlines.remove(flow);
  }

  #send(message: object): void {
    this.#connection().send(message);
  }
}

function closedError(cause: Error): ServerClosedError {
  return new ServerClosedError('the connection to the callback service has ended', { cause });
}

/** What a server of this process would have thrown. */
function errorOf({ code, message, option }: Heard<'failed'>): Error {
  if (code === 'invalid_option') return new InvalidOptionError(option ?? 'options', message);
  if (code === 'state_in_use') return new StateInUseError(message);
  if (code === 'too_many_flows') return new TooManyFlowsError(message);
  return new ServerClosedError(message);
}
