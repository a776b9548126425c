import { setTimeout } from 'node:timers/promises';
import { InvalidOptionError } from '../../base/invalid-option.ts';
import { loadOptional, MissingPackageError } from '../../base/optional-package.ts';
import { createPrivateFile, UnsafeFileError } from '../../base/private-file.ts';
import { StoreUnavailableError } from '../../model/errors.ts';
import { applicationId, schema, schemaVersion } from './schema.ts';

export type Value = string | number | null;

/** The part of `node:sqlite` that a store uses; `libsql` has it too. */
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

export interface Statement {
  run(...values: Value[]): { changes: number | bigint };
  get(...values: Value[]): unknown;
  all(...values: Value[]): unknown[];
}

type Open = (file: string) => Database;

// Milliseconds between attempts to open a file that another process has open.
const retryDelayMs = 50;

// SQLite's code for a file that another process has locked, and for one that is no database.
const busy = 5;
const noDatabase = 26;

/**
 * Opens the file of a store for this process only; creates it if there is none.
 *
 * @param timeout Milliseconds to wait for another process that has it open.
 * @throws {InvalidOptionError} for a file that is not safe or has other content
 */
export async function openDatabase(file: string, timeout: number): Promise<Database> {
  const open = await loadDriver();
  await prepare(file);
  let database: Database | undefined;
  try {
    database = open(file);
    await occupy(database, file, timeout);
    setUp(database, file);
    return database;
  } catch (error) {
    // As it was: it may be a file of another program.
    database?.close();
    if (error instanceof InvalidOptionError || error instanceof StoreUnavailableError) throw error;
    throw codeOf(error) === noDatabase ? otherContent(file) : unavailable(error);
  }
}

/** Closes a file, so that the next one can have it at once. */
export function closeDatabase(database: Database): void {
  try {
    // `libsql` has the file open until its statements are collected, so the lock is given up before. Without shared memory that
    // needs another journal.
    database.exec('PRAGMA journal_mode = DELETE');
    database.exec('PRAGMA locking_mode = NORMAL');
    read(database, countTables);
  } catch {
    // The lock ends with the process then.
  }
  database.close();
}

/** Makes the error for a step that SQLite has rejected. Its messages show no values. */
export function unavailable(cause: unknown): StoreUnavailableError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StoreUnavailableError(`the file of the store cannot be used: ${reason}`, { cause });
}

async function prepare(file: string): Promise<void> {
  try {
    await createPrivateFile(file);
  } catch (error) {
    if (error instanceof UnsafeFileError)
      throw new InvalidOptionError('file', `must be safe: ${error.message}`);
    throw unavailable(error);
  }
}

/** Prefers the package, because whoever has installed it has chosen it. */
async function loadDriver(): Promise<Open> {
  try {
    const { default: Libsql } = await loadOptional('libsql', () => import('libsql'));
    return (file) => new Libsql(file);
  } catch (error) {
    // Node has it since 22.13.
    const builtIn = process.getBuiltinModule('node:sqlite') as BuiltIn | undefined;
    if (!builtIn || !(error instanceof MissingPackageError)) throw error;
    return (file) => new builtIn.DatabaseSync(file);
  }
}

interface BuiltIn {
  readonly DatabaseSync: new (file: string) => Database;
}

/** Takes the lock of the file, which ends with the process, however it ends: there is no lock file that is left. */
async function occupy(database: Database, file: string, timeout: number): Promise<void> {
  const end = performance.now() + timeout;
  database.exec('PRAGMA busy_timeout = 0');
  database.exec('PRAGMA locking_mode = EXCLUSIVE');
  for (;;) {
    try {
      // Also rolls back what a process that was killed has left.
      database.exec('BEGIN EXCLUSIVE');
      database.exec('COMMIT');
      return;
    } catch (error) {
      if (codeOf(error) !== busy) throw error;
      if (performance.now() >= end)
        throw new StoreUnavailableError(`another process has ${file} open`, { cause: error });
    }
    await setTimeout(retryDelayMs);
  }
}

function setUp(database: Database, file: string): void {
  const isNew = read(database, countTables) === 0;
  if (!isNew) requireOwn(database, file);
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('PRAGMA synchronous = FULL');
  database.exec('PRAGMA secure_delete = ON');
  if (isNew) database.exec(`BEGIN; ${schema} COMMIT`);
}

function requireOwn(database: Database, file: string): void {
  if (read(database, 'SELECT application_id AS value FROM pragma_application_id') !== applicationId)
    throw otherContent(file);
  const version = read(database, 'SELECT user_version AS value FROM pragma_user_version');
  if (version > schemaVersion)
    throw new InvalidOptionError('file', `must not be of a newer version of this package; ${file} is`);
}

const countTables = 'SELECT count(*) AS value FROM sqlite_master';

function read(database: Database, sql: string): number {
  return (database.prepare(sql).get() as { value: number }).value;
}

function otherContent(file: string): InvalidOptionError {
  return new InvalidOptionError('file', `must be a file of this package; ${file} has other content`);
}

/** Returns SQLite's code of an error. `libsql` and `node:sqlite` have it in different places, and that of Deno not always. */
function codeOf(error: unknown): number | undefined {
  const { rawCode, errcode, message } = error as { rawCode?: number; errcode?: number; message?: string };
  const extended = rawCode ?? errcode;
  if (extended !== undefined) return extended & 0xff;
  return message === 'database is locked'
    ? busy
    : message === 'file is not a database'
      ? noDatabase
      : undefined;
}
