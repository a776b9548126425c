/**
 * The flows of a client.
 *
 * One class, although it is long: each message of the service is one method, and all share the maps of flows.
 */
import type { ClientMessage, ServiceMessageOf } from '../wire/protocol.ts';
import type { Clock } from '../base/clock.ts';
import { holding, holdProcess, releaseProcess } from '../base/process-hold.ts';
import {
  FlowCancelledError,
  FlowTakenOverError,
  ServerClosedError,
  type UnansweredError,
} from '../model/errors.ts';
import { type BeginOptions, type Outcome, readBeginOptions } from '../model/flow.ts';
import type { Report } from '../base/isolated-observable.ts';
import { AbortListeners } from '../base/abort-listeners.ts';
import { Deadlines } from '../base/deadlines.ts';
import type { StoredResult } from '../model/flow-store.ts';
import { Confirmations } from './confirmations.ts';
import type { Connection } from './connection.ts';
import type { ResumableFlow } from '../flows/resumable-flow.ts';
import { RemoteFlow, type RemoteFlowOwner } from './remote-flow.ts';
import { readSavedFlow, type SavedFlow } from '../model/saved-flow.ts';
import { maxAcknowledged } from '../wire/names.ts';
import { requireFits, requireSendable } from './limits.ts';
import { proofOf } from './secrets.ts';
import { isRedirectUri, redirectUriError } from './service-claims.ts';
import { closedError, errorOf, expiredError } from './flow-errors.ts';
import { LateOutcomes } from './late-outcomes.ts';

interface PendingBegin {
  flow: RemoteFlow;
  begun: (flow: ResumableFlow) => void;
  failed: (error: Error) => void;
}

interface PendingResume extends PendingBegin {
  /** Time at which the flow expires, in milliseconds since the epoch. */
  readonly expires: number;
  readonly taken: () => Promise<ResumableFlow>;
}

// Results that come within this time are acknowledged together, which halves the messages of a busy client.
const acknowledgeDelayMs = 50;

/** Milliseconds after a flow's time that the service has to say how it ended; then it has expired. */
const graceMs = 5_000;
// Time to live of a flow that the service has not begun, if the program does not say.
const defaultTtlMs = 600_000;

/** Flows of one client: being begun, pending, and ended until the service has acknowledged their end. */
export class RemoteFlows implements RemoteFlowOwner {
  readonly report: Report;
  readonly #url: string;
  readonly #clock: Clock;
  readonly #connection: () => Connection;
  readonly #asked = new Map<number, PendingBegin>();
  readonly #resuming = new Map<number, RemoteFlow>();
  /** Flows of another process that are being taken up, by their ids. */
  readonly #taking = new Map<string, PendingResume>();
  readonly #flows = new Map<string, RemoteFlow>();
  readonly #byKey = new Map<string, { begun: Promise<ResumableFlow>; signal: AbortSignal | undefined }>();
  readonly #signals = new AbortListeners();
  readonly #lateOutcomes: LateOutcomes;
  readonly #confirmations: Confirmations;
  readonly #deadlines: Deadlines<RemoteFlow>;
  #received: string[] = [];
  #acknowledging: (() => void) | undefined;
  #ref = 0;
  /** Nonce of the connection, or of the last one while disconnected. */
  #nonce: string | undefined;
  /** Milliseconds that the service's clock is ahead of this process's. */
  #ahead = 0;
  #closed: Error | undefined;

