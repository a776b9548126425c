import type { CallbackFields } from '../../callback-response.ts';
import { clockFrom, type Clock } from '../../clock.ts';
import { StoredFlowError } from '../../errors.ts';
import { mismatch } from '../../expectation.ts';
import type { Outcome } from '../../flow.ts';
import { randomToken } from '../../pkce.ts';
import type { Arrival } from '../../redirect.ts';
import type { BegunFlow, Consumed, FlowStore, NewFlow, StoredFlow, StoredResult, Watcher } from '../store.ts';
import { Pages } from '../pages.ts';
import { Commands } from './commands.ts';
import { readRedisStoreOptions, type RedisStoreOptions, type RedisStoreSettings } from './options.ts';
import { Sealer } from './seal.ts';
import * as scripts from './scripts.ts';
import { Wakes, type FlowName } from './wakes.ts';

/** Flows in Redis, for any number of nodes. Its connection for messages is its own; the client stays the caller's. */
export interface RedisFlowStore extends FlowStore, AsyncDisposable {
  /** Stops watching, and closes the connection for messages. Repeatable; flows live on. */
  close(): Promise<void>;
}

/**
 * A store of flows that any number of nodes share.
 *
 * Rejects with `InvalidOptionError` for an option that is out of range, and with `StoreUnavailableError` where Redis does
 * not answer within `timeout`.
 */
export async function redisStore(options: RedisStoreOptions): Promise<RedisFlowStore> {
  const store = new RedisStore(readRedisStoreOptions(options));
  await store.open();
  return store;
}

// An expired flow's result is kept this long for a listener that is reconnecting.
const afterlife = 60_000;

// As many parts as a cluster can spread; a flow's keys, and what tells of them, are in one.
const buckets = 1_024;

// What the two clocks may differ by, all the same: Redis tells the time in whole milliseconds, and a message under way.
const margin = 20;

// Outlives any flow.
const epochLife = 2 * 86_400_000;

/** A page of this node that waits to hear how its sign-in ended. */
interface Page {
  readonly state: string;
  /** How long it waits, in milliseconds. */
  readonly ms: number;
  readonly tell: (outcome: Outcome) => void;
}

class RedisStore implements RedisFlowStore {
  readonly shared = true;
  readonly #settings: RedisStoreSettings;
  readonly #clock: Clock;
  readonly #commands: Commands;
  readonly #sealer: Sealer;
  readonly #wakes: Wakes;
  /** Names this node, for as long as it lives. */
  readonly #node = shortToken();
  readonly #pages = new Pages<Page>();
  #epoch = '';
  /** Milliseconds that the clock of Redis is ahead of this node's. */
  #ahead = 0;
  #closed = false;

