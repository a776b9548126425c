import { inTurnByKey } from '../base/in-turn.ts';
import { unlessAborted } from './signals.ts';
import type { McpStore } from './store.ts';

/** Runs work for the same key one after another. The signal ends the wait, not the work. */
export type Locks = NonNullable<McpStore['lock']>;

// Each `mcpAuth` of this process that has the store.
const ofStores = new WeakMap<McpStore, Locks>();

/** Returns the locks of this process for a store that has none. */
export function locksOf(store: McpStore): Locks {
  const locks = ofStores.get(store) ?? newLocks();
  ofStores.set(store, locks);
  return locks;
}

function newLocks(): Locks {
  const inTurn = inTurnByKey();
  return async <T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const worked = inTurn(key, () => {
      signal?.throwIfAborted();
      begin();
      return work();
    });
    if (signal) await unlessAborted(Promise.race([begun, worked]), signal);
    return worked;
  };
}
