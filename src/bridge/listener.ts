import { createHmac, timingSafeEqual } from 'node:crypto';
import type { BeginOptions, Outcome } from '../flow.ts';
import type { Report } from '../isolated-observable.ts';
import { Recent } from '../recent.ts';
import type { BegunFlow, StoredFlow, StoredResult, Watcher } from '../store/store.ts';
import type { Identity } from './credentials.ts';
import { closeCodes, type BadBegin, type ClientMessage, type Said, type ServiceMessage } from './protocol.ts';
import type { Refused } from './refused.ts';

/** What a listener needs of its bridge. */
export interface ListenerHost {
  readonly limits: { flows: number };
  readonly report: Report;
  /** Whether the credential still holds. */
  stands(identity: Identity): boolean;
  begin(key: string, state: string, options: BeginOptions): Promise<BegunFlow>;
  /** Whether whoever is attached to the flow will be told of its end; otherwise it may have ended. */
  waits(flow: StoredFlow): boolean;
  read(state: string): Promise<StoredFlow | undefined>;
  /** The flow's listener is at this node now; false where there is no such flow. */
  adopt(state: string): Promise<boolean>;
  take(state: string): Promise<StoredResult | 'elsewhere' | 'gone' | undefined>;
  /** False where the flow has not ended. */
  acknowledge(state: string): Promise<boolean>;
  cancel(state: string): Promise<void>;
  /** Ends the flow, and keeps nothing of it. */
  free(state: string): Promise<void>;
  /** Does nothing for an outcome that is not allowed. */
  settle(flow: string, state: string, outcome: Outcome): void;
  /** Makes it the flow's only listener, woken when the flow may have ended; false where a later connection has it. */
  attach(flow: StoredFlow, listening: Listening): boolean;
  detach(listening: Listening): void;
  failed(error: unknown): Refused;
}

/** The connection of a listener. */
export interface ListenerConnection {
  readonly identity: Identity;
  /** Grows with each connection. */
  readonly order: number;
  /** The connection's challenge for `resume`. */
  readonly nonce: string;
  readonly open: boolean;
  tell(message: ServiceMessage): void;
  close(code: number, reason: string): void;
}

/** What a listener says. */
export type ListenerMessage = BadBegin | Exclude<ClientMessage, Said<'watch' | 'ping'>>;

/** A flow that a connection listens for. One object, since a connection may have 100,000 of them. */
export class Listening implements Watcher {
  readonly id: string;
  readonly state: string;
  /** Until the listener has the end, or another connection the flow. */
  attached = true;
  readonly #listener: Listener;

  constructor({ id, state }: StoredFlow, listener: Listener) {
    this.id = id;
    this.state = state;
    this.#listener = listener;
  }

  get order(): number {
    return this.#listener.order;
  }

  wake(): void {
    this.#listener.woken(this);
  }

  /** A later connection has this flow. */
  takenOver(): void {
    this.#listener.lost(this);
  }
}

// A listener settles after it has acknowledged; so many flows are remembered for it.
const settleable = 1_000;

/** The part of a connection that begins flows and is told how they end. */
export class Listener {
  readonly #connection: ListenerConnection;
  readonly #host: ListenerHost;
  /** Those it listens for, by id. */
  readonly #flows = new Map<string, Listening>();
  /** With their states. */
  readonly #settleable = new Recent<string>(settleable);
  #beginning = 0;
  #leaving = false;

  constructor(connection: ListenerConnection, host: ListenerHost) {
    this.#connection = connection;
    this.#host = host;
  }

  /** Whether it waits for a flow. */
  get listening(): boolean {
    return this.#flows.size > 0;
  }

  get order(): number {
    return this.#connection.order;
  }

  async hear(message: ListenerMessage): Promise<void> {
    try {
      switch (message.type) {
        case 'begin':
          await this.#begin(message);
          break;
        case 'bad':
          this.#refuse(message);
          break;
        case 'resume':
          await this.#resume(message);
          break;
        case 'ack':
          await this.#acknowledge(message.flows);
          break;
        case 'cancel':
          await this.#cancel(message.flow);
          break;
        case 'settle':
          this.#settle(message);
          break;
        case 'leave':
          await this.#leaveAll();
      }
    } catch (error) {
      const refused = this.#host.failed(error);
      // Only of a beginning: a flow that cannot be resumed now is not lost, and its client is to come again.
      if (message.type === 'begin') this.#tell({ type: 'failed', ref: message.ref, ...refused });
      else this.#connection.close(closeCodes.fault, 'the service cannot do this now');
    }
  }

  woken(listening: Listening): void {
    this.#deliver(listening).catch(this.#host.report);
  }

  lost(listening: Listening): void {
    this.#detach(listening);
    this.#connection.close(closeCodes.takenOver, 'another connection has taken the flow over');
  }

