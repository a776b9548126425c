import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Observable, type Observer } from 'rxjs';
import { boundTo, type Bound } from './address.ts';
import { bind, type Binding } from './binding.ts';
import type { CallbackResponse } from './callback-response.ts';
import type { OAuthCallbackResult } from './callback-result.ts';
import { clockFrom, type Clock } from './clock.ts';
import { Endpoint } from './endpoint.ts';
import { AuthorizationError, NotListeningError } from './errors.ts';
import type { ServerEvent } from './events.ts';
import type { BeginOptions, Flow, PendingFlow } from './flow.ts';
import { Flows, type FlowsOptions } from './flows.ts';
import { createHandler, type Handler } from './handler.ts';
import { HotStream } from './hot-stream.ts';
import { expose, type TakesUpgrade } from './internals.ts';
import { IsolatedObservable, type Report } from './isolated-observable.ts';
import { readOptions, type ServerOptions, type Settings } from './options.ts';
import { Pages } from './pages.ts';
import { randomToken } from './pkce.ts';
import { probe } from './probe.ts';
import { RedirectStream } from './redirect-stream.ts';
import type { Redirect, ReadResponse } from './redirect.ts';
import type { Route } from './routes.ts';
import { sha256 } from './sha256.ts';
import type { StoredFlows } from './stored-flows.ts';
import { Strays } from './strays.ts';
import { keepTick } from './ticks.ts';

/** Whoever can run sign-ins: this server, or something that reaches one elsewhere. */
export interface CallbackHost {
  /** Where authorization servers must send the browser. */
  readonly redirectUri: string;
  /** The redacted life of the host: never errors, completes when it closes. */
  readonly events: Observable<ServerEvent>;
  /** Begins a sign-in. Resolves once its state is registered, so before any browser can be sent away. */
  begin(options?: BeginOptions): Promise<Flow>;
  /** Ends every pending flow with `ServerClosedError`. Repeatable. */
  close(): Promise<void>;
}

/** An HTTP server that turns every OAuth redirect into an event. */
export interface OAuthCallbackServer extends CallbackHost, AsyncDisposable {
  /** What is really bound. Throws `NotListeningError` before `listen()`. */
  readonly address: AddressInfo;
  /** Every request that reached the callback path as a redirect. Hot; never errors; completes on `close()`. */
  readonly redirects: Observable<Redirect>;
  /**
   * Binds the port. Repeatable; after `close()` it starts anew.
   *
   * Rejects with `PortInUseError` or `ListenError`.
   */
  listen(): Promise<void>;
  /** Answers one request: for `server: 'mounted'`, to be mounted in a framework. Passes what is not ours to `next`. */
  readonly handler: (request: IncomingMessage, response: ServerResponse, next?: () => void) => void;
  /**
   * Asks the redirect URI, as a browser would, whether it leads here. Rejects with `UnreachableError`: another process
   * holds the other address family, a proxy or tunnel is not up.
   */
  probe(): Promise<void>;
}

/**
 * A callback server that is configured and not yet running.
 *
 * Throws `InvalidOptionError` for an option that is out of range or contradicts another.
 */
export function createOAuthCallbackServer(options: ServerOptions = {}): OAuthCallbackServer {
  return new CallbackServer(readOptions(options));
}

/** A callback server as a cold Observable: subscribing listens and emits it, unsubscribing closes it. */
export function callbackServer(options: ServerOptions = {}): Observable<OAuthCallbackServer> {
  return new Observable((subscriber) => {
    const server = createOAuthCallbackServer(options);
    server.listen().then(
      () => subscriber.next(server),
      (error: unknown) => subscriber.error(error),
    );
    return () => void server.close();
  });
}

class CallbackServer implements OAuthCallbackServer {
  readonly redirects: RedirectStream;
  readonly events: Observable<ServerEvent>;
  readonly handler: OAuthCallbackServer['handler'];
  readonly #settings: Settings;
  readonly #redirects = new HotStream<Redirect>();
  readonly #events = new HotStream<ServerEvent>();
  readonly #flows: Flows;
  readonly #flowsOptions: FlowsOptions;
  #stored: StoredFlows | undefined;
  #takesUpgrade: TakesUpgrade | undefined;
  #routeOf: ((request: IncomingMessage) => Route | undefined) | undefined;
  #offUpgrade: (() => void) | undefined;
  readonly #closings = new Set<() => Promise<void>>();
  readonly #pages: Pages;
  readonly #handler: Handler;
  readonly #endpoint: Endpoint;
  readonly #secret = randomToken();
  /** The last `listen()` or `close()`: each waits for the one before it, so that the last one called has the say. */
  #turn: Promise<void> = Promise.resolve();
  #binding: Binding | undefined;
  #bound: Bound | undefined;
  #filled = false;

