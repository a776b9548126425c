import type { Clock } from './clock.ts';

/** An item with a deadline. */
export interface Timed {
  /** Milliseconds since the epoch; infinite if the item never falls due. */
  expiresAt: number;
  /** Position of the item in the heap, kept by `Deadlines`; -1 if it is not in one. */
  slot: number;
}

// Items per turn of the event loop: redirects are still answered while a million items fall due together.
const batch = 500;
// Longest delay in milliseconds that Node supports; it fires a longer timer at once.
const longestTimer = 2 ** 31 - 1;

/** A binary heap of items, ordered by deadline. One timer serves all of them. */
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

  /** Removes an item; does nothing if it is not in the heap. */
  remove(item: T): void {
    const { slot } = item;
    if (slot < 0) return;
    item.slot = -1;
    const last = this.#heap.pop() as T;
    if (last !== item) {
      if (last.expiresAt < item.expiresAt) this.#rise(slot, last);
      else this.#sink(slot, last);
    }
    if (this.#heap.length === 0) this.#rest();
  }

  /** Lists every item, in no order. */
  values(): readonly T[] {
    return this.#heap;
  }

  #rise(slot: number, item: T): void {
    while (slot > 0) {
      const up = (slot - 1) >> 1;
      const above = this.#heap[up] as T;
      if (above.expiresAt <= item.expiresAt) break;
      this.#put(slot, above);
      slot = up;
    }
    this.#put(slot, item);
  }

  #sink(slot: number, item: T): void {
    for (;;) {
      let down = slot * 2 + 1;
      let below = this.#heap[down];
      const right = this.#heap[down + 1];
      if (below && right && right.expiresAt < below.expiresAt) {
        below = right;
        down++;
      }
      if (!below || below.expiresAt >= item.expiresAt) break;
      this.#put(slot, below);
      slot = down;
    }
    this.#put(slot, item);
  }

  #put(slot: number, item: T): void {
    this.#heap[slot] = item;
    item.slot = slot;
  }

  #arm(): void {
    const next = this.#heap[0]?.expiresAt ?? Infinity;
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
      const [first] = this.#heap;
      if (!first || first.expiresAt > now) break;
      this.remove(first);
      this.#onDue(first);
    }
    this.#arm();
  }
}
