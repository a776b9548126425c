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
import { internalsOf, type ServedTenant, type ServerInternals } from '../server/internals.ts';
import type { OAuthCallbackServer } from '../server/callback-server.ts';
import { memoryStore } from '../store/memory.ts';
import { MemoryRecords } from '../store/memory-records.ts';
import { storedFlowsOf, type StoredFlows } from '../store/stored-flows.ts';
import type { ServerEvent } from '../model/events.ts';
import type { SharedRecords } from '../model/flow-store.ts';
import { maxShownWaiting, type WaitingSignIn } from '../model/waiting-sign-in.ts';
import { closeCodes } from '../wire/protocol.ts';
import { Admission } from './admission.ts';
import { Audit, type Ending, type Peer } from './audit.ts';
import { Credentials, type BridgeToken, type Identity } from './credentials.ts';
import { answerDroppedUpgrade, hasDroppedUpgrade } from './dropped-upgrade.ts';
import { Desks, type Desk } from './desks.ts';
import { HttpDoor, type DoorContext } from './http/door.ts';
import { Feed, type ServiceFacts } from './feed.ts';
import { internals, type BridgeInternals } from './internals.ts';
import { listenerRegistryOf } from './listener-registry.ts';
import { readBridgeOptions, type BridgeOptions, type BridgeSettings } from './options.ts';
import { Pacing } from './pacing.ts';
import { Queues } from './queues.ts';
import { rejection } from './rejection.ts';
import { openPort, type Port } from './port.ts';
import { nodeName, portOf, StoreStatus } from './service-status.ts';
import { Session, type SessionContext } from './session.ts';
import { Sessions } from './sessions.ts';
import { Webhooks } from './webhooks/webhooks.ts';
import type { BridgeStats } from './stats.ts';
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
  /**
   * Closes every connection of this name, and rejects the name from now on.
   *
   * @param tenant Tenant that the name is of. By default it is a name of the service's own.
   */
  revoke(name: string, tenant?: string): void;
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
  readonly #sessions: Sessions;
  readonly #desks: Desks;
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
    const startedAt = clock.now();
    const storeStatus = new StoreStatus(flows.store, this.#shared);
    this.#sessions = new Sessions(clock, ({ identity }) => this.#isValid(identity));
    const pacing = new Pacing(clock, limits);
    const queues = new Queues(clock, limits.queuedInAll, () => [...this.#sessions, ...this.#door.requests]);
    const contextOf = (tenant: ServedTenant | undefined, its: StoredFlows): SessionContext => {
      // A credential that is the only one of its tenant has no one to share with.
      its.sharers.push((name) => this.#sharesFlows(name, tenant?.name));
      const feed = new Feed(limits.events, {
        clock,
        pending: () => sum(this.#serversFor(tenant).map(({ pending }) => pending)),
        service: () => this.#describe(tenant, startedAt, storeStatus.now()),
        waiting: () => this.#waiting(tenant),
      });
      return {
        limits,
        report,
        flows: its,
        credentials: this.#credentials,
        feed,
        pacing,
        registry: listenerRegistryOf(its),
        redirectUri: () => (tenant?.server ?? server).redirectUri,
        now: () => clock.now(),
        isDraining: () => !this.#admission.open,
        queues,
        onClosed: (session, ending) => this.#onClosed(session, ending, feed),
      };
    };
    this.#audit = new Audit();
    this.#admission = new Admission(settings, this.#credentials, this.#tickets, {
      report,
      isOurs: (host) => (this.#own?.isAt(host) ?? false) || this.#serverInternals.isOurs(host),
      clientOf: (request) => this.#serverInternals.clients.of(request),
      onRejected: (client, rejection) => this.#audit.rejected(client, rejection),
      hasTenant: (identity) => this.#desks.of(identity) !== undefined,
      onAdmitted: (...admitted) => this.#onAdmitted(...admitted),
    });
    const own = contextOf(undefined, flows);
    this.#webhooks =
      settings.webhooks && new Webhooks(settings.webhooks, { ...own, clock, records: this.#records });
    this.#door = this.#newDoor(clock, own, (identity) => this.#desks.of(identity)?.context);
    this.#desks = new Desks(server, own, {
      open: (tenant) => {
        const view = flows.store.forTenant?.(tenant.name, tenant.quota);
        if (!view)
          throw new InvalidOptionError('store', 'must keep tenants apart; it has no method forTenant');
        return { tenant, context: contextOf(tenant, storedFlowsOf(tenant.server, view)) };
      },
      onLeft: (desk, replaced) => this.#onLeft(desk, replaced),
    });
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
      isValid: (identity) => this.#isValid(identity),
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
      store: this.#desks.own.context.flows.store,
      statsOf: (tenant) => this.#statsOf(tenant),
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
    const monitors = sum(
      [this.#desks.own, ...this.#desks.ofTenants()].map(({ context }) => context.feed.readers),
    );
    return this.#withWebhooks(this.#loadOf(() => true, monitors));
  }

  /** Counts what the connections of one tenant use; undefined for the service's own. */
  #statsOf(tenant: string | undefined): BridgeStats {
    const monitors = this.#desks.of({ tenant })?.context.feed.readers ?? 0;
    const load = this.#loadOf((identity) => identity.tenant === tenant, monitors);
    return tenant === undefined ? this.#withWebhooks(load) : load;
  }

  /** Also counts the listener of the webhooks, which belongs to the service. */
  #withWebhooks(load: BridgeStats): BridgeStats {
    return { ...load, listeners: load.listeners + Math.min(1, this.#webhooks?.size ?? 0) };
  }

  #loadOf(counts: (identity: Identity) => boolean, monitors: number): BridgeStats {
    const { size, listening, queued } = this.#sessions.count(counts);
    const { size: requests, queued: unread } = this.#door.requests.count(counts);
    return {
      connections: size + requests,
      listeners: listening + requests,
      monitors,
      queued: queued + unread,
    };
  }

  async identify(request: IncomingMessage): Promise<Identity | undefined> {
    const found = await this.#admission.identify(request);
    return 'status' in found || !this.#isValid(found) ? undefined : found;
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

  revoke(name: string, tenant?: string): void {
    this.#credentials.revoke(name, tenant);
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

  /** Tells if an identity is neither revoked nor expired, and its tenant exists. */
  #isValid(identity: Identity): boolean {
    return this.#credentials.isValid(identity) && this.#desks.of(identity) !== undefined;
  }

  /** Tells if others than this name may begin flows of its tenant. */
  #sharesFlows(name: string, tenant: string | undefined): boolean {
    const { authenticate, origins } = this.#settings;
    return (
      Boolean(authenticate) || origins.length > 0 || this.#credentials.hasOtherListener({ name, tenant })
    );
  }

  /** Returns the servers that monitors of a tenant see: its own. An operator sees all. */
  #serversFor(tenant: ServedTenant | undefined): readonly OAuthCallbackServer[] {
    if (tenant) return [tenant.server];
    return [this.#server, ...[...this.#desks.ofTenants()].flatMap((desk) => desk.tenant?.server ?? [])];
  }

  /** Describes the flows that wait, the oldest first. */
  #waiting(only: ServedTenant | undefined): readonly WaitingSignIn[] {
    const desks = only
      ? [this.#desks.of({ tenant: only.name })]
      : [this.#desks.own, ...this.#desks.ofTenants()];
    const all = desks.flatMap((desk) => {
      if (!desk) return [];
      const tenant = desk.tenant?.name;
      const { flows } = desk.tenant?.internals ?? this.#serverInternals;
      const waiting = [...desk.context.flows.waiting(maxShownWaiting), ...flows.waiting(maxShownWaiting)];
      return tenant === undefined ? waiting : waiting.map((flow) => ({ ...flow, tenant }));
    });
    return all.sort(({ begunAt: one = 0 }, { begunAt: other = 0 }) => one - other).slice(0, maxShownWaiting);
  }

  /** Describes the service to monitors. Those of a tenant do not learn what others do, nor the name of the node. */
  #describe(tenant: ServedTenant | undefined, startedAt: number, store: ServiceFacts['store']): ServiceFacts {
    const { productName: name } = tenant?.internals ?? this.#serverInternals;
    const { connections, listeners, monitors } = tenant ? this.#statsOf(tenant.name) : this.stats();
    const node = tenant ? undefined : nodeName(this.#own?.addresses[0]?.port ?? portOf(this.#server));
    return { version, startedAt, name, node, store, connections, listeners, monitors };
  }

  /**
   * Ends the connections of a tenant that has left. If it has other options now, its listeners reconnect and keep their flows;
   * else its flows end first.
   */
  #onLeft({ tenant, context }: Desk, replaced: boolean): void {
    if (replaced) {
      const ofTenant = ({ tenant: name }: Identity): boolean => name === tenant?.name;
      this.#sessions.close(ofTenant, closeCodes.restart, 'restarting');
      this.#door.requests.endThose(ofTenant, closeCodes.restart, 'restarting');
      return;
    }
    context.flows
      .cancelAll()
      .catch(this.#serverInternals.report)
      // Later, so that listeners hear of the end of their flows first.
      .finally(() => setImmediate(() => this.#closeInvalid('the tenant was removed')));
  }

  /** Starts to take connections, unless it does so already. */
  #start(): void {
    const { port, path, limits } = this.#settings;
    if (!this.#running) {
      // First, because it throws if another bridge has the path.
      if (port === undefined) this.#take(path);
      const events = this.#server.events.subscribe((event) => this.#push(event));
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

  /** Passes an event on to those who may see it: the monitors of the service, and those of its tenant. */
  #push(event: ServerEvent): void {
    this.#desks.own.context.feed.push(event);
    if (event.tenant !== undefined) this.#desks.of(event)?.context.feed.push(event);
  }

  #newDoor(clock: Clock, own: SessionContext, contextOf: DoorContext['contextOf']): HttpDoor {
    const { extraHeaders } = this.#serverInternals;
    const { origins, limits } = this.#settings;
    return new HttpDoor({
      ...own,
      contextOf,
      clock,
      records: this.#records,
      webhooks: this.#webhooks,
      admission: this.#admission,
      exchanges: { extraHeaders, origins, timeout: limits.timeout },
      isValid: (identity) => this.#isValid(identity),
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

  #onAdmitted(socket: WebSocket, peer: Peer): Session {
    const desk = this.#desks.of(peer.identity);
    if (!desk) throw new Error('admission let in an identity without a tenant');
    const session = new Session(socket, peer, desk.context);
    this.#sessions.add(session);
    this.#audit.connected(peer);
    session.welcome();
    return session;
  }

  #onClosed(session: Session, ending: Ending, feed: Feed): void {
    this.#sessions.remove(session);
    this.#admission.onLeft(session);
    feed.remove(session);
    this.#audit.closed(session, ending);
  }

  #closeInvalid(reason = 'the credential was revoked'): void {
    this.#sessions.closeInvalid(reason);
    this.#door.endInvalid(reason);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
