/**
 * The store of flows in Redis.
 *
 * One class, although it is long: each method is one script, and all share the names, the sealer and the clock.
 */
import type { ResponseFields } from '../../model/callback-response.ts';
import { clockFrom, type Clock } from '../../base/clock.ts';
import { maxWrongCodes, newCode, readCode, type Confirmed } from '../../model/confirmation.ts';
import { StoredFlowError } from '../../model/errors.ts';
import type { FlowDescription } from '../../model/flow-description.ts';
import { mismatch } from '../../model/expectation.ts';
import type { Outcome } from '../../model/flow.ts';
import { InvalidOptionError } from '../../base/invalid-option.ts';
import { randomToken } from '../../base/random.ts';
import { typeOf } from '../../base/validate.ts';
import type { Arrival } from '../../model/redirect.ts';
import {
  resultRetentionMs,
  type BegunFlow,
  type Consumed,
  type FlowStore,
  type FlowQuota,
  type FlowWatcher,
  type NewFlow,
  type StoredFlow,
  type StoredResult,
} from '../../model/flow-store.ts';
import { WaitingPages } from '../waiting-pages.ts';
import { Commands } from './commands.ts';
import { Connection } from './connection.ts';
import { quotaDefaults, type RedisStoreSettings } from './options.ts';
import { openFlow, sealFlow } from '../sealed-flow.ts';
import { Sealer } from '../sealer.ts';
import * as scripts from './scripts.ts';
import { Names, type FlowName } from './names.ts';
import { RedisRecords } from './records.ts';
import { Wakes } from './wakes.ts';

// Remaining difference of the clocks: Redis returns whole milliseconds, and its answer takes time.
const clockMarginMs = 20;

// Longer than any flow.
const sharedTtlMs = 2 * 86_400_000;

/** A page of this node that waits for the outcome of its sign-in. */
interface Page {
  readonly state: string;
  /** Sealer of the flow's tenant. */
  readonly sealer: Sealer;
  /** Milliseconds that it waits. */
  readonly ms: number;
  readonly deliver: (outcome: Outcome) => void;
}

/** Store of flows in Redis, for any number of nodes. It owns its connection for messages; the client stays the caller's. */
export class RedisStore implements FlowStore, AsyncDisposable {
  readonly shared = true;
  readonly records: RedisRecords;
  readonly #settings: RedisStoreSettings;
  readonly #clock: Clock;
  readonly #connection: Connection;
  readonly #commands: Commands;
  readonly #sealer: Sealer;
  readonly #names: Names;
  readonly #wakes: Wakes;
  /** Name of this node, unique to this store. */
  readonly #node: string;
  readonly #pages: WaitingPages<Page>;
  /** The store that this one is a tenant's part of, or this one. Connection, clock, messages and node are those of the whole. */
  readonly #whole: RedisStore;
  readonly #tenants = new Map<string, RedisStore>();
  #quota: RedisStoreSettings['quota'];
  #epoch = '';
  #secret = '';
  /** Milliseconds that Redis's clock is ahead of this node's. */
  #ahead = 0;
  #isOpen = false;
  #closed = false;

  /** @param whole Store that this one is a tenant's part of. */
  constructor(settings: RedisStoreSettings, whole?: RedisStore) {
    this.#settings = settings;
    this.#whole = whole ?? this;
    this.#quota = settings.quota;
    const { client, tenant, keys, timeout, scheduler } = settings;
    this.#clock = clockFrom(scheduler);
    this.#node = whole ? whole.#node : shortToken();
    this.#pages = whole ? whole.#pages : new WaitingPages();
    this.#connection = whole
      ? whole.#connection
      : new Connection(client, this.#clock, timeout, () => void this.#wakes.renew());
    this.#commands = whole
      ? whole.#commands
      : new Commands(this.#connection, this.#clock, timeout, (error) => {
          // Before that, `redisStore` rejects with the error.
          if (this.#isOpen) settings.report(error);
        });
    this.#sealer = new Sealer(tenant, keys);
    this.#names = new Names(settings.prefix, this.#sealer);
    this.records = new RedisRecords(this.#commands, this.#sealer, this.#names);
    this.#wakes = whole ? whole.#wakes : this.#newWakes();
  }

  #newWakes(): Wakes {
    return new Wakes(this.#settings.client, {
      ...this.#settings,
      clock: this.#clock,
      channelOf: (bucket) => this.#names.channels(bucket) + this.#node,
      ended: (_bucket, names) => this.#ended(names),
      onOutcome: (id, sealed) => this.#onOutcome(id, sealed),
      onPoll: () => this.check(),
    });
  }

