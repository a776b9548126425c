import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import { systemClock } from '../base/clock.ts';
import type { Report } from '../base/isolated-observable.ts';
import { withTimeout } from '../base/timeout.ts';
import { show } from '../base/validate.ts';
import { readTarget } from '../callback/request.ts';
import { answerAsOrdinary, offersWebSocket } from '../http/ordinary-request.ts';
import type { Peer } from './audit.ts';
import { requireIdentity, type Credentials, type Identity, type RejectedCredential } from './credentials.ts';
import { StoreUnavailableError } from '../model/errors.ts';
import { hasCredentialInUrl, readHandshake, reject, type Offer } from './handshake.ts';
import type { Authenticated, BridgeOptions, BridgeSettings } from './options.ts';
import { Places, type Place } from './places.ts';
import { rejection, type Rejection } from './rejection.ts';
import type { Tickets } from './tickets.ts';
import { subprotocol } from '../wire/protocol.ts';

/** Parts of a bridge that its admission uses. */
export interface AdmissionContext {
  readonly report: Report;
  /** Tells if the service has this `Host`. */
  isOurs(host: string): boolean;
  /** Returns the address of the client, as `trustedProxies` decides. */
  clientOf(request: IncomingMessage): string | undefined;
  /** Called when a request was rejected. @param client Address of the client. */
  onRejected(client: string, rejected: Rejection): void;
  /** Tells if the tenant of an identity exists, or it has none. */
  hasTenant(identity: Identity): boolean;
  /** Called when a peer has connected; it counts against the limits until `onLeft()` is called. */
  onAdmitted(socket: WebSocket, peer: Peer): Place;
}

const retryLater = { 'Retry-After': '5' };

// A service with so few connections is not shared by strangers.
const leastShare = 16;

/** Pages that may connect with a ticket even if `origins` lacks theirs. */
export interface Pages {
  isOrigin(origin: string): boolean;
  /** Resolves with the identity of a page session; undefined if it has ended. */
  identityOf(page: string): Promise<Identity | undefined>;
}

/** Decides on upgrade requests: rejects each before 101, or opens its WebSocket. */
export class Admission {
  /** While it is false, every request is rejected with 503. */
  open = false;
  readonly #settings: BridgeSettings;
  readonly #credentials: Credentials;
  readonly #tickets: Tickets;
  readonly #context: AdmissionContext;
  readonly #sockets: WebSocketServer;
  readonly #pages = new Set<Pages>();
  readonly #places = new Places();
  #opening = 0;

