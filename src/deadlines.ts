import type { Clock } from './clock.ts';

/** What can be given a deadline. `slot` belongs to `Deadlines`: where the item stands, -1 for nowhere. */
export interface Timed {
  /** Milliseconds since the epoch; it stays the same while the item waits. */
  deadline: number;
  slot: number;
}

// A turn of the event loop ends no more than this many, so that a million endings do not hold up a redirect.
const batch = 500;
// Node fires a longer timer at once.
const longestTimer = 2 ** 31 - 1;

/** A binary heap by deadline and the one timer it needs, however many items wait. */
export class Deadlines<T extends Timed> {
  readonly #heap: T[] = [];
  /** The deadline of each: to compare them, no item need be looked at, whose memory is cold. */
  readonly #times: number[] = [];
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;
  #armed = Infinity;
  #disarm: (() => void) | undefined;

  constructor(clock: Clock, onDue: (item: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#heap.length;
  }

  add(item: T): void {
    this.#rise(this.#heap.length, item, item.deadline);
    if (item.slot === 0) this.#arm();
  }

  remove(item: T): void {
    const { slot } = item;
    if (slot < 0) return;
    item.slot = -1;
    const last = this.#heap.pop() as T;
    const time = this.#times.pop() as number;
    if (last !== item) {
      if (time < (this.#times[slot] as number)) this.#rise(slot, last, time);
      else this.#sink(slot, last, time);
    }
    if (this.#heap.length === 0) this.#rest();
  }

  /** Every item, in no order. */
  values(): readonly T[] {
    return this.#heap;
  }

  #rise(slot: number, item: T, time: number): void {
    const times = this.#times;
    while (slot > 0) {
      const up = (slot - 1) >> 1;
      const above = times[up] as number;
      if (above <= time) break;
      this.#put(slot, this.#heap[up] as T, above);
      slot = up;
    }
    this.#put(slot, item, time);
  }

  #sink(slot: number, item: T, time: number): void {
    const times = this.#times;
    for (;;) {
      let down = slot * 2 + 1;
      if (down >= times.length) break;
      if (down + 1 < times.length && (times[down + 1] as number) < (times[down] as number)) down++;
      const below = times[down] as number;
      if (below >= time) break;
      this.#put(slot, this.#heap[down] as T, below);
      slot = down;
    }
    this.#put(slot, item, time);
  }

  #put(slot: number, item: T, time: number): void {
    this.#times[slot] = time;
    this.#heap[slot] = item;
    item.slot = slot;
  }

  #arm(): void {
    const next = this.#times[0] ?? Infinity;
    if (next >= this.#armed) return;
    this.#rest();
    this.#armed = next;
    const ms = Math.min(Math.max(0, next - this.#clock.now()), longestTimer);
    this.#disarm = this.#clock.after(ms, () => this.#run());
  }

  #rest(): void {
    this.#disarm?.();
    this.#disarm = undefined;
    this.#armed = Infinity;
  }

  #run(): void {
    this.#rest();
    const now = this.#clock.now();
    for (let left = batch; left > 0 && (this.#times[0] ?? Infinity) <= now; left--) {
      const first = this.#heap[0] as T;
      this.remove(first);
      this.#onDue(first);
    }
    this.#arm();
  }
}
