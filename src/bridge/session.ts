import type { WebSocket } from 'ws';
import { Bucket } from '../base/bucket.ts';
import type { Timed } from '../base/deadlines.ts';
import { randomToken } from '../base/random.ts';
import type { Ending, Peer } from './audit.ts';
import type { Identity } from './credentials.ts';
import type { Feed, FeedReader } from './feed.ts';
import { Listener, type ListenerConnection, type ListenerContext } from './listener.ts';
import type { BridgeSettings } from './options.ts';
import type { Paced, Pacing } from './pacing.ts';
import { evictedReason, type Place } from './places.ts';
import { slowReason, type Queue, type Queues } from './queues.ts';
import { Presence } from './presence.ts';
import {
  closeCodes,
  readClientMessage,
  type ClientMessageOf,
  type ServiceMessage,
} from '../wire/protocol.ts';

/** Parts of a bridge that its sessions share. */
export interface SessionContext extends ListenerContext {
  readonly limits: BridgeSettings['limits'];
  readonly feed: Feed;
  readonly pacing: Pacing;
  readonly redirectUri: () => string;
  /** Returns the time of this process in milliseconds. */
  readonly now: () => number;
  readonly queues: Queues;
  /** Called once when a connection has closed. */
  readonly onClosed: (session: Session, ending: Ending) => void;
}

// A network that delays one message and not the next makes a client look faster than it is. So a client that keeps to what
// `welcome` announces is never closed, although the service measures when messages arrive.
const tolerance = 1.2;

/** An authenticated connection: reads messages from it and writes messages to it. */
export class Session implements Place, FeedReader, Timed, ListenerConnection, Paced, Queue {
  readonly identity: Identity;
  readonly address: string;
  /** Time at which the credential expires, by this process's clock; the wall clock decides. */
  expiresAt: number;
  slot = -1;
  readonly nonce = randomToken();
  /** Set once the service closes it. */
  #ending: Ending | undefined;
  #dropped = false;
  #alive = true;
  /** Pings that have no answer yet. */
  #pinged = 0;
  readonly #presence = new Presence((text) => this.#ping(text));
  readonly #socket: WebSocket;
  readonly #context: SessionContext;
  /** Undefined unless the identity has the role `listener`. */
  readonly #listener: Listener | undefined;
  readonly #messages: Bucket;
  readonly #pings: Bucket;

