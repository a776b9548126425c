/** The values that were given last, by key: between `least` and twice as many, of which the older half is dropped at a time. */
export class Recent<V> {
  readonly #least: number;
  #keys: string[] = [];
  #values: V[] = [];
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
    this.#keys = this.#keys.slice(-this.#least);
    this.#values = this.#values.slice(-this.#least);
    this.#table.clear();
    this.#read = 0;
  }
}
