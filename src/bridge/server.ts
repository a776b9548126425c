import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { InvalidOptionError, NotListeningError } from '../errors.ts';
import { internalsOf, type ServerInternals } from '../internals.ts';
import type { Report } from '../isolated-observable.ts';
import type { OAuthCallbackServer } from '../server.ts';
import { memoryStore } from '../store/memory.ts';
import { StoredFlows } from '../stored-flows.ts';
import { Credentials, type BridgeToken, type Identity, type TicketOptions } from './credentials.ts';
import { Feed } from './feed.ts';
import { Gate } from './gate.ts';
import { exposeBridge } from './internals.ts';
import { readBridgeOptions, type BridgeOptions, type BridgeSettings } from './options.ts';
import { Listeners } from './listeners.ts';
import { openPort, type Port } from './port.ts';
import { closeCodes } from './protocol.ts';
import { refusedFor } from './refused.ts';
import { Session, type SessionHost, type SessionSocket } from './session.ts';
import { Sessions } from './sessions.ts';
import { inTurn } from './turns.ts';
import { takeUpgrades } from './upgrades.ts';

/** The WebSocket side of a callback server: listeners get their own results, monitors the redacted feed. */
export interface Bridge extends AsyncDisposable {
  /** Resolves once the bridge takes connections. Its server listens then too. */
  listen(): Promise<void>;
  /** Where the bridge listens, if on a port of its own. Throws `NotListeningError` before `listen()`. */
  readonly address: AddressInfo;
  /** Connections now open. */
  readonly connections: number;
  /** What can be counted now. Looks at every connection: meant for a scrape every few seconds. */
  stats(): BridgeStats;
  /** Who sends a request, by a token that holds; for what an operator asks for by HTTP. */
  identify(request: IncomingMessage): Identity | undefined;
  /** A single-use ticket for a page, to be handed to it over the program's own channel. */
  issueTicket(options: TicketOptions): string;
  /** Closes every connection of this name, and refuses the name from now on. */
  revoke(name: string): void;
  /** Puts other tokens in place of the present ones; connections of tokens that are gone are closed. */
  setTokens(tokens: readonly BridgeToken[]): void;
  /** Takes an upgrade request: for `server: 'mounted'`, where the framework has the socket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Closes the connections: with 1001, or 1012 for a restart, after which clients come back at once. Repeatable; after it `listen()` starts anew. */
  close(options?: { restart?: boolean }): Promise<void>;
}

/** How much a bridge has to do. */
export interface BridgeStats {
  /** Connections now open. */
  readonly connections: number;
  /** Those that listen for a flow. */
  readonly listeners: number;
  /** Those that watch the feed. */
  readonly monitors: number;
  /** Bytes written that their readers have not taken yet. */
  readonly queued: number;
}

/**
 * Puts a bridge on a callback server: on its port, at `path`, or on a port of its own. Only a response with its state ends
 * a listener's flow, whatever the server's `errorWithoutState` says.
 *
 * Throws `InvalidOptionError` for an option that is out of range, or where nothing says who may connect.
 */
export function createBridge(server: OAuthCallbackServer, options: BridgeOptions): Bridge {
  return new WebSocketBridge(server, readBridgeOptions(options));
}

class WebSocketBridge implements Bridge, SessionHost {
  readonly limits: BridgeSettings['limits'];
  readonly report: Report;
  readonly #server: OAuthCallbackServer;
  readonly #settings: BridgeSettings;
  readonly #internals: ServerInternals;
  readonly #credentials: Credentials;
  readonly #feed: Feed;
  readonly #flows: StoredFlows;
  readonly #sessions: Sessions;
  readonly #listeners: Listeners;
  readonly #inTurn = inTurn();
  #undo: (() => void)[] = [];
  readonly #gate: Gate;
  #own: Port | undefined;