  constructor(settings: Settings) {
    this.#settings = settings;
    const { limits } = settings;
    const clock = clockFrom(settings.scheduler);
    const report = this.#report;
    const extraHeaders = transportSecurity(settings);
    const common = { ...settings, clock, report, extraHeaders };
    this.#flowsOptions = {
      ...common,
      events: this.#events,
      redirectUriFor: (path) => this.#require('redirectUri').redirectUriFor(path),
      onClaimed: (held) => this.#endpoint.claim(held),
    };
    this.#flows = new Flows(this.#flowsOptions);
    this.redirects = new RedirectStream(this.#flows, this.#redirects);
    this.events = new IsolatedObservable(report, (subscriber) => this.#events.subscribe(subscriber));
    const pages = (this.#pages = new Pages(common));
    this.#handler = createHandler({
      ...common,
      flows: this.#flows,
      stored: () => this.#stored,
      pages,
      isOurs: this.#isOurs,
      isAdvertised: (authority) => this.#bound?.advertised.includes(authority) ?? false,
      acceptsUnmatched: this.#acceptsUnmatched,
      prove: this.#prove,
    });
    this.#endpoint = new Endpoint({
      ...common,
      handler: this.#handler,
      pages,
      strays: new Strays(limits.strays, limits.straysPerSecond),
      publish: this.#publish,
      // The page that ends the last sign-in is not worth keeping a connection for; a server of others is their affair.
      keepsAlive: () =>
        settings.server !== undefined || this.#pending > 0 || this.#stored?.store.shared === true,
    });
    this.#expose(clock, report, extraHeaders);
    this.handler = (request, response, next) => {
      if (next && !this.#concerns(request)) next();
      else this.#serve(request, response);
    };
  }

  get address(): AddressInfo {
    const { address } = this.#require('address');
    if (!address) throw new NotListeningError("address is not known to a server that is 'mounted'");
    return address;
  }

  get redirectUri(): string {
    return this.#require('redirectUri').redirectUriFor(this.#settings.callbackPath);
  }

  // In the order of the calls: a listen() during close() starts anew after it, a close() during listen() undoes it.
  listen(): Promise<void> {
    return this.#inTurn(() => this.#start());
  }

  // Async for the sake of the contract: with a store, registering takes a round trip.
  // eslint-disable-next-line @typescript-eslint/require-await
  async begin(options: BeginOptions = {}): Promise<Flow> {
    this.#require('begin()');
    return this.#flows.begin(options);
  }

  async probe(): Promise<void> {
    await probe(this.redirectUri, this.#prove);
  }

  close(): Promise<void> {
    return this.#inTurn(() => this.#stop());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(step);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #start(): Promise<void> {
    if (this.#binding) return;
    this.#flows.open();
    this.#redirects.restart();
    this.#events.restart();
    if (this.#settings.language !== 'en') this.#pages.learn((await import('./translations.ts')).translations);
    this.#binding = await bind(this.#settings, this.#serve, this.#concerns);
    if (this.#takesUpgrade) this.#offUpgrade = this.#binding.onUpgrade(this.#takesUpgrade);
    this.#bound = boundTo(this.#binding, this.#settings);
    keepTick(this.#bound);
    this.#events.next({ type: 'listening', at: this.#flows.now(), redirectUri: this.redirectUri });
  }

  async #stop(): Promise<void> {
    await Promise.all([...this.#closings].map((run) => run()));
    this.#flows.close();
    this.#stored?.release();
    this.#endpoint.endWaiting();
    await this.#binding?.close();
    this.#binding = undefined;
    this.#bound = undefined;
    this.#redirects.complete();
    this.#events.next({ type: 'closed', at: this.#flows.now() });
    this.#events.complete();
  }

  get #pending(): number {
    return this.#flows.pending + (this.#stored?.size ?? 0);
  }

  #expose(clock: Clock, report: Report, extraHeaders: readonly string[]): void {
    expose(this, {
      clock,
      report,
      extraHeaders,
      store: (make) => (this.#stored ??= make(this.#flowsOptions)),
      pending: () => this.#pending,
      urlOf: (path) => this.#require('the URL').urlOf(path),
      tls: () => this.#binding?.tls,
      isOurs: this.#isOurs,
      isOwnOrigin: (origin) => this.#bound?.origins.has(origin) ?? false,
      flows: this.#flows,
      endpoint: this.#endpoint,
      callbackPath: this.#settings.callbackPath,
      onRequest: (routeOf) => (this.#routeOf = routeOf),
      onUpgrade: (takes) => {
        this.#takesUpgrade = takes;
        this.#offUpgrade = this.#binding?.onUpgrade(takes);
        return () => {
          this.#takesUpgrade = undefined;
          this.#offUpgrade?.();
        };
      },
      onClose: (run) => {
        this.#closings.add(run);
        return () => void this.#closings.delete(run);
      },
    });
  }

  readonly #isOurs = (authority: string): boolean => this.#bound?.authorities.includes(authority) ?? false;

  readonly #concerns = (request: IncomingMessage): boolean => {
    if (this.#routeOf?.(request)) return true;
    return this.#handler.concerns({ target: request.url ?? '', rawHeaders: request.rawHeaders });
  };

  readonly #serve = (request: IncomingMessage, response: ServerResponse): void => {
    const route = this.#routeOf?.(request);
    if (route) route(request, response, () => this.#endpoint.serve(request, response));
    else this.#endpoint.serve(request, response);
  };

  /** In the order of cause and effect, since whoever is told may react at once. Nothing can undo an accepted one any more. */
  readonly #publish = (redirect: Redirect, flow: PendingFlow | undefined): void => {
    const { disposition, response, reason, at } = redirect;
    if (disposition !== 'accepted') this.#debug(`redirect ${disposition}${reason ? `: ${reason}` : ''}`);
    if (this.#events.observed) {
      this.#events.next({ type: 'redirect', at, disposition, flow: redirect.flow, reason });
      if (redirect.flow !== undefined && disposition === 'accepted') {
        const { error } = response;
        this.#events.next({
          type: 'settled',
          at,
          flow: redirect.flow,
          outcome: error ? 'error' : 'code',
          error,
        });
      }
    }
    if (this.#redirects.observed) this.#redirects.next(redirect);
    if (disposition !== 'accepted') return;
    if (flow) this.#flows.deliver(flow);
    this.#fill(response);
  };

  readonly #acceptsUnmatched = ({ fields, reason }: ReadResponse): boolean => {
    if (this.#settings.unmatched === 'accept' && reason === undefined) return true;
    // The seed's way of waiting: one result, of any well-formed response, while no flow has been begun.
    if (!this.#settings.resultContainer || this.#filled || this.#pending > 0) return false;
    return reason === undefined || (reason === 'missing_state' && fields.error !== undefined);
  };

  #fill(response: CallbackResponse): void {
    const { resultContainer, resultReady } = this.#settings;
    if (!resultContainer || this.#filled) return;
    this.#filled = true;
    if (response.error === undefined) {
      resultContainer.code = response.code;
      resultContainer.state = response.state;
    } else {
      resultContainer.error = new AuthorizationError(response);
    }
    try {
      (resultReady as Partial<Observer<OAuthCallbackResult>> | undefined)?.next?.(resultContainer);
      resultReady?.complete?.();
    } catch (error) {
      this.#report(error);
    }
  }

  readonly #prove = (nonce: string): string => sha256(this.#secret + nonce, 'base64url');

  #require(what: string): Bound {
    if (this.#bound) return this.#bound;
    throw new NotListeningError(`${what} needs a running server; await listen() first`);
  }

  #debug(message: string): void {
    try {
      this.#settings.logger?.debug?.(message);
    } catch (error) {
      this.#report(error);
    }
  }

  /** For exceptions of code that is not ours; the last stop, so it takes those of the logger too. */
  readonly #report = (error: unknown): void => {
    const problem = error instanceof Error ? error : new Error(String(error));
    const { logger } = this.#settings;
    try {
      if (logger?.warn) logger.warn(problem);
      else process.emitWarning(problem);
    } catch (failure) {
      process.emitWarning(failure instanceof Error ? failure : String(failure));
    }
  };
}

/** Only over TLS, and never for the name `localhost`, which every other program of this machine uses too. */
function transportSecurity({ tls, host }: Settings): readonly string[] {
  return tls && host !== 'localhost' ? ['Strict-Transport-Security', 'max-age=31536000'] : [];
}
