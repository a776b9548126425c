import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { internalsOfBridge, type BridgeInternals } from '../bridge/internals.ts';
import { rejection, type Rejection, type RejectionCause } from '../bridge/rejection.ts';
import type { Bridge } from '../bridge/server.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { internalsOf, type ServerInternals } from '../server/internals.ts';
import { answerHeaders } from '../page/security-headers.ts';
import { takeRequests, type Serve } from '../http/routes.ts';
import { writeAnswer } from '../http/write-answer.ts';
import { StoreUnavailableError, TooManyTicketsError } from '../model/errors.ts';
import type { OAuthCallbackServer } from '../server/callback-server.ts';
import { authorityOf, isLoopback } from '../base/loopback.ts';
import { readMonitorOptions, type MonitorOptions, type MonitorSettings } from './options.ts';
import { PageSessions, type Page, type PageRefusal } from './page-sessions.ts';

/** A page on a callback server that shows its sign-ins as they happen, without secrets. */
export interface Monitor extends Disposable {
  /**
   * Creates a link that opens the page once. The part after the `#`, which browsers do not send, is the page's first
   * credential. It expires after `linkTtl`. If the bridge has a port of its own, which is on loopback, the link is on
   * loopback too, because pages of other origins cannot reach it.
   *
   * @throws {NotListeningError} before `listen()`
   * @throws {TooManyLinksError} if 1,000 links, opened or not, are in use
   */
  url(): string;
  /** Removes the page, and closes the connections of open pages. Repeatable. */
  close(): void;
}

/**
 * Adds a monitor page to a callback server, fed by its bridge. The page contains no data. It gets what it shows with a link
 * of `url()`, or with a token of the bridge that has the role `monitor`, which the user types into it.
 *
 * @throws {InvalidOptionError} if an option is unknown or out of range, or the path is taken
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { createBridge } from 'rx-oauth-callback/bridge';
 * import { createMonitor } from 'rx-oauth-callback/monitor';
 *
 * const server = createOAuthCallbackServer();
 * const bridge = createBridge(server, { token: 'a-secret-of-at-least-16-characters' });
 * const monitor = createMonitor(server, bridge);
 * await server.listen();
 * console.log(monitor.url());
 */
export function createMonitor(
  server: OAuthCallbackServer,
  bridge: Bridge,
  options: MonitorOptions = {},
): Monitor {
  const settings = readMonitorOptions(options);
  if (internalsOfBridge(bridge).server !== server)
    throw new InvalidOptionError('bridge', 'must be one of this server');
  return new PageMonitor(server, bridge, settings);
}

const causes: Readonly<Record<PageRefusal | 'no_monitor', RejectionCause>> = {
  unknown: 'unknown_pass',
  copied: 'copied_pass',
  too_many: 'too_many_pages',
  no_monitor: 'no_monitor',
};

class PageMonitor implements Monitor {
  readonly #host: OAuthCallbackServer;
  readonly #server: ServerInternals;
  readonly #bridge: Bridge;
  readonly #internals: BridgeInternals;
  readonly #path: string;
  readonly #sessions: PageSessions;
  readonly #undo: (() => void)[] = [];

