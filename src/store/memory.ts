import { fieldNames, type ResponseFields } from '../model/callback-response.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { Deadlines, type Timed } from '../base/deadlines.ts';
import { mismatch, needsCode } from '../model/expectation.ts';
import { Confirmation, newCode, type Confirmed } from '../model/confirmation.ts';
import type { Outcome } from '../model/flow.ts';
import { randomToken } from '../base/random.ts';
import { sha256 } from '../base/sha256.ts';
import type { Arrival } from '../model/redirect.ts';
import { Accounts, type Account } from './accounts.ts';
import { TenantQuota } from './tenant-quota.ts';
import { MemoryRecords } from './memory-records.ts';
import { WaitingPages } from './waiting-pages.ts';
import { sameKey } from './same-key.ts';
import {
  resultRetentionMs,
  type BegunFlow,
  type Consumed,
  type FlowStore,
  type FlowQuota,
  type FlowWatcher,
  type NewFlow,
  type FlowShare,
  type StoredFlow,
  type StoredResult,
} from '../model/flow-store.ts';

/** A flow, pending or ended, until it is acknowledged. */
interface Entry extends Timed {
  readonly state: string;
  readonly flow: StoredFlow;
  result: StoredResult | undefined;
  /** Response that waits until a person has typed in the page's code. */
  unconfirmed: ResponseFields | undefined;
  /** That code, also once it was typed in. */
  confirmation: Confirmation | undefined;
  announced: boolean;
  /** Account of the identity that has begun the flow, and the bytes that are charged to it. */
  readonly account: Account<Entry, UsedState> | undefined;
  bytes: number;
  /** More than one if several servers of this process use the store. */
  readonly watchers: Set<FlowWatcher>;
}

/** A used state. Its digest is kept, and what a listener needs to settle it. */
interface UsedState extends Timed {
  readonly digest: string;
  /** Set if a page waits for the outcome of the sign-in, which the flow's listener proves itself for. */
  readonly owner: Pick<StoredFlow, 'id' | 'key'> | undefined;
  readonly account: Account<Entry, UsedState> | undefined;
}

// Bytes of an entry beside its texts, measured.
const entryBytes = 1_024;

/** Options of `memoryStore`. */
export interface MemoryStoreOptions {
  /** Source of time. @default the system's clock */
  clock?: Clock;
}

/**
 * Creates a store in this process. It outlives the servers that use it, so that a new server can take over their flows.
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { createBridge, memoryStore } from 'rx-oauth-callback/bridge';
 *
 * const store = memoryStore();
 * const server = createOAuthCallbackServer({ port: 8080 });
 * const bridge = createBridge(server, { store, token: process.env['TOKEN'] ?? '' });
 * await bridge.listen();
 */
export function memoryStore({ clock = systemClock }: MemoryStoreOptions = {}): FlowStore {
  return new MemoryStore(clock);
}

/** Store of one process; `memoryStore` makes one. */
export class MemoryStore implements FlowStore {
  readonly epoch: string;
  readonly shared = false;
  readonly records: MemoryRecords;
  readonly #secret = randomToken();
  readonly #clock: Clock;
  /** Entries by state, kept until the flow is acknowledged or its time is over. */
  readonly #entries = new Map<string, Entry>();
  readonly #deadlines: Deadlines<Entry>;
  /** Used states of acknowledged flows by digest, kept as long as the flow would have been. */
  readonly #used = new Map<string, UsedState>();
  readonly #usedDeadlines: Deadlines<UsedState>;
  /** Accounts of all tenants together. */
  readonly #accounts: Accounts<Entry, UsedState>;
  readonly #tenants = new Map<string, MemoryStore>();
  #quota: TenantQuota | undefined;
  /** Functions that deliver an outcome, by state. */
  readonly #pages = new WaitingPages<(outcome: Outcome) => void>();

  /** @param of Store that this one is a tenant's part of. */
  constructor(clock: Clock, of?: MemoryStore) {
    this.#clock = clock;
    this.epoch = of?.epoch ?? randomToken(12);
    this.records = new MemoryRecords(clock);
    this.#accounts = of ? of.#accounts : new Accounts();
    this.#deadlines = new Deadlines(clock, (entry) => this.#due(entry));
    this.#usedDeadlines = new Deadlines(clock, (used) => this.#forget(used));
  }

  get secret(): string {
    return this.#secret;
  }

  now(): number {
    return this.#clock.now();
  }

