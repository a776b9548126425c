import { defer, map, type Observable, type SchedulerLike, type Subscription } from 'rxjs';
import type { Clock } from '../base/clock.ts';
import { HotStream } from '../base/hot-stream.ts';
import { IsolatedObservable } from '../base/isolated-observable.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import { invalid, requireInteger } from '../base/validate.ts';
import type { ReadResponse } from '../callback/parameters.ts';
import { FlowIndex } from '../flows/flow-index.ts';
import type { PendingFlow } from '../flows/pending-flow.ts';
import type { CallbackHost } from '../model/callback-host.ts';
import { shownCode } from '../model/confirmation.ts';
import {
  FlowCancelledError,
  FlowExpiredError,
  ServerClosedError,
  type UnansweredError,
} from '../model/errors.ts';
import { answeredEvent, type ServerEvent } from '../model/events.ts';
import type { BeginOptions, Flow } from '../model/flow.ts';
import { readFakeResponse, type FakeResponse } from './fake-response.ts';
import { SettledPromise } from './settled-promise.ts';
import { testClock } from './test-clock.ts';

/**
 * Responses of the flows of a fake host. Each flow subscribes when it begins. A function gets the flow, and the number of flows
 * that have begun before it.
 *
 * A value is a response with the state of the flow, unless it has another one. The host judges it as a server does. An error ends
 * the flow, and completion does nothing.
 */
export type FakeResponses =
  Observable<FakeResponse> | ((flow: Flow, index: number) => Observable<FakeResponse>);

/** Options of `fakeCallbackHost`, each optional. */
export interface FakeCallbackHostOptions {
  /**
   * Redirect URI of the flows.
   * @default 'http://127.0.0.1/callback'
   */
  redirectUri?: string;
  /**
   * Milliseconds until a flow expires that names no `ttl`; 1 to 86,400,000.
   * @default 600000
   */
  flowTtl?: number;
  /**
   * Scheduler whose time flows expire by.
   * @default the virtual time of `TestScheduler.run` inside of it, and the system clock elsewhere
   */
  scheduler?: SchedulerLike;
}

/** Callback host in memory. */
export interface FakeCallbackHost extends CallbackHost, AsyncDisposable {
  /** Flows that have begun so far, in their order. */
  readonly flows: readonly Flow[];
  /** Returns the code that the page of a flow with `binding: 'code'` shows, once its response has come. */
  pageCode(flow: Flow): string | undefined;
}

const table: OptionTable<FakeCallbackHostOptions> = { redirectUri: true, flowTtl: true, scheduler: true };

/**
 * Creates a callback host in memory, whose flows get their responses from an Observable: a marble diagram, for example.
 *
 * Its flows are those of a server: state, PKCE, authorization URL, expiry, cancellation and the checks of responses are real. There
 * is no port and no browser. Inside `TestScheduler.run` the time is virtual, and `begin` calls the first handlers of its promise at once,
 * so that `from(host.begin())` emits in virtual time. Code that awaits the promise needs real time.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * import { fakeCallbackHost } from 'rx-oauth-callback/testing';
 * import { from, map, switchMap } from 'rxjs';
 * import { TestScheduler } from 'rxjs/testing';
 * import { deepStrictEqual } from 'node:assert';
 *
 * new TestScheduler(deepStrictEqual).run(({ cold, expectObservable }) => {
 *   const host = fakeCallbackHost(cold('--a|', { a: { code: 'c' } }));
 *   const code = from(host.begin()).pipe(
 *     switchMap((flow) => flow.response),
 *     map((response) => response.code),
 *   );
 *   expectObservable(code).toBe('--(c|)');
 * });
 */
export function fakeCallbackHost(
  responses: FakeResponses,
  options: FakeCallbackHostOptions = {},
): FakeCallbackHost {
  return new FakeHost(
    responses,
    readOptions(
      options,
      table,
      { of: 'fakeCallbackHost' },
      {
        redirectUri: 'http://127.0.0.1/callback',
        flowTtl: 600_000,
      },
    ),
  );
}