  constructor(
    settings: BridgeSettings,
    credentials: Credentials,
    tickets: Tickets,
    context: AdmissionContext,
  ) {
    this.#settings = settings;
    this.#credentials = credentials;
    this.#tickets = tickets;
    this.#context = context;
    // These are missing from the types of ws.
    const options: ServerOptions & { closeTimeout: number; maxFragments: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: 16_384,
      // A message counts as one, however many empty fragments it has.
      maxFragments: 1_024,
      closeTimeout: settings.limits.timeout,
      handleProtocols: () => subprotocol,
    };
    this.#sockets = new WebSocketServer(options);
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const here = readTarget(request.url ?? '')?.path === this.#settings.path;
    if (!here && !offersWebSocket(request) && answerAsOrdinary(request, socket, head)) return;
    // First, because a peer that resets while its credential is checked must not end the process.
    socket.on('error', destroy);
    if (!here) {
      this.#reject(request, socket, rejection('wrong_path'));
      return;
    }
    const offer = readHandshake(request, (host) => this.#context.isOurs(host));
    const rejected = 'status' in offer ? offer : (this.#rejectsOrigin(offer) ?? this.#full(request));
    if (rejected || 'status' in offer) {
      this.#reject(request, socket, rejected ?? (offer as Rejection));
      return;
    }
    this.#opening++;
    const identified = this.#identify(request, offer)
      .catch((error: unknown) => {
        this.#context.report(error);
        return rejection('fault');
      })
      .finally(() => this.#opening--)
      .then((identity) => {
        if (socket.destroyed) return;
        const rejected = 'status' in identity ? identity : this.#full(request, identity);
        if (rejected || 'status' in identity)
          this.#reject(request, socket, rejected ?? (identity as Rejection));
        else this.#admit(request, socket, head, identity);
      });
    identified.catch((error: unknown) => {
      this.#context.report(error);
      socket.destroy();
    });
  }

  /**
   * Decides on a request of plain HTTP, whose `Host` was checked before. Also admits requests for flows that were begun before the
   * service began to stop.
   */
  async admit(request: IncomingMessage): Promise<Peer | Rejection> {
    const { origin, authorization } = request.headers;
    if (hasCredentialInUrl(request)) return rejection('credential_in_url');
    const offer = { origin, ticket: undefined, hasToken: authorization !== undefined };
    const rejected = this.#rejectsOrigin(offer) ?? this.#crowded(request);
    if (rejected) return rejected;
    this.#opening++;
    const identity = await this.identify(request).finally(() => this.#opening--);
    if ('status' in identity) return identity;
    return this.#crowded(request, identity) ?? { identity, address: this.#clientOf(request) };
  }

  /** Counts a connection, or a request, until `onLeft()` is called. If the service is full, evicts one of the largest holder. */
  enter(place: Place): void {
    if (this.#places.size >= this.#settings.limits.connections) this.#places.evictFor(place);
    this.#places.add(place);
  }

  /** Counts an admitted request, unless others that were admitted in the same moment have taken the room: then it is rejected. */
  take(request: IncomingMessage, place: Place): Rejection | undefined {
    const rejected = this.#crowded(request, place.identity);
    if (!rejected) this.enter(place);
    return rejected;
  }

  /** Called when an admitted connection has closed, or a request is answered. */
  onLeft(place: Place): void {
    this.#places.remove(place);
  }

  /** Identifies a program by its token or by `authenticate`. */
  async identify(request: IncomingMessage): Promise<Identity | Rejection> {
    const { authenticate } = this.#settings;
    const found =
      this.#credentials.byToken(request) ?? (authenticate && (await this.#ask(authenticate, request)));
    if (!found) return this.#unidentified(request);
    if ('rejected' in found) return rejectedBy(found);
    if (this.#credentials.isValid(found)) return found;
    return rejection('expired_credential', { name: found.name });
  }

  /** Lets these pages connect with a ticket. Returns a function that undoes it. */
  admitPages(pages: Pages): () => void {
    this.#pages.add(pages);
    return () => void this.#pages.delete(pages);
  }

  #rejectsOrigin({ origin, ticket }: Offer): Rejection | undefined {
    if (origin === undefined || this.#settings.origins.includes(origin)) return undefined;
    const page = ticket !== undefined && [...this.#pages].some((pages) => pages.isOrigin(origin));
    if (page) return undefined;
    return rejection('wrong_origin', { why: `the origin ${show(origin.slice(0, 100))} is not allowed` });
  }

  /** Rejects a request beyond the limits: before its credential is checked, which takes time, and again afterwards. */
  #full(request: IncomingMessage, identity?: Identity): Rejection | undefined {
    return this.open ? this.#crowded(request, identity) : rejection('closing', { headers: retryLater });
  }

  #crowded(request: IncomingMessage, identity?: Identity): Rejection | undefined {
    const address = this.#clientOf(request);
    if (!identity && this.#hasNoRoom()) return rejection('too_many_connections', { headers: retryLater });
    if (this.#places.ofAddress(address) >= this.#settings.limits.connectionsPerAddress)
      return rejection('too_many_of_address', { headers: retryLater });
    if (!identity) return undefined;
    if (!this.#context.hasTenant(identity)) return rejection('unknown_tenant', { name: identity.name });
    return this.#rejectsLargest({ identity, address }) ?? this.#fullOf(identity, retryLater);
  }

  /** Tells if there is no room for a request whose credential is not checked yet. */
  #hasNoRoom(): boolean {
    const { connections } = this.#settings.limits;
    if (this.#places.size + this.#opening < connections) return false;
    return !this.#places.mayEvict || this.#opening >= connections;
  }

  /** If the service is full, rejects a newcomer of the largest holder. For any other, `enter()` evicts one. */
  #rejectsLargest(newcomer: Peer): Rejection | undefined {
    const isFull = this.#places.size >= this.#settings.limits.connections;
    if (!isFull || this.#places.victimFor(newcomer)) return undefined;
    const { name, tenant } = newcomer.identity;
    return rejection('too_many_connections', { name, tenant, headers: retryLater });
  }

  /** Rejects a connection beyond what its name may have. */
  #fullOf(identity: Identity, headers: Rejection['headers'] = {}): Rejection | undefined {
    const { name, tenant, limits: { connections: own = Infinity } = {} } = identity;
    const here = this.#places.ofName(identity);
    if (here >= this.#shareOf(identity)) return rejection('too_many_of_name', { name, tenant, headers });
    const why = `the limit of ${own} connections that its credential has is reached`;
    return here >= own ? rejection('too_many_of_name', { why, name, tenant, headers }) : undefined;
  }

  /** Returns how many connections a name may have. */
  #shareOf(identity: Identity): number {
    const { authenticate, origins, limits } = this.#settings;
    const { connections, connectionsPerName } = limits;
    if (connectionsPerName !== undefined) return connectionsPerName;
    const admitsPages = origins.length > 0 || this.#pages.size > 0;
    const shares = Boolean(authenticate) || admitsPages || this.#credentials.hasOthersThan(identity);
    return shares ? Math.max(Math.ceil(connections / 2), Math.min(connections, leastShare)) : connections;
  }

  async #identify(request: IncomingMessage, { origin, ticket }: Offer): Promise<Identity | Rejection> {
    if (ticket === undefined) return this.identify(request);
    try {
      return await this.#identifyPage(ticket, origin);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      return rejection('store_unavailable', { headers: { 'Retry-After': '5' } });
    }
  }

  async #identifyPage(ticket: string, origin: string | undefined): Promise<Identity | Rejection> {
    const holder = await this.#tickets.use(ticket, origin);
    if (holder === 'wrong_origin') return rejection('wrong_ticket_origin');
    if (!holder) return rejection('unknown_ticket');
    const identity = holder.identity ?? (await this.#identityOf(holder.page));
    if (!identity) return rejection('ended_page_session');
    if (this.#credentials.isValid(identity)) return identity;
    return rejection('revoked_ticket', { name: identity.name, tenant: identity.tenant });
  }

  async #identityOf(page: string): Promise<Identity | undefined> {
    for (const pages of this.#pages) {
      const identity = await pages.identityOf(page);
      if (identity) return identity;
    }
    return undefined;
  }

  #unidentified(request: IncomingMessage): Rejection {
    const known = this.#credentials.knownBy(request);
    if (known) return rejection('expired_credential', { name: known.name, tenant: known.tenant });
    const { authorization } = request.headers;
    return rejection(authorization === undefined ? 'no_credential' : 'unknown_credential');
  }

  /** Reports a rejection by another part of the service. */
  onRejected(request: IncomingMessage, rejected: Rejection): void {
    this.#context.onRejected(this.#clientOf(request), rejected);
  }

  #reject(request: IncomingMessage, socket: Duplex, rejected: Rejection): void {
    // First, because the address is gone with the connection.
    const client = this.#clientOf(request);
    reject(socket, rejected);
    this.#context.onRejected(client, rejected);
  }

  #clientOf(request: IncomingMessage): string {
    return this.#context.clientOf(request) ?? request.socket.remoteAddress ?? '';
  }

  async #ask(
    authenticate: NonNullable<BridgeOptions['authenticate']>,
    request: IncomingMessage,
  ): Promise<Authenticated> {
    const { timeout } = this.#settings.limits;
    try {
      const answer = Promise.resolve(authenticate(request));
      const found = await withTimeout(systemClock, timeout, answer, () => {
        throw new Error(`authenticate did not answer within ${timeout} ms`);
      });
      return found && !('rejected' in found) ? requireIdentity('authenticate', found) : found;
    } catch (error) {
      this.#context.report(error);
      return undefined;
    }
  }

  #admit(request: IncomingMessage, socket: Duplex, head: Buffer, identity: Identity): void {
    const address = this.#clientOf(request);
    // From here on ws handles errors of the socket.
    socket.off('error', destroy);
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.enter(this.#context.onAdmitted(webSocket, { identity, address }));
    });
  }
}

function rejectedBy({ rejected: why, name, retry }: RejectedCredential): Rejection {
  const named = { why, ...(name !== undefined && { name }) };
  if (!retry) return rejection('rejected_credential', named);
  return rejection('authentication_unavailable', { ...named, headers: { 'Retry-After': '5' } });
}

function destroy(this: Duplex): void {
  this.destroy();
}
