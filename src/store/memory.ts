import type { CallbackFields } from '../callback-response.ts';
import { systemClock, type Clock } from '../clock.ts';
import { Deadlines, type Timed } from '../deadlines.ts';
import { mismatch } from '../expectation.ts';
import { randomToken } from '../pkce.ts';
import type { Arrival } from '../redirect.ts';
import { sameKey } from './same-key.ts';
import type { BegunFlow, Consumed, FlowStore, NewFlow, StoredFlow, StoredResult } from './store.ts';

interface Entry extends Timed {
  readonly flow: StoredFlow;
  result: StoredResult | undefined;
  /** Acknowledged. */
  used: boolean;
  wakes: Set<() => void> | undefined;
}

/** A store in this process. It outlives the servers that use it, so a new server takes over where another left off. */
export function memoryStore({ clock = systemClock }: { clock?: Clock } = {}): FlowStore {
  return new MemoryStore(clock);
}

// An expired flow's result is kept this long for a listener that is reconnecting.
const afterlife = 60_000;

class MemoryStore implements FlowStore {
  readonly epoch = randomToken().slice(0, 16);
  readonly shared = false;
  readonly #clock: Clock;
  /** Until the flow's time is over a state stands here, used or not. */
  readonly #entries = new Map<string, Entry>();
  readonly #deadlines: Deadlines<Entry>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock, (entry) => this.#due(entry));
  }

  begin(flow: NewFlow, ttl: number): Promise<BegunFlow | 'state_in_use'> {
    const { state, key } = flow;
    const known = this.#entries.get(state);
    if (known) {
      const own = !known.used && sameKey(known.flow.key, key);
      return Promise.resolve(own ? { flow: known.flow, again: true } : 'state_in_use');
    }
    const id = randomToken().slice(0, 22);
    const deadline = this.#clock.now() + ttl;
    const stored = { ...flow, id, expiresAt: Math.trunc(deadline) };
    const entry: Entry = {
      flow: stored,
      result: undefined,
      used: false,
      wakes: undefined,
      deadline,
      slot: -1,
    };
    this.#entries.set(state, entry);
    this.#deadlines.add(entry);
    return Promise.resolve({ flow: stored, again: false });
  }

  read(state: string): Promise<StoredFlow | undefined> {
    return Promise.resolve(this.#unused(state)?.flow);
  }

  /** Here all are one node. */
  adopt(): Promise<void> {
    return Promise.resolve();
  }

  consume(response: CallbackFields & { state: string }, arrival: Arrival): Promise<Consumed> {
    const entry = this.#entries.get(response.state);
    if (!entry) return Promise.resolve({ disposition: 'unmatched' });
    const { id, expectation } = entry.flow;
    if (entry.used || !this.#lives(entry)) return Promise.resolve({ disposition: 'duplicate' });
    const wrong = mismatch(expectation, arrival, response.iss);
    if (!wrong) this.#end(entry, { type: 'response', response });
    return Promise.resolve({ disposition: wrong ?? 'accepted', flow: id });
  }

  cancel(state: string): Promise<void> {
    const entry = this.#entries.get(state);
    if (entry && this.#lives(entry)) this.#end(entry, { type: 'cancelled' });
    return Promise.resolve();
  }

  take(state: string): Promise<StoredResult | undefined> {
    return Promise.resolve(this.#unused(state)?.result);
  }

  acknowledge(state: string): Promise<boolean> {
    const entry = this.#unused(state);
    // One that has been acknowledged before stays so.
    if (!entry) return Promise.resolve(true);
    if (!entry.result) return Promise.resolve(false);
    entry.used = true;
    // The code goes; that the state is used stays until its time is over.
    entry.result = { type: 'cancelled' };
    return Promise.resolve(true);
  }

  watch({ state }: StoredFlow, wake: () => void): () => void {
    const entry = this.#unused(state);
    if (!entry) return () => undefined;
    const wakes = (entry.wakes ??= new Set());
    wakes.add(wake);
    return () => void wakes.delete(wake);
  }

  check(): Promise<void> {
    return Promise.resolve();
  }

  #unused(state: string): Entry | undefined {
    const entry = this.#entries.get(state);
    return entry?.used ? undefined : entry;
  }

  #lives({ result, deadline }: Entry): boolean {
    return result === undefined && this.#clock.now() < deadline;
  }

  #end(entry: Entry, result: StoredResult): void {
    entry.result = result;
    for (const wake of [...(entry.wakes ?? [])]) wake();
  }

  #due(entry: Entry): void {
    if (!entry.result) {
      entry.deadline += afterlife;
      this.#deadlines.add(entry);
      this.#end(entry, { type: 'expired' });
      return;
    }
    this.#entries.delete(entry.flow.state);
  }
}
