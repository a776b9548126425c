import { printable } from '../base/printable.ts';
import { TokenStoreError } from './errors.ts';
import { locksOf } from './locks.ts';
import type { McpStore } from './store.ts';

/** Result of reading a value that is there, but cannot be read. */
export const unreadable = Symbol('unreadable');

/** A store, of which values that cannot be read are left as they are. */
export class Vault {
  readonly #store: McpStore;
  readonly #report: (error: TokenStoreError) => void;

  /**
   * @param report Called with each failure of the store. Requests go on without the store.
   */
  constructor(store: McpStore, report: (error: TokenStoreError) => void) {
    this.#store = store;
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

  /** Deletes a value, unless it cannot be read. */
  async delete(key: string, read: (value: unknown) => unknown): Promise<void> {
    await this.#trying(key, async () => {
      const before = await this.#store.get(key);
      if (before !== undefined && before !== null) read(before);
      await this.#store.delete(key);
    });
  }

  /** Deletes a value, whatever it is. Rejects with `TokenStoreError` if it stays. */
  async erase(key: string): Promise<void> {
    try {
      await this.#store.delete(key);
    } catch (error) {
      throw storeErrorOf(key, error);
    }
  }

  /**
   * Runs work that no other user of the store runs for this key. Rejects with `TokenStoreError` if it cannot be locked, and
   * with the reason of the signal if that aborts meanwhile.
   */
  async lock<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const store = this.#store;
    if (!store.lock) return locksOf(store)(key, work, signal);
    let isHeld = false as boolean;
    const held = (): Promise<T> => {
      isHeld = true;
      return work();
    };
    try {
      const result = await store.lock(key, held, signal);
      if (isHeld) return result;
      throw new TokenStoreError(key, 'cannot be locked (the store has not run the work)');
    } catch (error) {
      if (isHeld || signal?.aborted || error instanceof TokenStoreError) throw error;
      throw new TokenStoreError(key, `cannot be locked (${printable(messageOf(error))})`);
    }
  }

  async #trying<T>(key: string, work: () => Promise<T>): Promise<T | typeof unreadable> {
    try {
      return await work();
    } catch (error) {
      this.#report(storeErrorOf(key, error));
      return unreadable;
    }
  }
}

function storeErrorOf(key: string, error: unknown): TokenStoreError {
  // The message of a damaged value may repeat a part of it, that of a store does not.
  return error instanceof TokenStoreError ? error : new TokenStoreError(key, 'cannot be read or written');
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Returns the key of the tokens for a server. */
export const tokensKey = (server: string, account: string): string =>
  `server ${server}${account === '' ? '' : ` ${account}`}`;

/** Returns the key of a registration. */
export const clientKey = (issuer: string, redirectUri: string): string => `client ${issuer} ${redirectUri}`;
