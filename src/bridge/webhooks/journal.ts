import { randomToken } from '../../base/random.ts';
import { StoreUnavailableError } from '../../model/errors.ts';
import { resultRetentionMs, type SharedRecords } from '../../model/flow-store.ts';

/** Flow whose result goes to a webhook. */
export interface Job {
  readonly flowId: string;
  readonly state: string;
  readonly url: string;
  readonly expiresAt: number;
}

/** Node that keeps jobs, and the time until which it is taken for alive. */
interface Keeper {
  readonly id: string;
  readonly until: number;
  readonly pages: number;
}

/** Jobs of one record. */
interface Page {
  readonly jobs: Map<string, Job>;
  version: string | undefined;
  /** Settles once what was added or removed before is written. */
  written: Promise<void> | undefined;
}

// A record is written as a whole.
const maxPage = 100;
const marginMs = 60_000;
const maxTries = 50;
const keepersKey = 'keepers of webhooks';

/** Nodes renew their entry so often. */
export const renewMs = 5_000;
/** A node that has not renewed its entry for so long counts as dead, and another node takes over its jobs. */
const aliveMs = 20_000;

/**
 * The jobs of this node, in records of the store. Each node writes its own, and a list of the nodes that live. If a node dies,
 * another one finds its jobs.
 */
export class Journal {
  readonly #records: SharedRecords;
  readonly #now: () => number;
  readonly #id = randomToken(9);
  readonly #pages: Page[] = [];
  readonly #pageOf = new Map<string, number>();
  /** Number of pages that the list of nodes has. */
  #listed = 0;
  /** The writing of each page that is under way or was the last. */
  readonly #writing = new Map<number, Promise<void>>();

  /** @param now Returns the time of the store's clock. */
  constructor(records: SharedRecords, now: () => number) {
    this.#records = records;
    this.#now = now;
  }

  get size(): number {
    return this.#pageOf.size;
  }

  /** Adds a job. Resolves once the store has it. */
  async add(job: Job): Promise<void> {
    if (this.#pageOf.has(job.flowId)) return;
    let n = this.#pages.findIndex(({ jobs }) => jobs.size < maxPage);
    if (n < 0) n = this.#pages.push({ jobs: new Map(), version: undefined, written: undefined }) - 1;
    this.#page(n).jobs.set(job.flowId, job);
    this.#pageOf.set(job.flowId, n);
    try {
      // First, because no node looks for a page that the list does not have.
      if (n >= this.#listed) await this.renew();
      await this.#write(n);
    } catch (error) {
      this.#pageOf.delete(job.flowId);
      this.#page(n).jobs.delete(job.flowId);
      throw error;
    }
  }

  async remove(flowId: string): Promise<void> {
    const n = this.#pageOf.get(flowId);
    if (n === undefined) return;
    this.#pageOf.delete(flowId);
    this.#page(n).jobs.delete(flowId);
    await this.#write(n);
  }

  /** Tells the other nodes that this one lives. Returns those that do not. */
  async renew(): Promise<readonly Keeper[]> {
    const own: Keeper = { id: this.#id, until: this.#now() + aliveMs, pages: this.#pages.length };
    const all = await this.#changeKeepers((keepers) => [...keepers.filter(({ id }) => id !== this.#id), own]);
    this.#listed = Math.max(this.#listed, own.pages);
    return all.filter(({ until }) => until < this.#now());
  }

  /** Leaves the jobs to other nodes at once. */
  async leave(): Promise<void> {
    await this.#changeKeepers((keepers) =>
      keepers.flatMap((keeper) =>
        keeper.id !== this.#id ? keeper : this.size > 0 ? { ...keeper, until: -1 } : [],
      ),
    );
  }

  /** Takes over the jobs of a node that is dead, and resolves with them. */
  async takeOver({ id: dead, pages }: Keeper): Promise<readonly Job[]> {
    const found = await Promise.all(
      Array.from({ length: pages }, async (_, n) => ({
        n,
        record: await this.#records.read(nameOf(dead, n)),
      })),
    );
    const jobs = found.flatMap(({ record }) => (record ? (JSON.parse(record.text) as Job[]) : []));
    await Promise.all(jobs.map((job) => this.add(job)));
    // Last, so that this node may die before.
    await this.#changeKeepers((keepers) => keepers.filter(({ id }) => id !== dead));
    for (const { n, record } of found)
      await this.#records.replace(nameOf(dead, n), record?.version, undefined, 1);
    return jobs;
  }

  #page(n: number): Page {
    return this.#pages[n] as Page;
  }

  /** Writes a page after the writing before has ended. Calls of one moment share a writing. */
  #write(n: number): Promise<void> {
    const page = this.#page(n);
    page.written ??= Promise.resolve(this.#writing.get(n))
      .catch(() => undefined)
      .then(() => {
        page.written = undefined;
        const writing = this.#writeNow(n);
        this.#writing.set(n, writing);
        return writing;
      });
    return page.written;
  }

  async #writeNow(n: number): Promise<void> {
    const page = this.#page(n);
    const jobs = [...page.jobs.values()];
    const text = jobs.length > 0 ? JSON.stringify(jobs) : undefined;
    const ttl =
      Math.max(0, ...jobs.map(({ expiresAt }) => expiresAt - this.#now())) + resultRetentionMs + marginMs;
    const name = nameOf(this.#id, n);
    for (let tries = 0; tries < maxTries; tries++) {
      if (await this.#records.replace(name, page.version, text, ttl)) {
        page.version = text === undefined ? undefined : (await this.#records.read(name))?.version;
        return;
      }
      // Its time was over, or the answer to the writing before was lost.
      page.version = (await this.#records.read(name))?.version;
    }
    throw new StoreUnavailableError('the jobs of this node change too often');
  }

  async #changeKeepers(edit: (keepers: readonly Keeper[]) => readonly Keeper[]): Promise<readonly Keeper[]> {
    for (let tries = 0; tries < maxTries; tries++) {
      const found = await this.#records.read(keepersKey);
      const after = edit(found ? (JSON.parse(found.text) as Keeper[]) : []);
      // As long as a flow may live, so that the list outlives a pause of all nodes.
      const ttl = 86_400_000 + marginMs;
      const text = after.length > 0 ? JSON.stringify(after) : undefined;
      if (text === found?.text || (await this.#records.replace(keepersKey, found?.version, text, ttl)))
        return after;
    }
    throw new StoreUnavailableError('the nodes of the webhooks change too often');
  }
}

function nameOf(id: string, page: number): string {
  return `webhooks of ${id} ${page}`;
}
