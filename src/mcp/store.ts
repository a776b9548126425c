/**
 * Store of tokens and registrations. Values are JSON. A key is `server <url> [account]` or `client <issuer> <redirect URI>`.
 *
 * A keychain can be a store: it needs `get`, `set` and `delete`, whose results may be promises.
 *
 * @example
 * import { mcpAuth, type McpStore } from 'rx-oauth-callback/mcp';
 *
 * const values = new Map<string, unknown>();
 * const store: McpStore = {
 *   get: (key) => values.get(key),
 *   set: (key, value) => void values.set(key, value),
 *   delete: (key) => void values.delete(key),
 * };
 * const auth = mcpAuth({ store });
 * await auth.close();
 */
export interface McpStore {
  /** Returns a value, or undefined if there is none. Throws if the value is there and cannot be read. */
  get(key: string): unknown;
  /** Sets a value. Returns once it is saved. */
  set(key: string, value: unknown): unknown;
  /** Deletes a value. Other keys stay as they are. */
  delete(key: string): unknown;
  /**
   * Runs work that no other user of the store runs for the same key at the same time. The lock ends with its process.
   *
   * @param signal Ends the wait for the lock, not the work.
   * @default work excludes other work of this process only
   */
  lock?<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}
