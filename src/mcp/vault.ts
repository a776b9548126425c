import type { inTurnByKey } from '../base/in-turn.ts';
import { TokenStoreError } from './errors.ts';
import type { McpStore } from './store.ts';

/** Runs work for the same key one after another. */
export type Locks = ReturnType<typeof inTurnByKey>;

/** Result of reading a value that is there, but cannot be read. */
export const unreadable = Symbol('unreadable');

/** A store, of which values that cannot be read are left as they are. */
export class Vault {
  readonly #store: McpStore;
  readonly #locks: Locks;
  readonly #report: (error: TokenStoreError) => void;

  /**
   * @param locks Locks of this process, for a store that has none.
   * @param report Called with each failure of the store. Requests go on without the store.
   */
  constructor(store: McpStore, locks: Locks, report: (error: TokenStoreError) => void) {
    this.#store = store;
    this.#locks = locks;
    this.#report = report;
  }

  /** Resolves with a value, with undefined if there is none, or with `unreadable`. */
  async get<T>(key: string, read: (value: unknown) => T): Promise<T | undefined | typeof unreadable> {
    return this.#trying(key, async () => {
      const value = await this.#store.get(key);
      return value === undefined || value === null ? undefined : read(value);
    });
  }

  /** Sets a value, unless the one that is there cannot be read. */
  async set(key: string, value: object, read: (value: unknown) => unknown): Promise<void> {
    await this.#trying(key, async () => {
      const before = await this.#store.get(key);
      if (before !== undefined && before !== null) read(before);
      await this.#store.set(key, value);
    });
  }

  async delete(key: string): Promise<void> {
    await this.#trying(key, async () => {
      await this.#store.delete(key);
    });
  }

  /**
   * Runs work that no other user of the store runs for this key. Rejects with `TokenStoreError` if it cannot be locked, and
   * with the reason of the signal if that aborts meanwhile.
   */
  async lock<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const store = this.#store;
    if (!store.lock) return this.#locks(key, work);
    let isHeld = false;
    const locked = store.lock(
      key,
      async () => {
        isHeld = true;
        return work();
      },
      signal,
    );
    return locked.catch((error: unknown) => {
      if (isHeld || signal?.aborted || error instanceof TokenStoreError) throw error;
      throw new TokenStoreError(key, `cannot be locked (${(error as Error).message})`);
    });
  }

  async #trying<T>(key: string, work: () => Promise<T>): Promise<T | typeof unreadable> {
    try {
      return await work();
    } catch (error) {
      // The message of a damaged value may repeat a part of it, that of a store does not.
      this.#report(
        error instanceof TokenStoreError ? error : new TokenStoreError(key, 'cannot be read or written'),
      );
      return unreadable;
    }
  }
}

/** Returns the key of the tokens for a server. */
export const tokensKey = (server: string, account: string): string =>
  `server ${server}${account === '' ? '' : ` ${account}`}`;

/** Returns the key of a registration. */
export const clientKey = (issuer: string, redirectUri: string): string => `client ${issuer} ${redirectUri}`;
