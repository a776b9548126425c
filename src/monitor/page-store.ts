import type { SharedRecord, SharedRecords } from '../model/flow-store.ts';
import type { PageRecord } from './page-record.ts';

/** A page session with its version in the store. */
export interface KeptPage {
  readonly record: PageRecord;
  readonly version: string;
}

/** Where the page sessions of one monitor are kept. */
export interface PageStoreOptions {
  /** Path of the monitor: another one of the same store has page sessions of its own. */
  readonly path: string;
  /** Milliseconds that a record is kept after its last change: longer than any session lives. */
  readonly ttl: number;
}

// How long a page can learn that its session has ended because of a copied pass.
const endedMs = 60_000;

/** Page sessions in a store: a record for each session, and one for each pass, which says whose it is. */
export class PageStore {
  readonly #records: SharedRecords;
  readonly #path: string;
  readonly #ttl: number;

  constructor(records: SharedRecords, { path, ttl }: PageStoreOptions) {
    this.#records = records;
    this.#path = path;
    this.#ttl = ttl;
  }

  /** Resolves with the id of the session that a pass belongs to. */
  async idOf(pass: string): Promise<string | undefined> {
    return (await this.#records.read(this.#passKey(pass)))?.text;
  }

  /** Gives passes to a session. Resolves with false, and gives it none, if another session has one of them. */
  async claim(id: string, passes: readonly string[]): Promise<boolean> {
    const claimed: string[] = [];
    for (const pass of passes) {
      if (await this.#records.replace(this.#passKey(pass), undefined, id, this.#ttl)) claimed.push(pass);
      else if ((await this.idOf(pass)) !== id) {
        await this.forget(claimed);
        return false;
      }
    }
    return true;
  }

  async forget(passes: readonly string[]): Promise<void> {
    await Promise.all(passes.map((pass) => this.#change(this.#passKey(pass), undefined, 0)));
  }

  async read(id: string): Promise<KeptPage | undefined> {
    const found = await this.#records.read(this.#pageKey(id));
    return found && { record: JSON.parse(found.text) as PageRecord, version: found.version };
  }

  /** Resolves with false if the session has changed since this version of it. */
  write(id: string, version: string | undefined, record: PageRecord): Promise<boolean> {
    return this.#records.replace(this.#pageKey(id), version, JSON.stringify(record), this.#ttl);
  }

  /** Ends a session, unless it has changed since this version of it: then it resolves with false. */
  async end(id: string, { record, version }: KeptPage, { copied }: { copied: boolean }): Promise<boolean> {
    const after = copied ? JSON.stringify({ ...record, tabs: [], copied }) : undefined;
    if (!(await this.#records.replace(this.#pageKey(id), version, after, endedMs))) return false;
    // Each of these may be shown next.
    const last = copied ? record.tabs.flatMap(({ passes }) => passes.slice(-2)) : [];
    const others = record.tabs.flatMap(({ passes }) => passes).filter((pass) => !last.includes(pass));
    await Promise.all([
      this.forget(others),
      ...last.map((pass) => this.#change(this.#passKey(pass), id, endedMs)),
    ]);
    return true;
  }

  async #change(key: string, text: string | undefined, ttl: number): Promise<void> {
    let found: SharedRecord | undefined;
    do found = await this.#records.read(key);
    while (found && !(await this.#records.replace(key, found.version, text, ttl)));
  }

  #pageKey(id: string): string {
    return `page ${this.#path} ${id}`;
  }

  /** @param pass Digest of the pass. */
  #passKey(pass: string): string {
    return `pass ${this.#path} ${pass}`;
  }
}
