import { bytesOfShare, usedBytes } from '../accounts.ts';
import type { Statement, Value } from './database.ts';

/** A row of the table `flow`; the schema says what its columns are. */
export interface FlowRow {
  readonly number: number;
  readonly id: string;
  readonly account: string | null;
  readonly share: number;
  readonly expires: number;
  bytes: number;
  sealed: string | null;
  ending: 'response' | 'cancelled' | null;
  response: string | null;
  code: string | null;
  wrong: number;
  ended: number | null;
  announced: 0 | 1;
  acknowledged: 0 | 1;
}

export interface NewFlowRow {
  readonly id: string;
  readonly tenant: string;
  readonly account: string | null;
  readonly share: number;
  readonly bytes: number;
  readonly expires: number;
  readonly sealed: string;
}

const sql = {
  find: 'SELECT * FROM flow WHERE id = ?',
  add: 'INSERT INTO flow (id, tenant, account, share, bytes, expires, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)',
  save: `UPDATE flow SET bytes = ?, sealed = ?, ending = ?, response = ?, code = ?, wrong = ?, ended = ?, announced = ?,
    acknowledged = ? WHERE id = ?`,
  remove: 'DELETE FROM flow WHERE id = ?',
  ofTenant: 'SELECT count(*) AS flows FROM flow WHERE tenant = ? AND acknowledged = 0 AND expires > ?',
  ofAccount:
    'SELECT count(*) AS flows, total(bytes) AS bytes FROM flow WHERE account = ? AND acknowledged = 0 AND expires > ?',
  oldestEnded: `SELECT * FROM flow WHERE account = ? AND acknowledged = 0 AND ending IS NOT NULL AND id <> ?
    ORDER BY ended, number LIMIT 1`,
  removeExpired: 'DELETE FROM flow WHERE number IN (SELECT number FROM flow WHERE expires <= ? LIMIT ?)',
  removeSurplus: `DELETE FROM flow WHERE number IN (SELECT number FROM (
    SELECT number, share, row_number() OVER (PARTITION BY account ORDER BY number DESC) AS place
    FROM flow WHERE acknowledged = 1 AND account IN (
      SELECT account FROM flow GROUP BY account HAVING count(*) * ${usedBytes} > ${bytesOfShare(0)})
  ) WHERE place * ${usedBytes} > share)`,
} as const;

/** The table of the flows. A flow is in it until `expires`, and a little longer; callers say from when on it is gone. */
export class FlowTable {
  readonly #prepare: (sql: string) => Statement;

  /** @param prepare Prepares a statement, once. */
  constructor(prepare: (sql: string) => Statement) {
    this.#prepare = prepare;
  }

  /** @param gone Time up to which a flow's `expires` means that it is gone. */
  find(id: string, gone: number): FlowRow | undefined {
    const row = this.#prepare(sql.find).get(id) as FlowRow | undefined;
    return row && row.expires > gone ? row : undefined;
  }

  /** Adds a flow, in place of one that is gone. */
  add({ id, tenant, account, share, bytes, expires, sealed }: NewFlowRow): void {
    this.#prepare(sql.remove).run(id);
    this.#prepare(sql.add).run(id, tenant, account, share, bytes, expires, sealed);
  }

  save({ id, ...row }: FlowRow): void {
    const { bytes, sealed, ending, response, code, wrong, ended, announced, acknowledged } = row;
    const values: Value[] = [bytes, sealed, ending, response, code, wrong, ended, announced, acknowledged];
    this.#prepare(sql.save).run(...values, id);
  }

  /** Number of a tenant's flows that are not acknowledged. */
  sizeOfTenant(tenant: string, gone: number): number {
    return (this.#prepare(sql.ofTenant).get(tenant, gone) as { flows: number }).flows;
  }

  /** Flows of an account that are not acknowledged, and their bytes. */
  useOf(account: string, gone: number): { readonly flows: number; readonly bytes: number } {
    return this.#prepare(sql.ofAccount).get(account, gone) as { flows: number; bytes: number };
  }

  /** Returns the flow of an account that has ended first and is not acknowledged, other than `but`. */
  oldestEnded(account: string, but: string): FlowRow | undefined {
    return this.#prepare(sql.oldestEnded).get(account, but) as FlowRow | undefined;
  }

  /** Removes flows that are gone. Returns how many. @param most Maximum number. */
  removeExpired(gone: number, most: number): number {
    return Number(this.#prepare(sql.removeExpired).run(gone, most).changes);
  }

  /** Removes of each account's used states the oldest ones beyond its share. */
  removeSurplus(): void {
    this.#prepare(sql.removeSurplus).run();
  }
}
