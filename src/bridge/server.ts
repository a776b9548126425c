/**
 * The bridge: puts its parts together and decides nothing.
 *
 * One class, although it is long: most of it names what each part gets.
 */
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../base/clock.ts';
import { inTurn } from '../base/in-turn.ts';
import { version } from '../base/version.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { NotListeningError } from '../model/errors.ts';
import { takeRequests } from '../http/routes.ts';
import { takeUpgrades, type TakenPath } from '../http/upgrade.ts';
import { internalsOf, type ServerInternals } from '../server/internals.ts';
import type { OAuthCallbackServer } from '../server/callback-server.ts';
import { memoryStore } from '../store/memory.ts';
import { MemoryRecords } from '../store/memory-records.ts';
import { storedFlowsOf } from '../store/stored-flows.ts';
import type { SharedRecords } from '../model/flow-store.ts';
import { maxShownWaiting, type WaitingSignIn } from '../model/waiting-sign-in.ts';
import { closeCodes } from '../wire/protocol.ts';
import { Admission } from './admission.ts';
import { Audit, type Ending, type Peer } from './audit.ts';
import { Credentials, type BridgeToken, type Identity } from './credentials.ts';
import { answerDroppedUpgrade, hasDroppedUpgrade } from './dropped-upgrade.ts';
import { HttpDoor } from './http/door.ts';
import { Feed, type ServiceFacts } from './feed.ts';
import { internals, type BridgeInternals } from './internals.ts';
import { listenerRegistryOf } from './listener-registry.ts';
import { readBridgeOptions, type BridgeOptions, type BridgeSettings } from './options.ts';
import { Pacing } from './pacing.ts';
import { rejection } from './rejection.ts';
import { openPort, type Port } from './port.ts';
import { nodeName, portOf, StoreStatus } from './service-status.ts';
import { Session, type SessionContext } from './session.ts';
import { Sessions } from './sessions.ts';
import { Webhooks, type WebhooksContext } from './webhooks/webhooks.ts';
import { Tickets, type TicketOptions } from './tickets.ts';

/** WebSocket side of a callback server: listeners get their own results, monitors the redacted feed. */
export interface Bridge extends AsyncDisposable {
  /** Starts to take connections, and lets its server listen too. Repeatable. */
  listen(): Promise<void>;
  /** Address of the bridge's port: its own or the server's. Throws `NotListeningError` before `listen()`. */
  readonly address: AddressInfo;
  /** Number of open connections. */
  readonly connections: number;
  /** Counts connections and queued bytes. Looks at every connection: meant for a scrape every few seconds. */
  stats(): BridgeStats;
  /**
   * Identifies the sender of a request by a valid token or by `authenticate`, for requests that operators send by HTTP. Resolves with
   * undefined for any other sender.
   */
  identify(request: IncomingMessage): Promise<Identity | undefined>;
  /**
   * Issues a single-use ticket, to be handed to a page over the program's own channel. Every node of the bridge's store takes it,
   * as soon as the store has it.
   */
  issueTicket(options: TicketOptions): string;
  /** Closes every connection of this name, and rejects the name from now on. */
  revoke(name: string): void;
  /** Replaces all tokens, and closes connections whose token is missing from the new ones. */
  setTokens(tokens: readonly BridgeToken[]): void;
  /** Takes an upgrade request: for `server: 'mounted'`, if the framework owns the socket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /**
   * Stops to take connections and flows, until `listen()`: a handshake is answered 503, a `begin` fails as `closed`. Flows that
   * were begun before go on, unless `restart` closes all connections with 1012, after which clients reconnect at once, to
   * another node. Close the server next.
   */
  drain(options?: { restart?: boolean }): Promise<void>;
  /**
   * Closes all connections: with 1001, or with 1012 for a restart, after which clients reconnect at once. Repeatable; after
   * it `listen()` starts anew.
   */
  close(options?: { restart?: boolean }): Promise<void>;
}

/** Load of a bridge. */
export interface BridgeStats {
  /** Number of open connections. */
  readonly connections: number;
  /** Number of connections that listen for a flow. */
  readonly listeners: number;
  /** Number of connections that read the feed. */
  readonly monitors: number;
  /** Bytes written that peers have not read yet. */
  readonly queued: number;
}

