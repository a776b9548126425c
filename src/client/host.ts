import type { Observable } from 'rxjs';
import type { ServiceMessage } from '../bridge/protocol.ts';
import { clockFrom, type Clock } from '../clock.ts';
import {
  ConnectionError,
  FlowCancelledError,
  FlowExpiredError,
  NotListeningError,
  RemoteError,
  ServerClosedError,
} from '../errors.ts';
import type { ServerEvent } from '../events.ts';
import type { BeginOptions, Flow, Outcome } from '../flow.ts';
import { HotStream } from '../hot-stream.ts';
import { IsolatedObservable, type Report } from '../isolated-observable.ts';
import type { CallbackHost } from '../server.ts';
import type { StoredResult } from '../store/store.ts';
import { Connection, type Lost, type Welcome } from './connection.ts';
import type { ConnectOptions } from './options.ts';
import { RemoteFlow, type RemoteFlowOwner } from './remote-flow.ts';
import { proofOf } from './secrets.ts';
import type { OpenTransport } from './transport.ts';

/** A callback service elsewhere, as a host of sign-ins here. */
export interface RemoteCallbackHost extends CallbackHost, AsyncDisposable {
  /** Whether the service can be reached right now. Flows survive its being away. */
  readonly connected: boolean;
}

interface Asked {
  flow: RemoteFlow;
  begun: (flow: Flow) => void;
  failed: (error: Error) => void;
}

// The service keeps an expired flow's result this long for those that reconnect.
const afterlife = 60_000;

export class RemoteHost implements RemoteCallbackHost, RemoteFlowOwner {
  readonly events: Observable<ServerEvent>;
  readonly report: Report;
  readonly #clock: Clock;
  readonly #connection: Connection;
  readonly #events = new HotStream<ServerEvent>();
  readonly #asked = new Map<number, Asked>();
  readonly #resuming = new Map<number, RemoteFlow>();
  readonly #flows = new Map<string, RemoteFlow>();
  readonly #byKey = new Map<string, Promise<Flow>>();
  #redirectUri: string | undefined;
  #epoch: string | undefined;
  #nextEvent: number | undefined;
  #watching = false;
  #ref = 0;
  #closed = false;

