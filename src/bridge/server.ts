import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type Server as SocketServer, type ServerOptions } from 'ws';
import { Deadlines } from '../deadlines.ts';
import { InvalidOptionError, NotListeningError, StateInUseError, TooManyFlowsError } from '../errors.ts';
import { internalsOf, type ServerInternals } from '../internals.ts';
import { listen, type Listener } from '../listener.ts';
import { readTarget } from '../request.ts';
import type { OAuthCallbackServer } from '../server.ts';
import { memoryStore } from '../store/memory.ts';
import type { FlowStore } from '../store/store.ts';
import { StoredFlows } from '../stored-flows.ts';
import { Credentials, type BridgeToken, type Identity, type TicketOptions } from './credentials.ts';
import { Feed } from './feed.ts';
import { readHandshake, refuse, type Offer, type Refusal } from './handshake.ts';
import { readBridgeOptions, type BridgeOptions, type BridgeSettings } from './options.ts';
import { closeCodes, subprotocol } from './protocol.ts';
import { Session, SessionSocket, type SessionHost } from './session.ts';

/** The WebSocket side of a callback server: listeners get their own results, monitors the redacted feed. */
export interface Bridge extends AsyncDisposable {
  /** Resolves once the bridge takes connections: with the server, or when its own port is bound. */
  listen(): Promise<void>;
  /** Where the bridge listens, if on a port of its own. Throws `NotListeningError` before `listen()`. */
  readonly address: AddressInfo;
  /** Connections now open. */
  readonly connections: number;
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

/**
 * Puts a bridge on a callback server: on its port, at `path`, or on a port of its own.
 *
 * Throws `InvalidOptionError` for an option that is out of range, or where nothing says who may connect.
 */
export function createBridge(server: OAuthCallbackServer, options: BridgeOptions): Bridge {
  return new WebSocketBridge(server, readBridgeOptions(options));
}

class WebSocketBridge implements Bridge, SessionHost {
  readonly limits: BridgeSettings['limits'];
  readonly #server: OAuthCallbackServer;
  readonly #settings: BridgeSettings;
  readonly #internals: ServerInternals;
  readonly #credentials: Credentials;
  readonly #feed: Feed;
  readonly #flows: StoredFlows;
  readonly #sessions = new Set<Session>();
  readonly #listeners = new Map<string, Session>();
  readonly #perName = new Map<string, number>();
  readonly #perAddress = new Map<string, number>();
  /** When a credential expires, its connection is closed. */
  readonly #expiries: Deadlines<Session>;
  #undo: (() => void)[] = [];
  readonly #sockets: SocketServer<typeof SessionSocket>;
  #own: Listener | undefined;
  #opening = 0;
  #open = false;
  #queued = { bytes: 0, at: -Infinity };