/**
 * Creates a bridge on a callback server: on the server's port, at `path`, or on a port of its own. A listener's flow ends
 * only with a response that has its state, even if the server's `errorWithoutState` accepts others.
 *
 * @throws {InvalidOptionError} An option is out of range, or none of `token`, `tokens` and `authenticate` is given.
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { createBridge } from 'rx-oauth-callback/bridge';
 *
 * const server = createOAuthCallbackServer({ port: 8080 });
 * const bridge = createBridge(server, {
 *   tokens: [{ name: 'agent', token: process.env['AGENT_TOKEN'] ?? '', roles: ['listener'] }],
 * });
 * await bridge.listen();
 */
export function createBridge(server: OAuthCallbackServer, options: BridgeOptions): Bridge {
  return new WebSocketBridge(server, readBridgeOptions(options));
}

class WebSocketBridge implements Bridge {
  readonly #server: OAuthCallbackServer;
  readonly #settings: BridgeSettings;
  readonly #serverInternals: ServerInternals;
  readonly #credentials: Credentials;
  readonly #records: SharedRecords;
  readonly #shared: boolean;
  readonly #tickets: Tickets;
  readonly #feed: Feed;
  readonly #sessions: Sessions;
  readonly #sessionContext: SessionContext;
  readonly #admission: Admission;
  readonly #audit: Audit;
  readonly #webhooks: Webhooks | undefined;
  readonly #door: HttpDoor;
  readonly #inTurn = inTurn();
  #running = false;
  #undo: (() => void)[] = [];
  /** Undefined on a port of its own. */
  #path: TakenPath | undefined;
  #own: Port | undefined;

