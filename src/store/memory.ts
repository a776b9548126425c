import { systemClock, type Clock } from '../clock.ts';
import { Deadlines, type Timed } from '../deadlines.ts';
import { randomToken } from '../pkce.ts';
import type { FlowStore, FoundFlow, StoredFlow, StoredResult } from './store.ts';

interface Entry extends Timed {
  readonly flow: StoredFlow;
  result: StoredResult | undefined;
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
  readonly #clock: Clock;
  readonly #byId = new Map<string, Entry>();
  /** Until the flow's time is over a state stands here, used or not. */
  readonly #byState = new Map<string, Entry>();
  readonly #deadlines: Deadlines<Entry>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock, (entry) => this.#due(entry));
  }

  begin(flow: Omit<StoredFlow, 'expiresAt'>, ttl: number): Promise<StoredFlow | undefined> {
    if (this.#byState.has(flow.state) || this.#byId.has(flow.id)) return Promise.resolve(undefined);
    const expiresAt = this.#clock.now() + ttl;
    const stored = { ...flow, expiresAt: Math.trunc(expiresAt) };
    const entry: Entry = { flow: stored, result: undefined, wakes: undefined, deadline: expiresAt, slot: -1 };
    this.#byId.set(flow.id, entry);
    this.#byState.set(flow.state, entry);
    this.#deadlines.add(entry);
    return Promise.resolve(stored);
  }

  find(state: string): Promise<FoundFlow | 'used' | undefined> {
    const entry = this.#byState.get(state);
    if (!entry) return Promise.resolve(undefined);
    const { flow } = entry;
    return Promise.resolve(this.#byId.has(flow.id) ? { flow, ended: !this.#lives(entry) } : 'used');
  }

  read(id: string): Promise<StoredFlow | undefined> {
    return Promise.resolve(this.#byId.get(id)?.flow);
  }

  end(id: string, result: StoredResult): Promise<boolean> {
    const entry = this.#byId.get(id);
    if (!entry || !this.#lives(entry)) return Promise.resolve(false);
    this.#end(entry, result);
    return Promise.resolve(true);
  }

  result(id: string): Promise<StoredResult | undefined> {
    return Promise.resolve(this.#byId.get(id)?.result);
  }

  acknowledge(id: string): Promise<boolean> {
    const entry = this.#byId.get(id);
    // One that has been acknowledged before stays so.
    if (entry && !entry.result) return Promise.resolve(false);
    if (entry) {
      this.#byId.delete(id);
      // The code goes; that the state is used stays until its time is over.
      entry.result = { type: 'cancelled' };
    }
    return Promise.resolve(true);
  }

  watch(id: string, wake: () => void): () => void {
    const entry = this.#byId.get(id);
    if (!entry) return () => undefined;
    const wakes = (entry.wakes ??= new Set());
    wakes.add(wake);
    return () => void wakes.delete(wake);
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
    this.#byId.delete(entry.flow.id);
    this.#byState.delete(entry.flow.state);
  }
}
