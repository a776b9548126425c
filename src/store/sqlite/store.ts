import { clockFrom, type Clock } from '../../base/clock.ts';
import { sha256 } from '../../base/sha256.ts';
import type { ResponseFields } from '../../model/callback-response.ts';
import { maxWrongCodes, newCode, readCode, type Confirmed } from '../../model/confirmation.ts';
import { mismatch, needsCode } from '../../model/expectation.ts';
import type { Outcome } from '../../model/flow.ts';
import {
  resultRetentionMs,
  type BegunFlow,
  type Consumed,
  type FlowQuota,
  type FlowShare,
  type FlowStore,
  type FlowWatcher,
  type NewFlow,
  type StoredFlow,
  type StoredResult,
} from '../../model/flow-store.ts';
import type { Arrival } from '../../model/redirect.ts';
import { bytesOfShare } from '../accounts.ts';
import { sameKey } from '../same-key.ts';
import { openFlow, sealFlow } from '../sealed-flow.ts';
import { Sealer } from '../sealer.ts';
import { TenantQuota } from '../tenant-quota.ts';
import { WaitingPages } from '../waiting-pages.ts';
import { Watchers } from '../watchers.ts';
import { openDatabase, unavailable } from './database.ts';
import { StoreFile } from './file.ts';
import type { FlowRow } from './flow-table.ts';
import type { SqliteStoreSettings } from './options.ts';
import { SqliteRecords } from './records.ts';

// Bytes of a row beside its sealed texts, measured with its places in the indexes.
const rowBytes = 512;

/** What the parts of all tenants have in common. */
interface Common {
  readonly settings: SqliteStoreSettings;
  readonly clock: Clock;
  readonly file: StoreFile;
  readonly epoch: string;
  readonly secret: string;
  readonly watchers: Watchers;
  readonly pages: WaitingPages<(outcome: Outcome) => void>;
}

/** Store of flows in a file of this process. `sqliteStore` makes one. */
export class SqliteStore implements FlowStore, AsyncDisposable {
  /** Flows of the processes before this one may be in the file. */
  readonly shared = true;
  readonly records: SqliteRecords;
  readonly secret: string;
  readonly #common: Common;
  readonly #file: StoreFile;
  readonly #sealer: Sealer;
  readonly #tenants = new Map<string, SqliteStore>();
  readonly #isWhole: boolean;
  #quota: TenantQuota | undefined;

  private constructor(common: Common, sealer: Sealer, isWhole: boolean) {
    const { file } = common;
    this.#common = common;
    this.#file = file;
    this.#isWhole = isWhole;
    this.#sealer = sealer;
    // Each tenant has its own.
    this.secret = sealer.name(common.secret).toString('base64url');
    this.records = new SqliteRecords(file, sealer);
  }

  static async open(settings: SqliteStoreSettings): Promise<SqliteStore> {
    // Before the file is opened, because it throws for keys that are not valid.
    const sealer = new Sealer('', settings.keys);
    const clock = clockFrom(settings.scheduler);
    const database = await openDatabase(settings.file, settings.timeout);
    const file = new StoreFile(settings.file, database, clock, settings.report);
    try {
      const [epoch, secret] = [file.fact('epoch'), file.fact('secret')];
      const [watchers, pages] = [new Watchers(clock), new WaitingPages<(outcome: Outcome) => void>()];
      return new SqliteStore({ settings, clock, file, epoch, secret, watchers, pages }, sealer, true);
    } catch (error) {
      file.close();
      throw unavailable(error);
    }
  }

  get epoch(): string {
    return this.#common.epoch;
  }

  now(): number {
    return this.#common.clock.now();
  }