  constructor(server: OAuthCallbackServer, settings: BridgeSettings) {
    this.#server = server;
    this.#settings = settings;
    this.#serverInternals = internalsOf(server);
    const { limits } = settings;
    const { clock, report } = this.#serverInternals;
    const { store = memoryStore({ clock }) } = settings;
    // Now, so that the server looks for redirects of flows begun before a restart.
    const flows = storedFlowsOf(server, store);
    if (settings.store && flows.store !== settings.store)
      throw new InvalidOptionError('store', 'must be that of the first bridge of this server');
    this.#credentials = new Credentials(settings.tokens, clock);
    this.#records = flows.store.records ?? new MemoryRecords(clock);
    this.#shared = flows.store.records !== undefined && flows.store.shared;
    this.#tickets = new Tickets(
      this.#records,
      `${settings.port === undefined ? '' : 'own port'}${settings.path}`,
      clock,
      report,
    );
    const { authenticate, origins } = settings;
    // A credential that is the only one has no one to share with.
    flows.sharers.push(
      (name) =>
        Boolean(authenticate) || origins.length > 0 || this.#credentials.hasOthersThan(name, 'listener'),
    );
    const startedAt = clock.now();
    const storeStatus = new StoreStatus(flows.store, this.#shared);
    this.#feed = new Feed(limits.events, {
      clock,
      pending: () => server.pending,
      service: () => this.#describe(startedAt, storeStatus.now()),
      waiting: () => this.#waiting(),
    });
    this.#sessions = new Sessions(clock, ({ identity }) => this.#credentials.isValid(identity));
    this.#sessionContext = {
      limits,
      report,
      flows,
      credentials: this.#credentials,
      feed: this.#feed,
      pacing: new Pacing(clock, limits),
      registry: listenerRegistryOf(flows),
      redirectUri: () => server.redirectUri,
      now: () => clock.now(),
      isDraining: () => !this.#admission.open,
      isOverloaded: () => this.#sessions.queued + this.#door.requests.queued > limits.queuedInAll,
      onClosed: (session, ending) => this.#onClosed(session, ending),
    };
    this.#audit = new Audit();
    this.#admission = new Admission(settings, this.#credentials, this.#tickets, {
      report,
      isOurs: (host) => (this.#own?.isAt(host) ?? false) || this.#serverInternals.isOurs(host),
      clientOf: (request) => this.#serverInternals.clients.of(request),
      onRejected: (client, rejection) => this.#audit.rejected(client, rejection),
      onAdmitted: (...admitted) => this.#onAdmitted(...admitted),
    });
    this.#webhooks = settings.webhooks && new Webhooks(settings.webhooks, this.#waits(clock));
    this.#door = this.#newDoor(clock);
    this.#start();
  }

  get [internals](): BridgeInternals {
    return {
      server: this.#server,
      path: this.#settings.path,
      apart: this.#settings.port !== undefined,
      onConnection: (listener) => this.#audit.listen(listener),
      identify: (request) => this.#admission.identify(request),
      isConnected: (identity) => this.#sessions.has(identity),
      isValid: (identity) => this.#credentials.isValid(identity),
      derive: (identity, change) => this.#credentials.derive(identity, change),
      referenceOf: (identity) => this.#credentials.referenceOf(identity),
      byReference: (reference) => this.#credentials.byReference(reference),
      ticketFor: (page, origin) => this.#tickets.issueForPage(page, origin),
      revokeIdentity: (identity, reason) => {
        this.#credentials.revokeIdentity(identity);
        this.#closeInvalid(reason);
      },
      admitPages: (pages) => this.#admission.admitPages(pages),
      onRejected: (request, rejection) => this.#admission.onRejected(request, rejection),
      draining: !this.#admission.open,
      store: this.#sessionContext.flows.store,
      records: this.#records,
      shared: this.#shared,
    };
  }

  get address(): AddressInfo {
    const [address] = this.#own?.addresses ?? [];
    if (address) return address;
    if (this.#settings.port === undefined) return this.#server.address;
    throw new NotListeningError('address needs a bound port; await listen() first');
  }

  get connections(): number {
    return this.#sessions.size + this.#door.requests.size;
  }

  stats(): BridgeStats {
    const { size, listening, queued } = this.#sessions.count();
    const { size: requests, queued: unread } = this.#door.requests;
    return {
      connections: size + requests,
      listeners: listening + requests + Math.min(1, this.#webhooks?.size ?? 0),
      monitors: this.#feed.readers,
      queued: queued + unread,
    };
  }

  async identify(request: IncomingMessage): Promise<Identity | undefined> {
    const found = await this.#admission.identify(request);
    return 'status' in found ? undefined : found;
  }

  listen(): Promise<void> {
    return this.#inTurn(async () => {
      // First, because the server's events start anew with it.
      await this.#server.listen();
      this.#start();
      const { port, path, limits } = this.#settings;
      if (port === undefined || this.#own) return;
      const own = await openPort(port, path, limits.connections, this.upgrade, this.#door);
      // The server may have been closed meanwhile, and the bridge with it.
      if (this.#running) this.#own = own;
      else await own.close();
    });
  }

  issueTicket(options: TicketOptions): string {
    if (!this.#settings.origins.includes(options.origin)) {
      throw new InvalidOptionError('origin', `must be one of the bridge's origins; got ${options.origin}`);
    }
    return this.#tickets.issue(options);
  }

  revoke(name: string): void {
    this.#credentials.revoke(name);
    this.#closeInvalid();
  }

  setTokens(tokens: readonly BridgeToken[]): void {
    this.#credentials.replace(tokens);
    this.#closeInvalid();
  }

  upgrade: Bridge['upgrade'] = (request, socket, head) => this.#admission.upgrade(request, socket, head);

  drain({ restart = false }: { restart?: boolean } = {}): Promise<void> {
    return this.#inTurn(async () => {
      this.#admission.open = false;
      if (!restart) return;
      // The next request of a program without WebSocket must reach another node.
      this.#door.open = false;
      await this.#end(closeCodes.restart, 'restarting');
    });
  }

  close(options?: { restart?: boolean }): Promise<void> {
    return this.#inTurn(async () => {
      await this.#stop(options);
      this.#path?.release();
      this.#path = undefined;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Describes the flows that wait, the oldest first. */
  #waiting(): readonly WaitingSignIn[] {
    const { flows } = this.#sessionContext;
    const all = [...flows.waiting(maxShownWaiting), ...this.#serverInternals.flows.waiting(maxShownWaiting)];
    return all.sort(({ begunAt: one = 0 }, { begunAt: other = 0 }) => one - other).slice(0, maxShownWaiting);
  }

  /** Describes the service to monitors. */
  #describe(startedAt: number, store: ServiceFacts['store']): ServiceFacts {
    const { productName: name } = this.#serverInternals;
    const { connections, listeners, monitors } = this.stats();
    const node = nodeName(this.#own?.addresses[0]?.port ?? portOf(this.#server));
    return { version, startedAt, name, node, store, connections, listeners, monitors };
  }

  /** Starts to take connections, unless it does so already. */
  #start(): void {
    const { port, path, limits } = this.#settings;
    if (!this.#running) {
      // First, because it throws if another bridge has the path.
      if (port === undefined) this.#take(path);
      const events = this.#server.events.subscribe((event) => this.#feed.push(event));
      const heartbeat = setInterval(() => {
        this.#sessions.beat();
        this.#door.endInvalid('the credential has expired');
      }, limits.heartbeat);
      heartbeat.unref();
      this.#undo = [
        () => events.unsubscribe(),
        () => clearInterval(heartbeat),
        // Not in turn, because a `listen()` may be waiting for the server to close.
        this.#serverInternals.onClose(() => this.#stop()),
      ];
    }
    this.#running = this.#admission.open = this.#door.open = true;
    this.#webhooks?.start();
  }

  /** Takes the handshakes at a path, also those whose `Upgrade` a proxy has dropped. */
  #take(path: string): void {
    this.#path?.release();
    const upgrades = takeUpgrades(this.#serverInternals, path, this.upgrade);
    const routes = this.#serverInternals;
    const release =
      path === routes.callbackPath
        ? (): void => undefined
        : takeRequests(
            routes,
            path,
            (request, response) => {
              answerDroppedUpgrade(request, response);
              this.#admission.onRejected(request, rejection('no_upgrade'));
            },
            hasDroppedUpgrade,
          );
    const doors = this.#door.take(routes, path);
    this.#path = {
      release() {
        upgrades.release();
        release();
        for (const door of doors) door.release();
      },
      retire() {
        upgrades.retire();
        release();
        for (const door of doors) door.retire();
      },
    };
  }

  /** Returns the parts for listeners that have no session. */
  #waits(clock: Clock): SessionContext & WebhooksContext {
    return { ...this.#sessionContext, clock, records: this.#records };
  }

  #newDoor(clock: Clock): HttpDoor {
    const { extraHeaders } = this.#serverInternals;
    const { origins, limits } = this.#settings;
    return new HttpDoor({
      ...this.#waits(clock),
      webhooks: this.#webhooks,
      admission: this.#admission,
      exchanges: { extraHeaders, origins, timeout: limits.timeout },
      isValid: (identity) => this.#credentials.isValid(identity),
      onOpened: (peer) => this.#audit.connected(peer),
      onClosed: (peer, ending) => this.#audit.closed(peer, ending),
    });
  }

  /** Stops. Its path is kept, so that handshakes are rejected until the server has closed, too. */
  async #stop({ restart = false }: { restart?: boolean } = {}): Promise<void> {
    if (!this.#running) return;
    this.#running = this.#admission.open = this.#door.open = false;
    for (const undo of this.#undo) undo();
    this.#path?.retire();
    const closed = this.#own?.close();
    this.#own = undefined;
    const [code, reason] = restart
      ? [closeCodes.restart, 'restarting']
      : [closeCodes.shutdown, 'shutting down'];
    await this.#end(code, reason);
    await this.#webhooks?.stop();
    await closed;
  }

  async #end(code: number, reason: string): Promise<void> {
    await Promise.all([this.#sessions.end(code, reason), this.#door.requests.end(code, reason)]);
  }

  #onAdmitted(socket: WebSocket, peer: Peer): void {
    const session = new Session(socket, peer, this.#sessionContext);
    this.#sessions.add(session);
    this.#audit.connected(peer);
    session.welcome();
  }

  #onClosed(session: Session, ending: Ending): void {
    this.#sessions.remove(session);
    this.#admission.onLeft(session.identity, session.address);
    this.#feed.remove(session);
    this.#audit.closed(session, ending);
  }

  #closeInvalid(reason = 'the credential was revoked'): void {
    this.#sessions.closeInvalid(reason);
    this.#door.endInvalid(reason);
  }
}