  constructor(host: OAuthCallbackServer, bridge: Bridge, settings: MonitorSettings) {
    const server = internalsOf(host);
    this.#host = host;
    this.#server = server;
    this.#bridge = bridge;
    this.#internals = internalsOfBridge(bridge);
    this.#path = settings.path;
    if (this.#path === this.#internals.path)
      throw new InvalidOptionError('path', 'must not be that of the bridge');
    this.#sessions = new PageSessions(this.#internals, server.clock, settings, server.report);
    try {
      this.#open();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #open(): void {
    this.#take(this.#path, (request, response) => this.#page(request, response));
    this.#take(`${this.#path}/ticket`, (request, response) => this.#ticket(request, response));
    this.#undo.push(
      this.#internals.admitPages({
        isOrigin: (origin) => this.#server.isOwnOrigin(origin),
        identityOf: async (page) => {
          const [path, id = ''] = page.split(' ');
          return path === this.#path ? this.#sessions.identityOf(id) : undefined;
        },
      }),
    );
  }

  #take(path: string, serve: Serve): void {
    this.#undo.push(takeRequests(this.#server, path, serve));
  }

  url(): string {
    // First, because it throws if the server does not listen.
    const url = this.#server.urlOf(this.#path);
    return `${(this.#internals.apart && this.#localUrl()) || url}#${this.#sessions.link()}`;
  }

  /** Returns the page's URL on loopback; undefined if the server is not on loopback, or is mounted. */
  #localUrl(): string | undefined {
    const address = addressOf(this.#host);
    if (!address || !isLoopback(address.address)) return undefined;
    const origins = ['http', 'https'].map((scheme) => `${scheme}://${authorityOf(address)}`);
    const origin = origins.find((each) => this.#server.isOwnOrigin(each));
    return origin && origin + this.#path;
  }

  close(): void {
    for (const undo of this.#undo) undo();
    this.#sessions.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #page({ method, headers: asked }: IncomingMessage, response: ServerResponse): void {
    if (method !== 'GET' && method !== 'HEAD') {
      this.#refuse(response, 405, 'Allow', 'GET, HEAD');
      return;
    }
    // Loaded with the first request, so that a service starts without it.
    const sent = import('./html.ts').then(({ monitorPage }) => {
      const { html, gzipped, headers } = monitorPage({ path: this.#path, bridge: this.#bridgeTarget() });
      const vary = [...headers, 'Vary', 'Accept-Encoding'];
      if (/\bgzip\b(?!;q=0(?:\.0*)?(?:,|$))/.test(asked['accept-encoding'] ?? ''))
        this.#send(response, 200, [...vary, 'Content-Encoding', 'gzip'], gzipped);
      else this.#send(response, 200, vary, html);
    });
    // Fails if the bridge's own port is not bound yet.
    sent.catch((error: unknown) => this.#fail(response, error));
  }

  /** Returns a path if the bridge shares the page's port, else a URL. */
  #bridgeTarget(): string {
    const { path, apart } = this.#internals;
    if (!apart) return path;
    return `ws://${authorityOf(this.#bridge.address)}${path}`;
  }

  /** Exchanges a page's pass, or a user's token, for a ticket of the bridge. The request body is not read. */
  #ticket(request: IncomingMessage, response: ServerResponse): void {
    const { origin, 'sec-fetch-site': site = 'same-origin', 'next-pass': next } = request.headers;
    if (request.method !== 'POST') this.#refuse(response, 405, 'Allow', 'POST');
    else if (origin === undefined || !this.#server.isOwnOrigin(origin) || site !== 'same-origin')
      this.#reject(response, 'foreign_page');
    else if (typeof next !== 'string') this.#refuse(response, 400);
    else
      this.#identify(request, next)
        .then(async (page) => {
          if (typeof page === 'string') this.#reject(response, causes[page]);
          else if ('cause' in page)
            this.#reject(response, page.status === 401 ? 'unknown_pass' : page.cause, page);
          else this.#give(response, await this.#internals.ticketFor(`${this.#path} ${page.id}`, origin));
        })
        .catch((error: unknown) => {
          if (error instanceof TooManyTicketsError) this.#reject(response, 'too_many_tickets');
          else if (error instanceof StoreUnavailableError) this.#reject(response, 'store_unavailable');
          else this.#fail(response, error);
        });
  }

  async #identify(request: IncomingMessage, next: string): Promise<Page | 'no_monitor' | Rejection> {
    const { authorization = '', 'new-tab-pass': tab } = request.headers;
    const [, pass = ''] = /^Bearer +([\w-]{43})$/i.exec(authorization) ?? [];
    const page = await this.#sessions.resume({ pass, next, tab: tab?.toString() });
    if (page !== 'unknown') return page;
    const identity = await this.#internals.identify(request);
    if ('status' in identity) return isOfAuthenticate(identity) ? identity : 'unknown';
    return identity.roles.includes('monitor') ? this.#sessions.begin(identity, next) : 'no_monitor';
  }

  #give(response: ServerResponse, ticket: string): void {
    this.#send(response, 200, answerHeaders('application/json', []), Buffer.from(JSON.stringify({ ticket })));
  }

  #fail(response: ServerResponse, error: unknown): void {
    this.#server.report(error);
    this.#refuse(response, 500);
  }

  /** Rejects a request for a ticket, and tells the operator why. @param rejected Reason that only the operator gets. */
  #reject(response: ServerResponse, cause: RejectionCause, rejected = rejection(cause)): void {
    this.#internals.onRejected(response.req, rejected);
    const { status } = rejected;
    const headers = answerHeaders('application/json', []);
    if (status === 401) headers.push('WWW-Authenticate', 'Bearer');
    if (status === 429) headers.push('Retry-After', '60');
    if (status === 503) headers.push('Retry-After', '5');
    this.#send(response, status, headers, Buffer.from(JSON.stringify({ error: cause })));
  }

  #refuse(response: ServerResponse, status: number, ...extra: string[]): void {
    this.#send(response, status, [...answerHeaders('text/plain', []), ...extra], Buffer.alloc(0));
  }

  #send(response: ServerResponse, status: number, headers: readonly string[], body: Buffer): void {
    if (response.headersSent || response.destroyed) return;
    // The request body is not read, so the connection cannot be used again.
    if (response.req.method !== 'GET') response.shouldKeepAlive = false;
    const { extraHeaders } = this.#server;
    writeAnswer(response, {
      status,
      headers: [...headers, 'Content-Length', String(body.length), ...extraHeaders],
      body,
    });
  }
}

/** Tells if a rejection says more than that the credential is unknown. */
function isOfAuthenticate({ cause }: Rejection): boolean {
  return cause === 'rejected_credential' || cause === 'authentication_unavailable';
}

/** Returns undefined if the server is mounted, because the framework owns the socket. */
function addressOf(server: OAuthCallbackServer): AddressInfo | undefined {
  try {
    return server.address;
  } catch {
    return undefined;
  }
}