  constructor(server: OAuthCallbackServer, settings: BridgeSettings) {
    this.#server = server;
    this.#settings = settings;
    this.limits = settings.limits;
    this.#internals = internalsOf(server);
    this.report = this.#internals.report;
    this.#credentials = new Credentials(settings.tokens, () => this.now());
    this.#sessions = new Sessions(this.#internals.clock);
    this.#feed = new Feed(settings.limits.events, this.#internals);
    this.#gate = new Gate(settings, this.#credentials, {
      isOurs: (host) => (this.#own?.isAt(host) ?? false) || this.#internals.isOurs(host),
      report: this.report,
      admit: (...admitted) => this.#admit(...admitted),
    });
    const { store = memoryStore({ clock: this.#internals.clock }) } = settings;
    // Now, so that the server looks for redirects of flows begun before a restart.
    this.#flows = this.#internals.store((own) => new StoredFlows(store, own));
    if (settings.store && this.#flows.store !== settings.store)
      throw new InvalidOptionError('store', 'must be that of the first bridge of this server');
    this.#listeners = new Listeners(this.#flows);
    this.#expose();
    this.#start();
  }

  get epoch(): string {
    return this.#flows.store.epoch;
  }

  get redirectUri(): string {
    return this.#server.redirectUri;
  }

  get time(): number {
    return this.#flows.store.now();
  }

  get connections(): number {
    return this.#sessions.size;
  }

  stats(): BridgeStats {
    const { size: connections, listening: listeners, queued } = this.#sessions.count();
    return { connections, listeners, monitors: this.#feed.watchers, queued };
  }

  identify(request: IncomingMessage): Identity | undefined {
    const identity = this.#credentials.byToken(request);
    return identity && this.stands(identity) ? identity : undefined;
  }

  get address(): AddressInfo {
    const [address] = this.#own?.addresses ?? [];
    if (address) return address;
    if (this.#settings.port === undefined) return this.#server.address;
    throw new NotListeningError('address needs a bound port; await listen() first');
  }

  listen(): Promise<void> {
    return this.#inTurn(async () => {
      // First: its events start anew with it.
      await this.#server.listen();
      this.#start();
      const { port, limits } = this.#settings;
      if (port === undefined || this.#own) return;
      const own = await openPort(port, limits.connections, this.upgrade);
      // The server may have been closed meanwhile, and the bridge with it.
      if (this.#gate.open) this.#own = own;
      else await own.close();
    });
  }

  issueTicket(options: TicketOptions): string {
    if (!this.#settings.origins.includes(options.origin)) {
      throw new InvalidOptionError('origin', `must be one of the bridge's origins, got ${options.origin}`);
    }
    return this.#credentials.issueTicket(options);
  }

  revoke(name: string): void {
    this.#credentials.revoke(name);
    this.#closeFallen();
  }

  setTokens(tokens: readonly BridgeToken[]): void {
    this.#credentials.replace(tokens);
    this.#closeFallen();
  }

  upgrade: Bridge['upgrade'] = (request, socket, head) => this.#gate.upgrade(request, socket, head);

  close(options?: { restart?: boolean }): Promise<void> {
    return this.#inTurn(() => this.#stop(options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Not in turn where the server closes, for which a `listen()` may be waiting. */
  async #stop({ restart = false }: { restart?: boolean } = {}): Promise<void> {
    if (!this.#gate.open) return;
    this.#gate.open = false;
    for (const undo of this.#undo) undo();
    const closed = this.#own?.close();
    this.#own = undefined;
    const [code, reason] = restart
      ? [closeCodes.restart, 'restarting']
      : [closeCodes.shutdown, 'shutting down'];
    await this.#sessions.end(code, reason);
    await closed;
  }

  now(): number {
    return this.#internals.clock.now();
  }

  stands(identity: Identity): boolean {
    return this.#credentials.stands(identity);
  }

  overloaded(): boolean {
    return this.#sessions.queued > this.limits.queuedInAll;
  }

  begin: SessionHost['begin'] = async (key, state, options) => {
    const begun = await this.#flows.begin(key, state, options, (taken) => this.#internals.flows.has(taken));
    this.#internals.flows.claim(state);
    return begun;
  };

  waits: SessionHost['waits'] = (flow) => this.#flows.waits(flow);
  read: SessionHost['read'] = (state) => this.#flows.store.read(state);
  adopt: SessionHost['adopt'] = (state) => this.#flows.store.adopt(state);
  take: SessionHost['take'] = (state) => this.#flows.take(state);
  acknowledge: SessionHost['acknowledge'] = (state) => this.#flows.store.acknowledge(state);
  cancel: SessionHost['cancel'] = (state) => this.#flows.store.cancel(state);
  free: SessionHost['free'] = (state) => this.#flows.free(state);
  settle: SessionHost['settle'] = (...settled) => this.#flows.settle(...settled);

  attach: SessionHost['attach'] = (flow, listening) => {
    if (!this.#listeners.attach(listening)) return false;
    this.#flows.listen(flow, listening);
    return true;
  };

  detach: SessionHost['detach'] = (listening) => {
    this.#listeners.detach(listening);
    this.#flows.leave(listening.state, listening);
  };

  watch: SessionHost['watch'] = (session, message) => {
    const next = this.#feed.from(message);
    const { epoch, counts, reasons } = this.#feed;
    session.tell({ type: 'watching', epoch, next, counts, reasons });
    this.#feed.watch(session, next);
  };

  answered: SessionHost['answered'] = (session, next) => this.#feed.answered(session, next);

  failed: SessionHost['failed'] = (error) => refusedFor(error, this.report);

  /** Once more after `close()`. */
  #start(): void {
    if (this.#gate.open) return;
    const { port, path } = this.#settings;
    // First, since it throws where another bridge has the path.
    const taken = port === undefined ? [takeUpgrades(this.#internals, path, this.upgrade)] : [];
    this.#gate.open = true;
    const events = this.#server.events.subscribe((event) => this.#feed.push(event));
    const heartbeat = setInterval(() => this.#sessions.beat(), this.limits.heartbeat);
    heartbeat.unref();
    this.#undo = [
      ...taken,
      () => events.unsubscribe(),
      () => clearInterval(heartbeat),
      this.#internals.onClose(() => this.#stop()),
    ];
  }

  #expose(): void {
    exposeBridge(this, {
      server: this.#server,
      path: this.#settings.path,
      apart: this.#settings.port !== undefined,
      identify: (request) => this.#gate.identify(request),
      stands: (identity) => this.stands(identity),
      derive: (identity, change) => this.#credentials.derive(identity, change),
      ticketFor: (identity, origin) => this.#credentials.ticketFor(identity, origin),
      withdraw: (identity) => {
        this.#credentials.withdraw(identity);
        this.#closeFallen();
      },
      admitPages: (isOrigin) => this.#gate.admitPages(isOrigin),
    });
  }

  #admit(socket: SessionSocket, wire: Duplex, identity: Identity, address: string): void {
    const session = new Session(socket, wire, identity, address, this);
    this.#sessions.add(session);
    session.welcome();
  }

  left(session: Session): void {
    this.#sessions.remove(session);
    this.#gate.left(session.identity, session.address);
    this.#feed.leave(session);
  }

  #closeFallen(): void {
    this.#sessions.closeFallen(({ identity }) => this.stands(identity));
  }
}