  constructor(socket: WebSocket, { identity, address }: Peer, context: SessionContext) {
    this.#socket = socket;
    this.identity = identity;
    this.address = address;
    this.expiresAt = Infinity;
    this.#context = context;
    const { burst, perSecond, pings } = context.limits;
    this.#messages = new Bucket(burst * tolerance, perSecond * tolerance);
    this.#pings = new Bucket(pings, pings);
    if (identity.roles.includes('listener')) this.#listener = new Listener(this, context);
    socket.on('message', (data: Buffer, binary) => this.#receive(data, binary));
    socket.on('ping', () => this.#onPing());
    socket.on('pong', (data) => this.#onPong(data));
    // ws itself closes with the right code if a frame is invalid.
    socket.on('error', () => undefined);
    socket.on('close', (code, reason) =>
      this.#onClose(this.#ending ?? { by: 'peer', code, reason: reason.toString() }),
    );
  }

  /** Sends the first message of every connection. */
  welcome(): void {
    const { limits, flows, redirectUri, pacing } = this.#context;
    const { burst, perSecond } = pacing.of(this.identity);
    this.send({
      type: 'welcome',
      roles: [...this.identity.roles],
      nonce: this.nonce,
      epoch: flows.store.epoch,
      redirectUri: redirectUri(),
      now: flows.store.now(),
      burst,
      perSecond,
      heartbeat: limits.heartbeat,
    });
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Tells if it waits for a flow. */
  get listening(): boolean {
    return this.#listener?.listening ?? false;
  }

  /** Bytes that the operating system has not taken yet. */
  get queued(): number {
    return this.#dropped ? 0 : this.#socket.bufferedAmount;
  }

  get ready(): boolean {
    return this.queued < this.#context.limits.queued / 4;
  }

  get filling(): boolean {
    return this.queued > 0;
  }

  send(message: ServiceMessage): void {
    this.#write(Buffer.from(JSON.stringify(message)));
  }

  sendBytes(message: Buffer, flushed?: () => void): void {
    this.#write(message, flushed);
  }

  isHere(): Promise<boolean> {
    return this.#presence.ask();
  }

  requestAnswer(next: number): void {
    this.#ping(String(next));
  }

  onMissed(): void {
    this.close(closeCodes.overload, 'the client reads too slowly: too many events are queued');
  }

  /** Sends the heartbeat's ping; returns false if the last one was not answered. */
  beat(): boolean {
    // The peer wants to hear pings also if its answers are not read.
    const { isPaused } = this.#socket;
    if (!this.#alive && !isPaused) return false;
    this.#alive = isPaused;
    this.#ping();
    return true;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(code: number, reason: string): void {
    // Otherwise the peer's answer would not be read.
    this.resume();
    if (!this.open) return;
    this.#ending ??= { by: 'service', code, reason };
    this.#socket.close(code, reason);
  }

  /** Closes it, because the service is full and another holder has less. */
  evict(): void {
    // Terminates a peer that does not answer, so that evicted connections do not add up.
    void this.end(closeCodes.overload, evictedReason);
  }

  /** Closes, and resolves once closed; terminates the connection if the peer does not answer within a second. */
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

  drop(reason: string): void {
    this.#dropped = true;
    this.#ending ??= { by: 'service', code: closeCodes.overload, reason };
    this.#socket.terminate();
  }

  /** Closes without a closing handshake, because the peer does not answer. */
  terminate(): void {
    this.#ending ??= { by: 'service', code: 1006, reason: 'the client does not answer' };
    this.#socket.terminate();
  }

  /** Handles a message of the peer. An invalid one closes this connection and no other. */
  #receive(data: Buffer, binary: boolean): void {
    if (!this.open) return;
    const breach = this.#breachOf(binary);
    if (breach) {
      this.close(...breach);
      return;
    }
    this.#context.pacing.count(this.identity, this);
    const message = readClientMessage(data.toString());
    if (message.type === 'ping') this.send({ type: 'pong' });
    else if (message.type === 'invalid') this.close(closeCodes.policy, message.reason);
    else if (message.type === 'watch') {
      if (this.identity.roles.includes('monitor')) this.#watch(message);
      else this.close(closeCodes.policy, 'watch needs the role monitor');
    } else if (this.#listener) void this.#listener.receive(message);
    else this.close(closeCodes.policy, 'this message needs the role listener');
  }

  #breachOf(binary: boolean): [code: number, reason: string] | undefined {
    const { credentials, now } = this.#context;
    if (binary) return [closeCodes.binary, 'messages are text'];
    if (!this.#messages.take(now())) return [closeCodes.tooFast, 'too many messages'];
    if (!credentials.isValid(this.identity))
      return [closeCodes.credential, 'the credential is no longer valid'];
    return undefined;
  }

  #watch(message: ClientMessageOf<'watch'>): void {
    const { feed } = this.#context;
    const next = feed.firstOf(message);
    const { epoch, counts, reasons } = feed;
    this.send({ type: 'watching', epoch, next, counts, reasons });
    feed.add(this, next);
  }

  #onPing(): void {
    if (!this.#pings.take(this.#context.now())) this.close(closeCodes.tooFast, 'too many pings');
  }

  #ping(text = ''): void {
    if (!this.open) return;
    this.#pinged++;
    this.#socket.ping(text);
  }

  /** The heartbeat's ping is empty; a ping of the feed carries a number. A pong that answers no ping counts as a ping. */
  #onPong(data: Buffer): void {
    this.#alive = true;
    if (this.#pinged > 0) this.#pinged--;
    else this.#onPing();
    const text = data.toString('latin1');
    if (text !== '' && !this.#presence.onPong(text)) this.#context.feed.onAnswer(this, Number(text));
  }

  #onClose(ending: Ending): void {
    this.#context.pacing.forget(this.identity, this);
    this.#presence.leave();
    this.#listener?.leave();
    this.#context.onClosed(this, ending);
  }

  #write(message: Buffer, flushed?: () => void): void {
    if (!this.open) return;
    const { queued } = this;
    const { limits, queues } = this.#context;
    if (queued + message.length > limits.queued || (queued > 0 && !queues.hasRoomFor(this))) {
      this.close(closeCodes.overload, slowReason);
      return;
    }
    this.#socket.send(message, { binary: false }, flushed);
  }
}