  /** @param ready Told once, when the service has answered or has not. */
  constructor(url: string, options: ConnectOptions, open: OpenTransport, ready: (error?: Error) => void) {
    this.#clock = clockFrom(options.scheduler);
    this.report = options.report ?? ((error) => console.warn(error));
    this.events = new IsolatedObservable(this.report, (subscriber) => {
      const subscription = this.#events.subscribe(subscriber);
      this.#watch();
      return subscription;
    });
    const { token, ticket } = options;
    this.#connection = new Connection({
      url,
      open,
      clock: this.#clock,
      credential: () => {
        const source = token ?? ticket ?? '';
        return typeof source === 'function' ? source() : source;
      },
      onWelcome: (welcome) => {
        this.#onWelcome(welcome);
        ready();
      },
      onMessage: (message) => this.#onMessage(message),
      onLost: (lost) => {
        const error = connectionError(url, lost);
        ready(error);
        this.#end(error);
      },
    });
  }

  get connected(): boolean {
    return this.#connection.welcome !== undefined;
  }

  get redirectUri(): string {
    if (this.#redirectUri === undefined)
      throw new NotListeningError('redirectUri is known once the service has answered');
    return this.#redirectUri;
  }

  now(): number {
    return this.#clock.now();
  }

  begin(options: BeginOptions = {}): Promise<Flow> {
    const { key } = options;
    if (key === undefined) return this.#begin(options);
    const joined = this.#byKey.get(key);
    if (joined) return joined;
    const begun = this.#begin(options, () => this.#byKey.delete(key));
    this.#byKey.set(key, begun);
    begun.catch(() => this.#byKey.delete(key));
    return begun;
  }

  cancel(flow: RemoteFlow): void {
    if (flow.id) this.#connection.send({ type: 'cancel', flow: flow.id });
  }

  settle(flow: RemoteFlow, outcome: Outcome): void {
    this.#connection.send({ type: 'settle', flow: flow.id, outcome });
  }

  close(): Promise<void> {
    if (!this.#closed) {
      for (const flow of this.#flows.values()) this.cancel(flow);
      this.#connection.close();
      this.#end(new ServerClosedError('the connection to the callback service was closed'));
    }
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #begin(options: BeginOptions, ended?: () => void): Promise<Flow> {
    const { signal } = options;
    if (signal?.aborted)
      throw new FlowCancelledError('the signal was aborted already', { cause: signal.reason });
    const flow = await RemoteFlow.create(this, options);
    if (this.#closed) throw new ServerClosedError('the connection to the callback service is closed');
    const abort = (): void => flow.cancel(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const ref = ++this.#ref;
    return new Promise((begun, failed) => {
      this.#asked.set(ref, { flow, begun, failed });
      flow.release = () => {
        signal?.removeEventListener('abort', abort);
        ended?.();
        if (this.#asked.delete(ref)) failed(new FlowCancelledError('the flow was cancelled'));
        this.#flows.delete(flow.id);
      };
      this.#ask(ref, flow);
    });
  }

  #ask(ref: number, { state, key, options }: RemoteFlow): void {
    const { ttl, issuer, issuerAdvertised, requireIssuer, unadvertisedIssuer, responseMode, context } =
      options;
    const expected = {
      ttl,
      issuer,
      issuerAdvertised,
      requireIssuer,
      unadvertisedIssuer,
      responseMode,
      context,
    };
    this.#connection.send({ type: 'begin', ref, state, key, ...expected });
  }

  /** Connected: what was asked and not answered is asked again, and flows that wait are resumed. */
  #onWelcome({ redirectUri, nonce }: Welcome): void {
    this.#redirectUri = redirectUri;
    this.#watching = false;
    this.#resuming.clear();
    for (const [ref, { flow }] of this.#asked) this.#ask(ref, flow);
    for (const flow of this.#flows.values()) void this.#resume(flow, nonce);
    if (this.#events.observed) this.#watch();
  }

  async #resume(flow: RemoteFlow, nonce: string): Promise<void> {
    const proof = await proofOf(flow.key, nonce);
    if (this.#connection.welcome?.nonce !== nonce || !flow.pending) return;
    const ref = ++this.#ref;
    this.#resuming.set(ref, flow);
    this.#connection.send({ type: 'resume', ref, flow: flow.id, proof });
  }

  #watch(): void {
    const { welcome } = this.#connection;
    if (!welcome || this.#watching) return;
    if (!welcome.roles.includes('monitor')) {
      this.#events.complete();
      return;
    }
    this.#watching = true;
    const known = this.#epoch === welcome.epoch && this.#nextEvent !== undefined;
    this.#connection.send({ type: 'watch', ...(known && { epoch: welcome.epoch, since: this.#nextEvent }) });
  }

  #onMessage(message: ServiceMessage): void {
    switch (message.type) {
      case 'begun':
        this.#onBegun(message);
        break;
      case 'failed':
        this.#onFailed(message);
        break;
      case 'resumed':
        this.#resuming.delete(message.ref);
        break;
      case 'result':
        // In this order: a result is acknowledged once it has been handed over.
        this.#flows.get(message.flow)?.end(message.result as StoredResult);
        this.#connection.send({ type: 'ack', flow: message.flow });
        break;
      case 'watching':
        this.#epoch = message.epoch;
        this.#nextEvent = message.next;
        break;
      case 'event':
        // What was sent twice, around a reconnect, is dropped.
        if (message.n < (this.#nextEvent ?? 0)) break;
        this.#nextEvent = message.n + 1;
        this.#events.next(message.event as unknown as ServerEvent);
    }
  }

  #onBegun({ ref, flow: id, redirectUri, expiresAt }: Extract<ServiceMessage, { type: 'begun' }>): void {
    const asked = this.#asked.get(ref);
    if (!asked) return;
    this.#asked.delete(ref);
    const { flow, begun } = asked;
    Object.assign(flow, { id, redirectUri, expiresAt });
    this.#flows.set(id, flow);
    const { release } = flow;
    // The service says when a flow expires; this is for when it cannot be reached.
    const stop = this.#clock.after(Math.max(0, expiresAt - this.now()) + afterlife, () =>
      flow.fail(new FlowExpiredError('the flow expired while the service could not be reached')),
    );
    flow.release = () => {
      stop();
      release?.();
    };
    begun(flow);
  }

  #onFailed({ ref, code, message }: Extract<ServiceMessage, { type: 'failed' }>): void {
    const asked = this.#asked.get(ref);
    this.#asked.delete(ref);
    asked?.failed(new RemoteError(code, message));
    const flow = this.#resuming.get(ref);
    this.#resuming.delete(ref);
    if (!flow) return;
    if (this.now() >= flow.expiresAt)
      flow.fail(new FlowExpiredError('the flow expired while it was not connected'));
    else flow.fail(new ServerClosedError('the callback service no longer knows the flow'));
  }

  #end(error: Error): void {
    this.#closed = true;
    for (const { failed } of this.#asked.values()) failed(error);
    this.#asked.clear();
    for (const flow of [...this.#flows.values()]) {
      flow.fail(new ServerClosedError('the connection to the callback service has ended', { cause: error }));
    }
    this.#events.complete();
  }
}

function connectionError(url: string, { code, status }: Lost): ConnectionError {
  const { origin } = new URL(url);
  const why =
    status === undefined ? `the connection ended with ${code}` : `the handshake was answered ${status}`;
  return new ConnectionError(`${origin}: ${why}`, code, status);
}
