import type { Clock } from '../../clock.ts';
import { Deadlines, type Timed } from '../../deadlines.ts';
import type { Report } from '../../isolated-observable.ts';
import type { Watcher } from '../store.ts';
import type { RedisSubscriber } from './client.ts';

/** A flow that somebody of this node watches. */
interface Watched extends Timed {
  readonly name: FlowName;
  readonly watchers: Set<Watcher>;
}

/** How a flow is called in Redis. */
export interface FlowName {
  readonly id: string;
  /** All keys of its flows, and the channels that tell of them, are in one hash slot. */
  readonly bucket: string;
  readonly key: string;
}

export interface WakesOptions {
  clock: Clock;
  report: Report;
  /** Milliseconds between looks at everything that is watched. */
  poll: number;
  channelOf: (bucket: string) => string;
  /** Of these flows of one bucket, those to look at. */
  ended: (bucket: string, names: readonly FlowName[]) => Promise<readonly FlowName[]>;
  /** A message about a flow that is more than a wake. */
  told: (id: string, sealed: string) => void;
  /** Runs with each poll. */
  onPoll: () => Promise<void>;
}

// A script holds up everybody else in Redis: so many flows in one, and so many at a time.
const batch = 200;
const lanes = 8;

// The first flow of a bucket waits for its channel, but no longer than this: without it the poll finds the end.
const patience = 250;

/**
 * Who is to be told that a flow may have ended.
 *
 * Messages of Redis may be lost, so they only wake; when the connection for them comes back, and every so often, Redis
 * is asked about everything that is watched.
 */
export class Wakes {
  readonly #options: WakesOptions;
  readonly #subscriber: RedisSubscriber;
  readonly #watched = new Map<string, Watched>();
  readonly #deadlines: Deadlines<Watched>;
  readonly #channels = new Map<string, Promise<unknown>>();
  #sweeping: Promise<void> | undefined;
  #again = false;
  #stopPoll: () => void = () => undefined;
  #closed = false;

  constructor(subscriber: RedisSubscriber, options: WakesOptions) {
    this.#subscriber = subscriber;
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock, (watched) => wake(watched));
    // Without a listener it would end the process. What is lost meanwhile is found out by asking.
    subscriber.on('error', () => undefined);
    for (const event of ['ready', 'node-ready', '+node']) subscriber.on(event, () => void this.sweep());
  }

  async open(): Promise<void> {
    await this.#subscriber.connect();
    this.#poll();
  }

  /** Is told of flows of this bucket from now on. */
  async listen(bucket: string): Promise<void> {
    let subscribed = this.#channels.get(bucket);
    if (!subscribed) {
      subscribed = this.#subscriber.sSubscribe(this.#options.channelOf(bucket), (message) =>
        this.#hear(message),
      );
      this.#channels.set(bucket, subscribed);
      subscribed.catch(() => void this.#channels.delete(bucket));
    }
    let stop: () => void = () => undefined;
    const late = new Promise<void>((resolve) => (stop = this.#options.clock.after(patience, resolve)));
    await Promise.race([subscribed.catch(() => undefined), late]);
    stop();
  }

  /** @param deadline By this node's clock; the flow has expired then. */
  watch(name: FlowName, deadline: number, watcher: Watcher): void {
    // What was under way when this was closed.
    if (this.#closed) return;
    let watched = this.#watched.get(name.id);
    if (!watched) {
      watched = { name, watchers: new Set(), deadline, slot: -1 };
      this.#watched.set(name.id, watched);
      this.#deadlines.add(watched);
    }
    watched.watchers.add(watcher);
  }

  unwatch(id: string, watcher: Watcher): void {
    const watched = this.#watched.get(id);
    if (!watched?.watchers.delete(watcher) || watched.watchers.size > 0) return;
    this.#watched.delete(id);
    this.#deadlines.remove(watched);
  }

  /** Wakes all whose flow has ended unnoticed. One at a time, and one more where it was asked for meanwhile. */
  sweep(): Promise<void> {
    this.#again = true;
    this.#sweeping ??= this.#sweepAll().finally(() => (this.#sweeping = undefined));
    return this.#sweeping;
  }

  close(): void {
    this.#closed = true;
    this.#stopPoll();
    for (const { watchers } of this.#watched.values()) watchers.clear();
    for (const watched of [...this.#deadlines.values()]) this.#deadlines.remove(watched);
    this.#watched.clear();
    this.#subscriber.destroy();
  }

  /** A flow's id alone wakes. */
  #hear(message: string): void {
    const [id = '', sealed] = message.split(' ');
    const watched = this.#watched.get(id);
    if (sealed !== undefined) this.#options.told(id, sealed);
    else if (watched) wake(watched);
  }

  async #sweepAll(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      const batches = this.#batches();
      // Those that could not be subscribed to when they were first needed. Before the look, so that no ending comes between.
      const needed = new Set(batches.flatMap(([first]) => first?.bucket ?? []));
      const missing = [...needed].filter((bucket) => !this.#channels.has(bucket));
      await Promise.all(missing.map((bucket) => this.listen(bucket)));
      const lane = async (): Promise<void> => {
        for (let next = batches.pop(); next && !this.#closed; next = batches.pop()) await this.#look(next);
      };
      try {
        await Promise.all(Array.from({ length: lanes }, lane));
      } catch (error) {
        // Away still: the next poll asks again.
        this.#options.report(error);
      }
    }
  }

  async #look(names: readonly FlowName[]): Promise<void> {
    for (const { id } of await this.#options.ended(names[0]?.bucket ?? '', names)) {
      const watched = this.#watched.get(id);
      if (watched) wake(watched);
    }
  }

  #batches(): FlowName[][] {
    const byBucket = new Map<string, FlowName[]>();
    for (const { name } of this.#watched.values()) {
      const names = byBucket.get(name.bucket);
      if (names) names.push(name);
      else byBucket.set(name.bucket, [name]);
    }
    return [...byBucket.values()].flatMap((names) =>
      Array.from({ length: Math.ceil(names.length / batch) }, (_, n) =>
        names.slice(n * batch, (n + 1) * batch),
      ),
    );
  }

  #poll(): void {
    const { clock, poll, onPoll, report } = this.#options;
    this.#stopPoll = clock.after(poll, () => {
      void Promise.all([this.sweep(), onPoll().catch(report)]).then(() => {
        if (!this.#closed) this.#poll();
      });
    });
  }
}

function wake({ watchers }: Watched): void {
  for (const watcher of [...watchers]) watcher.wake();
}