  begin(
    begun: NewFlow,
    ttl: number,
    share?: FlowShare,
  ): Promise<BegunFlow | 'state_in_use' | 'too_many_flows'> {
    const { state, key } = begun;
    return this.#file.change((now) => {
      const gone = now - resultRetentionMs;
      const { flows } = this.#file;
      const known = this.#find(state, now);
      if (known?.acknowledged) return 'state_in_use';
      if (known) {
        const flow = this.#open(state, known);
        return sameKey(flow.key, key) ? { flow, again: true } : 'state_in_use';
      }
      const { tenantName: tenant } = this.#sealer;
      if (this.#quota?.admits(flows.sizeOfTenant(tenant, gone), now) === false) return 'too_many_flows';
      const sealed = sealFlow(this.#sealer, begun);
      const bytes = rowBytes + sealed.length;
      const account = share ? sha256(share.name, 'base64url') : null;
      const maxBytes = share ? bytesOfShare(share.flows) : 0;
      if (share && account !== null) {
        const use = flows.useOf(account, gone);
        if (use.flows >= share.flows || use.bytes + bytes > maxBytes) return 'too_many_flows';
      }
      const id = this.#sealer.nameOf(state);
      const expires = now + ttl;
      flows.add({ id, tenant, account, share: maxBytes, bytes, expires, sealed });
      return { flow: openFlow(this.#sealer, state, { id, sealed, expiresAt: expires }), again: false };
    });
  }

  read(state: string): Promise<StoredFlow | undefined> {
    return this.#file.read((now) => {
      const row = this.#kept(state, now);
      return row && this.#open(state, row);
    });
  }

  /** This process is the only node. */
  adopt(state: string): Promise<boolean> {
    return this.#file.read((now) => this.#kept(state, now) !== undefined);
  }