  forTenant(name: string, quota?: FlowQuota): FlowStore {
    const { tenant: own } = this.#settings;
    const tenant = own === '' ? name : JSON.stringify([own, name]);
    const store = this.#tenants.get(name) ?? new RedisStore({ ...this.#settings, tenant }, this.#whole);
    store.#quota = quota ? { ...quotaDefaults, ...quota } : this.#settings.quota;
    this.#tenants.set(name, store);
    return store;
  }

  async open(): Promise<void> {
    try {
      await this.check();
      await this.#wakes.open();
      this.#isOpen = true;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get secret(): string {
    // Each tenant has its own.
    return this.#sealer.name(this.#whole.#secret).toString('base64url');
  }

  get epoch(): string {
    return this.#whole.#epoch;
  }

  now(): number {
    return this.#clock.now() + this.#whole.#ahead;
  }

  async begin(flow: NewFlow, ttl: number): Promise<BegunFlow | 'state_in_use' | 'too_many_flows'> {
    const { state, key, expectation } = flow;
    const name = this.#names.of(state);
    const admitted = await this.#admit(name, ttl);
    if (admitted === 'no') return 'too_many_flows';
    const sealed = sealFlow(this.#sealer, flow);
    const [, answer] = await Promise.all([
      this.#wakes.listen(name.bucket),
      this.#commands.run(
        scripts.begin,
        [name.key],
        this.#sealer.owner(state, key),
        sealed,
        this.#fitsOf(flow),
        this.#node,
        ttl,
        resultRetentionMs,
        shortToken(),
        ...(expectation.byCode ? ['1'] : []),
      ),
    ]);
    const [outcome, known, expires] = answer as [string, string?, string?];
    if (known === undefined || expires === undefined) {
      // A used state is no flow, so it must not take up the quota.
      if (admitted === 'added') this.#release(name);
      return 'state_in_use';
    }
    if (outcome === 'again') return { flow: this.#open(name.id, state, known, expires), again: true };
    return { flow: { ...flow, id: name.id, expiresAt: Number(expires) }, again: false };
  }

  async read(state: string): Promise<StoredFlow | undefined> {
    const { id, key } = this.#names.of(state);
    const [sealed, expires] = (await this.#commands.run(scripts.read, [key])) as (string | null)[];
    return sealed && expires ? this.#open(id, state, sealed, expires) : undefined;
  }

  async adopt(state: string): Promise<boolean> {
    const { id, bucket, key } = this.#names.of(state);
    // First, so that no message is missed.
    await this.#wakes.listen(bucket);
    return (
      Number(await this.#commands.run(scripts.adopt, [key], this.#node, this.#names.channels(bucket), id)) ===
      1
    );
  }

  async consume(response: ResponseFields & { state: string }, arrival: Arrival): Promise<Consumed> {
    const { state, iss } = response;
    const name = this.#names.of(state);
    const { id, bucket, key } = name;
    const [page] = this.#pages.of(id);
    const code = response.error === undefined && !arrival.pasted ? newCode() : undefined;
    const [outcome, sealed] = (await this.#commands.run(
      scripts.consume,
      page ? [key, this.#names.pageKey(name)] : [key],
      this.#fitting(state, arrival, iss),
      this.#sealer.seal(state, 'response', JSON.stringify(response)),
      shortToken(),
      this.#names.channels(bucket),
      id,
      code === undefined ? '' : this.#sealer.code(state, code),
      ...(page ? [this.#node, page.ms] : []),
    )) as [string, (string | null)?];
    if (outcome === 'accepted' || outcome === 'unconfirmed') {
      const description = this.#describe(id, state, sealed);
      const shown = outcome === 'unconfirmed' && { code };
      return { disposition: outcome, flowId: id, ...(description && { description }), ...shown };
    }
    if (outcome !== 'mismatch' || !sealed)
      return { disposition: outcome === 'unmatched' ? 'unmatched' : 'duplicate' };
    const { expectation } = this.#open(id, state, sealed, '0');
    const wrong = mismatch(expectation, arrival, iss);
    // A response that was pasted needs no cookie, of which the digests are made.
    if (!wrong && arrival.pasted && arrival.browser === undefined && expectation.browser !== undefined)
      return this.consume(response, { ...arrival, browser: expectation.browser });
    // The digests do not fit but the sealed data does, so one of them was changed in Redis.
    if (!wrong) throw new StoredFlowError('what the store has of a flow contradicts itself');
    return { disposition: wrong, flowId: id };
  }

  async confirm(state: string, code: string): Promise<Confirmed | 'again' | 'none'> {
    const { id, bucket, key } = this.#names.of(state);
    const digest = this.#sealer.code(state, readCode(code));
    const channels = this.#names.channels(bucket);
    const args = [digest, maxWrongCodes, channels, id, shortToken()];
    return (await this.#commands.run(scripts.confirm, [key], ...args)) as Confirmed | 'again' | 'none';
  }

  async cancel(state: string): Promise<void> {
    const { id, bucket, key } = this.#names.of(state);
    await this.#commands.run(scripts.cancel, [key], this.#names.channels(bucket), id);
  }

  async take(state: string): Promise<StoredResult | 'elsewhere' | 'gone' | undefined> {
    const { key } = this.#names.of(state);
    const [outcome, sealed] = (await this.#commands.run(scripts.take, [key], this.#node)) as [
      string,
      string?,
    ];
    if (outcome === 'elsewhere' || outcome === 'gone') return outcome;
    if (outcome === 'expired' || outcome === 'cancelled') return { type: outcome };
    if (sealed === undefined) return undefined;
    const response = JSON.parse(this.#sealer.open(state, 'response', sealed)) as ResponseFields;
    return { type: 'response', response };
  }

  async announce({ state, expiresAt }: Pick<StoredFlow, 'state' | 'expiresAt'>): Promise<boolean> {
    const { key } = this.#names.of(state);
    const left = Math.ceil(Math.max(0, expiresAt - this.now()) + resultRetentionMs);
    return Number(await this.#commands.run(scripts.announce, [key], shortToken(), left)) === 1;
  }

  async acknowledge(state: string): Promise<boolean> {
    const name = this.#names.of(state);
    const keys = [name.key, this.#names.pageKey(name)];
    const gone = Number(await this.#commands.run(scripts.acknowledge, keys, resultRetentionMs)) === 1;
    if (gone) this.#release(name);
    return gone;
  }

  async owner(state: string): Promise<Pick<StoredFlow, 'id' | 'key'> | undefined> {
    const { id, key } = this.#names.of(state);
    const [sealed] = (await this.#commands.run(scripts.read, [key])) as (string | null)[];
    return sealed ? this.#open(id, state, sealed, '0') : undefined;
  }

  async settle(state: string, outcome: Outcome): Promise<void> {
    const name = this.#names.of(state);
    const message = `${name.id} ${this.#sealer.seal(state, 'outcome', JSON.stringify(outcome))}`;
    await this.#commands.run(
      scripts.settle,
      [this.#names.pageKey(name)],
      this.#names.channels(name.bucket),
      message,
    );
  }

  async onOutcome(state: string, ms: number, deliver: (outcome: Outcome) => void): Promise<() => void> {
    const { id, bucket } = this.#names.of(state);
    const stop = this.#pages.add(id, { state, sealer: this.#sealer, ms, deliver });
    await this.#wakes.listen(bucket);
    return stop;
  }

  watch({ state, expiresAt }: StoredFlow, watcher: FlowWatcher): void {
    this.#wakes.watch(this.#names.of(state), expiresAt - this.#whole.#ahead + clockMarginMs, watcher);
  }

  unwatch({ id }: { id: string }, watcher: FlowWatcher): void {
    this.#wakes.unwatch(id, watcher);
  }

  async check(): Promise<void> {
    if (this.#whole !== this) return this.#whole.check();
    const [epoch, now] = await this.#shared('epoch', randomToken(12));
    this.#commands.recovered();
    this.#ahead = now - this.#clock.now();
    this.#epoch = epoch;
    [this.#secret] = await this.#shared('secret', randomToken());
  }

  /** Stops watching, and closes the connection for messages. Repeatable; flows stay in Redis. */
  close(): Promise<void> {
    if (this.#whole !== this) return Promise.resolve();
    if (!this.#closed) this.#wakes.close();
    this.#connection.close();
    this.#closed = true;
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Returns the value that the first node has set under a name, and the time of Redis. */
  async #shared(name: string, fresh: string): Promise<[value: string, now: number]> {
    const key = `${this.#settings.prefix}${name}`;
    const answer = await this.#commands.run(scripts.shared, [key], fresh, sharedTtlMs);
    const [value, now] = Array.isArray(answer) ? (answer as unknown[]) : [];
    // A client that transforms answers would lose responses that were already consumed.
    if (typeof value !== 'string' || !Number.isFinite(Number(now)))
      throw new InvalidOptionError(
        'client',
        `must return the answers of Redis unchanged, without a transformation or type mapping; got ${typeOf(value)} for a text`,
      );
    return [value, Number(now)];
  }

  /** Counts a flow of the quota, unless it is counted. */
  async #admit({ id }: FlowName, ttl: number): Promise<'no' | 'known' | 'added'> {
    if (!this.#quota) return 'known';
    const { flows, perSecond } = this.#quota;
    const keys = this.#names.quotaKeys();
    const answer = Number(await this.#commands.run(scripts.admit, keys, id, ttl, flows, perSecond));
    return answer === 2 ? 'added' : answer === 1 ? 'known' : 'no';
  }

  /** Frees the place of a flow in the quota. Not awaited: if it fails, the entry expires a little later. */
  #release({ id }: FlowName): void {
    if (!this.#quota) return;
    void this.#commands.run(scripts.release, [this.#names.quotaKeys()[0]], id).catch(() => undefined);
  }

  async #ended(names: readonly FlowName[]): Promise<readonly FlowName[]> {
    const keys = names.map(({ key }) => key);
    const found = (await this.#commands.run(scripts.ended, keys, this.#node)) as (number | string)[];
    return found.flatMap((index) => names[Number(index) - 1] ?? []);
  }

  #onOutcome(id: string, sealed: string): void {
    const pages = this.#pages.of(id);
    const [first] = pages;
    if (!first) return;
    try {
      const outcome = JSON.parse(first.sealer.open(first.state, 'outcome', sealed)) as Outcome;
      for (const { deliver } of pages) deliver(outcome);
    } catch (error) {
      this.#settings.report(error);
    }
  }

  /** Returns the description of an accepted flow. A node that lacks the key of the flow's own node has none. */
  #describe(id: string, state: string, sealed: string | null | undefined): FlowDescription | undefined {
    try {
      return sealed ? this.#open(id, state, sealed, '0').description : undefined;
    } catch {
      return undefined;
    }
  }

  /** Returns the digests of all redirects that the flow accepts, one after the other. */
  #fitsOf({ state, expectation }: NewFlow): string {
    const { path, responseMode: mode, issuer, browser } = expectation;
    const arrival: Arrival = { path, mode, browser };
    if (!issuer) return this.#sealer.fits(state, arrival);
    return [undefined, ...issuer.issuers]
      .filter((iss) => !mismatch(expectation, arrival, iss))
      .map((iss) => this.#sealer.fits(state, arrival, { iss }))
      .join('');
  }

  /** Returns the digests that a flow may have of a redirect, separated by spaces: it may ask for an issuer or a browser or not. */
  #fitting(state: string, arrival: Arrival, iss: string | undefined): string {
    const { path, mode, browser } = arrival;
    const arrivals: Arrival[] = browser === undefined ? [arrival] : [arrival, { path, mode }];
    return arrivals
      .flatMap((each) => [this.#sealer.fits(state, each, { iss }), this.#sealer.fits(state, each)])
      .join(' ');
  }

  #open(id: string, state: string, sealed: string, expires: string): StoredFlow {
    return openFlow(this.#sealer, state, { id, sealed, expiresAt: Number(expires) });
  }
}

/** Returns a random name of a node or of an attempt at a step. */
function shortToken(): string {
  return randomToken().slice(0, 11);
}
