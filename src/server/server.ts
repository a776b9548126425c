/**
 * The callback server: puts the parts together and decides nothing.
 *
 * One class, although it is long: most of it names what each part gets.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { Observable } from 'rxjs';
import { boundTo, type Bound } from '../http/address.ts';
import { bind, type Binding } from '../http/binding.ts';
import { ClientAddresses } from '../http/client-addresses.ts';
import { inTurn } from '../base/in-turn.ts';
import { clockFrom, type Clock } from '../base/clock.ts';
import { Endpoint } from '../http/endpoint.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { NotListeningError } from '../model/errors.ts';
import type { ServerEvent } from '../model/events.ts';
import type { BeginOptions, Flow } from '../model/flow.ts';
import { FlowIndex } from '../flows/flow-index.ts';
import type { FlowIndexOptions } from '../flows/flow-index-options.ts';
import { Handler } from '../callback/handler.ts';
import { HotStream } from '../base/hot-stream.ts';
import { internals, type OuterServer, type ServerInternals, type Within } from './internals.ts';
import { type TakesUpgrade } from '../http/upgrade.ts';
import { IsolatedObservable } from '../base/isolated-observable.ts';
import { FirstResult } from './first-result.ts';
import { Publisher } from './publisher.ts';
import { reportingTo, type Reporting } from './reporting.ts';
import type { OAuthCallbackServer } from './callback-server.ts';
import { transportSecurity, type Settings } from './settings.ts';
import { Pages } from '../page/answers.ts';
import { randomToken } from '../base/random.ts';
import { probe } from '../http/probe.ts';
import { RedirectStream } from '../flows/redirect-stream.ts';
import type { Redirect } from '../model/redirect.ts';
import type { Route } from '../http/routes.ts';
import { sha256 } from '../base/sha256.ts';
import type { FlowsElsewhere } from '../callback/flows-elsewhere.ts';
import { UnmatchedLimits } from '../http/unmatched-limits.ts';

/** A callback server in this process: puts flows, handler, endpoint and pages together. */
export class CallbackServer implements OAuthCallbackServer {
  readonly redirects: RedirectStream;
  readonly events: Observable<ServerEvent>;
  readonly handler: OAuthCallbackServer['handler'];
  readonly #settings: Settings;
  readonly #redirects = new HotStream<Redirect>();
  readonly #events: HotStream<ServerEvent>;
  readonly #flows: FlowIndex;
  readonly #flowsOptions: FlowIndexOptions;
  #elsewhere: FlowsElsewhere | undefined;
  #takesUpgrade: TakesUpgrade | undefined;
  #routeOf: ((request: IncomingMessage) => Route | undefined) | undefined;
  #offUpgrade: (() => void) | undefined;
  readonly #closings = new Set<() => Promise<void>>();
  readonly #pages: Pages;
  readonly #handler: Handler;
  readonly #endpoint: Endpoint;
  readonly #publisher: Publisher;
  readonly #internals: ServerInternals;
  readonly #clock: Clock;
  readonly #reporting: Reporting;
  readonly #firstResult: FirstResult;
  readonly #clients: ClientAddresses;
  readonly #secret = randomToken();
  /** Runs `listen()` and `close()` in the order of the calls, so that the last call decides. */
  readonly #inTurn = inTurn();
  /** Resolves once the port is bound. */
  #binds: Promise<Binding> | undefined;
  #binding: Binding | undefined;
  #bound: Bound | undefined;
  readonly #within: Within | undefined;
  readonly #outer: OuterServer;

