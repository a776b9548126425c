import type { FlowStore } from '../../model/flow-store.ts';
import { readSqliteStoreOptions, type SqliteStoreOptions } from './options.ts';
import { SqliteStore } from './store.ts';

/** Store of flows in a file of one process, which survive its end. */
export interface SqliteFlowStore extends FlowStore, AsyncDisposable {
  /** Closes the file. Repeatable; flows stay in it. */
  close(): Promise<void>;
}

/**
 * Opens a file that has the flows of this process, so that they survive its end: a new process with the file takes them over.
 *
 * What has happened is on the disk before a browser or listener hears of it. One process has the file open at a time.
 *
 * @returns Rejects with `InvalidOptionError` for an option that is out of range and for a file that is not safe or has other content,
 * with `MissingPackageError` if neither `libsql` nor `node:sqlite` of Node 22.13 is there, and with `StoreUnavailableError` if the
 * file cannot be used, for example because another process has it open.
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { createBridge } from 'rx-oauth-callback/bridge';
 * import { sqliteStore } from 'rx-oauth-callback/sqlite';
 *
 * async function serve(token: string) {
 *   const store = await sqliteStore({ file: '/var/lib/sign-in/flows.db' });
 *   const bridge = createBridge(createOAuthCallbackServer({ port: 8080 }), { store, token });
 *   await bridge.listen();
 * }
 */
export async function sqliteStore(options: SqliteStoreOptions): Promise<SqliteFlowStore> {
  return SqliteStore.open(readSqliteStoreOptions(options));
}
