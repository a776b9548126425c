/**
 * A `Map` with bounded memory: keeps the last `min` entries that were set, and at most twice as many.
 *
 * The entries are in two generations. When the newer one is full, it becomes the older one, and all entries of the
 * previous older one are evicted.
 */
export class Recent<V, K = string> {
  readonly #min: number;
  readonly #evicted: ((value: V, key: K) => void) | undefined;
  #newer = new Map<K, V>();
  #older = new Map<K, V>();

  /** @param evicted Called with each entry that newer ones have evicted; not called by `delete`. */
  constructor(min: number, evicted?: (value: V, key: K) => void) {
    this.#min = min;
    this.#evicted = evicted;
  }

  get(key: K): V | undefined {
    return this.#newer.get(key) ?? this.#older.get(key);
  }

  set(key: K, value: V): void {
    this.#older.delete(key);
    if (this.#newer.size < this.#min || this.#newer.has(key)) {
      this.#newer.set(key, value);
      return;
    }
    const evicted = this.#older;
    this.#older = this.#newer;
    this.#newer = new Map([[key, value]]);
    if (this.#evicted) evicted.forEach(this.#evicted);
  }

  delete(key: K): void {
    this.#newer.delete(key);
    this.#older.delete(key);
  }

  /** Yields the values of the older generation, then those of the newer one. */
  *values(): Generator<V> {
    yield* this.#older.values();
    yield* this.#newer.values();
  }
}
