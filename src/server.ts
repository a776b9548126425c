import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Observable, type Observer } from 'rxjs';
import type { CallbackResponse, OAuthCallbackResult } from './callback-response.ts';
import { boundTo, type Bound } from './address.ts';
import { clockFrom } from './clock.ts';
import { Connections } from './connections.ts';
import { AuthorizationError, NotListeningError } from './errors.ts';
import type { ServerEvent } from './events.ts';
import type { BeginOptions, Flow, PendingFlow } from './flow.ts';
import { Flows } from './flows.ts';
import { createHandler } from './handler.ts';
import { HotStream } from './hot-stream.ts';
import { IsolatedObservable } from './isolated-observable.ts';
import { listen, type Listener } from './listener.ts';
import { readOptions, type ServerOptions, type Settings } from './options.ts';
import { RedirectStream } from './redirect-stream.ts';
import type { Redirect, ReadResponse } from './redirect.ts';

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

interface Running {
  listener: Listener;
  connections: Connections;
}

class CallbackServer implements OAuthCallbackServer {
  readonly redirects: RedirectStream;
  readonly events: Observable<ServerEvent>;
  readonly #settings: Settings;
  readonly #redirects = new HotStream<Redirect>();
  readonly #events = new HotStream<ServerEvent>();
  readonly #flows: Flows;
  readonly #handle: ReturnType<typeof createHandler>;
  readonly #secret = randomBytes(32);
  #starting: Promise<Running> | undefined;
  #closing: Promise<void> | undefined;
  #bound: Bound | undefined;
  #filled = false;

  constructor(settings: Settings) {
    this.#settings = settings;
    const report = (error: unknown): void => this.#report(error);
    this.#flows = new Flows({
      ...settings,
      clock: clockFrom(settings.scheduler),
      events: this.#events,
      report,
      redirectUri: () => this.redirectUri,
    });
    this.redirects = new RedirectStream(this.#flows, this.#redirects);
    this.events = new IsolatedObservable(report, (subscriber) => this.#events.subscribe(subscriber));
    this.#handle = createHandler({
      ...settings,
      flows: this.#flows,
      isOurs: (authority) => this.#bound?.authorities.has(authority) ?? false,
      acceptsUnmatched: (response) => this.#isForContainer(response),
      prove: (nonce) => createHash('sha256').update(this.#secret).update(nonce).digest('base64url'),
    });
  }

  get address(): AddressInfo {
    return this.#require('address').address;
  }

  get redirectUri(): string {
    return this.#require('redirectUri').redirectUri;
  }

  // In the order of the calls: a listen() during close() starts anew after it, a close() during listen() undoes it.
  async listen(): Promise<void> {
    const starting = (this.#starting ??= this.#start(this.#closing));
    try {
      await starting;
    } catch (error) {
      if (this.#starting === starting) this.#starting = undefined;
      throw error;
    }
  }

  // Async for the sake of the contract: with a store, registering takes a round trip.
  // eslint-disable-next-line @typescript-eslint/require-await
  async begin(options: BeginOptions = {}): Promise<Flow> {
    this.#require('begin()');
    return this.#flows.begin(options);
  }

  close(): Promise<void> {
    const starting = this.#starting;
    if (this.#closing && !starting) return this.#closing;
    this.#starting = undefined;
    const closing = this.#stop(starting).finally(() => {
      if (this.#closing === closing) this.#closing = undefined;
    });
    return (this.#closing = closing);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(closing: Promise<void> | undefined): Promise<Running> {
    if (closing) await closing;
    const { host, ports } = this.#settings;
    this.#flows.open();
    this.#redirects.restart();
    this.#events.restart();
    const http = createServer(limits);
    // Beyond this count Node drops headers in silence, those that tell a navigation from a prefetch among them.
    http.maxHeadersCount = 0;
    const connections = new Connections(http);
    http.on('request', (request, response) => this.#serve(request, response, connections));
    http.on('clientError', refuseUnparsed);
    const listener = await listen(http, host, ports);
    this.#bound = boundTo(listener.addresses, this.#settings);
    this.#tell({ type: 'listening', at: this.#now(), redirectUri: this.#bound.redirectUri });
    return { listener, connections };
  }

  async #stop(starting: Promise<Running> | undefined): Promise<void> {
    const running = await starting?.catch(() => undefined);
    this.#flows.close();
    if (running) {
      const closed = running.listener.close();
      running.connections.drain();
      const overdue = setTimeout(() => running.connections.destroy(), this.#settings.closeTimeout);
      await closed;
      clearTimeout(overdue);
    }
    this.#bound = undefined;
    this.#redirects.complete();
    this.#tell({ type: 'closed', at: this.#now() });
    this.#events.complete();
  }

  #serve(request: IncomingMessage, response: ServerResponse, connections: Connections): void {
    const handled = this.#handle({
      method: request.method ?? '',
      target: request.url ?? '',
      rawHeaders: request.rawHeaders,
    });
    const { answer, redirect } = handled;
    connections.answering(response);
    // The page that ends the last sign-in is not worth keeping a connection for.
    if (this.#closing || (redirect?.disposition === 'accepted' && this.#flows.size === 0)) {
      response.shouldKeepAlive = false;
    }
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body);
    // After the page, so that no subscriber, however slow, keeps a person waiting.
    if (redirect) this.#publish(redirect, handled.flow);
  }

  #publish(redirect: Redirect, flow: PendingFlow | undefined): void {
    const { disposition, response, reason } = redirect;
    if (disposition === 'accepted') {
      // Before anybody else's code runs, which might cancel the flow whose state is consumed already.
      if (flow) this.#flows.deliver(flow, response);
      this.#fill(response);
    } else {
      this.#debug(`redirect ${disposition}${reason ? `: ${reason}` : ''}`);
    }
    this.#redirects.next(redirect);
    if (!this.#events.observed) return;
    const { at } = redirect;
    this.#events.next({ type: 'redirect', at, disposition, flow: redirect.flow, reason });
    if (!flow) return;
    const { error } = response;
    this.#events.next({
      type: 'settled',
      at,
      flow: flow.id,
      outcome: error === undefined ? 'code' : 'error',
      error,
    });
  }

  /** The seed's way of waiting: one result, of any well-formed response, while no flow has been begun. */
  #isForContainer({ fields, reason }: ReadResponse): boolean {
    if (!this.#settings.resultContainer || this.#filled || this.#flows.size > 0) return false;
    return reason === undefined || (reason === 'missing_state' && fields.error !== undefined);
  }

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

  #require(what: string): Bound {
    if (this.#bound) return this.#bound;
    throw new NotListeningError(`${what} needs a bound port; await listen() first`);
  }

  #tell(event: ServerEvent): void {
    if (this.#events.observed) this.#events.next(event);
  }

  #now(): number {
    return Math.trunc(this.#flows.now());
  }

  #debug(message: string): void {
    try {
      this.#settings.logger?.debug?.(message);
    } catch (error) {
      this.#report(error);
    }
  }

  /** For exceptions of code that is not ours; the last stop, so it takes those of the logger too. */
  #report(error: unknown): void {
    const problem = error instanceof Error ? error : new Error(String(error));
    const { logger } = this.#settings;
    try {
      if (logger?.warn) logger.warn(problem);
      else process.emitWarning(problem);
    } catch (failure) {
      process.emitWarning(failure instanceof Error ? failure : String(failure));
    }
  }
}

const limits = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 5_000,
};

/** Answers what is not HTTP. The error, which holds the bytes received, goes nowhere. */
function refuseUnparsed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n`,
  );
}
