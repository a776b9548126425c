import { createHmac, timingSafeEqual } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { BeginOptions, Outcome } from '../flow.ts';
import type { StoredFlow, StoredResult } from '../store/store.ts';
import type { Identity } from './credentials.ts';
import type { Watcher } from './feed.ts';
import {
  closeCodes,
  listenerMessage,
  monitorMessage,
  parseMessage,
  type ListenerMessage,
  type MonitorMessage,
  type ServiceMessage,
} from './protocol.ts';
import { Bucket } from './bucket.ts';

/** What a session needs of its bridge. */
export interface SessionHost {
  readonly epoch: string;
  readonly redirectUri: string;
  readonly limits: { burst: number; perSecond: number; pings: number; queued: number; flows: number };
  now(): number;
  /** Whether the credential still holds. */
  stands(identity: Identity): boolean;
  /** Whether more is queued in all than may be. */
  overloaded(): boolean;
  begin(key: string, state: string, options: BeginOptions): Promise<StoredFlow>;
  read(flow: string): Promise<StoredFlow | undefined>;
  result(flow: string): Promise<StoredResult | undefined>;
  acknowledge(flow: string): Promise<void>;
  cancel(flow: string): Promise<void>;
  settle(flow: string, outcome: Outcome): void;
  /** Makes the session the flow's only listener, told when the flow may have ended. Returns its undo. */
  attach(flow: string, session: Session): () => void;
  watch(session: Session, message: MonitorMessage): void;
  failed(error: unknown): { code: string; message: string };
}

// A listener settles after it has acknowledged; this many flows are remembered for it.
const mostSettled = 1_000;

/** One connection that has proven who it is: frames in, frames out, and the flows it listens for. */
export class Session implements Watcher {
  readonly identity: Identity;
  readonly nonce: string;
  alive = true;
  readonly #socket: WebSocket;
  readonly #host: SessionHost;
  readonly #flows = new Map<string, () => void>();
  readonly #settleable = new Set<string>();
  readonly #messages: Bucket;
  readonly #pings: Bucket;