  consume(response: ResponseFields & { state: string }, arrival: Arrival): Promise<Consumed> {
    const { state } = response;
    return this.#changeFlow(state, (row, now) => {
      if (!row) return { disposition: 'unmatched' };
      if (!isPending(row, now) || row.response !== null) return { disposition: 'duplicate' };
      const { id: flowId, expectation, description } = this.#open(state, row);
      const wrong = mismatch(expectation, arrival, response.iss);
      if (wrong) return { disposition: wrong, flowId };
      row.response = this.#sealer.seal(state, 'response', JSON.stringify(response));
      const described = description && { description };
      if (needsCode(expectation, arrival, response.error)) {
        const code = newCode();
        row.code = this.#sealer.code(state, code);
        this.#file.flows.save(row);
        return { disposition: 'unconfirmed', flowId, code, ...described };
      }
      this.#end(row, 'response', now);
      return { disposition: 'accepted', flowId, ...described };
    });
  }

  confirm(state: string, code: string): Promise<Confirmed | 'again' | 'none'> {
    return this.#changeFlow(state, (row, now) => {
      if (!row || row.code === null) return 'none';
      const isRight = row.code === this.#sealer.code(state, readCode(code));
      // The listener repeats a code whose answer was lost.
      if (row.ending === 'response') return isRight ? 'again' : 'none';
      if (!isPending(row, now)) return 'none';
      if (isRight) {
        this.#end(row, 'response', now);
        return 'confirmed';
      }
      row.wrong++;
      if (row.wrong < maxWrongCodes) {
        this.#file.flows.save(row);
        return 'wrong';
      }
      this.#end(row, 'cancelled', now);
      return 'exhausted';
    });
  }

  cancel(state: string): Promise<void> {
    return this.#changeFlow(state, (row, now) => {
      if (row && isPending(row, now)) this.#end(row, 'cancelled', now);
    });
  }

  take(state: string): Promise<StoredResult | 'gone' | undefined> {
    return this.#file.read((now) => {
      const row = this.#kept(state, now);
      if (!row) return 'gone';
      if (isPending(row, now)) return undefined;
      if (row.ending === null) return { type: 'expired' };
      if (row.ending === 'cancelled') return { type: 'cancelled' };
      const response = this.#sealer.open(state, 'response', row.response ?? '');
      return { type: 'response', response: JSON.parse(response) as ResponseFields };
    });
  }

  announce({ state }: Pick<StoredFlow, 'state'>): Promise<boolean> {
    return this.#file.change((now) => {
      const row = this.#kept(state, now);
      if (!row || row.announced) return false;
      this.#file.flows.save({ ...row, announced: 1 });
      return true;
    });
  }

  acknowledge(state: string): Promise<boolean> {
    return this.#file.change((now) => {
      const row = this.#kept(state, now);
      // Acknowledged before.
      if (!row) return true;
      if (isPending(row, now)) return false;
      this.#use(row);
      return true;
    });
  }

  owner(state: string): Promise<Pick<StoredFlow, 'id' | 'key'> | undefined> {
    return this.#file.read((now) => {
      const row = this.#find(state, now);
      return row?.sealed == null ? undefined : this.#open(state, row);
    });
  }

  settle(state: string, outcome: Outcome): Promise<void> {
    for (const deliver of this.#common.pages.of(this.#sealer.nameOf(state))) deliver(outcome);
    return Promise.resolve();
  }

  onOutcome(state: string, _ms: number, deliver: (outcome: Outcome) => void): Promise<() => void> {
    return Promise.resolve(this.#common.pages.add(this.#sealer.nameOf(state), deliver));
  }

  watch(flow: StoredFlow, watcher: FlowWatcher): void {
    this.#common.watchers.watch({ id: flow.id }, flow.expiresAt, watcher);
  }

  unwatch({ id }: Pick<StoredFlow, 'id'>, watcher: FlowWatcher): void {
    this.#common.watchers.unwatch(id, watcher);
  }

  check(): Promise<void> {
    return this.#file.check();
  }

  forTenant(name: string, quota?: FlowQuota): FlowStore {
    const { keys } = this.#common.settings;
    const store = this.#tenants.get(name) ?? new SqliteStore(this.#common, new Sealer(name, keys), false);
    store.#quota = quota && new TenantQuota(quota);
    this.#tenants.set(name, store);
    return store;
  }

  /** Closes the file. Repeatable; flows stay in it. */
  close(): Promise<void> {
    if (!this.#isWhole) return Promise.resolve();
    this.#common.watchers.clear();
    this.#file.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Changes a flow, and wakes its watchers if it has ended by that. */
  async #changeFlow<T>(state: string, step: (row: FlowRow | undefined, now: number) => T): Promise<T> {
    let ended: string | undefined;
    const result = await this.#file.change((now) => {
      const row = this.#find(state, now);
      const before = row?.ending;
      const after = step(row, now);
      if (row && row.ending !== before) ended = row.id;
      return after;
    });
    if (ended !== undefined) this.#common.watchers.wake(ended);
    return result;
  }

  /** Finds a flow or its used state. */
  #find(state: string, now: number): FlowRow | undefined {
    return this.#file.flows.find(this.#sealer.nameOf(state), now - resultRetentionMs);
  }

  /** Finds a flow that is not acknowledged. */
  #kept(state: string, now: number): FlowRow | undefined {
    const row = this.#find(state, now);
    return row?.acknowledged ? undefined : row;
  }

  #open(state: string, { id, sealed, expires }: FlowRow): StoredFlow {
    return openFlow(this.#sealer, state, { id, sealed: sealed ?? '', expiresAt: expires });
  }

  #end(row: FlowRow, ending: 'response' | 'cancelled', now: number): void {
    const { flows } = this.#file;
    row.ending = ending;
    row.ended = now;
    if (ending === 'cancelled') row.response = null;
    row.bytes += row.response?.length ?? 0;
    flows.save(row);
    if (row.account === null) return;
    // The identity has filled its share with results that it does not acknowledge.
    while (flows.useOf(row.account, now - resultRetentionMs).bytes > row.share) {
      const oldest = flows.oldestEnded(row.account, row.id);
      if (!oldest) break;
      this.#use(oldest);
    }
  }

  /** Replaces a flow by its used state. A listener may still settle one that a page waits for. */
  #use(row: FlowRow): void {
    const isAwaited = this.#common.pages.of(row.id).length > 0;
    const used = { acknowledged: 1, bytes: 0, response: null, code: null } as const;
    this.#file.flows.save({ ...row, ...used, sealed: isAwaited ? row.sealed : null });
  }
}

function isPending({ ending, expires }: FlowRow, now: number): boolean {
  return ending === null && now < expires;
}
