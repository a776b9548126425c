import type { SharedRecord, SharedRecords } from '../model/flow-store.ts';
import type { PageRecord } from './page-record.ts';

/** A page session with its version in the store. */
export interface KeptPage {
  readonly record: PageRecord;
  readonly version: string;
}

/** Page sessions in a store: a record for each session, and one for each pass, which says whose it is. */
export class PageStore {
  readonly #records: SharedRecords;
  readonly #ttl: number;

  /** @param ttl Milliseconds that a record is kept after its last change: longer than any session lives. */
  constructor(records: SharedRecords, ttl: number) {
    this.#records = records;
    this.#ttl = ttl;
  }

  /** Resolves with the id of the session that a pass belongs to. */
  async idOf(pass: string): Promise<string | undefined> {
    return (await this.#records.read(keyOfPass(pass)))?.text;
  }

  /** Gives a pass to a session. Resolves with false if another session has it. */
  async claim(pass: string, id: string): Promise<boolean> {
    const key = keyOfPass(pass);
    return (await this.#records.replace(key, undefined, id, this.#ttl)) || (await this.idOf(pass)) === id;
  }

  async forget(passes: readonly string[]): Promise<void> {
    await Promise.all(passes.map((pass) => this.#remove(keyOfPass(pass))));
  }

  async read(id: string): Promise<KeptPage | undefined> {
    const found = await this.#records.read(keyOfPage(id));
    return found && { record: JSON.parse(found.text) as PageRecord, version: found.version };
  }

  /** Resolves with false if the session has changed since this version of it. */
  write(id: string, version: string | undefined, record: PageRecord): Promise<boolean> {
    return this.#records.replace(keyOfPage(id), version, JSON.stringify(record), this.#ttl);
  }

  /** Ends a session. Its passes then belong to none. */
  end(id: string): Promise<void> {
    return this.#remove(keyOfPage(id));
  }

  async #remove(key: string): Promise<void> {
    let found: SharedRecord | undefined;
    do found = await this.#records.read(key);
    while (found && !(await this.#records.replace(key, found.version, undefined, 0)));
  }
}

function keyOfPage(id: string): string {
  return `page ${id}`;
}

/** @param pass Digest of the pass. */
function keyOfPass(pass: string): string {
  return `pass ${pass}`;
}
