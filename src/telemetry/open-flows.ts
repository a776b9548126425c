// An ending may be told a little after the time.
const grace = 60_000;

/** What is remembered of flows from their beginning to their ending. One whose ending is told to another node is let go. */
export class OpenFlows<T> {
  readonly #byId = new Map<string, { value: T; until: number }>();
  readonly #lost: (value: T) => void;
  #sweepFrom = 1_000;

  /** @param lost Told of what is let go. */
  constructor(lost: (value: T) => void = () => undefined) {
    this.#lost = lost;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** @param expiresAt Milliseconds since the epoch; undefined where only an ending ends it. */
  begin(id: string, value: T, now: number, expiresAt = Infinity): void {
    if (this.#byId.size >= this.#sweepFrom) this.#sweep(now);
    this.#byId.set(id, { value, until: expiresAt + grace });
  }

  peek(id: string): T | undefined {
    return this.#byId.get(id)?.value;
  }

  end(id: string): T | undefined {
    const open = this.#byId.get(id);
    this.#byId.delete(id);
    return open?.value;
  }

  clear(): void {
    for (const { value } of this.#byId.values()) this.#lost(value);
    this.#byId.clear();
  }

  /** Rarely, and the rarer the more there are, so that each flow costs the same. */
  #sweep(now: number): void {
    for (const [id, { value, until }] of this.#byId) {
      if (until > now) continue;
      this.#byId.delete(id);
      this.#lost(value);
    }
    this.#sweepFrom = Math.max(1_000, this.#byId.size * 2);
  }
}
