import type { Clock } from '../../base/clock.ts';
import { randomToken } from '../../base/random.ts';
import { sameKey } from '../../store/same-key.ts';
import { closeCodes, type ServiceMessage } from '../../wire/protocol.ts';
import type { Ending, Peer } from '../audit.ts';
import type { Identity } from '../credentials.ts';
import { Listener, type ListenerContext } from '../listener.ts';
import { slowReason, type Queues } from '../queues.ts';
import type { Exchange } from './exchange.ts';
import { answerClose } from './failures.ts';
import { resumeOf } from './flow-requests.ts';
import type { KeyFlows, KeyOwner, KeyRecord } from './key-flows.ts';
import { disconnected, type OpenRequest, type OpenRequests } from './open-requests.ts';
import { OrderedResults } from './ordered-results.ts';
import { RequestConnection } from './request-connection.ts';

/** Parts of a bridge that its event streams share. */
export interface EventStreamContext extends ListenerContext {
  readonly clock: Clock;
  readonly requests: OpenRequests;
  readonly keyFlows: KeyFlows;
  readonly limits: { readonly flows: number; readonly queued: number; readonly heartbeat: number };
  readonly queues: Queues;
}

// Another node may have begun a flow of the key, or have opened another stream of it.
const lookMs = 1_000;
// A client waits so long before it reconnects.
const retryMs = 2_000;
// Reads of the store at once.
const lanes = 32;
// As long as a session may take to close.
const endMs = 1_000;

/**
 * The results of all flows that were begun with one key, as server-sent events. Each is sent until it is acknowledged, once on
 * each stream.
 *
 * @see HTML Living Standard, section 9.2
 */
export class EventStream implements OpenRequest {
  readonly peer: Peer;
  readonly identity: Identity;
  readonly address: string;
  readonly #id = randomToken(9);
  readonly #owner: KeyOwner;
  readonly #exchange: Exchange;
  readonly #context: EventStreamContext;
  readonly #connection: RequestConnection;
  readonly #listener: Listener;
  /** States of the flows that the stream has taken up, by the flow's id. */
  readonly #states = new Map<string, string>();
  readonly #seen = new Set<string>();
  /** States of flows that another listener has taken over, by the flow's id. */
  readonly #lost = new Map<string, string>();
  /** Ids of flows that the listener listens for. */
  readonly #resumed = new Set<string>();
  readonly #results: OrderedResults;
  /** States of flows that have ended and have no number yet. */
  #unnumbered = new Set<string>();
  #numbering = false;
  #looking: 'no' | 'once' | 'again' = 'no';
  #ending: Ending | undefined;
  readonly #undo: (() => void)[] = [];

