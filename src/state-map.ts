// A power of two. A table of an eighth of a million grows in 4 ms; more of them would be cold, each time they are looked into.
const shards = 8;

/**
 * A map by state that never stops the process to grow: a `Map` of a million entries takes some 50 ms to double. Random states
 * fall on all the shards alike; states that do not make it no worse than one `Map`.
 */
export class StateMap<V> {
  readonly #shards = Array.from({ length: shards }, () => new Map<string, V>());

  get(state: string): V | undefined {
    return this.#shardOf(state).get(state);
  }

  set(state: string, value: V): void {
    this.#shardOf(state).set(state, value);
  }

  delete(state: string): void {
    this.#shardOf(state).delete(state);
  }

  /** By a character in the middle: libraries put what they like at the ends of a state. */
  #shardOf(state: string): Map<string, V> {
    return this.#shards[state.charCodeAt(state.length >> 1) & (shards - 1)] as Map<string, V>;
  }
}
