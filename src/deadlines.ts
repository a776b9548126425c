import type { Clock } from './clock.ts';

/** What can be given a deadline. `slot` belongs to `Deadlines`: where the item stands, -1 for nowhere. */
export interface Timed {
  /** Milliseconds since the epoch. */
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
    this.#rise(this.#heap.length, item);
    if (item.slot === 0) this.#arm();
  }

  remove(item: T): void {
    const { slot } = item;
    if (slot < 0) return;
    item.slot = -1;
    const last = this.#heap.pop();
    if (last && last !== item) {
      if (last.deadline < item.deadline) this.#rise(slot, last);
      else this.#sink(slot, last);
    }
    if (this.#heap.length === 0) this.#rest();
  }

  /** Every item, in no order. */
  values(): readonly T[] {
    return this.#heap;
  }

  #rise(slot: number, item: T): void {
    while (slot > 0) {
      const up = (slot - 1) >> 1;
      const parent = this.#heap[up] as T;
      if (parent.deadline <= item.deadline) break;
      this.#put(slot, parent);
      slot = up;
    }
    this.#put(slot, item);
  }

  #sink(slot: number, item: T): void {
    const heap = this.#heap;
    for (;;) {
      let down = slot * 2 + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && (heap[down + 1] as T).deadline < (heap[down] as T).deadline) down++;
      const child = heap[down] as T;
      if (child.deadline >= item.deadline) break;
      this.#put(slot, child);
      slot = down;
    }
    this.#put(slot, item);
  }

  #put(slot: number, item: T): void {
    this.#heap[slot] = item;
    item.slot = slot;
  }

  #arm(): void {
    const next = this.#heap[0]?.deadline ?? Infinity;
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
    for (let left = batch; left > 0; left--) {
      const first = this.#heap[0];
      if (!first || first.deadline > now) break;
      this.remove(first);
      this.#onDue(first);
    }
    this.#arm();
  }
}