  constructor(server: OAuthCallbackServer, settings: BridgeSettings) {
    this.#server = server;
    this.#settings = settings;
    this.limits = settings.limits;
    this.#internals = internalsOf(server);
    this.#credentials = new Credentials(settings.tokens, () => this.now());
    this.#feed = new Feed(settings.limits.events);
    // `closeTimeout` is missing from the types of ws.
    const options: ServerOptions<typeof SessionSocket> & { closeTimeout: number } = {
      noServer: true,
      WebSocket: SessionSocket,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: 16_384,
      closeTimeout: settings.limits.patience,
      handleProtocols: () => subprotocol,
    };
    this.#sockets = new WebSocketServer(options);
    const { store = memoryStore({ clock: this.#internals.clock }) } = settings;
    // Now, so that the server looks for redirects of flows begun before a restart.
    this.#flows = this.#internals.store((own) => new StoredFlows(store, own));
    this.#expiries = new Deadlines(this.#internals.clock, (session) =>
      session.close(closeCodes.credential, 'the credential has expired'),
    );
    this.#start();
  }

  get epoch(): string {
    return this.#store.epoch;
  }

  get redirectUri(): string {
    return this.#server.redirectUri;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  get address(): AddressInfo {
    const [address] = this.#own?.addresses ?? [];
    if (address) return address;
    if (this.#settings.port === undefined) return this.#server.address;
    throw new NotListeningError('address needs a bound port; await listen() first');
  }

  async listen(): Promise<void> {
    this.#start();
    const { port } = this.#settings;
    if (port === undefined) return this.#server.listen();
    if (this.#own) return;
    const http: Server = createServer((_request, response) =>
      response.writeHead(404, { 'Cache-Control': 'no-store' }).end(),
    );
    http.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    this.#own = await listen(http, undefined, [port]);
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

  async close({ restart = false }: { restart?: boolean } = {}): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    for (const undo of this.#undo) undo();
    const closed = this.#own?.close();
    this.#own = undefined;
    const [code, reason] = restart
      ? [closeCodes.restart, 'restarting']
      : [closeCodes.shutdown, 'shutting down'];
    await Promise.all([...this.#sessions].map((session) => session.end(code, reason)));
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  now(): number {
    return this.#internals.clock.now();
  }

  stands(identity: Identity): boolean {
    return this.#credentials.stands(identity);
  }

  /** Counted ten times a second at the most: it is asked for each message to a slow reader. */
  overloaded(): boolean {
    const now = this.now();
    if (now - this.#queued.at > 100) {
      let bytes = 0;
      for (const session of this.#sessions) bytes += session.queued;
      this.#queued = { bytes, at: now };
    }
    return this.#queued.bytes > this.limits.queuedInAll;
  }

  begin: SessionHost['begin'] = async (key, state, options) => {
    const flow = await this.#flows.begin(key, state, options, (taken) => this.#internals.isTaken(taken));
    this.#internals.claim(state);
    return flow;
  };

  read: SessionHost['read'] = (flow) => this.#store.read(flow);
  result: SessionHost['result'] = (flow) => this.#store.result(flow);
  acknowledge: SessionHost['acknowledge'] = (flow) => this.#store.acknowledge(flow);
  cancel: SessionHost['cancel'] = (flow) => this.#flows.cancel(flow);
  settle: SessionHost['settle'] = (flow, outcome) => this.#flows.settle(flow, outcome);

  attach(flow: string, session: Session): (() => void) | undefined {
    const before = this.#listeners.get(flow);
    // What a dead connection has said still may come after its client has come back.
    if (before && before.order > session.order) {
      session.takenOver(flow);
      return undefined;
    }
    this.#listeners.set(flow, session);
    before?.takenOver(flow);
    const unwatch = this.#store.watch(flow, () => void session.deliver(flow).catch(this.#internals.report));
    return () => {
      unwatch();
      if (this.#listeners.get(flow) === session) this.#listeners.delete(flow);
    };
  }

  watch: SessionHost['watch'] = (session, message) => {
    const next = this.#feed.from(message);
    session.tell({
      type: 'watching',
      epoch: this.#feed.epoch,
      next,
      pending: this.#internals.pending(),
      counts: this.#feed.counts,
    });
    this.#feed.watch(session, next);
  };

  failed: SessionHost['failed'] = (error) => {
    if (error instanceof InvalidOptionError) {
      const { code, option, message } = error;
      return { code, option, message: message.slice(option.length + 1) };
    }
    if (error instanceof StateInUseError || error instanceof TooManyFlowsError) {
      return { code: error.code, message: error.message };
    }
    this.#internals.report(error);
    return { code: 'closed', message: 'the service cannot do this now' };
  };

  get #store(): FlowStore {
    return this.#flows.store;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // First of all: a peer that resets while its credential is checked must not end the process.
    socket.on('error', destroy);
    if (readTarget(request.url ?? '')?.path !== this.#settings.path) {
      refuse(socket, { status: 404 });
      return;
    }
    const offer = readHandshake(request, (host) => this.#isOurs(host));
    const refusal = 'status' in offer ? offer : (this.#refusesOrigin(offer) ?? this.#full(request));
    if (refusal || 'status' in offer) {
      refuse(socket, refusal ?? (offer as Refusal));
      return;
    }
    this.#opening++;
    void this.#identify(request, offer).then((identity) => {
      this.#opening--;
      if (socket.destroyed) return;
      const refused = typeof identity === 'object' ? this.#full(request, identity) : { status: identity };
      if (refused || typeof identity !== 'object') refuse(socket, refused as Refusal);
      else this.#accept(request, socket, head, identity);
    });
  }

  /** Once more after `close()`. */
  #start(): void {
    if (this.#open) return;
    this.#open = true;
    const events = this.#server.events.subscribe((event) => this.#feed.push(event));
    const heartbeat = setInterval(() => this.#beat(), this.limits.heartbeat);
    heartbeat.unref();
    this.#undo = [
      () => events.unsubscribe(),
      () => clearInterval(heartbeat),
      this.#internals.onClose(() => this.close()),
    ];
    const { port, path } = this.#settings;
    if (port !== undefined) return;
    this.#undo.push(this.#internals.onUpgrade(path, (...upgrade) => this.upgrade(...upgrade)));
  }

  #isOurs(host: string): boolean {
    const ports = (this.#own?.addresses ?? []).map(
      ({ address, family, port }) => `${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    );
    return ports.includes(host) || this.#internals.isOurs(host);
  }

  #refusesOrigin({ origin }: Offer): Refusal | undefined {
    return origin !== undefined && !this.#settings.origins.includes(origin) ? { status: 403 } : undefined;
  }

  /** Asked before the credential is, which may take a while, and again after it. */
  #full(request: IncomingMessage, identity?: Identity): Refusal | undefined {
    const headers = { 'Retry-After': '5' };
    const { connections, connectionsPerAddress, connectionsPerName } = this.limits;
    if (!this.#open || this.#sessions.size + this.#opening >= connections) return { status: 503, headers };
    const ofAddress = this.#perAddress.get(request.socket.remoteAddress ?? '') ?? 0;
    const ofName = identity ? (this.#perName.get(identity.name) ?? 0) : 0;
    const full = ofAddress >= connectionsPerAddress || ofName >= connectionsPerName;
    return full ? { status: 429, headers } : undefined;
  }

  async #identify(
    request: IncomingMessage,
    { origin, ticket }: Offer,
  ): Promise<Identity | Refusal['status']> {
    const { authenticate } = this.#settings;
    let identity: Identity | 'wrong_origin' | undefined;
    if (ticket !== undefined) identity = this.#credentials.byTicket(ticket, origin);
    else
      identity =
        this.#credentials.byToken(request) ?? (authenticate && (await this.#ask(authenticate, request)));
    if (identity === 'wrong_origin') return 403;
    return identity && this.stands(identity) ? identity : 401;
  }

  async #ask(
    authenticate: NonNullable<BridgeOptions['authenticate']>,
    request: IncomingMessage,
  ): Promise<Identity | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, this.limits.patience, undefined);
    });
    try {
      return await Promise.race([authenticate(request), late]);
    } catch (error) {
      this.#internals.report(error);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #accept(request: IncomingMessage, socket: Duplex, head: Buffer, identity: Identity): void {
    const address = request.socket.remoteAddress ?? '';
    // From here on ws listens itself.
    socket.off('error', destroy);
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const session = new Session(webSocket, identity, address, this);
      this.#sessions.add(session);
      if (session.deadline !== Infinity) this.#expiries.add(session);
      count(this.#perName, identity.name, 1);
      count(this.#perAddress, address, 1);
      session.welcome();
    });
  }

  left(session: Session): void {
    this.#sessions.delete(session);
    this.#expiries.remove(session);
    count(this.#perName, session.identity.name, -1);
    count(this.#perAddress, session.address, -1);
    this.#feed.leave(session);
  }

  #beat(): void {
    for (const session of this.#sessions) if (!session.beat()) session.terminate();
  }

  /** Closes the connections whose credential was taken back. */
  #closeFallen(): void {
    for (const session of this.#sessions) {
      if (!this.stands(session.identity))
        session.close(closeCodes.credential, 'the credential was taken back');
    }
  }
}

/** Shared, since what a listener of its own closes over would live as long as the connection. */
function destroy(this: Duplex): void {
  this.destroy();
}

function count(counts: Map<string, number>, name: string, by: 1 | -1): void {
  const after = (counts.get(name) ?? 0) + by;
  if (after > 0) counts.set(name, after);
  else counts.delete(name);
}
