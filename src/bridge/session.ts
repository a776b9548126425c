import { createHmac, timingSafeEqual } from 'node:crypto';
import { WebSocket, type RawData } from 'ws';
import type { BeginOptions, Outcome } from '../flow.ts';
import type { StoredFlow, StoredResult } from '../store/store.ts';
import type { Identity } from './credentials.ts';
import type { Watcher } from './feed.ts';
import { Bucket } from '../bucket.ts';
import { randomToken } from '../pkce.ts';
import type { Timed } from '../deadlines.ts';
import {
  closeCodes,
  readClientMessage,
  type BadBegin,
  type ClientMessage,
  type Said,
  type ServiceMessage,
} from './protocol.ts';
import type { Refused } from './refused.ts';

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
  /** Whether whoever is attached to the flow will be told of its end; otherwise it may have ended. */
  waits(flow: StoredFlow): boolean;
  read(state: string): Promise<StoredFlow | undefined>;
  /** The flow's listener is at this node now. */
  adopt(state: string): Promise<void>;
  take(state: string): Promise<StoredResult | 'elsewhere' | undefined>;
  /** False where the flow has not ended. */
  acknowledge(state: string): Promise<boolean>;
  cancel(state: string): Promise<void>;
  /** False where the outcome is not allowed. */
  settle(flow: string, outcome: Outcome): boolean;
  /** Makes the session the flow's only listener, told when the flow may have ended. Returns its undo; undefined where a later one has it. */
  attach(flow: StoredFlow, session: Session): (() => void) | undefined;
  /** The connection has closed. */
  left(session: Session): void;
  watch(session: Session, message: Said<'watch'>): void;
  failed(error: unknown): Refused;
}

/** A flow that a connection listens for. */
interface Listening {
  readonly state: string;
  readonly stop: () => void;
}

let opened = 0;

// A listener settles after it has acknowledged; this many flows are remembered for it.
const mostSettleable = 1_000;

/** One connection that has proven who it is: frames in, frames out, and the flows it listens for. */
export class Session implements Watcher, Timed {
  readonly identity: Identity;
  readonly address: string;
  /** When its credential expires. */
  readonly deadline: number;
  slot = -1;
  /** Grows with each connection. */
  readonly order = ++opened;
  /** The connection's challenge for `resume`. */
  readonly nonce = randomToken();
  #alive = true;
  readonly #socket: SessionSocket;
  readonly #host: SessionHost;
  /** Those it listens for, by id. Made when first needed, like the next: most connections only wait. */
  #flows: Map<string, Listening> | undefined;
  #settleable: Set<string> | undefined;
  #beginning = 0;
  #leaving = false;
  #messages: Bucket | undefined;
  #pings: Bucket | undefined;

