import type { Duplex } from 'node:stream';
import { WebSocket, type RawData } from 'ws';
import { Bucket } from '../bucket.ts';
import type { Timed } from '../deadlines.ts';
import { randomToken } from '../pkce.ts';
import type { Identity } from './credentials.ts';
import type { Watcher } from './feed.ts';
import { frameOf } from './frame.ts';
import { Listener, type ListenerConnection, type ListenerHost } from './listener.ts';
import { closeCodes, readClientMessage, type Said, type ServiceMessage } from './protocol.ts';

/** What a session needs of its bridge. */
export interface SessionHost extends ListenerHost {
  readonly epoch: string;
  readonly redirectUri: string;
  /** By the clock that flows expire by. */
  readonly time: number;
  readonly limits: { burst: number; perSecond: number; pings: number; queued: number; flows: number };
  now(): number;
  /** Whether more is queued in all than may be. */
  overloaded(): boolean;
  /** The connection has closed. */
  left(session: Session): void;
  /** It has read all events before number `next`. */
  answered(session: Session, next: number): void;
  watch(session: Session, message: Said<'watch'>): void;
}

let opened = 0;

/** One connection that has proven who it is: frames in, frames out. */
export class Session implements Watcher, Timed, ListenerConnection {
  readonly identity: Identity;
  readonly address: string;
  /** When its credential expires. */
  readonly deadline: number;
  slot = -1;
  readonly order = ++opened;
  readonly nonce = randomToken();
  #alive = true;
  readonly #socket: SessionSocket;
  /** What `#socket` writes to. Frames that are made here go to it as they are. */
  readonly #wire: Duplex;
  readonly #host: SessionHost;
  /** Made when first needed, like the next: most connections only wait. */
  #listener: Listener | undefined;
  #messages: Bucket | undefined;
  #pings: Bucket | undefined;

  constructor(socket: SessionSocket, wire: Duplex, identity: Identity, address: string, host: SessionHost) {
    this.#socket = socket;
    this.#wire = wire;
    this.identity = identity;
    this.address = address;
    this.deadline = identity.expiresAt ?? Infinity;
    this.#host = host;
    socket.session = this;
    socket.on('message', onMessage);
    socket.on('ping', onPing);
    socket.on('pong', onPong);
    socket.on('error', ignore);
    socket.on('close', onClose);
  }

  welcome(): void {
    const { limits, epoch, redirectUri, time: now } = this.#host;
    const { burst, perSecond } = limits;
    const roles = [...this.identity.roles];
    this.tell({ type: 'welcome', roles, nonce: this.nonce, epoch, redirectUri, now, burst, perSecond });
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Whether it waits for a flow. */
  get listening(): boolean {
    return this.#listener?.listening ?? false;
  }

  get queued(): number {
    return this.#wire.writableLength;
  }

  /** A message of the peer. Whatever is wrong with it ends this connection and no other. */
  receive(data: Buffer, binary: boolean): void {
    if (!this.open) return;
    const breach = this.#breachOf(binary);
    if (breach) {
      this.close(...breach);
      return;
    }
    const message = readClientMessage(data.toString());
    const { roles } = this.identity;
    if (message?.type === 'ping') this.tell({ type: 'pong' });
    else if (message?.type === 'watch' && roles.includes('monitor')) this.#host.watch(this, message);
    else if (message && message.type !== 'watch' && roles.includes('listener'))
      void this.#asListener().hear(message);
    else this.close(closeCodes.policy, 'not a message this role may send');
  }

  #breachOf(binary: boolean): [code: number, reason: string] | undefined {
    if (binary) return [closeCodes.binary, 'messages are text'];
    const { burst, perSecond } = this.#host.limits;
    this.#messages ??= new Bucket(burst, perSecond);
    if (!this.#messages.take(this.#host.now())) return [closeCodes.tooFast, 'too many messages'];
    if (!this.#host.stands(this.identity)) return [closeCodes.credential, 'the credential does not hold'];
    return undefined;
  }

  pinged(): void {
    const { pings } = this.#host.limits;
    this.#pings ??= new Bucket(pings, pings);
    if (!this.#pings.take(this.#host.now())) this.close(closeCodes.tooFast, 'too many pings');
  }

  /** The heartbeat's ping is empty; that of the feed has a number. */
  ponged(data: Buffer): void {
    this.#alive = true;
    if (data.length > 0) this.#host.answered(this, Number(data.toString('latin1')));
  }

  /** Sends the heartbeat; false where the last one was not answered. */
  beat(): boolean {
    if (!this.#alive) return false;
    this.#alive = false;
    if (this.open) this.#socket.ping();
    return true;
  }

  get ready(): boolean {
    return this.queued < this.#host.limits.queued / 4;
  }

  get filling(): boolean {
    return this.queued > 0;
  }

  event(frame: Buffer, flushed?: () => void): void {
    this.#write(frame, flushed);
  }

  ask(next: number): void {
    if (this.open) this.#socket.ping(String(next));
  }

  fellBehind(): void {
    this.close(closeCodes.overload, 'more events came than were read');
  }

  tell(message: ServiceMessage): void {
    this.#write(frameOf(JSON.stringify(message)));
  }

  close(code: number, reason: string): void {
    if (this.open) this.#socket.close(code, reason);
  }

  /** Closes, and resolves once closed: a peer that does not answer within a second is not waited for. */
  end(code: number, reason: string): Promise<void> {
    return new Promise((resolve) => {
      const overdue = setTimeout(() => this.terminate(), 1_000);
      this.#socket.once('close', () => {
        clearTimeout(overdue);
        resolve();
      });
      this.close(code, reason);
    });
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** The socket has closed. */
  leave(): void {
    this.#listener?.leave();
    this.#host.left(this);
  }

  #asListener(): Listener {
    return (this.#listener ??= new Listener(this, this.#host));
  }

  #write(frame: Buffer, flushed?: () => void): void {
    if (!this.open) return;
    const { queued } = this;
    if (queued + frame.length > this.#host.limits.queued || (queued > 0 && this.#host.overloaded())) {
      this.close(closeCodes.overload, 'more is queued than is read');
      return;
    }
    this.#wire.write(frame, flushed);
  }
}

/** A socket that knows its session, so that one set of listeners serves them all. */
export class SessionSocket extends WebSocket {
  session: Session | undefined;
}

function sessionOf({ session }: WebSocket & { session?: Session }): Session | undefined {
  return session;
}

function onMessage(this: WebSocket, data: RawData, binary: boolean): void {
  sessionOf(this)?.receive(data as Buffer, binary);
}

function onPing(this: WebSocket): void {
  sessionOf(this)?.pinged();
}

function onPong(this: WebSocket, data: Buffer): void {
  sessionOf(this)?.ponged(data);
}

function onClose(this: WebSocket): void {
  sessionOf(this)?.leave();
}

/** What ws finds wrong with a frame it answers with the right close code itself. */
function ignore(): void {
  // Nothing else to do.
}