  /** The connection has closed. Flows that have not ended stay in the store. */
  leave(): void {
    for (const listening of this.#flows.values()) this.#detach(listening);
  }

  async #begin({ ref, key, state, ...options }: Omit<Said<'begin'>, 'type'>): Promise<void> {
    const { flows: only } = this.#connection.identity;
    if (only || this.#flows.size + this.#beginning >= this.#host.limits.flows) {
      const message = only ? 'this ticket begins no flows' : 'this connection has too many flows';
      this.#tell({ type: 'failed', ref, code: 'too_many_flows', message });
      return;
    }
    this.#beginning++;
    try {
      const { flow, again } = await this.#host.begin(key, state, options as BeginOptions);
      if (this.#leaving) {
        await this.#host.free(state);
        return;
      }
      const { id, redirectUri, expiresAt } = flow;
      // Begun before, it may have been another node's, and have ended there.
      const waits = !again && this.#host.waits(flow);
      const listening = this.#attach(flow);
      this.#tell({ type: 'begun', ref, flow: id, redirectUri, expiresAt });
      if (!waits && listening) await this.#deliver(listening);
    } finally {
      this.#beginning--;
    }
  }

  #refuse({ ref, option, message }: BadBegin): void {
    this.#tell({ type: 'failed', ref, code: 'invalid_option', option, message });
  }

  async #resume({ ref, flow, state, proof }: Said<'resume'>): Promise<void> {
    const { identity, nonce } = this.#connection;
    const allowed = !identity.flows || identity.flows.includes(flow);
    const stored = allowed ? await this.#host.read(state) : undefined;
    // Reckoned for an unknown flow too, so that the time taken does not tell it from a wrong proof.
    const proven = proves(proof, stored?.key ?? nonce, nonce);
    // It may have been acknowledged since.
    if (stored?.id !== flow || !proven || !(await this.#host.adopt(state))) {
      this.#tell({ type: 'failed', ref, code: 'unknown_flow', message: 'there is no such flow for you' });
      return;
    }
    if (this.#leaving) {
      await this.#host.free(state);
      return;
    }
    const listening = this.#attach(stored);
    this.#tell({ type: 'resumed', ref, flow });
    if (listening) await this.#deliver(listening);
  }

  /** Tells the listener how its flow ended, if it has and the listener may still know. */
  async #deliver(listening: Listening): Promise<void> {
    const { id: flow, state } = listening;
    const result = await this.#host.take(state);
    const { open, identity } = this.#connection;
    if (!result || !listening.attached || !open) return;
    // Its client comes back, and hears what became of each of its flows.
    if (typeof result === 'string')
      this.#connection.close(closeCodes.elsewhere, 'this node has the flow no longer');
    else if (this.#host.stands(identity)) this.#tell({ type: 'result', flow, result });
    else this.#connection.close(closeCodes.credential, 'the credential does not hold');
  }

  async #acknowledge(ids: readonly string[]): Promise<void> {
    await this.#forget(ids);
    // Those that were forgotten before, too: the client has not heard of it.
    const flows = ids.filter((id) => this.#settleable.get(id));
    if (flows.length > 0) this.#tell({ type: 'acknowledged', flows });
    // A ticket for some flows is good for nothing once they have ended.
    const { flows: mine } = this.#connection.identity;
    if (mine?.every((flow) => this.#settleable.get(flow))) this.#connection.close(closeCodes.done, 'done');
  }

  async #forget(ids: readonly string[]): Promise<void> {
    const known = ids.flatMap((id) => this.#flows.get(id) ?? []);
    const forgotten = await Promise.all(known.map(({ state }) => this.#host.acknowledge(state)));
    for (const [index, listening] of known.entries()) {
      if (!forgotten[index]) continue;
      this.#detach(listening);
      this.#settleable.set(listening.id, listening.state);
    }
  }

  async #cancel(flow: string): Promise<void> {
    const listening = this.#flows.get(flow);
    if (listening) await this.#host.cancel(listening.state);
  }

  #settle({ flow, outcome }: Said<'settle'>): void {
    const state = this.#flows.get(flow)?.state ?? this.#settleable.get(flow);
    if (state !== undefined) this.#host.settle(flow, state, outcome);
  }

  /** The listener goes for good, and with it what it listened for, and what it has asked for and not been answered. */
  async #leaveAll(): Promise<void> {
    this.#leaving = true;
    await Promise.all(
      [...this.#flows.values()].map((listening) => {
        this.#detach(listening);
        return this.#host.free(listening.state);
      }),
    );
    this.#connection.close(closeCodes.done, 'done');
  }

  /** Undefined where the connection has closed meanwhile, or a later one has the flow. */
  #attach(flow: StoredFlow): Listening | undefined {
    const { id } = flow;
    const known = this.#flows.get(id);
    if (known || !this.#connection.open) return known;
    const listening = new Listening(flow, this);
    if (!this.#host.attach(flow, listening)) return undefined;
    this.#flows.set(id, listening);
    return listening;
  }

  #detach(listening: Listening): void {
    listening.attached = false;
    this.#host.detach(listening);
    this.#flows.delete(listening.id);
  }

  #tell(message: ServiceMessage): void {
    this.#connection.tell(message);
  }
}

/** @param key The SHA-256 of the flow's secret, base64url. */
function proves(proof: string, key: string, nonce: string): boolean {
  const right = createHmac('sha256', Buffer.from(key, 'base64url')).update(nonce).digest();
  const given = Buffer.from(proof, 'base64url');
  return given.length === right.length && timingSafeEqual(given, right);
}
