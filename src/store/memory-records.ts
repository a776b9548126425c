import type { Clock } from '../base/clock.ts';
import type { SharedRecord, SharedRecords } from '../model/flow-store.ts';

interface Entry extends SharedRecord {
  readonly expiresAt: number;
}

// Fewer are not worth a look.
const minSwept = 1_000;

/** Records of one process. They need no timer: those whose time is over go when there are twice as many as were left last. */
export class MemoryRecords implements SharedRecords {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  #versions = 0;
  #sweepAt = minSwept;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  read(key: string): Promise<SharedRecord | undefined> {
    return Promise.resolve(this.#find(key));
  }

  replace(key: string, version: string | undefined, text: string | undefined, ttl: number): Promise<boolean> {
    if (this.#find(key)?.version !== version) return Promise.resolve(false);
    this.#entries.delete(key);
    if (text !== undefined) {
      this.#sweep();
      const expiresAt = this.#clock.now() + ttl;
      this.#entries.set(key, { text, version: String(++this.#versions), expiresAt });
    }
    return Promise.resolve(true);
  }

  #find(key: string): Entry | undefined {
    const found = this.#entries.get(key);
    return found && found.expiresAt > this.#clock.now() ? found : undefined;
  }

  #sweep(): void {
    if (this.#entries.size < this.#sweepAt) return;
    const now = this.#clock.now();
    for (const [key, { expiresAt }] of this.#entries) if (expiresAt <= now) this.#entries.delete(key);
    this.#sweepAt = Math.max(minSwept, this.#entries.size * 2);
  }
}
