/**
 * The part of a connection for a listener: begins its flows and sends their results.
 *
 * One class, although it is long: each message is one method, and all share the flows of the connection.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { BeginOptions } from '../model/flow.ts';
import type { Report } from '../base/isolated-observable.ts';
import { Recent } from '../base/recent.ts';
import type { FlowWatcher, StoredFlow } from '../model/flow-store.ts';
import { wrongCodeError } from '../model/confirmation.ts';
import { bindingOf } from '../model/expectation.ts';
import type { StoredFlows } from '../store/stored-flows.ts';
import type { Credentials, Identity } from './credentials.ts';
import type { ListenerRegistry, RegisteredListener } from './listener-registry.ts';
import {
  closeCodes,
  type BadBegin,
  type ClientMessage,
  type ClientMessageOf,
  type ServiceMessage,
  type ServiceMessageOf,
} from '../wire/protocol.ts';
import { failureOf } from './failure.ts';

/** Parts of a bridge that its listeners share. */
export interface ListenerContext {
  readonly limits: { readonly flows: number };
  readonly report: Report;
  readonly credentials: Pick<Credentials, 'isValid'>;
  readonly flows: StoredFlows;
  readonly registry: ListenerRegistry;
  /** Tells if no more flows are begun, because the service stops. */
  readonly isDraining: () => boolean;
  /** Set if listeners take up flows on behalf of the programs that hold them. */
  readonly onBehalf?: true;
}

/** The connection of a listener. */
export interface ListenerConnection {
  readonly identity: Identity;
  /** Address that the peer has connected from. */
  readonly address: string;
  /** The connection's challenge for `resume`. */
  readonly nonce: string;
  readonly open: boolean;
  /** Resolves with true once the peer has shown that it is still there, and with false if it leaves. */
  isHere(): Promise<boolean>;
  send(message: ServiceMessage): void;
  close(code: number, reason: string): void;
}

/** A message of a listener. */
export type ListenerMessage = BadBegin | Exclude<ClientMessage, ClientMessageOf<'watch' | 'ping'>>;

/** A flow that a connection listens for. */
class Listening implements FlowWatcher, RegisteredListener {
  readonly id: string;
  readonly state: string;
  /** True until the listener has acknowledged how the flow ended, or another connection has the flow. */
  attached = true;
  /** True once the listener was sent how the flow ended. */
  delivered = false;
  readonly #listener: Listener;

  constructor(
    readonly flow: StoredFlow,
    listener: Listener,
  ) {
    this.id = flow.id;
    this.state = flow.state;
    this.#listener = listener;
  }

  wake(): void {
    this.#listener.onWake(this);
  }

  onTakenOver(): void {
    this.#listener.onTakenOver(this);
  }
}

// A listener may settle a flow after it has acknowledged the result.
const minSettleable = 1_000;

/** The part of a connection that begins flows and receives their results. */
export class Listener {
  readonly #connection: ListenerConnection;
  readonly #context: ListenerContext;
  /** Flows that it listens for, by id. */
  readonly #flows = new Map<string, Listening>();
  /** States of the flows that it acknowledged last, by id. */
  readonly #settleable = new Recent<string>(minSettleable);
  #beginning = 0;
  #leaving = false;

  constructor(connection: ListenerConnection, context: ListenerContext) {
    this.#connection = connection;
    this.#context = context;
  }

  /** Tells if it waits for a flow. */
  get listening(): boolean {
    return this.#flows.size > 0;
  }

