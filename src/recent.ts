/**
 * The last keys that were given a value, between `least` and twice as many: kept in two halves of which the older is dropped
 * whole. So it is bounded, and there is no walk to find the oldest.
 */
export class Recent<V> {
  readonly #least: number;
  #newer = new Map<string, V>();
  #older = new Map<string, V>();

  constructor(least: number) {
    this.#least = least;
  }

  get(key: string): V | undefined {
    return this.#newer.get(key) ?? this.#older.get(key);
  }

  set(key: string, value: V): void {
    if (this.#newer.size >= this.#least) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(key, value);
  }
}
