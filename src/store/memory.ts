import type { CallbackFields } from '../callback-response.ts';
import { systemClock, type Clock } from '../clock.ts';
import { Deadlines, type Timed } from '../deadlines.ts';
import { mismatch } from '../expectation.ts';
import type { Outcome } from '../flow.ts';
import { randomToken } from '../pkce.ts';
import type { Arrival } from '../redirect.ts';
import { StateMap } from '../state-map.ts';
import { Pages } from './pages.ts';
import { sameKey } from './same-key.ts';
import type { BegunFlow, Consumed, FlowStore, NewFlow, StoredFlow, StoredResult, Watcher } from './store.ts';

interface Entry extends Timed {
  readonly state: string;
  /** Gone once it is acknowledged; that the state is used stays until its time is over. */
  flow: StoredFlow | undefined;
  result: StoredResult | undefined;
  announced: boolean;
  /** There is seldom more than one: a second server over the same store. */
  watcher: Watcher | undefined;
  others: Watcher[] | undefined;
}

/** A store in this process. It outlives the servers that use it, so a new server takes over where another left off. */
export function memoryStore({ clock = systemClock }: { clock?: Clock } = {}): FlowStore {
  return new MemoryStore(clock);
}

// An expired flow's result is kept this long for a listener that is reconnecting.
const afterlife = 60_000;

class MemoryStore implements FlowStore {
  readonly epoch = randomToken(12);
  readonly shared = false;
  readonly #clock: Clock;
  /** Until the flow's time is over a state stands here, used or not. */
  readonly #entries = new StateMap<Entry>();
  readonly #deadlines: Deadlines<Entry>;
  /** Who waits for an outcome, by state. */
  readonly #pages = new Pages<(outcome: Outcome) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock, (entry) => this.#due(entry));
  }

  now(): number {
    return this.#clock.now();
  }

  begin(begun: NewFlow, ttl: number): Promise<BegunFlow | 'state_in_use'> {
    const { state, expectation, redirectUri, key } = begun;
    const known = this.#entries.get(state);
    if (known) {
      const { flow } = known;
      return Promise.resolve(flow && sameKey(flow.key, key) ? { flow, again: true } : 'state_in_use');
    }
    const deadline = this.now() + ttl;
    const flow: StoredFlow = {
      id: randomToken(16),
      state,
      expectation,
      redirectUri,
      key,
      expiresAt: deadline,
    };
    const entry: Entry = {
      state,
      flow,
      result: undefined,
      announced: false,
      watcher: undefined,
      others: undefined,
      deadline,
      slot: -1,
    };
    this.#entries.set(state, entry);
    this.#deadlines.add(entry);
    return Promise.resolve({ flow, again: false });
  }

  read(state: string): Promise<StoredFlow | undefined> {
    return Promise.resolve(this.#entries.get(state)?.flow);
  }

  /** Here all are one node. */
  adopt(state: string): Promise<boolean> {
    return Promise.resolve(this.#entries.get(state)?.flow !== undefined);
  }

  consume(response: CallbackFields & { state: string }, arrival: Arrival): Promise<Consumed> {
    const entry = this.#entries.get(response.state);
    if (!entry) return Promise.resolve({ disposition: 'unmatched' });
    if (!this.#lives(entry)) return Promise.resolve({ disposition: 'duplicate' });
    const { id, expectation } = entry.flow;
    const wrong = mismatch(expectation, arrival, response.iss);
    if (!wrong) this.#end(entry, { type: 'response', response });
    return Promise.resolve({ disposition: wrong ?? 'accepted', flow: id });
  }

  cancel(state: string): Promise<void> {
    const entry = this.#entries.get(state);
    if (entry && this.#lives(entry)) this.#end(entry, { type: 'cancelled' });
    return Promise.resolve();
  }

  take(state: string): Promise<StoredResult | 'gone' | undefined> {
    const entry = this.#entries.get(state);
    return Promise.resolve(entry?.flow ? entry.result : 'gone');
  }

  announce({ state }: Pick<StoredFlow, 'state'>): Promise<boolean> {
    const entry = this.#entries.get(state);
    const first = entry?.flow !== undefined && !entry.announced;
    if (first) entry.announced = true;
    return Promise.resolve(first);
  }

  acknowledge(state: string): Promise<boolean> {
    const entry = this.#entries.get(state);
    // One that has been acknowledged before stays so.
    if (!entry?.flow) return Promise.resolve(true);
    if (!entry.result) return Promise.resolve(false);
    entry.flow = entry.result = entry.watcher = entry.others = undefined;
    return Promise.resolve(true);
  }

  settle(state: string, outcome: Outcome): Promise<void> {
    for (const tell of this.#pages.of(state)) tell(outcome);
    return Promise.resolve();
  }

  onOutcome(state: string, _ms: number, tell: (outcome: Outcome) => void): Promise<() => void> {
    return Promise.resolve(this.#pages.add(state, tell));
  }

  watch({ state }: StoredFlow, watcher: Watcher): void {
    const entry = this.#entries.get(state);
    if (!entry?.flow) return;
    if (entry.watcher) (entry.others ??= []).push(watcher);
    else entry.watcher = watcher;
  }

  unwatch({ state }: { state: string }, watcher: Watcher): void {
    const entry = this.#entries.get(state);
    if (!entry) return;
    if (entry.watcher === watcher) entry.watcher = entry.others?.shift();
    else entry.others = entry.others?.filter((other) => other !== watcher);
  }

  check(): Promise<void> {
    return Promise.resolve();
  }

  /** Whether it waits for its redirect. */
  #lives(entry: Entry): entry is Entry & { flow: StoredFlow } {
    const { flow, result, deadline } = entry;
    return flow !== undefined && result === undefined && this.now() < deadline;
  }

  #end(entry: Entry, result: StoredResult): void {
    entry.result = result;
    // Those that are woken may stop watching.
    for (const watcher of [entry.watcher, ...(entry.others ?? [])]) watcher?.wake();
  }

  #due(entry: Entry): void {
    if (entry.flow && !entry.result) {
      entry.deadline += afterlife;
      this.#deadlines.add(entry);
      this.#end(entry, { type: 'expired' });
      return;
    }
    this.#entries.delete(entry.state);
  }
}