  constructor(settings: RedisStoreSettings) {
    this.#settings = settings;
    const { client, tenant, keys, timeout, scheduler } = settings;
    this.#clock = clockFrom(scheduler);
    this.#commands = new Commands(client, this.#clock, timeout);
    this.#sealer = new Sealer(tenant, keys);
    this.#wakes = new Wakes(client.duplicate(), {
      ...settings,
      clock: this.#clock,
      channelOf: (bucket) => this.#channels(bucket) + this.#node,
      ended: (_bucket, names) => this.#ended(names),
      told: (id, sealed) => this.#told(id, sealed),
      onPoll: () => this.check(),
    });
  }

  async open(): Promise<void> {
    try {
      await this.check();
      await this.#wakes.open();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get epoch(): string {
    return this.#epoch;
  }

  now(): number {
    return this.#clock.now() + this.#ahead;
  }

  async begin(flow: NewFlow, ttl: number): Promise<BegunFlow | 'state_in_use' | 'too_many_flows'> {
    const { state, key, expectation, redirectUri } = flow;
    const name = this.#nameOf(state);
    if (!(await this.#admits(name, ttl))) return 'too_many_flows';
    const sealed = this.#sealer.seal(state, 'flow', JSON.stringify({ key, expectation, redirectUri }));
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
        afterlife,
        this.#channels(name.bucket),
        name.id,
        shortToken(),
      ),
    ]);
    const [outcome, known, expires] = answer as [string, string?, string?];
    if (known === undefined || expires === undefined) return 'state_in_use';
    if (outcome === 'again') return { flow: this.#open(name.id, state, known, expires), again: true };
    return { flow: { ...flow, id: name.id, expiresAt: Number(expires) }, again: false };
  }

  async read(state: string): Promise<StoredFlow | undefined> {
    const { id, key } = this.#nameOf(state);
    const [sealed, expires] = (await this.#commands.run(scripts.read, [key])) as (string | null)[];
    return sealed && expires ? this.#open(id, state, sealed, expires) : undefined;
  }

  async adopt(state: string): Promise<boolean> {
    const { id, bucket, key } = this.#nameOf(state);
    // First, so that no ending comes between.
    await this.#wakes.listen(bucket);
    return (await this.#commands.run(scripts.adopt, [key], this.#node, this.#channels(bucket), id)) === 1;
  }

  async consume(response: CallbackFields & { state: string }, arrival: Arrival): Promise<Consumed> {
    const { state, iss } = response;
    const name = this.#nameOf(state);
    const { id, bucket, key } = name;
    const [page] = this.#pages.of(id);
    const [outcome, sealed] = (await this.#commands.run(
      scripts.consume,
      page ? [key, this.#pageKey(name)] : [key],
      this.#sealer.fits(state, arrival, { iss }),
      this.#sealer.fits(state, arrival),
      this.#sealer.seal(state, 'response', JSON.stringify(response)),
      shortToken(),
      this.#channels(bucket),
      id,
      ...(page ? [this.#node, page.ms] : []),
    )) as [string, string?];
    if (outcome === 'accepted') return { disposition: 'accepted', flow: id };
    if (outcome !== 'mismatch' || sealed === undefined)
      return { disposition: outcome === 'unmatched' ? 'unmatched' : 'duplicate' };
    const { expectation } = this.#open(id, state, sealed, '0');
    const wrong = mismatch(expectation, arrival, iss);
    // Redis says it does not fit, what is sealed that it does: somebody has changed one of them.
    if (!wrong) throw new StoredFlowError('what the store has of a flow contradicts itself');
    return { disposition: wrong, flow: id };
  }

  async cancel(state: string): Promise<void> {
    const { id, bucket, key } = this.#nameOf(state);
    await this.#commands.run(scripts.cancel, [key], this.#channels(bucket), id);
  }

  async take(state: string): Promise<StoredResult | 'elsewhere' | 'gone' | undefined> {
    const { key } = this.#nameOf(state);
    const [outcome, sealed] = (await this.#commands.run(scripts.take, [key], this.#node)) as [
      string,
      string?,
    ];
    if (outcome === 'elsewhere' || outcome === 'gone') return outcome;
    if (outcome === 'expired' || outcome === 'cancelled') return { type: outcome };
    if (sealed === undefined) return undefined;
    const response = JSON.parse(this.#sealer.open(state, 'response', sealed)) as CallbackFields;
    return { type: 'response', response };
  }

  async announce({ state, expiresAt }: Pick<StoredFlow, 'state' | 'expiresAt'>): Promise<boolean> {
    const { key } = this.#nameOf(state);
    const left = Math.ceil(Math.max(0, expiresAt - this.now()) + afterlife);
    return (await this.#commands.run(scripts.announce, [key], shortToken(), left)) === 1;
  }

  async acknowledge(state: string): Promise<boolean> {
    const name = this.#nameOf(state);
    const gone = (await this.#commands.run(scripts.acknowledge, [name.key], afterlife)) === 1;
    // Not waited for: it goes by itself, a little later.
    if (gone && this.#settings.quota)
      void this.#commands.run(scripts.release, [this.#quotaKeys()[0]], name.id).catch(() => undefined);
    return gone;
  }

  async settle(state: string, outcome: Outcome): Promise<void> {
    const name = this.#nameOf(state);
    const message = `${name.id} ${this.#sealer.seal(state, 'outcome', JSON.stringify(outcome))}`;
    await this.#commands.run(scripts.settle, [this.#pageKey(name)], this.#channels(name.bucket), message);
  }

  async onOutcome(state: string, ms: number, tell: (outcome: Outcome) => void): Promise<() => void> {
    const { id, bucket } = this.#nameOf(state);
    const stop = this.#pages.add(id, { state, ms, tell });
    await this.#wakes.listen(bucket);
    return stop;
  }

  watch({ state, expiresAt }: StoredFlow, watcher: Watcher): void {
    this.#wakes.watch(this.#nameOf(state), expiresAt - this.#ahead + margin, watcher);
  }

  unwatch({ id }: { id: string }, watcher: Watcher): void {
    this.#wakes.unwatch(id, watcher);
  }

  async check(): Promise<void> {
    const fresh = randomToken(12);
    const key = `${this.#settings.prefix}epoch`;
    const [epoch, now] = (await this.#commands.run(scripts.epoch, [key], fresh, epochLife)) as [
      string,
      number,
    ];
    this.#epoch = epoch;
    this.#ahead = now - this.#clock.now();
  }

  close(): Promise<void> {
    if (!this.#closed) this.#wakes.close();
    this.#closed = true;
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #admits({ id }: FlowName, ttl: number): Promise<boolean> {
    const { quota } = this.#settings;
    if (!quota) return true;
    const { flows, perSecond } = quota;
    return (await this.#commands.run(scripts.admit, this.#quotaKeys(), id, ttl, flows, perSecond)) === 1;
  }

  async #ended(names: readonly FlowName[]): Promise<readonly FlowName[]> {
    const keys = names.map(({ key }) => key);
    const found = (await this.#commands.run(scripts.ended, keys, this.#node)) as number[];
    return found.flatMap((index) => names[index - 1] ?? []);
  }

  #told(id: string, sealed: string): void {
    const pages = this.#pages.of(id);
    const [first] = pages;
    if (!first) return;
    try {
      const outcome = JSON.parse(this.#sealer.open(first.state, 'outcome', sealed)) as Outcome;
      for (const { tell } of pages) tell(outcome);
    } catch (error) {
      this.#settings.report(error);
    }
  }

  #nameOf(state: string): FlowName {
    const digest = this.#sealer.name(state);
    const id = digest.toString('base64url').slice(0, 22);
    const bucket = String(digest.readUInt16BE(digest.length - 2) % buckets);
    return { id, bucket, key: `${this.#settings.prefix}{${bucket}}:flow:${id}` };
  }

  #pageKey({ id, bucket }: FlowName): string {
    return `${this.#settings.prefix}{${bucket}}:page:${id}`;
  }

  /** A node's channel of a bucket is this and the node's name. */
  #channels(bucket: string): string {
    return `${this.#settings.prefix}{${bucket}}:node:`;
  }

  #quotaKeys(): [flows: string, allowance: string] {
    const { prefix } = this.#settings;
    const tenant = this.#sealer.tenantName;
    return [`${prefix}{${tenant}}:flows`, `${prefix}{${tenant}}:allowance`];
  }

  /** Every redirect that the flow accepts, as digests one after the other. */
  #fitsOf({ state, expectation }: NewFlow): string {
    const { path, responseMode: mode, issuer } = expectation;
    const arrival: Arrival = { path, mode };
    if (!issuer) return this.#sealer.fits(state, arrival);
    return [undefined, ...issuer.issuers]
      .filter((iss) => !mismatch(expectation, arrival, iss))
      .map((iss) => this.#sealer.fits(state, arrival, { iss }))
      .join('');
  }

  #open(id: string, state: string, sealed: string, expires: string): StoredFlow {
    const text = this.#sealer.open(state, 'flow', sealed);
    const { expectation, redirectUri, key } = JSON.parse(text) as Omit<NewFlow, 'state'>;
    // JSON leaves out what is undefined.
    const { issuer } = expectation;
    return {
      id,
      state,
      expectation: { ...expectation, issuer },
      redirectUri,
      expiresAt: Number(expires),
      key,
    };
  }
}

/** Names a node, or an attempt at a step. */
function shortToken(): string {
  return randomToken().slice(0, 11);
}