  /** @param within Parts of the server that this one is inside of, if it is a tenant's. */
  constructor(settings: Settings, within?: Within) {
    this.#settings = settings;
    this.#within = within;
    this.#events = within?.events ?? new HotStream();
    const { limits } = settings;
    let flows = 0;
    this.#outer = {
      nextId: () => String(++flows),
      unmatchedLimits: new UnmatchedLimits(limits.unmatched, limits.unmatchedPerSecond),
      ended: new WeakSet(),
      endpoints: new WeakMap(),
      ...within,
      settings,
      events: this.#events,
      binding: () => this.#binds,
    };
    this.#clock = clockFrom(settings.scheduler);
    this.#reporting = reportingTo(settings.logger);
    const { report } = this.#reporting;
    const extraHeaders = transportSecurity(settings);
    this.#firstResult = new FirstResult(settings, report);
    this.#clients = new ClientAddresses(settings);
    this.#flowsOptions = this.#optionsOfFlows();
    this.#flows = new FlowIndex(this.#flowsOptions);
    this.redirects = new RedirectStream(this.#flows, this.#redirects);
    this.events = new IsolatedObservable(report, (subscriber) => this.#events.subscribe(subscriber));
    const { title, serverUrl, productName, logo, language, texts, render } = settings;
    this.#pages = new Pages({
      title,
      serverUrl,
      productName,
      logo,
      language,
      texts,
      render,
      extraHeaders,
      report,
    });
    this.#handler = this.#newHandler();
    this.#publisher = new Publisher({
      redirects: this.#redirects,
      events: this.#events,
      flows: this.#flows,
      firstResult: this.#firstResult,
      debug: this.#reporting.debug,
      clock: this.#clock,
    });
    this.#endpoint = this.#newEndpoint();
    this.#internals = this.#internalsWith(extraHeaders);
    this.handler = (request, response, next) => {
      // Those of HTTP/2 have all members that are used here.
      const asked = request as IncomingMessage;
      if (next && !this.#concerns(asked)) next();
      else this.#serve(asked, response as ServerResponse);
    };
  }

  #optionsOfFlows(): FlowIndexOptions {
    const { flowTtl, maxFlows, callbackPath, issuers, unmatched, finishUrls, settle } = this.#settings;
    const { startPath, consent } = this.#settings;
    return {
      clock: this.#clock,
      nextId: this.#outer.nextId,
      flowTtl,
      maxFlows,
      events: this.#events,
      report: this.#reporting.report,
      callbackPath,
      issuers,
      unmatched,
      finishUrls,
      settle,
      redirectUriFor: (path) => this.#require('redirectUri').redirectUriFor(path),
      binding: () => this.#settings.binding ?? (this.#bound?.isLoopback === false ? 'cookie' : 'none'),
      consent,
      startUrlOf: (startId) => this.#require('startUrl()').urlOf(`${startPath}/${startId}`),
      onClaimed: (held) => this.#endpoint.claim(held),
    };
  }

  #newHandler(): Handler {
    const { callbackPath, callbackQuery, cleanUrl, settle, errorWithoutState, limits } = this.#settings;
    return new Handler({
      callbackPath,
      callbackQuery,
      startPath: this.#settings.startPath,
      cleanUrl,
      settle,
      errorWithoutState,
      limits,
      flows: this.#flows,
      stored: () => this.#elsewhere,
      pages: this.#pages,
      isOurs: this.#isOurs,
      isAdvertised: (authority) => this.#bound?.advertised.includes(authority) ?? false,
      acceptsUnmatched: (response) =>
        (this.#settings.unmatched === 'accept' && response.reason === undefined) ||
        this.#firstResult.accepts(response, this.pending),
      isSecure: () => this.#bound?.isSecure === true,
      isOwnOrigin: this.#isOwnOrigin,
      prove: this.#prove,
      secret: () => this.#elsewhere?.secret ?? this.#secret,
    });
  }

  #newEndpoint(): Endpoint {
    const { limits, server, unmatched } = this.#settings;
    const { unmatchedLimits, ended } = this.#outer;
    return new Endpoint({
      handler: this.#handler,
      pages: this.#pages,
      unmatchedLimits,
      ended,
      clock: this.#clock,
      limits,
      publish: (redirect, flow, label) => this.#publisher.publish(redirect, flow, label),
      report: this.#reporting.report,
      clients: this.#clients,
      holds: typeof unmatched === 'object',
      release: (held) => this.#flows.release(held),
      // No further request is expected after the last sign-in. The connections of a borrowed server are left to its owner.
      keepsAlive: () => server !== undefined || this.pending > 0 || this.#elsewhere?.shared === true,
    });
  }

  get address(): AddressInfo {
    const { address } = this.#require('address');
    if (!address) throw new NotListeningError("address is unknown to a server that is 'mounted'");
    return address;
  }

  get redirectUri(): string {
    return this.#require('redirectUri').redirectUriFor(this.#settings.callbackPath);
  }

  // A `listen()` during `close()` starts the server again; a `close()` during `listen()` stops it again.
  listen(): Promise<void> {
    return this.#inTurn(() => this.#start());
  }

  // A promise, because other hosts of sign-ins need a round trip to a service or store.
  // eslint-disable-next-line @typescript-eslint/require-await
  async begin(options: BeginOptions = {}): Promise<Flow> {
    this.#require('begin()');
    return this.#flows.begin(options).handle;
  }

  setSecureContext(tls: SecureContextOptions): void {
    this.#require('setSecureContext()');
    if (!this.#binding?.tls)
      throw new InvalidOptionError('tls', 'must be given when the server is created; this server has no TLS');
    this.#binding.tls.setSecureContext(tls);
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

  async #start(): Promise<void> {
    if (this.#binding) return this.#internals.tenants?.listen();
    this.#flows.open();
    this.#redirects.restart();
    this.#events.restart();
    this.#pages.learn(await import('../page/words.ts'));
    this.#binds = this.#bind();
    // At the same time, so that no redirect comes before its tenant listens.
    const opened = this.#binds.then((binding) => this.#open(binding));
    await Promise.all([opened, this.#internals.tenants?.listen()]);
  }

  #bind(): Promise<Binding> {
    if (this.#within) return this.#within.bind();
    const endpointOf = (response: ServerResponse): Endpoint =>
      this.#outer.endpoints.get(response) ?? this.#endpoint;
    return bind(this.#settings, {
      serve: this.#serve,
      concerns: this.#concerns,
      refuseHead: () => this.#endpoint.refuseHead(),
      clients: this.#clients,
      waitsFor: (response) => endpointOf(response).waitsFor(response),
      giveWay: (response) => endpointOf(response).giveWay(response),
    });
  }

  #open(binding: Binding): void {
    this.#binding = binding;
    if (this.#takesUpgrade) this.#offUpgrade = binding.onUpgrade(this.#takesUpgrade);
    this.#bound = boundTo(binding, this.#settings);
    this.#events.next({ type: 'listening', at: this.#flows.now(), redirectUri: this.redirectUri });
  }

  async #stop(): Promise<void> {
    await Promise.all([...this.#closings].map((run) => run()));
    const inside = this.#internals.tenants?.close();
    this.#flows.close();
    this.#elsewhere?.release();
    this.#endpoint.endWaiting();
    // The browser of the last sign-in is still on its way to the page.
    await this.#handler.followed(this.#settings.closeTimeout);
    // Pages that wait at a clean URL.
    this.#endpoint.endWaiting();
    await inside;
    await this.#binding?.close();
    // After it, so that a bridge rejects handshakes for as long as the port takes them.
    this.#offUpgrade?.();
    this.#binding = this.#offUpgrade = undefined;
    this.#bound = undefined;
    this.#redirects.complete();
    this.#publisher.flush();
    this.#events.next({ type: 'closed', at: this.#flows.now() });
    this.#events.complete();
  }

  get pending(): number {
    return this.#flows.pending + (this.#elsewhere?.size ?? 0);
  }

  get [internals](): ServerInternals {
    return this.#internals;
  }

  #internalsWith(extraHeaders: readonly string[]): ServerInternals {
    return {
      clock: this.#clock,
      report: this.#reporting.report,
      closeTimeout: this.#settings.closeTimeout,
      productName: this.#settings.productName,
      extraHeaders,
      elsewhere: <T extends FlowsElsewhere>(make: (options: FlowIndexOptions) => T) =>
        (this.#elsewhere ??= make(this.#flowsOptions)) as T,
      urlOf: (path) => this.#require('the URL').urlOf(path),
      isOurs: this.#isOurs,
      isOperators: (authority) => this.#bound?.isOperators(authority) ?? false,
      clients: this.#clients,
      isOwnOrigin: this.#isOwnOrigin,
      concerns: (request) => this.#handler.concerns(request),
      outer: this.#outer,
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
      leave: (socket) => this.#binding?.leave(socket),
      onClose: (run) => {
        this.#closings.add(run);
        return () => void this.#closings.delete(run);
      },
    };
  }

  readonly #isOurs = (authority: string): boolean => this.#bound?.authorities.includes(authority) ?? false;

  readonly #isOwnOrigin = (origin: string): boolean => this.#bound?.origins.has(origin) ?? false;

  readonly #concerns = (request: IncomingMessage): boolean => {
    if (this.#routeOf?.(request)) return true;
    return this.#handler.concerns({ target: request.url ?? '', rawHeaders: request.rawHeaders });
  };

  readonly #serve = (request: IncomingMessage, response: ServerResponse): void => {
    const route = this.#routeOf?.(request);
    if (route) route(request, response, () => this.#endpoint.serve(request, response));
    else this.#endpoint.serve(request, response);
  };

  readonly #prove = (nonce: string): string => sha256(this.#secret + nonce, 'base64url');

  #require(what: string): Bound {
    if (this.#bound) return this.#bound;
    throw new NotListeningError(`${what} needs a running server; await listen() first`);
  }
}
