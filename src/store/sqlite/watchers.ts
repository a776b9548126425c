import type { Clock } from '../../base/clock.ts';
import { Deadlines, type Timed } from '../../base/deadlines.ts';
import type { FlowWatcher } from '../../model/flow-store.ts';

/** A flow with watchers. */
interface Watched extends Timed {
  readonly id: string;
  readonly watchers: Set<FlowWatcher>;
}

/** The watchers of flows in a file. Nobody else has the file, so this process ends every flow, and wakes them itself. */
export class Watchers {
  readonly #watched = new Map<string, Watched>();
  readonly #deadlines: Deadlines<Watched>;

  constructor(clock: Clock) {
    this.#deadlines = new Deadlines(clock, ({ id }) => this.wake(id));
  }

  watch(id: string, expiresAt: number, watcher: FlowWatcher): void {
    let watched = this.#watched.get(id);
    if (!watched) {
      watched = { id, watchers: new Set(), expiresAt, slot: -1 };
      this.#watched.set(id, watched);
      this.#deadlines.add(watched);
    }
    watched.watchers.add(watcher);
  }

  unwatch(id: string, watcher: FlowWatcher): void {
    const watched = this.#watched.get(id);
    if (!watched?.watchers.delete(watcher) || watched.watchers.size > 0) return;
    this.#watched.delete(id);
    this.#deadlines.remove(watched);
  }

  /** Wakes whoever watches a flow. */
  wake(id: string): void {
    // A copy, because a watcher may stop watching when it is woken.
    for (const watcher of [...(this.#watched.get(id)?.watchers ?? [])]) watcher.wake();
  }

  clear(): void {
    for (const watched of this.#watched.values()) this.#deadlines.remove(watched);
    this.#watched.clear();
  }
}