  constructor(url: string, clock: Clock, report: Report, connection: () => Connection) {
    this.#url = url;
    this.#clock = clock;
    this.report = report;
    this.#connection = connection;
    this.#lateOutcomes = new LateOutcomes({
      clock,
      nonce: () => this.#nonce,
      send: (message) => this.#send(message),
    });
    this.#confirmations = new Confirmations({
      nextRef: () => ++this.#ref,
      send: (message) => this.#send(message),
      listens: ({ nonce }) => nonce !== undefined && nonce === this.#nonce,
    });
    const late: Clock = { now: () => clock.now() - graceMs, after: (ms, run) => clock.after(ms, run) };
    this.#deadlines = new Deadlines(late, (flow) => this.#expire(flow));
  }

  now(): number {
    return this.#clock.now();
  }

  toServiceTime(at: number): number {
    return at + this.#ahead;
  }

  begin(given: BeginOptions): Promise<ResumableFlow> {
    const options = readBeginOptions(given);
    const { key, signal } = options;
    if (key === undefined) return this.#begin(options);
    const joined = this.#byKey.get(key);
    if (joined && !joined.signal?.aborted) return joined.begun;
    // Another flow may have the key by then.
    const ended = (): void => {
      if (this.#byKey.get(key)?.begun === begun) this.#byKey.delete(key);
    };
    const begun = this.#begin(options, ended);
    this.#byKey.set(key, { begun, signal });
    begun.catch(ended);
    return begun;
  }

  /** Takes up a flow that another process has begun. Resolves once the service has handed it over. */
  async resume(text: string): Promise<ResumableFlow> {
    const saved = readSavedFlow(text);
    const { redirectUri, startsAt = redirectUri } = saved;
    if (![redirectUri, startsAt].every((url) => isRedirectUri(this.#url, url)))
      throw redirectUriError(this.#url);
    const flow = await RemoteFlow.from(this, saved);
    // Looked up now, because another call may have resumed the flow meanwhile.
    const taking = this.#taking.get(flow.id);
    if (taking) return taking.taken();
    return this.#flows.get(flow.id)?.handle ?? holding(this.#take(flow, saved));
  }

  #take(flow: RemoteFlow, { expiresAt }: SavedFlow): Promise<ResumableFlow> {
    if (this.#closed) return Promise.reject(closedError(this.#closed));
    const expires = expiresAt - this.#ahead;
    const taken = new Promise<ResumableFlow>((begun, failed) => {
      this.#taking.set(flow.id, { flow, begun, failed, expires, taken: () => taken });
    });
    // The service keeps a response for a while after the flow's time, so the service decides.
    flow.expiresAt = Math.max(expires, this.now() + graceMs);
    this.#flows.set(flow.id, flow);
    this.#deadlines.add(flow);
    // While disconnected, the next welcome resumes it with all others.
    if (this.#nonce !== undefined) void this.#resumeAll(this.#nonce, [flow]);
    return taken;
  }

  /** Cancels a flow at the service. If disconnected or not begun yet, `resumed` or `begun` cancels it later. */
  cancel(flow: RemoteFlow): void {
    const { id } = flow;
    this.#confirmations.ended(flow);
    if (id) this.#send({ type: 'cancel', flowId: id });
  }

  /** Sends the target of a flow's start URL; `resumed` calls again, because the service may not have got it. */
  lead({ id, target: url }: RemoteFlow): void {
    if (url === undefined) return;
    const message: ClientMessage = { type: 'start', ref: ++this.#ref, flowId: id, url };
    requireFits('url', message);
    this.#send(message);
  }

  confirm(flow: RemoteFlow, code: string): Promise<void> {
    return this.#confirmations.confirm(flow, code);
  }

  confirmed(message: ServiceMessageOf<'confirmed'>): void {
    this.#confirmations.confirmed(message);
  }

  settle(flow: RemoteFlow, outcome: Outcome): void {
    requireSendable(outcome);
    flow.outcome ??= outcome;
    this.#settle(flow);
  }

  /** Repeats unanswered requests over a new connection, and resumes the flows that the service still has. */
  welcome({ nonce, now }: ServiceMessageOf<'welcome'>): void {
    this.#nonce = nonce;
    this.#ahead = now - this.now();
    this.#resuming.clear();
    // The service sends unacknowledged results again.
    this.#received = [];
    for (const [ref, { flow }] of this.#asked) this.#send(beginning(ref, flow));
    void this.#resumeAll(nonce);
    this.#lateOutcomes.sendAgain();
  }

  begun({ ref, flowId: id, ...message }: ServiceMessageOf<'begun'>): void {
    const { redirectUri, expiresAt, startUrl: startsAt, binding = 'none' } = message;
    const asked = this.#asked.get(ref);
    if (!asked) {
      // The program has given it up meanwhile.
      if (!this.#flows.has(id)) this.#send({ type: 'cancel', flowId: id });
      return;
    }
    this.#asked.delete(ref);
    const { flow, begun } = asked;
    if (![redirectUri, startsAt ?? redirectUri].every((url) => isRedirectUri(this.#url, url))) {
      this.#send({ type: 'cancel', flowId: id });
      this.#reject(asked, redirectUriError(this.#url));
      return;
    }
    this.#deadlines.remove(flow);
    Object.assign(flow, {
      id,
      redirectUri,
      startsAt,
      binding,
      expiresAt: expiresAt - this.#ahead,
      nonce: this.#nonce,
    });
    this.#flows.set(id, flow);
    this.#deadlines.add(flow);
    if (flow.pending) begun(flow.handle);
    else this.cancel(flow);
  }

  failed(refusal: ServiceMessageOf<'failed'>): void {
    const { ref } = refusal;
    const asked = this.#asked.get(ref);
    if (asked) {
      this.#asked.delete(ref);
      this.#reject(asked, errorOf(refusal));
      return;
    }
    if (this.#confirmations.failed(refusal)) return;
    const flow = this.#resuming.get(ref);
    this.#resuming.delete(ref);
    if (!flow) return;
    this.#unknown(flow);
  }

  /** Ends a flow that this connection has no longer, and no other. */
  lost({ flowId: id, reason }: ServiceMessageOf<'lost'>): void {
    const flow = this.#flows.get(id);
    if (!flow) return;
    if (reason === 'taken_over')
      this.#fail(flow, new FlowTakenOverError('another client has taken over the flow'));
    else this.#unknown(flow);
  }

  resumed({ ref }: ServiceMessageOf<'resumed'>): void {
    const flow = this.#resuming.get(ref);
    this.#resuming.delete(ref);
    if (!flow) return;
    flow.nonce = this.#nonce;
    this.#taking.get(flow.id)?.begun(flow.handle);
    this.#taking.delete(flow.id);
    // Behind those that still wait to be resumed, which come first on the next connection.
    if (this.#flows.delete(flow.id)) this.#flows.set(flow.id, flow);
    // Cancelled meanwhile. If the flow has ended, the service ignores it.
    if (!flow.pending) this.cancel(flow);
    this.lead(flow);
    this.#confirmations.resumed(flow);
    this.#settle(flow);
  }

  result({ flowId: id, result }: ServiceMessageOf<'result'>): void {
    // In this order: a result is acknowledged only after it has been delivered. One that is not the flow's throws.
    const flow = this.#flows.get(id);
    flow?.receive(result as StoredResult);
    if (flow) this.#confirmations.ended(flow);
    this.#received.push(id);
    if (this.#acknowledging) return;
    this.#acknowledging = this.#clock.after(acknowledgeDelayMs, () => this.#acknowledge());
    holdProcess();
  }

  acknowledged({ flowIds }: ServiceMessageOf<'acknowledged'>): void {
    for (const id of flowIds) {
      const flow = this.#flows.get(id);
      if (flow) this.#forget(flow);
    }
  }

  /** Ends every flow, because the connection is closed for good. */
  end(error: Error): void {
    if (this.#closed) return;
    this.#closed = error;
    this.#acknowledging?.();
    this.#acknowledged();
    const asked = [...this.#asked.values()];
    // First, because a flow released while it is being begun counts as cancelled.
    this.#asked.clear();
    for (const each of asked) this.#reject(each, closedError(error));
    for (const flow of this.#flows.values()) this.#fail(flow, closedError(error));
  }

  async #begin(options: BeginOptions, ended?: () => void): Promise<ResumableFlow> {
    const { signal } = options;
    const flow = await RemoteFlow.create(this, options);
    if (signal?.aborted)
      throw new FlowCancelledError('the signal was aborted already', { cause: signal.reason });
    if (this.#closed) throw closedError(this.#closed);
    const ref = ++this.#ref;
    const message = beginning(ref, flow);
    requireFits('options', message);
    const asked = new Promise<ResumableFlow>((begun, failed) => {
      this.#asked.set(ref, { flow, begun, failed });
      flow.expiresAt = this.now() + (Number(options.ttl) > 0 ? Number(options.ttl) : defaultTtlMs);
      this.#deadlines.add(flow);
      const unfollow = signal && this.#signals.follow(signal, flow);
      if (unfollow || ended)
        flow.release = () => {
          unfollow?.();
          ended?.();
          // Still being begun: `begun` cancels it at the service.
          if (this.#asked.has(ref))
            failed(new FlowCancelledError('the flow was cancelled', { cause: signal?.reason }));
        };
      this.#send(message);
    });
    return holding(asked);
  }

  /** Sends the outcome over the connection that listens for the flow; `resumed` calls again if that has changed. */
  #settle(flow: RemoteFlow): void {
    const { id, nonce, outcome } = flow;
    if (!outcome) return;
    const listens = nonce === this.#nonce;
    if (listens) this.#send({ type: 'settle', flowId: id, outcome });
    if (this.#flows.has(id)) return;
    this.#lateOutcomes.add(flow);
    if (!listens) void this.#lateOutcomes.send(flow);
  }

  /** Resumes those flows first that have waited longest. */
  async #resumeAll(nonce: string, flows = [...this.#flows.values()]): Promise<void> {
    // All at once: one after the other, each would take a turn of a busy event loop.
    const proofs = flows.map(({ key }) => proofOf(key, nonce));
    for (const [index, flow] of flows.entries()) this.#resume(flow, nonce, (await proofs[index]) ?? '');
  }

  #resume(flow: RemoteFlow, nonce: string, proof: string): void {
    if (this.#nonce !== nonce || !this.#flows.has(flow.id)) return;
    const ref = ++this.#ref;
    this.#resuming.set(ref, flow);
    this.#connection().sendBehind({ type: 'resume', ref, flowId: flow.id, state: flow.state, proof });
  }

  #acknowledged(): void {
    if (this.#acknowledging) releaseProcess();
    this.#acknowledging = undefined;
  }

  #acknowledge(): void {
    this.#acknowledged();
    while (this.#received.length > 0)
      this.#send({ type: 'ack', flowIds: this.#received.splice(0, maxAcknowledged) });
  }

  /** Ends a flow that the service does not know any more. */
  #unknown(flow: RemoteFlow): void {
    const { expires } = this.#taking.get(flow.id) ?? { expires: flow.expiresAt };
    if (this.now() >= expires) this.#fail(flow, expiredError());
    else this.#fail(flow, new ServerClosedError('the callback service no longer knows the flow'));
  }

  /** Ends a flow whose end the service has not told in time. */
  #expire(flow: RemoteFlow): void {
    const asked = [...this.#asked].find(([, each]) => each.flow === flow);
    if (!asked) {
      this.#fail(flow, expiredError());
      return;
    }
    const [ref, begin] = asked;
    this.#asked.delete(ref);
    this.#reject(begin, expiredError());
  }

  #reject({ flow, failed }: PendingBegin, error: Error): void {
    this.#deadlines.remove(flow);
    flow.release?.();
    failed(error);
  }

  #fail(flow: RemoteFlow, error: UnansweredError | FlowTakenOverError): void {
    this.#forget(flow);
    this.#taking.get(flow.id)?.failed(error);
    this.#taking.delete(flow.id);
    flow.fail(error);
    this.#confirmations.ended(flow);
  }

  #forget(flow: RemoteFlow): void {
    this.#flows.delete(flow.id);
    this.#deadlines.remove(flow);
  }

  #send(message: ClientMessage): void {
    this.#connection().send(message);
  }
}

function beginning(ref: number, { state, key, options }: RemoteFlow): ClientMessage {
  // The signal is not sent, and `key` is the flow's own instead of the option that joins sign-ins.
  const sent = { ...options };
  delete sent.signal;
  return { type: 'begin', ...sent, ref, state, key };
}
