import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { internalsOfBridge, type BridgeInternals } from '../bridge/internals.ts';
import type { Bridge } from '../bridge/server.ts';
import { InvalidOptionError } from '../errors.ts';
import { internalsOf, type ServerInternals } from '../internals.ts';
import { answerHeaders } from '../page.ts';
import { takeRequests, type Serve } from '../routes.ts';
import type { OAuthCallbackServer } from '../server.ts';
import { isLoopback } from '../validate.ts';
import { readMonitorOptions, type MonitorOptions, type MonitorSettings } from './options.ts';
import { Visits } from './visits.ts';

/** A page on a callback server that shows its sign-ins as they happen, redacted. */
export interface Monitor extends Disposable {
  /**
   * A link that opens the page, once: what follows the `#`, which no browser sends, is the page's first credential. It
   * can wait for `linkTtl`. Where the bridge has a port of its own, which is on loopback, the link is of loopback too: pages
   * of elsewhere do not reach it.
   *
   * Throws `NotListeningError` before `listen()`.
   */
  url(): string;
  /** Takes the page away, and closes the connections of pages that are open. Repeatable. */
  close(): void;
}

/**
 * Puts a monitor page on a callback server, fed by its bridge. The page itself holds no data; what it shows it gets with a
 * link of `url()`, or with a token of the bridge that has the role `monitor`, which a person types into it.
 *
 * Throws `InvalidOptionError` for an option that is out of range, or a path that is taken.
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

class PageMonitor implements Monitor {
  readonly #host: OAuthCallbackServer;
  readonly #server: ServerInternals;
  readonly #bridge: Bridge;
  readonly #internals: BridgeInternals;
  readonly #path: string;
  readonly #visits: Visits;
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
    this.#visits = new Visits(this.#internals, () => server.clock.now(), settings);
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
    this.#undo.push(this.#internals.admitPages((origin) => this.#server.isOwnOrigin(origin)));
  }

  #take(path: string, serve: Serve): void {
    this.#undo.push(takeRequests(this.#server, path, serve));
  }

  url(): string {
    // First: it throws where nothing listens.
    const url = this.#server.urlOf(this.#path);
    return `${(this.#internals.apart && this.#localUrl()) || url}#${this.#visits.link()}`;
  }

  /** Undefined where the server is not on loopback, or mounted. */
  #localUrl(): string | undefined {
    const address = addressOf(this.#host);
    if (!address || !isLoopback(address.address)) return undefined;
    const origins = ['http', 'https'].map((scheme) => `${scheme}://${authorityOf(address)}`);
    const origin = origins.find((each) => this.#server.isOwnOrigin(each));
    return origin && origin + this.#path;
  }

  close(): void {
    for (const undo of this.#undo) undo();
    this.#visits.end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #page({ method, headers: asked }: IncomingMessage, response: ServerResponse): void {
    if (method !== 'GET' && method !== 'HEAD') {
      this.#refuse(response, 405, 'Allow', 'GET, HEAD');
      return;
    }
    // Not before somebody looks: a service that starts has no use for it.
    const sent = import('./html.ts').then(({ monitorPage }) => {
      const { html, gzipped, headers } = monitorPage({ path: this.#path, bridge: this.#bridgeTarget() });
      const vary = [...headers, 'Vary', 'Accept-Encoding'];
      if (/\bgzip\b(?!;q=0(?:\.0*)?(?:,|$))/.test(asked['accept-encoding'] ?? ''))
        this.#send(response, 200, [...vary, 'Content-Encoding', 'gzip'], gzipped);
      else this.#send(response, 200, vary, html);
    });
    // A bridge with a port of its own may not have it yet.
    sent.catch((error: unknown) => this.#fail(response, error));
  }

  /** Relative to where the page is, unless the bridge is elsewhere. */
  #bridgeTarget(): string {
    const { path, apart } = this.#internals;
    if (!apart) return path;
    return `ws://${authorityOf(this.#bridge.address)}${path}`;
  }

  /** A page shows its pass, or a person's token, and gets a ticket for the bridge. Nothing is read of a body. */
  #ticket(request: IncomingMessage, response: ServerResponse): void {
    const { origin, 'sec-fetch-site': site = 'same-origin', 'next-pass': next } = request.headers;
    if (request.method !== 'POST') this.#refuse(response, 405, 'Allow', 'POST');
    else if (origin === undefined || !this.#server.isOwnOrigin(origin) || site !== 'same-origin')
      this.#refuse(response, 403);
    else if (typeof next !== 'string') this.#refuse(response, 400);
    else
      this.#identify(request, next).then(
        (identity) => {
          if (!identity) this.#refuse(response, 401, 'WWW-Authenticate', 'Bearer');
          else this.#give(response, this.#internals.ticketFor(identity, origin));
        },
        (error: unknown) => this.#fail(response, error),
      );
  }

  async #identify(request: IncomingMessage, next: string): ReturnType<BridgeInternals['identify']> {
    const [, pass = ''] = /^Bearer +([\w-]{43})$/i.exec(request.headers.authorization ?? '') ?? [];
    const page = this.#visits.resume(pass, next);
    if (page) return page;
    const identity = await this.#internals.identify(request);
    return identity?.roles.includes('monitor') ? this.#visits.begin(identity, next) : undefined;
  }

  #give(response: ServerResponse, ticket: string): void {
    this.#send(response, 200, answerHeaders('application/json', []), Buffer.from(JSON.stringify({ ticket })));
  }

  #fail(response: ServerResponse, error: unknown): void {
    this.#server.report(error);
    this.#refuse(response, 500);
  }

  #refuse(response: ServerResponse, status: number, ...extra: string[]): void {
    this.#send(response, status, [...answerHeaders('text/plain', []), ...extra], Buffer.alloc(0));
  }

  #send(response: ServerResponse, status: number, headers: readonly string[], body: Buffer): void {
    if (response.headersSent || response.destroyed) return;
    // A body that nobody reads is not waited for.
    if (response.req.method !== 'GET') response.shouldKeepAlive = false;
    const { extraHeaders } = this.#server;
    response.writeHead(status, [...headers, 'Content-Length', String(body.length), ...extraHeaders]);
    response.end(body);
  }
}

/** Undefined where the server is mounted: a framework has the socket. */
function addressOf(server: OAuthCallbackServer): AddressInfo | undefined {
  try {
    return server.address;
  } catch {
    return undefined;
  }
}

function authorityOf({ address, family, port }: AddressInfo): string {
  return `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
