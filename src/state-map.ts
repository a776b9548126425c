// A power of two. A table of a sixty-fourth of a million grows within a millisecond.
const shards = 64;

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

  /** By two characters in the middle: libraries put what they like at the ends of a state. */
  #shardOf(state: string): Map<string, V> {
    const middle = state.length >> 1;
    const mixed = state.charCodeAt(middle) * 31 + state.charCodeAt(middle + 1);
    return this.#shards[mixed & (shards - 1)] as Map<string, V>;
  }
}
