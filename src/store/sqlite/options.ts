import { resolve } from 'node:path';
import type { SchedulerLike } from 'rxjs';
import { readOptions, type OptionTable } from '../../base/options.ts';
import type { SealingKey } from '../../base/sealing-keys.ts';
import { invalid, requireInteger } from '../../base/validate.ts';

/** Options of `sqliteStore`. Only `file` must be given. */
export interface SqliteStoreOptions {
  /**
   * Path of the file, on a disk of this machine. It is created if it is missing, as is its folder. Only its owner may read it, and
   * no other user may create files in its folder, because SQLite keeps its journal there.
   */
  file: string;
  /**
   * Keys that seal flows and responses, together with each flow's state. The first key seals, all of them open: put a new key
   * first, and remove an old one once `flowTtl` is over.
   * @default none: the state alone, which the file never has
   */
  keys?: readonly SealingKey[];
  /** Milliseconds to wait at the start while another process has the file open, such as one that is about to end. @default 3_000 */
  timeout?: number;
  /** Called once when the file becomes unavailable, with the error; its `cause` has what SQLite said. @default ignores it */
  report?: (error: unknown) => void;
  /** Source of time. @default the system's clock */
  scheduler?: SchedulerLike;
}

export type SqliteStoreSettings = SqliteStoreOptions & typeof defaults;

const defaults = {
  keys: [] as readonly SealingKey[],
  timeout: 3_000,
  report: ((): void => undefined) as (error: unknown) => void,
};

export const sqliteStoreOptionTable: OptionTable<SqliteStoreOptions> = {
  file: true,
  keys: true,
  timeout: true,
  report: true,
  scheduler: true,
};

export function readSqliteStoreOptions(given: SqliteStoreOptions): SqliteStoreSettings {
  const options = readOptions(given, sqliteStoreOptionTable, { of: 'sqliteStore' }, defaults);
  const { file, timeout } = options;
  // SQLite takes an empty name for a file that it removes at the end.
  if (typeof file !== 'string' || file === '') throw invalid('file', 'be the path of a file', file);
  requireInteger('timeout', timeout, 0, 60_000);
  // Absolute, so that no name is taken for a URL.
  return { ...options, file: resolve(file) };
}