  async receive(message: ListenerMessage): Promise<void> {
    try {
      switch (message.type) {
        case 'begin':
          await this.#begin(message);
          break;
        case 'bad':
          this.#reject(message);
          break;
        case 'resume':
          await this.#resume(message);
          break;
        case 'ack':
          await this.#acknowledge(message.flowIds);
          break;
        case 'start':
          await this.#start(message);
          break;
        case 'confirm':
          await this.#confirm(message);
          break;
        case 'cancel':
          await this.#cancel(message.flowId);
          break;
        case 'settle':
          await this.#settle(message);
          break;
        case 'leave':
          await this.#leaveForGood();
      }
    } catch (error) {
      const failure = failureOf(error, this.#context.report);
      // A flow that cannot be resumed now is not lost: its client reconnects and resumes it.
      if (isAnswered(message)) this.#send({ type: 'failed', ref: message.ref, ...failure });
      else this.#connection.close(closeCodes.fault, 'the service is unavailable');
    }
  }

  /** Called when the flow may have ended. */
  onWake(listening: Listening): void {
    this.#deliver(listening).catch(this.#context.report);
  }

  /** Called when another connection listens for the flow. */
  onTakenOver(listening: Listening): void {
    this.#lose(listening, 'taken_over');
  }

  /** Stops listening because the connection has closed. Flows that have not ended stay in the store. */
  leave(): void {
    for (const listening of this.#flows.values()) this.#detach(listening);
  }

  async #begin({ ref, key, state, ...options }: Omit<ClientMessageOf<'begin'>, 'type'>): Promise<void> {
    const { flows, limits, isDraining } = this.#context;
    const { flows: only } = this.#connection.identity;
    if (isDraining()) {
      this.#send({ type: 'failed', ref, code: 'closed', message: 'the service stops' });
      return;
    }
    if (only || this.#flows.size + this.#beginning >= limits.flows) {
      const message = only ? 'this ticket does not allow begin' : 'this connection has too many flows';
      this.#send({ type: 'failed', ref, code: 'too_many_flows', message });
      return;
    }
    this.#beginning++;
    try {
      const { identity, address } = this.#connection;
      const holder = { ...identity, address };
      const { flow, again } = await flows.begin(key, state, options as BeginOptions, holder);
      flows.claim(state);
      if (again && !(await this.#takeUp(flow))) {
        this.#send({ type: 'failed', ref, code: 'state_in_use', message: 'this state was used before' });
        return;
      }
      if (this.#leaving) {
        await flows.free(state);
        return;
      }
      const { id, redirectUri, expiresAt } = flow;
      // A flow that was begun before may have ended at another node.
      const waits = !again && flows.waits(flow);
      const listening = this.#attach(flow);
      const startUrl = flows.startUrlOf(flow);
      const binding = bindingOf(flow.expectation);
      this.#send({
        type: 'begun',
        ref,
        flowId: id,
        redirectUri,
        expiresAt,
        ...(binding !== 'none' && { binding }),
        ...(startUrl !== undefined && { startUrl }),
      });
      if (!waits && listening) await this.#deliver(listening);
    } finally {
      this.#beginning--;
    }
  }

