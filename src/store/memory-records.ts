import type { Clock } from '../base/clock.ts';
import { Deadlines, type Timed } from '../base/deadlines.ts';
import type { SharedRecord, SharedRecords } from '../model/flow-store.ts';

interface Entry extends SharedRecord, Timed {
  readonly key: string;
}

/** Records of one process. */
export class MemoryRecords implements SharedRecords {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #deadlines: Deadlines<Entry>;
  #versions = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock, ({ key }) => this.#entries.delete(key));
  }

  read(key: string): Promise<SharedRecord | undefined> {
    return Promise.resolve(this.#find(key));
  }

  replace(key: string, version: string | undefined, text: string | undefined, ttl: number): Promise<boolean> {
    if (this.#find(key)?.version !== version) return Promise.resolve(false);
    const before = this.#entries.get(key);
    if (before) this.#deadlines.remove(before);
    this.#entries.delete(key);
    if (text !== undefined) this.#add({ key, text, ttl });
    return Promise.resolve(true);
  }

  #add({ key, text, ttl }: { key: string; text: string; ttl: number }): void {
    const version = String(++this.#versions);
    const entry: Entry = { key, text, version, expiresAt: this.#clock.now() + ttl, slot: -1 };
    this.#entries.set(key, entry);
    this.#deadlines.add(entry);
  }

  /** Finds a record whose time is not over, even if its timer is late. */
  #find(key: string): Entry | undefined {
    const found = this.#entries.get(key);
    return found && found.expiresAt > this.#clock.now() ? found : undefined;
  }
}
