import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type Server as SocketServer, type ServerOptions } from 'ws';
import { readTarget } from '../request.ts';
import { requireIdentity, type Credentials, type Identity } from './credentials.ts';
import { readHandshake, refuse, type Offer, type Refusal } from './handshake.ts';
import type { BridgeOptions, BridgeSettings } from './options.ts';
import { subprotocol } from './protocol.ts';
import { SessionSocket } from './session.ts';

/** What the gate needs of its bridge. */
export interface GateHost {
  /** Whether the service goes by that `Host`. */
  isOurs(host: string): boolean;
  report(error: unknown): void;
  /** Somebody is in, and counted until `left()`. */
  admit(socket: SessionSocket, wire: Duplex, identity: Identity, address: string): void;
}

/** Who may connect: an upgrade request is refused before 101, or its peer let in. */
export class Gate {
  /** While it is not, everybody is refused with 503. */
  open = false;
  readonly #settings: BridgeSettings;
  readonly #credentials: Credentials;
  readonly #host: GateHost;
  readonly #sockets: SocketServer<typeof SessionSocket>;
  readonly #pages = new Set<(origin: string) => boolean>();
  readonly #perName = new Map<string, number>();
  readonly #perAddress = new Map<string, number>();
  #opening = 0;
  #inside = 0;

  constructor(settings: BridgeSettings, credentials: Credentials, host: GateHost) {
    this.#settings = settings;
    this.#credentials = credentials;
    this.#host = host;
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
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // First of all: a peer that resets while its credential is checked must not end the process.
    socket.on('error', destroy);
    if (readTarget(request.url ?? '')?.path !== this.#settings.path) {
      refuse(socket, { status: 404 });
      return;
    }
    const offer = readHandshake(request, (host) => this.#host.isOurs(host));
    const refusal = 'status' in offer ? offer : (this.#refusesOrigin(offer) ?? this.#full(request));
    if (refusal || 'status' in offer) {
      refuse(socket, refusal ?? (offer as Refusal));
      return;
    }
    this.#opening++;
    const identified = this.#identify(request, offer).then((identity) => {
      this.#opening--;
      if (socket.destroyed) return;
      const refused = typeof identity === 'object' ? this.#full(request, identity) : { status: identity };
      if (refused || typeof identity !== 'object') refuse(socket, refused as Refusal);
      else this.#admit(request, socket, head, identity);
    });
    identified.catch((error: unknown) => {
      this.#host.report(error);
      socket.destroy();
    });
  }

  /** A connection that was let in has closed. */
  left(identity: Identity, address: string): void {
    this.#count(identity, address, -1);
  }

  /** By its token or by `authenticate`. */
  async identify(request: IncomingMessage): Promise<Identity | undefined> {
    const { authenticate } = this.#settings;
    const identity =
      this.#credentials.byToken(request) ?? (authenticate && (await this.#ask(authenticate, request)));
    return identity && this.#credentials.stands(identity) ? identity : undefined;
  }

  /** Has pages of these origins connect with a ticket. Returns its undo. */
  admitPages(isOrigin: (origin: string) => boolean): () => void {
    this.#pages.add(isOrigin);
    return () => void this.#pages.delete(isOrigin);
  }

  #refusesOrigin({ origin, ticket }: Offer): Refusal | undefined {
    if (origin === undefined || this.#settings.origins.includes(origin)) return undefined;
    const page = ticket !== undefined && [...this.#pages].some((isOrigin) => isOrigin(origin));
    return page ? undefined : { status: 403 };
  }

  /** Asked before the credential is, which may take a while, and again after it. */
  #full(request: IncomingMessage, identity?: Identity): Refusal | undefined {
    const headers = { 'Retry-After': '5' };
    const { connections, connectionsPerAddress, connectionsPerName } = this.#settings.limits;
    if (!this.open || this.#inside + this.#opening >= connections) return { status: 503, headers };
    const ofAddress = this.#perAddress.get(addressOf(request)) ?? 0;
    const ofName = identity ? (this.#perName.get(identity.name) ?? 0) : 0;
    const full = ofAddress >= connectionsPerAddress || ofName >= connectionsPerName;
    return full ? { status: 429, headers } : undefined;
  }

  async #identify(
    request: IncomingMessage,
    { origin, ticket }: Offer,
  ): Promise<Identity | Refusal['status']> {
    if (ticket === undefined) return (await this.identify(request)) ?? 401;
    const identity = this.#credentials.byTicket(ticket, origin);
    if (identity === 'wrong_origin') return 403;
    return identity && this.#credentials.stands(identity) ? identity : 401;
  }

  async #ask(
    authenticate: NonNullable<BridgeOptions['authenticate']>,
    request: IncomingMessage,
  ): Promise<Identity | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const { patience } = this.#settings.limits;
    const late = new Promise<never>((_, reject) => {
      const error = new Error(`authenticate has not answered within ${patience} ms`);
      timer = setTimeout(reject, patience, error);
    });
    try {
      const identity = await Promise.race([authenticate(request), late]);
      return identity && requireIdentity('authenticate', identity);
    } catch (error) {
      this.#host.report(error);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #admit(request: IncomingMessage, socket: Duplex, head: Buffer, identity: Identity): void {
    const address = addressOf(request);
    // From here on ws listens itself.
    socket.off('error', destroy);
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#count(identity, address, 1);
      this.#host.admit(webSocket, socket, identity, address);
    });
  }

  #count({ name }: Identity, address: string, by: 1 | -1): void {
    this.#inside += by;
    count(this.#perName, name, by);
    count(this.#perAddress, address, by);
  }
}

/** Shared, since what a listener of its own closes over would live as long as the connection. */
function destroy(this: Duplex): void {
  this.destroy();
}

function addressOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? '';
}

function count(counts: Map<string, number>, name: string, by: 1 | -1): void {
  const after = (counts.get(name) ?? 0) + by;
  if (after > 0) counts.set(name, after);
  else counts.delete(name);
}