  #reject({ ref, option, message }: BadBegin): void {
    this.#send({ type: 'failed', ref, code: 'invalid_option', option, message });
  }

  async #resume({ ref, flowId: flow, state, proof }: ClientMessageOf<'resume'>): Promise<void> {
    const { flows } = this.#context;
    const { identity, nonce } = this.#connection;
    const allowed = !identity.flows || identity.flows.includes(flow);
    const stored = allowed ? await flows.store.read(state) : undefined;
    // Compute the HMAC for unknown flows too, so that timing does not reveal whether a flow exists.
    const proven = proves(proof, stored?.key ?? nonce, nonce);
    // The flow may have been acknowledged since it was read.
    if (stored?.id !== flow || !proven || !(await this.#takeUp(stored))) {
      this.#send({ type: 'failed', ref, code: 'unknown_flow', message: 'unknown flow or wrong proof' });
      return;
    }
    if (this.#leaving) {
      await flows.free(state);
      return;
    }
    const listening = this.#attach(stored);
    this.#send({ type: 'resumed', ref, flowId: flow });
    if (listening) await this.#deliver(listening);
  }

  /** Sends how a flow ended, if it has ended and the credential is still valid. */
  async #deliver(listening: Listening): Promise<void> {
    const { flows, credentials } = this.#context;
    const { id: flow, state } = listening;
    const result = await flows.take(state);
    const { open, identity } = this.#connection;
    if (!result || !listening.attached || !open) return;
    if (typeof result === 'string')
      this.#lose(listening, result === 'elsewhere' ? 'taken_over' : 'unknown_flow');
    else if (credentials.isValid(identity)) {
      listening.delivered = true;
      this.#send({ type: 'result', flowId: flow, result });
    } else this.#connection.close(closeCodes.credential, 'the credential is no longer valid');
  }

  async #acknowledge(ids: readonly string[]): Promise<void> {
    await this.#forget(ids);
    // Includes flows that were acknowledged before: the first answer may have been lost.
    const flows = ids.filter((id) => this.#settleable.get(id));
    if (flows.length > 0) this.#send({ type: 'acknowledged', flowIds: flows });
    // A ticket for some flows has no further use once they have ended.
    const { flows: mine } = this.#connection.identity;
    if (mine?.every((flow) => this.#settleable.get(flow))) this.#connection.close(closeCodes.done, 'done');
  }

  async #forget(ids: readonly string[]): Promise<void> {
    const { store } = this.#context.flows;
    const known = ids.flatMap((id) => this.#flows.get(id) ?? []);
    const forgotten = await Promise.all(known.map(({ state }) => store.acknowledge(state)));
    for (const [index, listening] of known.entries()) {
      if (!forgotten[index]) continue;
      this.#detach(listening);
      this.#settleable.set(listening.id, listening.state);
    }
  }

  /** Sets the target of a flow's start URL. */
  async #start({ ref, flowId, url }: ClientMessageOf<'start'>): Promise<void> {
    const listening = this.#flows.get(flowId);
    if (!listening) {
      this.#send({ type: 'failed', ref, code: 'unknown_flow', message: 'this connection has no such flow' });
      return;
    }
    await this.#context.flows.lead(listening.flow, url, this.#connection.identity.name);
    this.#send({ type: 'started', ref, flowId });
  }

  /** Passes on the code that a person has typed into the listener's program. */
  async #confirm({ ref, flowId, code }: ClientMessageOf<'confirm'>): Promise<void> {
    const listening = this.#flows.get(flowId);
    const result = listening ? await this.#context.flows.confirm(listening.flow, code) : 'unknown';
    if (result === 'confirmed') this.#send({ type: 'confirmed', ref, flowId });
    else if (result === 'unknown')
      this.#send({ type: 'failed', ref, code: 'unknown_flow', message: 'this connection has no such flow' });
    else this.#send({ type: 'failed', ref, code: 'wrong_code', message: wrongCodeError(result).message });
  }

  async #cancel(flow: string): Promise<void> {
    const listening = this.#flows.get(flow);
    if (listening) await this.#context.flows.store.cancel(listening.state);
  }

  /** Settles a flow that has its result. An outcome that comes sooner is ignored, and another one may follow. */
  async #settle({ flowId: flow, outcome, state, proof }: ClientMessageOf<'settle'>): Promise<void> {
    const { flows } = this.#context;
    const listening = this.#flows.get(flow);
    if (listening && !listening.delivered && typeof (await flows.store.take(listening.state)) !== 'object')
      return;
    const known = listening?.state ?? this.#settleable.get(flow);
    if (known !== undefined) flows.settle(flow, known, outcome);
    // Acknowledged on another connection, perhaps at another node.
    else if (state !== undefined && proof !== undefined && (await this.#owns(flow, state, proof)))
      flows.settle(flow, state, outcome);
  }

  async #owns(flow: string, state: string, proof: string): Promise<boolean> {
    const { identity, nonce } = this.#connection;
    const allowed = !identity.flows || identity.flows.includes(flow);
    const owner = allowed ? await this.#context.flows.store.owner(state) : undefined;
    const proven = proves(proof, owner?.key ?? nonce, nonce);
    if (!proven || owner?.id !== flow) return false;
    // Undefined while the flow is pending.
    return (await this.#context.flows.store.take(state)) !== undefined;
  }

  /** Ends every flow that it listens for or is still beginning, and closes. */
  async #leaveForGood(): Promise<void> {
    this.#leaving = true;
    await Promise.all(
      [...this.#flows.values()].map((listening) => {
        this.#detach(listening);
        return this.#context.flows.free(listening.state);
      }),
    );
    this.#connection.close(closeCodes.done, 'done');
  }

  /**
   * Moves a flow to this node for this connection, once its peer has shown that it is still there. Resolves with false if
   * the flow no longer exists, or the peer has left.
   */
  async #takeUp({ id, state }: StoredFlow): Promise<boolean> {
    const here = this.#flows.has(id) || (await this.#connection.isHere());
    return here && this.#context.flows.store.adopt(state);
  }

  /** Tells the listener that it has the flow no longer. A listener that was sent the result may still acknowledge it. */
  #lose(listening: Listening, reason: ServiceMessageOf<'lost'>['reason']): void {
    if (listening.delivered) return;
    this.#detach(listening);
    this.#send({ type: 'lost', flowId: listening.id, reason });
  }

  /** Returns undefined if the connection has closed meanwhile. */
  #attach(flow: StoredFlow): Listening | undefined {
    const { id } = flow;
    const known = this.#flows.get(id);
    if (known || !this.#connection.open) return known;
    const listening = new Listening(flow, this);
    this.#context.registry.attach(listening);
    const { identity, address } = this.#connection;
    const holder = this.#context.onBehalf ? undefined : { ...identity, address };
    this.#context.flows.listen(flow, listening, identity.name, holder);
    this.#flows.set(id, listening);
    return listening;
  }

  #detach(listening: Listening): void {
    listening.attached = false;
    this.#context.registry.detach(listening);
    this.#context.flows.leave(listening.state, listening);
    this.#flows.delete(listening.id);
  }

  #send(message: ServiceMessage): void {
    this.#connection.send(message);
  }
}

/** Tells if a message fails by an answer to it, so that only its own step has failed. */
function isAnswered(message: ListenerMessage): message is ClientMessageOf<'begin' | 'start' | 'confirm'> {
  return message.type === 'begin' || message.type === 'start' || message.type === 'confirm';
}

/** @param key The flow's key, base64url. */
function proves(proof: string, key: string, nonce: string): boolean {
  const right = createHmac('sha256', Buffer.from(key, 'base64url')).update(nonce).digest();
  const given = Buffer.from(proof, 'base64url');
  return given.length === right.length && timingSafeEqual(given, right);
}
