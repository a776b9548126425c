/**
 * Store in a file, so that flows survive the end of their process.
 *
 * @module rx-oauth-callback/sqlite
 */
export { sqliteStore } from './store/sqlite/create.ts';
export { createStoredHost } from './store/host.ts';
export { MissingPackageError } from './base/optional-package.ts';
export { StoreUnavailableError, StoredFlowError } from './model/errors.ts';
export type { ResumableFlow } from './flows/resumable-flow.ts';
export type { StoredHost } from './store/host.ts';
export type { SqliteFlowStore } from './store/sqlite/create.ts';
export type { SqliteStoreOptions } from './store/sqlite/options.ts';
export type { SealingKey } from './base/sealing-keys.ts';