  constructor(socket: SessionSocket, identity: Identity, address: string, host: SessionHost) {
    this.#socket = socket;
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
    const { limits, epoch, redirectUri } = this.#host;
    const { burst, perSecond } = limits;
    const roles = [...this.identity.roles];
    this.#send({ type: 'welcome', roles, nonce: this.nonce, epoch, redirectUri, burst, perSecond });
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Whether it waits for a flow. */
  get listening(): boolean {
    return (this.#flows?.size ?? 0) > 0;
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
    const message = readClientMessage(data.toString());
    const { roles } = this.identity;
    if (message?.type === 'ping') this.#send({ type: 'pong' });
    else if (message?.type === 'watch' && roles.includes('monitor')) this.#host.watch(this, message);
    else if (message && message.type !== 'watch' && roles.includes('listener')) void this.#listen(message);
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

  ponged(): void {
    this.#alive = true;
  }

  /** Sends the heartbeat; false where the last one was not answered. */
  beat(): boolean {
    if (!this.#alive) return false;
    this.#alive = false;
    if (this.open) this.#socket.ping();
    return true;
  }

  /** Tells the listener how its flow ended, if it has and the listener may still know. */
  async deliver(flow: string): Promise<void> {
    const listening = this.#flows?.get(flow);
    const result = listening && (await this.#host.take(listening.state));
    if (!result || !this.#flows?.has(flow) || !this.open) return;
    if (result === 'elsewhere') this.close(closeCodes.elsewhere, 'another node has the flow');
    else if (this.#host.stands(this.identity)) this.#send({ type: 'result', flow, result });
    else this.close(closeCodes.credential, 'the credential does not hold');
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

  /** A later connection has this flow. */
  takenOver(flow: string): void {
    this.#detach(flow);
    this.close(closeCodes.takenOver, 'another connection has taken the flow over');
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

  /** The socket has closed. Flows that have not ended stay in the store. */
  leave(): void {
    for (const { stop } of this.#flows?.values() ?? []) stop();
    this.#flows = undefined;
    this.#host.left(this);
  }

  async #listen(message: BadBegin | Exclude<ClientMessage, Said<'watch' | 'ping'>>): Promise<void> {
    try {
      if (message.type === 'begin') await this.#begin(message);
      else if (message.type === 'bad') this.#refuse(message);
      else if (message.type === 'resume') await this.#resume(message);
      else if (message.type === 'leave') await this.#leaveAll();
      else if (message.type === 'ack') await this.#acknowledge(message.flows);
      else await this.#act(message);
    } catch (error) {
      const refused = this.#host.failed(error);
      // Only of a beginning: a flow that cannot be resumed now is not lost, and its client is to come again.
      if (message.type === 'begin') this.#send({ type: 'failed', ref: message.ref, ...refused });
      else this.close(closeCodes.fault, 'the service cannot do this now');
    }
  }

  async #begin({ ref, key, state, ...options }: Omit<Said<'begin'>, 'type'>): Promise<void> {
    if (this.identity.flows || (this.#flows?.size ?? 0) + this.#beginning >= this.#host.limits.flows) {
      const message = this.identity.flows
        ? 'this ticket begins no flows'
        : 'this connection has too many flows';
      this.#send({ type: 'failed', ref, code: 'too_many_flows', message });
      return;
    }
    this.#beginning++;
    try {
      const flow = await this.#host.begin(key, state, options as BeginOptions);
      if (this.#leaving) {
        await this.#free(flow.id, state);
        return;
      }
      const { id, redirectUri, expiresAt } = flow;
      const waits = this.#host.waits(flow);
      this.#attach(flow);
      this.#send({ type: 'begun', ref, flow: id, redirectUri, expiresAt });
      if (!waits) await this.deliver(id);
    } finally {
      this.#beginning--;
    }
  }

  #refuse({ ref, option, message }: BadBegin): void {
    this.#send({ type: 'failed', ref, code: 'invalid_option', option, message });
  }

  async #resume({ ref, flow, state, proof }: Said<'resume'>): Promise<void> {
    const allowed = !this.identity.flows || this.identity.flows.includes(flow);
    const stored = allowed ? await this.#host.read(state) : undefined;
    // Reckoned for an unknown flow too, so that the time taken does not tell it from a wrong proof.
    const proven = proves(proof, stored?.key ?? this.nonce, this.nonce);
    if (stored?.id !== flow || !proven) {
      this.#send({ type: 'failed', ref, code: 'unknown_flow', message: 'there is no such flow for you' });
      return;
    }
    await this.#host.adopt(state);
    if (this.#leaving) {
      await this.#free(flow, state);
      return;
    }
    this.#attach(stored);
    this.#send({ type: 'resumed', ref, flow });
    await this.deliver(flow);
  }

  async #act({ flow, ...message }: Said<'cancel' | 'settle'>): Promise<void> {
    const listening = this.#flows?.get(flow);
    if (message.type === 'cancel') {
      if (listening) await this.#host.cancel(listening.state);
    } else if (listening ?? this.#settleable?.has(flow)) {
      if (this.#host.settle(flow, message.outcome)) this.#settleable?.delete(flow);
    }
  }

  async #acknowledge(acknowledged: readonly string[]): Promise<void> {
    const forgotten = await Promise.all(acknowledged.map((flow) => this.#forgets(flow)));
    const flows = acknowledged.filter((_, index) => forgotten[index]);
    if (flows.length > 0) this.#send({ type: 'acknowledged', flows });
    // A ticket for some flows is good for nothing once they have ended.
    const { flows: mine } = this.identity;
    if (mine?.every((flow) => this.#settleable?.has(flow))) this.close(closeCodes.done, 'done');
  }

  /** Whether a flow of this connection is forgotten now, or was before. */
  async #forgets(flow: string): Promise<boolean> {
    const listening = this.#flows?.get(flow);
    if (!listening) return this.#settleable?.has(flow) ?? false;
    if (!(await this.#host.acknowledge(listening.state))) return false;
    this.#detach(flow);
    const settleable = (this.#settleable ??= new Set());
    const [oldest] = settleable.size >= mostSettleable ? settleable : [];
    if (oldest !== undefined) settleable.delete(oldest);
    settleable.add(flow);
    return true;
  }

  /** The listener goes for good, and with it what it listened for, and what it has asked for and not been answered. */
  async #leaveAll(): Promise<void> {
    this.#leaving = true;
    await Promise.all([...(this.#flows ?? [])].map(([flow, { state }]) => this.#free(flow, state)));
    this.close(closeCodes.done, 'done');
  }

  async #free(flow: string, state: string): Promise<void> {
    this.#detach(flow);
    await this.#host.cancel(state);
    // Tells of the end, too.
    await this.#host.take(state);
    await this.#host.acknowledge(state);
  }

  #detach(flow: string): void {
    this.#flows?.get(flow)?.stop();
    this.#flows?.delete(flow);
  }

  #attach(flow: StoredFlow): void {
    const { id, state } = flow;
    if (!this.open || this.#flows?.has(id)) return;
    const stop = this.#host.attach(flow, this);
    if (stop) (this.#flows ??= new Map()).set(id, { state, stop });
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

function onPong(this: WebSocket): void {
  sessionOf(this)?.ponged();
}

function onClose(this: WebSocket): void {
  sessionOf(this)?.leave();
}

/** What ws finds wrong with a frame it answers with the right close code itself. */
function ignore(): void {
  // Nothing else to do.
}

/** @param key The SHA-256 of the flow's secret, base64url. */
function proves(proof: string, key: string, nonce: string): boolean {
  const right = createHmac('sha256', Buffer.from(key, 'base64url')).update(nonce).digest();
  const given = Buffer.from(proof, 'base64url');
  return given.length === right.length && timingSafeEqual(given, right);
}