class FakeHost implements FakeCallbackHost {
  readonly redirectUri: string;
  readonly events: Observable<ServerEvent>;
  readonly #responses: FakeResponses;
  readonly #clock: Clock;
  readonly #events = new HotStream<ServerEvent>();
  readonly #index: FlowIndex;
  readonly #begun = new Map<PendingFlow, Flow>();
  readonly #codes = new WeakMap<Flow, string>();
  readonly #subscriptions: Subscription[] = [];
  #closed = false;

  constructor(
    responses: FakeResponses,
    { redirectUri, flowTtl, scheduler }: FakeCallbackHostOptions & { redirectUri: string; flowTtl: number },
  ) {
    requireInteger('flowTtl', flowTtl, 1, 86_400_000);
    const { origin, pathname, search } = readRedirectUri(redirectUri);
    this.redirectUri = redirectUri;
    this.#responses = responses;
    this.#clock = testClock(scheduler);
    this.events = new IsolatedObservable(report, (subscriber) => this.#events.subscribe(subscriber));
    let begun = 0;
    this.#index = new FlowIndex({
      clock: this.#clock,
      nextId: () => `fake-${++begun}`,
      flowTtl,
      maxFlows: 1_000_000,
      events: this.#events,
      report,
      callbackPath: pathname + search,
      issuers: [],
      unmatched: 'reject',
      finishUrls: [],
      settle: false,
      redirectUriFor: (path) => (path === pathname + search ? redirectUri : origin + path),
      binding: () => 'none',
      consent: 'never',
      startUrlOf: (startId) => `${origin}/start/${startId}`,
      onClaimed: () => undefined,
    });
  }

  get flows(): readonly Flow[] {
    return [...this.#begun.values()];
  }

  begin(options?: BeginOptions): Promise<Flow> {
    try {
      return new SettledPromise({ value: this.#begin(options) });
    } catch (error) {
      return new SettledPromise<Flow>({ error });
    }
  }

  pageCode(flow: Flow): string | undefined {
    return this.#codes.get(flow);
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#index.close();
      for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
      this.#events.next({ type: 'closed', at: this.#clock.now() });
      this.#events.complete();
    }
    return new SettledPromise({ value: undefined });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #begin(options?: BeginOptions): Flow {
    const flow = this.#index.begin(options);
    const { handle } = flow;
    // A flow that is shared by its key has its responses already.
    if (this.#begun.has(flow)) return handle;
    const index = this.#begun.size;
    const responses = this.#responses;
    this.#begun.set(flow, handle);
    this.#subscriptions.push(
      defer(() => (typeof responses === 'function' ? responses(handle, index) : responses))
        .pipe(map((response) => readFakeResponse(response, flow.state)))
        .subscribe({
          next: (response) => this.#arrive(flow, response),
          error: (error: unknown) => this.#index.cancel(flow, endOf(error)),
        }),
    );
    return handle;
  }

  /** Judges a response as if it had come to the redirect URI of the flow. */
  #arrive({ expectation }: PendingFlow, { fields, reason }: ReadResponse): void {
    const at = this.#clock.now();
    if (reason) {
      this.#events.next({ type: 'redirect', at, disposition: 'malformed', flowId: undefined, reason });
      return;
    }
    const { path, responseMode, browser } = expectation;
    const match = this.#index.match(fields, { path, mode: responseMode, browser });
    const { disposition } = match;
    // Another flow of this host may have the state.
    const found = 'flow' in match ? match.flow : undefined;
    this.#events.next({ type: 'redirect', at, disposition, flowId: found?.id, reason: undefined });
    if (match.disposition === 'unconfirmed') this.#codes.set(match.flow.handle, shownCode(match.code));
    if (disposition !== 'accepted' || !found) return;
    this.#events.next(answeredEvent(at, found.id, fields.error, found.description));
    this.#index.deliver(found);
  }
}

function readRedirectUri(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw invalid('redirectUri', 'be an absolute http or https URL', given);
}

/** Ends a flow by the errors that a host ends flows with. Any other one is the reason of a cancellation. */
function endOf(error: unknown): UnansweredError {
  const isOwn = [FlowCancelledError, FlowExpiredError, ServerClosedError].some(
    (type) => error instanceof type,
  );
  return isOwn
    ? (error as UnansweredError)
    : new FlowCancelledError('the flow was cancelled', { cause: error });
}

/** Makes an exception of a subscriber an uncaught one, as RxJS does, so that a test fails by it. */
function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
