import { inTurnByKey } from '../../base/in-turn.ts';
import { randomToken } from '../../base/random.ts';
import { sha256 } from '../../base/sha256.ts';
import { StoreUnavailableError } from '../../model/errors.ts';
import { resultRetentionMs, type SharedRecord, type SharedRecords } from '../../model/flow-store.ts';

/** Flow that a request has begun. */
export interface KeyFlow {
  readonly state: string;
  readonly expiresAt: number;
  /** Number of its result in the stream of its key; 0 until the result is sent. */
  readonly number: number;
}

/** Flows that were begun with one key and are not acknowledged. */
export interface KeyRecord {
  /** Tells the numbers of this record from those of one that was lost. */
  readonly epoch: string;
  /** Number of the next result. */
  readonly next: number;
  /** Id of the stream that was opened last. */
  readonly reader: string;
  readonly flows: readonly KeyFlow[];
}

/** Owner of a key: one tenant's keys are not those of another. */
export interface KeyOwner {
  readonly tenant?: string | undefined;
  readonly key: string;
}

// A record is read and written as a whole.
const maxFlows = 256;
// Beyond the retention of a result, as clocks of nodes differ.
const marginMs = 60_000;
const maxTries = 50;

/** The flows of each key, in records that all nodes of a store share. So a stream delivers flows that another node has begun. */
export class KeyFlows {
  readonly #records: SharedRecords;
  readonly #now: () => number;
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #inTurn = inTurnByKey();

  /** @param now Returns the time of the store's clock. */
  constructor(records: SharedRecords, now: () => number) {
    this.#records = records;
    this.#now = now;
  }

  async read(owner: KeyOwner): Promise<KeyRecord | undefined> {
    return parse(await this.#records.read(nameOf(owner)));
  }

  /** Adds a flow. Resolves with false if the key has too many. */
  async add(owner: KeyOwner, { state, expiresAt }: Omit<KeyFlow, 'number'>): Promise<boolean> {
    const { flows } = await this.change(owner, (record) =>
      record.flows.length >= maxFlows || record.flows.some((flow) => flow.state === state)
        ? record
        : { ...record, flows: [...record.flows, { state, expiresAt, number: 0 }] },
    );
    return flows.some((flow) => flow.state === state);
  }

  async remove(owner: KeyOwner, states: ReadonlySet<string>): Promise<void> {
    await this.change(owner, (record) => ({
      ...record,
      flows: record.flows.filter(({ state }) => !states.has(state)),
    }));
  }

  /** Calls `look` when this node has changed the record. Returns a function that ends it. */
  watch(owner: KeyOwner, look: () => void): () => void {
    const name = nameOf(owner);
    const watchers = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, watchers.add(look));
    return () => {
      watchers.delete(look);
      if (watchers.size === 0 && this.#watchers.get(name) === watchers) this.#watchers.delete(name);
    };
  }

  /** Changes a record atomically, and resolves with the changed one. One node makes its changes in turn. */
  async change(owner: KeyOwner, edit: (record: KeyRecord) => KeyRecord): Promise<KeyRecord> {
    const name = nameOf(owner);
    const changed = await this.#inTurn(name, () => this.#change(name, edit));
    for (const look of this.#watchers.get(name) ?? []) look();
    return changed;
  }

  async #change(name: string, edit: (record: KeyRecord) => KeyRecord): Promise<KeyRecord> {
    // Another node may change the record meanwhile, and one of them always succeeds.
    for (let tries = 0; tries < maxTries; tries++) {
      const found = await this.#records.read(name);
      const now = this.#now();
      const before = parse(found) ?? { epoch: randomToken(9), next: 1, reader: '', flows: [] };
      const flows = before.flows.filter(({ expiresAt }) => expiresAt + resultRetentionMs + marginMs > now);
      const after = edit({ ...before, flows });
      const text = after.flows.length === 0 && after.reader === '' ? undefined : JSON.stringify(after);
      if (text === found?.text) return after;
      const ends = after.flows.map(({ expiresAt }) => expiresAt - now);
      const ttl = Math.max(0, ...ends) + resultRetentionMs + marginMs;
      if (await this.#records.replace(name, found?.version, text, ttl)) return after;
    }
    throw new StoreUnavailableError('the flows of a key change too often');
  }
}

function nameOf({ tenant = '', key }: KeyOwner): string {
  return `flows of a key ${tenant} ${sha256(key, 'base64url')}`;
}

function parse(record: SharedRecord | undefined): KeyRecord | undefined {
  return record && (JSON.parse(record.text) as KeyRecord);
}
