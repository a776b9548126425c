import { statSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import type { Report } from '../../base/isolated-observable.ts';
import { randomToken } from '../../base/random.ts';
import { StoredFlowError, StoreUnavailableError } from '../../model/errors.ts';
import { resultRetentionMs } from '../../model/flow-store.ts';
import { closeDatabase, unavailable, type Database, type Statement } from './database.ts';
import { FlowTable } from './flow-table.ts';

// Milliseconds between removals of what is gone.
const sweepMs = 60_000;

// Rows of one removal, and milliseconds to the next one: redirects are answered between them.
const batch = 500;
const nextBatchMs = 20;

/** The open file of a store. Each step is one transaction, which is on the disk when its promise resolves. */
export class StoreFile {
  readonly flows: FlowTable;
  readonly #path: string;
  readonly #inode: number;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #report: Report;
  readonly #prepared = new Map<string, Statement>();
  #stopSweep: () => void = () => undefined;
  #isReported = false;
  #isClosed = false;

  /** @param report Called once for each outage. */
  constructor(path: string, database: Database, clock: Clock, report: Report) {
    this.#path = path;
    this.#inode = statSync(path).ino;
    this.#database = database;
    this.#clock = clock;
    this.#report = report;
    this.flows = new FlowTable((sql) => this.prepare(sql));
    this.#sweep();
  }

  prepare(sql: string): Statement {
    let statement = this.#prepared.get(sql);
    if (!statement) {
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  /** Runs a step that changes nothing. @param step Gets the time. */
  read<T>(step: (now: number) => T): Promise<T> {
    return this.#run(() => step(this.#clock.now()));
  }

  /** Runs a step as a transaction: all of its changes are made, or none. @param step Gets the time. */
  change<T>(step: (now: number) => T): Promise<T> {
    return this.#run(() => {
      this.prepare('BEGIN IMMEDIATE').run();
      try {
        const result = step(this.#clock.now());
        this.prepare('COMMIT').run();
        return result;
      } catch (error) {
        this.#rollBack();
        throw error;
      }
    });
  }

  /** Returns a random text that stays the same for as long as the file is kept. */
  fact(name: string): string {
    this.prepare('INSERT OR IGNORE INTO fact (name, value) VALUES (?, ?)').run(name, randomToken());
    return (this.prepare('SELECT value FROM fact WHERE name = ?').get(name) as { value: string }).value;
  }

  /** Resolves if the file is where it was and can be written. */
  check(): Promise<void> {
    return this.change((now) => {
      const found = statSync(this.#path, { throwIfNoEntry: false });
      if (found?.ino !== this.#inode)
        throw new StoreUnavailableError('the file of the store was removed or replaced');
      const write = `INSERT INTO fact (name, value) VALUES ('checked', ?)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value`;
      this.prepare(write).run(String(now));
    });
  }

  /** Closes the file; repeatable. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopSweep();
    this.#prepared.clear();
    closeDatabase(this.#database);
  }

  #run<T>(step: () => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(new StoreUnavailableError('the store is closed'));
    try {
      const result = step();
      this.#isReported = false;
      return Promise.resolve(result);
    } catch (error) {
      return Promise.reject(this.#tell(error));
    }
  }

  /** Returns the error of a step, and reports the first one of an outage. */
  #tell(error: unknown): Error {
    if (error instanceof StoredFlowError) return error;
    const told = error instanceof StoreUnavailableError ? error : unavailable(error);
    if (!this.#isReported) this.#report(told);
    this.#isReported = true;
    return told;
  }

  #rollBack(): void {
    try {
      this.prepare('ROLLBACK').run();
    } catch {
      // SQLite has rolled back already, for example because the disk is full.
    }
  }

  /** Removes what is gone, in batches, and again a minute later. */
  #sweep(): void {
    void this.#removeBatch().then((isLast) => {
      if (this.#isClosed) return;
      this.#stopSweep = this.#clock.after(isLast ? sweepMs : nextBatchMs, () => this.#sweep());
    });
  }

  /** Resolves with true if nothing more is gone. If the file cannot be used, the next sweep tries again. */
  #removeBatch(): Promise<boolean> {
    return this.change((now) => {
      const records = 'DELETE FROM record WHERE id IN (SELECT id FROM record WHERE expires <= ? LIMIT ?)';
      const { changes } = this.prepare(records).run(now, batch);
      const removed = Math.max(Number(changes), this.flows.removeExpired(now - resultRetentionMs, batch));
      if (removed === batch) return false;
      this.flows.removeSurplus();
      return true;
    }).catch(() => true);
  }
}
