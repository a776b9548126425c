import type { SharedRecord, SharedRecords } from '../../model/flow-store.ts';
import type { Sealer } from '../sealer.ts';
import type { StoreFile } from './file.ts';

const sql = {
  find: 'SELECT sealed, expires FROM record WHERE id = ?',
  put: `INSERT INTO record (id, sealed, expires) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, expires = excluded.expires`,
  remove: 'DELETE FROM record WHERE id = ?',
} as const;

/** Records in a file: named by a digest of their key, and sealed with it. The version of a record is its sealed text. */
export class SqliteRecords implements SharedRecords {
  readonly #file: StoreFile;
  readonly #sealer: Sealer;

  constructor(file: StoreFile, sealer: Sealer) {
    this.#file = file;
    this.#sealer = sealer;
  }

  read(key: string): Promise<SharedRecord | undefined> {
    return this.#file.read((now) => {
      const sealed = this.#find(key, now);
      return sealed === undefined ? undefined : this.#sealer.openRecord(key, sealed);
    });
  }

  replace(key: string, version: string | undefined, text: string | undefined, ttl: number): Promise<boolean> {
    return this.#file.change((now) => {
      if (this.#find(key, now) !== version) return false;
      const id = this.#sealer.nameOf(key);
      if (text === undefined) this.#file.prepare(sql.remove).run(id);
      else this.#file.prepare(sql.put).run(id, this.#sealer.seal(key, 'record', text), now + Math.ceil(ttl));
      return true;
    });
  }

  #find(key: string, now: number): string | undefined {
    const row = this.#file.prepare(sql.find).get(this.#sealer.nameOf(key)) as
      { sealed: string; expires: number } | undefined;
    return row && row.expires > now ? row.sealed : undefined;
  }
}