  constructor(exchange: Exchange, peer: Peer, key: string, context: EventStreamContext) {
    const { identity, address } = peer;
    this.peer = peer;
    this.identity = identity;
    this.address = address;
    this.#exchange = exchange;
    this.#context = context;
    this.#owner = { tenant: identity.tenant, key };
    this.#results = new OrderedResults(exchange.header('last-event-id') ?? '', (result, id) =>
      this.#event('result', result, id),
    );
    this.#connection = new RequestConnection(peer, {
      onMessage: (message) => this.#onMessage(message),
      onClose: (code) => this.end(code, 'closed'),
    });
    this.#listener = new Listener(this.#connection, context);
  }

  get queued(): number {
    const { response } = this.#exchange;
    return response.destroyed ? 0 : response.writableLength;
  }

  /** Opens the stream in place of an earlier one of the key. Resolves once it is over. */
  async run(): Promise<void> {
    const record = await this.#claim();
    if (this.#exchange.over) return;
    const over = new Promise<void>((resolve) => this.#exchange.onOver(resolve));
    this.#exchange.wait();
    // nginx gathers an answer otherwise.
    this.#exchange.begin(200, 'text/event-stream', { 'X-Accel-Buffering': 'no' }, undefined);
    this.#write(`retry: ${retryMs}\n\n`);
    this.#context.requests.add(this);
    this.#undo.push(this.#context.keyFlows.watch(this.#owner, () => this.#look()));
    this.#every(lookMs, () => this.#look());
    this.#every(this.#context.limits.heartbeat, () => this.#write(':\n\n'));
    this.#attempt(this.#takeUp(record));
    await over;
    for (const undo of this.#undo) undo();
    this.#connection.end();
    this.#listener.leave();
    this.#context.requests.remove(this, this.#ending ?? disconnected);
  }

  end(code: number, reason: string): void {
    if (this.#ending) return;
    this.#ending = { by: 'service', code, reason };
    const { response } = this.#exchange;
    // Nothing is sent yet if the store has failed before.
    if (response.headersSent) response.end();
    else answerClose(this.#exchange, code);
    // A client that does not read the rest would keep its connection, which counts no longer once it is evicted.
    this.#undo.push(this.#context.clock.after(endMs, () => this.#exchange.cut()));
  }

  drop(reason: string): void {
    this.#ending ??= { by: 'service', code: closeCodes.overload, reason };
    this.#exchange.cut();
  }

  #claim(): Promise<KeyRecord> {
    const claim = (before: KeyRecord): KeyRecord => ({ ...before, reader: this.#id });
    return this.#context.keyFlows.change(this.#owner, claim);
  }

  /** Looks for flows that were begun since, and for a stream that was opened since. */
  #look(): void {
    if (this.#ending) return;
    const first = this.#looking === 'no';
    this.#looking = first ? 'once' : 'again';
    if (first) this.#attempt(this.#lookOften());
  }

  async #lookOften(): Promise<void> {
    do {
      this.#looking = 'once';
      await this.#lookNow();
    } while (this.#isAsked());
    this.#looking = 'no';
  }

  /** Tells if the record has changed while the stream looked. */
  #isAsked(): boolean {
    return this.#looking === 'again' && !this.#ending;
  }

  async #lookNow(): Promise<void> {
    // A repeated `begin` or a poll has taken them over, and has left since.
    for (const [flowId, state] of this.#lost) {
      if (this.#context.registry.has(flowId)) continue;
      this.#lost.delete(flowId);
      this.#seen.delete(state);
    }
    // The record is gone if no flow of the key was pending for a while.
    const record = (await this.#context.keyFlows.read(this.#owner)) ?? (await this.#claim());
    if (record.reader === this.#id) await this.#takeUp(record);
    else this.#onReplaced();
  }

  #onReplaced(): void {
    this.#event('lost', { reason: 'taken_over' });
    this.end(closeCodes.done, 'taken over');
  }

  /** Takes up flows that are new to this stream. */
  async #takeUp(record: KeyRecord): Promise<void> {
    this.#results.know(record);
    const queue = record.flows.filter(({ state }) => !this.#seen.has(state)).values();
    const gone = new Set<string>();
    const lane = async (): Promise<void> => {
      for (const { state } of queue) {
        this.#seen.add(state);
        const found = await this.#resume(state);
        if (found === 'resumed') continue;
        this.#results.dismiss(state);
        if (found === 'gone') gone.add(state);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    if (gone.size > 0) await this.#context.keyFlows.remove(this.#owner, gone);
  }

  /** Resolves with `kept` if the flow exists, and this stream cannot have it: another one of the key may. */
  async #resume(state: string): Promise<'resumed' | 'kept' | 'gone'> {
    const { key } = this.#owner;
    const flow = await this.#context.flows.store.read(state);
    if (!flow || !sameKey(flow.key, key)) return 'gone';
    this.#states.set(flow.id, state);
    await this.#listener.receive(resumeOf(flow, { state, key }, this.#connection));
    return this.#resumed.has(flow.id) ? 'resumed' : 'kept';
  }

  #onMessage(message: ServiceMessage): void {
    const { flowId = '' } = message as { flowId?: string };
    const state = this.#states.get(flowId) ?? '';
    if (message.type === 'resumed') this.#resumed.add(flowId);
    else if (message.type === 'result') {
      this.#results.hold(state, message);
      this.#unnumbered.add(state);
      if (!this.#numbering) this.#attempt(this.#number());
    } else if (message.type === 'lost') {
      this.#event('lost', { flowId, reason: message.reason });
      this.#lost.set(flowId, state);
    }
  }

  /** Gives each result its number, after which it is sent. All nodes know the number, so that a client can name it at any. */
  async #number(): Promise<void> {
    this.#numbering = true;
    try {
      while (this.#unnumbered.size > 0 && !this.#ending) {
        const ended = this.#unnumbered;
        this.#unnumbered = new Set();
        this.#results.know(
          await this.#context.keyFlows.change(this.#owner, (before) => numbered(before, ended)),
        );
      }
    } finally {
      this.#numbering = false;
    }
  }

  #event(name: string, data: object, id?: string): void {
    const line = id === undefined ? '' : `id: ${id}\n`;
    this.#write(`${line}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  #write(text: string): void {
    const { response } = this.#exchange;
    if (this.#ending || this.#exchange.over) return;
    const { limits, queues } = this.#context;
    const isFull = this.queued + text.length > limits.queued || (this.queued > 0 && !queues.hasRoomFor(this));
    if (isFull) this.drop(slowReason);
    else response.write(text);
  }

  #every(ms: number, run: () => void): void {
    let stop = this.#context.clock.after(ms, function again() {
      run();
      stop = schedule(again);
    });
    const schedule = (again: () => void): (() => void) => this.#context.clock.after(ms, again);
    this.#undo.push(() => stop());
  }

  /** Ends the stream if the store fails, so that the client reconnects. */
  #attempt(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#context.report(error);
      this.end(closeCodes.fault, 'the service is unavailable');
    });
  }
}

/** Gives the next numbers to flows that have none yet. */
function numbered(record: KeyRecord, ended: ReadonlySet<string>): KeyRecord {
  let { next } = record;
  const flows = record.flows.map((flow) =>
    ended.has(flow.state) && flow.number === 0 ? { ...flow, number: next++ } : flow,
  );
  return { ...record, flows, next };
}