  constructor(socket: WebSocket, identity: Identity, nonce: string, host: SessionHost) {
    this.#socket = socket;
    this.identity = identity;
    this.nonce = nonce;
    this.#host = host;
    const { burst, perSecond, pings } = host.limits;
    this.#messages = new Bucket(burst, perSecond);
    this.#pings = new Bucket(pings, pings);
    this.#send({
      type: 'welcome',
      roles: [...identity.roles],
      nonce,
      epoch: host.epoch,
      redirectUri: host.redirectUri,
      burst,
      perSecond,
    });
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  get queued(): number {
    return this.#socket.bufferedAmount;
  }

  /** A message of the peer. Whatever is wrong with it ends this connection and no other. */
  receive(data: Buffer, binary: boolean): void {
    if (!this.open) return;
    const breach = this.#breachOf(binary);
    if (breach) {
      this.close(...breach);
      return;
    }
    const frame = data.toString();
    const { roles } = this.identity;
    const asked = roles.includes('listener') ? parseMessage(listenerMessage, frame) : undefined;
    if (asked) {
      void this.#listen(asked);
      return;
    }
    const watched = roles.includes('monitor') ? parseMessage(monitorMessage, frame) : undefined;
    if (watched) this.#host.watch(this, watched);
    else this.close(closeCodes.policy, 'not a message this role may send');
  }

  #breachOf(binary: boolean): [code: number, reason: string] | undefined {
    if (binary) return [closeCodes.binary, 'messages are text'];
    if (!this.#messages.take(this.#host.now())) return [closeCodes.tooFast, 'too many messages'];
    if (!this.#host.stands(this.identity)) return [closeCodes.credential, 'the credential has expired'];
    return undefined;
  }

  pinged(): void {
    if (!this.#pings.take(this.#host.now())) this.close(closeCodes.tooFast, 'too many pings');
  }

  /** Sends the heartbeat; false where the last one was not answered. */
  beat(): boolean {
    if (!this.alive) return false;
    this.alive = false;
    if (this.open) this.#socket.ping();
    return true;
  }

  /** Tells the listener how its flow ended, if it has and the listener may still know. */
  async deliver(flow: string): Promise<void> {
    const result = await this.#host.result(flow);
    if (!result || !this.#flows.has(flow) || !this.open) return;
    if (this.#host.stands(this.identity)) this.#send({ type: 'result', flow, result });
    else this.close(closeCodes.credential, 'the credential has expired');
  }

  get ready(): boolean {
    return this.#socket.bufferedAmount < this.#host.limits.queued / 4;
  }

  get filling(): boolean {
    return this.#socket.bufferedAmount > 0;
  }

  event(frame: Buffer, flushed?: () => void): void {
    this.#write(frame, flushed);
  }

  fellBehind(): void {
    this.close(closeCodes.overload, 'more events came than were read');
  }

  tell(message: ServiceMessage): void {
    this.#send(message);
  }

  /** Another connection has this flow now. */
  takenOver(flow: string): void {
    this.#flows.delete(flow);
    this.close(closeCodes.takenOver, 'another connection has taken the flow over');
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** The socket has closed. Flows that have not ended stay in the store. */
  leave(): void {
    for (const detach of this.#flows.values()) detach();
    this.#flows.clear();
  }

  async #listen(message: ListenerMessage): Promise<void> {
    try {
      if (message.type === 'begin') await this.#begin(message);
      else if (message.type === 'resume') await this.#resume(message);
      else if (this.#flows.has(message.flow) || this.#settleable.has(message.flow)) await this.#act(message);
    } catch (error) {
      if ('ref' in message) this.#send({ type: 'failed', ref: message.ref, ...this.#host.failed(error) });
      else this.close(closeCodes.fault, 'the service cannot do this now');
    }
  }

  async #begin(message: Extract<ListenerMessage, { type: 'begin' }>): Promise<void> {
    const { ref, key, state } = message;
    if (this.identity.flows || this.#flows.size >= this.#host.limits.flows) {
      const message = this.identity.flows
        ? 'this ticket begins no flows'
        : 'this connection has too many flows';
      this.#send({ type: 'failed', ref, code: 'too_many_flows', message });
      return;
    }
    const { id, redirectUri, expiresAt } = await this.#host.begin(key, state, message as BeginOptions);
    this.#attach(id);
    this.#send({ type: 'begun', ref, flow: id, redirectUri, expiresAt });
    await this.deliver(id);
  }

  async #resume({ ref, flow, proof }: Extract<ListenerMessage, { type: 'resume' }>): Promise<void> {
    const allowed = !this.identity.flows || this.identity.flows.includes(flow);
    const stored = allowed ? await this.#host.read(flow) : undefined;
    // Reckoned for an unknown flow too, so that the time taken does not tell it from a wrong proof.
    const proven = proves(proof, stored?.key ?? this.nonce, this.nonce);
    if (!stored || !proven) {
      this.#send({ type: 'failed', ref, code: 'unknown_flow', message: 'there is no such flow for you' });
      return;
    }
    this.#attach(flow);
    this.#send({ type: 'resumed', ref, flow });
    await this.deliver(flow);
  }

  async #act(message: Exclude<ListenerMessage, { type: 'begin' | 'resume' }>): Promise<void> {
    const { flow } = message;
    if (message.type === 'settle') {
      this.#settleable.delete(flow);
      this.#host.settle(flow, message.outcome);
    } else if (message.type === 'cancel') {
      await this.#host.cancel(flow);
    } else {
      this.#flows.get(flow)?.();
      this.#flows.delete(flow);
      if (this.#settleable.size < mostSettled) this.#settleable.add(flow);
      await this.#host.acknowledge(flow);
    }
  }

  #attach(flow: string): void {
    if (!this.#flows.has(flow)) this.#flows.set(flow, this.#host.attach(flow, this));
  }

  #send(message: ServiceMessage): void {
    this.#write(JSON.stringify(message));
  }

  #write(frame: string | Buffer, flushed?: () => void): void {
    if (!this.open) return;
    const { bufferedAmount } = this.#socket;
    if (
      bufferedAmount + frame.length > this.#host.limits.queued ||
      (bufferedAmount > 0 && this.#host.overloaded())
    ) {
      this.close(closeCodes.overload, 'more is queued than is read');
      return;
    }
    this.#socket.send(frame, { binary: false }, flushed);
  }
}

/** @param key The SHA-256 of the flow's secret, base64url. */
function proves(proof: string, key: string, nonce: string): boolean {
  const right = createHmac('sha256', Buffer.from(key, 'base64url')).update(nonce).digest();
  const given = Buffer.from(proof, 'base64url');
  return given.length === right.length && timingSafeEqual(given, right);
}
