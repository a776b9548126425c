import type { Clock } from '../../base/clock.ts';
import { withTimeout } from '../../base/timeout.ts';
import type { FlowWatcher } from '../../model/flow-store.ts';
import { StoreUnavailableError } from '../../model/errors.ts';
import type { RedisClient, RedisSubscriber } from './client.ts';
import { connectedDuplicate } from './connection.ts';
import { Watchers } from '../watchers.ts';
import type { FlowName } from './names.ts';

export interface WakesOptions {
  clock: Clock;
  /** Milliseconds within which a connection for messages must be made. */
  timeout: number;
  /** Milliseconds between searches for ended flows among all that are watched. */
  poll: number;
  channelOf: (bucket: string) => string;
  /** Returns the flows of one bucket that have ended, are gone or belong to another node. */
  ended: (bucket: string, names: readonly FlowName[]) => Promise<readonly FlowName[]>;
  /** Called with the sealed outcome of a flow's sign-in. */
  onOutcome: (id: string, sealed: string) => void;
  /** Called with each search. */
  onPoll: () => Promise<void>;
}

// Bounds the flows of one script and the scripts at a time, because Redis runs nothing else during a script.
const batchSize = 200;
const parallelBatches = 8;

// The first flow of a bucket waits this long for its channel; without a channel, the next search finds its end.
const subscribeTimeoutMs = 250;

/**
 * Wakes the watchers of flows that may have ended.
 *
 * Messages of Redis may be lost, so they only wake. After each reconnect, and periodically, a search asks Redis about all
 * watched flows.
 */
export class Wakes {
  readonly #options: WakesOptions;
  readonly #client: RedisClient;
  #subscriber: RedisSubscriber | undefined;
  readonly #watchers: Watchers<FlowName>;
  /** Buckets of which messages are wanted. */
  readonly #buckets = new Set<string>();
  readonly #channels = new Map<string, Promise<unknown>>();
  #sweeping: Promise<void> | undefined;
  #again = false;
  #stopPoll: () => void = () => undefined;
  #closed = false;

  constructor(client: RedisClient, options: WakesOptions) {
    this.#client = client;
    this.#options = options;
    this.#watchers = new Watchers(options.clock);
  }

  async open(): Promise<void> {
    await this.renew();
    if (!this.#subscriber) throw new StoreUnavailableError('the store cannot be reached');
    this.#poll();
  }

  /** Receives messages over a new connection; keeps the current one if that fails. */
  async renew(): Promise<void> {
    const { clock, timeout } = this.#options;
    const fresh = await connectedDuplicate(this.#client, clock, timeout);
    if (!fresh) return;
    if (this.#closed) {
      fresh.destroy();
      return;
    }
    const before = this.#subscriber;
    this.#subscriber = fresh;
    this.#channels.clear();
    before?.destroy();
    for (const event of ['ready', 'node-ready', '+node']) fresh.on(event, () => void this.sweep());
    await this.sweep();
  }

  /** Subscribes to messages about flows of this bucket. */
  async listen(bucket: string): Promise<void> {
    this.#buckets.add(bucket);
    let subscribed = this.#channels.get(bucket);
    if (!subscribed && this.#subscriber) {
      const attempt = this.#subscriber.sSubscribe(this.#options.channelOf(bucket), (message) =>
        this.#onMessage(message),
      );
      subscribed = attempt;
      this.#channels.set(bucket, attempt);
      attempt.catch(() => {
        if (this.#channels.get(bucket) === attempt) this.#channels.delete(bucket);
      });
    }
    const settled = subscribed?.catch(() => undefined) ?? Promise.resolve();
    await withTimeout(this.#options.clock, subscribeTimeoutMs, settled, () => undefined);
  }

  /** @param expiresAt Expiry of the flow by this node's clock. */
  watch(name: FlowName, expiresAt: number, watcher: FlowWatcher): void {
    // A step that was under way when the store was closed.
    if (!this.#closed) this.#watchers.watch(name, expiresAt, watcher);
  }

  unwatch(id: string, watcher: FlowWatcher): void {
    this.#watchers.unwatch(id, watcher);
  }

  /** Searches for ended flows, and wakes their watchers. A call during a search starts one more after it. */
  sweep(): Promise<void> {
    this.#again = true;
    this.#sweeping ??= this.#sweepAll().finally(() => (this.#sweeping = undefined));
    return this.#sweeping;
  }

  close(): void {
    this.#closed = true;
    this.#stopPoll();
    this.#watchers.clear();
    this.#subscriber?.destroy();
  }

  /** Handles a message: a flow's id alone wakes, followed by a sealed text it is an outcome. */
  #onMessage(message: string): void {
    const [id = '', sealed] = message.split(' ');
    if (sealed !== undefined) this.#options.onOutcome(id, sealed);
    else this.#watchers.wake(id);
  }

  async #sweepAll(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      const batches = this.#batches();
      // Subscribes again to channels that failed before; first, so that no message is missed.
      const missing = [...this.#buckets].filter((bucket) => !this.#channels.has(bucket));
      await Promise.all(missing.map((bucket) => this.listen(bucket)));
      const lane = async (): Promise<void> => {
        for (let next = batches.pop(); next && !this.#closed; next = batches.pop()) await this.#look(next);
      };
      try {
        await Promise.all(Array.from({ length: parallelBatches }, lane));
      } catch {
        // Still unavailable: the next search asks again.
      }
    }
  }

  async #look(names: readonly FlowName[]): Promise<void> {
    for (const { id } of await this.#options.ended(names[0]?.bucket ?? '', names)) this.#watchers.wake(id);
  }

  #batches(): FlowName[][] {
    const byBucket = new Map<string, FlowName[]>();
    for (const name of this.#watchers.names) {
      const names = byBucket.get(name.bucket);
      if (names) names.push(name);
      else byBucket.set(name.bucket, [name]);
    }
    return [...byBucket.values()].flatMap((names) =>
      Array.from({ length: Math.ceil(names.length / batchSize) }, (_, n) =>
        names.slice(n * batchSize, (n + 1) * batchSize),
      ),
    );
  }

  #poll(): void {
    const { clock, poll, onPoll } = this.#options;
    this.#stopPoll = clock.after(poll, () => {
      void Promise.all([this.sweep(), onPoll().catch(() => undefined)]).then(() => {
        if (!this.#closed) this.#poll();
      });
    });
  }
}
