import type { Clock } from '../base/clock.ts';
import { Deadlines, type Timed } from '../base/deadlines.ts';
import type { FlowWatcher } from '../model/flow-store.ts';

/** Name of a flow in a store. */
interface Named {
  readonly id: string;
}

/** A flow with watchers at this node. */
interface Watched<Name extends Named> extends Timed {
  readonly name: Name;
  readonly watchers: Set<FlowWatcher>;
}

/** The watchers of a store's flows at this node. Each is woken when its flow expires, and when the store says so. */
export class Watchers<Name extends Named = Named> {
  readonly #watched = new Map<string, Watched<Name>>();
  readonly #deadlines: Deadlines<Watched<Name>>;

  constructor(clock: Clock) {
    this.#deadlines = new Deadlines(clock, ({ name }) => this.wake(name.id));
  }

  /** Names of all flows with watchers. */
  get names(): Name[] {
    return [...this.#watched.values()].map(({ name }) => name);
  }

  /** @param expiresAt Expiry of the flow by this node's clock. */
  watch(name: Name, expiresAt: number, watcher: FlowWatcher): void {
    let watched = this.#watched.get(name.id);
    if (!watched) {
      watched = { name, watchers: new Set(), expiresAt, slot: -1 };
      this.#watched.set(name.id, watched);
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