  begin(
    begun: NewFlow,
    ttl: number,
    share?: FlowShare,
  ): Promise<BegunFlow | 'state_in_use' | 'too_many_flows'> {
    const { state, key } = begun;
    const known = this.#entries.get(state)?.flow;
    if (known)
      return Promise.resolve(sameKey(known.key, key) ? { flow: known, again: true } : 'state_in_use');
    if (this.#used.has(digestOf(state))) return Promise.resolve('state_in_use');
    const bytes = bytesOf(begun);
    if (this.#quota?.admits(this.#entries.size, this.now()) === false)
      return Promise.resolve('too_many_flows');
    const account = share && this.#accounts.open(share.name, share.flows, bytes);
    if (share && !account) return Promise.resolve('too_many_flows');
    this.#accounts.charge(account, 1, bytes);
    const { expectation, redirectUri, description, startId } = begun;
    const expiresAt = this.now() + ttl;
    const id = randomToken(16);
    const described = description && { description };
    const starts = startId !== undefined && { startId };
    const flow: StoredFlow = { id, state, expectation, redirectUri, ...described, ...starts, key, expiresAt };
    const entry: Entry = {
      state,
      flow,
      result: undefined,
      unconfirmed: undefined,
      confirmation: undefined,
      announced: false,
      account,
      bytes,
      watchers: new Set(),
      expiresAt,
      slot: -1,
    };
    this.#entries.set(state, entry);
    this.#deadlines.add(entry);
    return Promise.resolve({ flow, again: false });
  }

  read(state: string): Promise<StoredFlow | undefined> {
    return Promise.resolve(this.#entries.get(state)?.flow);
  }

  /** This process is the only node. */
  adopt(state: string): Promise<boolean> {
    return Promise.resolve(this.#entries.has(state));
  }

  consume(response: ResponseFields & { state: string }, arrival: Arrival): Promise<Consumed> {
    const entry = this.#entries.get(response.state);
    if (!entry) {
      const used = this.#used.has(digestOf(response.state));
      return Promise.resolve({ disposition: used ? 'duplicate' : 'unmatched' });
    }
    if (!this.#isPending(entry) || entry.unconfirmed) return Promise.resolve({ disposition: 'duplicate' });
    const { id: flowId, expectation, description } = entry.flow;
    const wrong = mismatch(expectation, arrival, response.iss);
    if (wrong) return Promise.resolve({ disposition: wrong, flowId });
    const described = description && { description };
    // Copied, because a part of a text keeps the whole request in memory, and only its own length is charged.
    const copy = structuredClone(response);
    if (needsCode(expectation, arrival, response.error)) {
      const code = newCode();
      entry.unconfirmed = copy;
      entry.confirmation = new Confirmation(code);
      return Promise.resolve({ disposition: 'unconfirmed', flowId, code, ...described });
    }
    this.#end(entry, { type: 'response', response: copy });
    return Promise.resolve({ disposition: 'accepted', flowId, ...described });
  }

  confirm(state: string, code: string): Promise<Confirmed | 'again' | 'none'> {
    const entry = this.#entries.get(state);
    const { confirmation, unconfirmed: response } = entry ?? {};
    if (!entry || !confirmation) return Promise.resolve('none');
    // The listener repeats a code whose answer was lost.
    if (entry.result?.type === 'response')
      return Promise.resolve(confirmation.matches(code) ? 'again' : 'none');
    if (!response || !this.#isPending(entry)) return Promise.resolve('none');
    const result = confirmation.check(code);
    if (result === 'confirmed') this.#end(entry, { type: 'response', response });
    if (result === 'exhausted') this.#end(entry, { type: 'cancelled' });
    return Promise.resolve(result);
  }

  cancel(state: string): Promise<void> {
    const entry = this.#entries.get(state);
    if (entry && this.#isPending(entry)) this.#end(entry, { type: 'cancelled' });
    return Promise.resolve();
  }

  take(state: string): Promise<StoredResult | 'gone' | undefined> {
    const entry = this.#entries.get(state);
    return Promise.resolve(entry ? entry.result : 'gone');
  }

  announce({ state }: Pick<StoredFlow, 'state'>): Promise<boolean> {
    const entry = this.#entries.get(state);
    const first = entry !== undefined && !entry.announced;
    if (first) entry.announced = true;
    return Promise.resolve(first);
  }

  acknowledge(state: string): Promise<boolean> {
    const entry = this.#entries.get(state);
    // Acknowledged before.
    if (!entry) return Promise.resolve(true);
    if (!entry.result) return Promise.resolve(false);
    this.#use(entry);
    return Promise.resolve(true);
  }

  owner(state: string): Promise<Pick<StoredFlow, 'id' | 'key'> | undefined> {
    return Promise.resolve(this.#entries.get(state)?.flow ?? this.#used.get(digestOf(state))?.owner);
  }

  settle(state: string, outcome: Outcome): Promise<void> {
    for (const deliver of this.#pages.of(state)) deliver(outcome);
    return Promise.resolve();
  }

  onOutcome(state: string, _ms: number, deliver: (outcome: Outcome) => void): Promise<() => void> {
    return Promise.resolve(this.#pages.add(state, deliver));
  }

  watch({ state }: StoredFlow, watcher: FlowWatcher): void {
    const entry = this.#entries.get(state);
    entry?.watchers.add(watcher);
  }

  unwatch({ state }: { state: string }, watcher: FlowWatcher): void {
    this.#entries.get(state)?.watchers.delete(watcher);
  }

  check(): Promise<void> {
    return Promise.resolve();
  }

  forTenant(name: string, quota?: FlowQuota): FlowStore {
    const store = this.#tenants.get(name) ?? new MemoryStore(this.#clock, this);
    store.#quota = quota && new TenantQuota(quota);
    this.#tenants.set(name, store);
    return store;
  }

  /** Tells if the flow waits for its redirect. */
  #isPending({ flow, result }: Entry): boolean {
    return result === undefined && this.now() < flow.expiresAt;
  }

  #end(entry: Entry, result: StoredResult): void {
    entry.result = result;
    entry.unconfirmed = undefined;
    const { account } = entry;
    if (account) {
      account.ended.add(entry);
      this.#charge(entry, result.type === 'response' ? lengthOfResponse(result.response) : 0);
      // The identity has filled its share with results that it does not acknowledge.
      for (const oldest of account.ended) {
        if (account.bytes <= account.maxBytes || oldest === entry) break;
        this.#use(oldest);
      }
    }
    // A copy, because a watcher may stop watching when it is woken.
    for (const watcher of [...entry.watchers]) watcher.wake();
  }

  #charge(entry: Entry, bytes: number): void {
    entry.bytes += bytes;
    this.#accounts.charge(entry.account, 0, bytes);
  }

  /** Replaces a flow by its used state. */
  #use(entry: Entry): void {
    const { state, flow, account } = entry;
    const expiresAt = flow.expiresAt + resultRetentionMs;
    const owner = this.#pages.of(state).length > 0 ? { id: flow.id, key: flow.key } : undefined;
    const used: UsedState = { digest: digestOf(state), owner, account, expiresAt, slot: -1 };
    this.#used.set(used.digest, used);
    this.#usedDeadlines.add(used);
    // Before the flow is removed, so that its account stays.
    const surplus = this.#accounts.addUsed(account, used);
    if (surplus) this.#forget(surplus);
    this.#remove(entry);
  }

  #remove(entry: Entry): void {
    const { state, account, bytes } = entry;
    entry.watchers.clear();
    account?.ended.delete(entry);
    this.#entries.delete(state);
    this.#deadlines.remove(entry);
    this.#accounts.charge(account, -1, -bytes);
  }

  #forget(used: UsedState): void {
    this.#used.delete(used.digest);
    this.#usedDeadlines.remove(used);
    this.#accounts.removeUsed(used.account, used);
  }

  /** Called at the end of a flow's time to live, and once more when it has been kept for a while after that. */
  #due(entry: Entry): void {
    if (entry.expiresAt > entry.flow.expiresAt) {
      this.#remove(entry);
      return;
    }
    entry.expiresAt += resultRetentionMs;
    this.#deadlines.add(entry);
    if (!entry.result) this.#end(entry, { type: 'expired' });
  }
}

function digestOf(state: string): string {
  return sha256(state, 'base64url');
}

function bytesOf({ state, key, redirectUri, expectation, description }: NewFlow): number {
  const names = [description?.label, description?.serverUrl];
  return entryBytes + lengthOf([state, key, redirectUri, ...(expectation.issuer?.issuers ?? []), ...names]);
}

function lengthOfResponse(response: ResponseFields): number {
  const { parameters = [] } = response;
  return lengthOf([...fieldNames.map((name) => response[name]), ...parameters.flat()]);
}

function lengthOf(texts: readonly (string | undefined)[]): number {
  return texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
}
