/** The values that were given last, by key: between `least` and twice as many, of which the oldest are dropped together. */
export class Recent<V> {
  readonly #least: number;
  readonly #keys: string[] = [];
  readonly #values: V[] = [];
  /** Of the first so many: made when somebody asks, since most keys are remembered and never asked for. */
  readonly #table = new Map<string, V>();
  #read = 0;

  constructor(least: number) {
    this.#least = least;
  }

  get(key: string): V | undefined {
    for (; this.#read < this.#keys.length; this.#read++)
      this.#table.set(this.#keys[this.#read] as string, this.#values[this.#read] as V);
    return this.#table.get(key);
  }

  set(key: string, value: V): void {
    this.#values.push(value);
    if (this.#keys.push(key) <= this.#least * 2) return;
    // Less than half, so that the lists keep their room and need not grow anew.
    const dropped = this.#least / 2;
    this.#keys.splice(0, dropped);
    this.#values.splice(0, dropped);
    this.#table.clear();
    this.#read = 0;
  }
}
