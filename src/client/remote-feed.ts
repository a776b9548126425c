import { Subject, type Observable } from 'rxjs';
import type { ServiceMessageOf } from '../wire/protocol.ts';
import type { ServerEvent } from '../model/events.ts';
import type { OutcomeCounts } from '../model/sign-in-outcomes.ts';
import type { WaitingSignIn } from '../model/waiting-sign-in.ts';
import { IsolatedObservable, type Report } from '../base/isolated-observable.ts';
import type { Clock } from '../base/clock.ts';
import { holdProcess, releaseProcess } from '../base/process-hold.ts';
import type { Connection, Welcome } from './connection.ts';

/** Status of a monitor's feed when it begins or goes on. */
export interface FeedStatus {
  /** Number of events by type, and of redirects by disposition, since the service started. */
  readonly counts: Readonly<Record<string, number>>;
  /** Number of redirects by reason, for redirects that have one. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Number of the events that follow which `counts` and `reasons` already include. */
  readonly repeated: number;
  /** Number of events lost while disconnected; undefined if the service was restarted, because it cannot be known then. */
  readonly missed: number | undefined;
}

/** State of a service. Counts are of one node, since it has started. */
export interface ServiceStatus {
  /** Version of this package that the service runs. */
  readonly version: string;
  /** Time at which the service was started, in milliseconds since the epoch by its clock. */
  readonly startedAt: number;
  /** Milliseconds by which the service's clock is ahead of the local one. */
  readonly ahead: number;
  /** Name of the product that signs in. */
  readonly name?: string | undefined;
  /** Name of the node: host and port. */
  readonly node?: string | undefined;
  /** Store of the flows: memory, one that several nodes share, or one of those that cannot be reached. */
  readonly store: 'memory' | 'shared' | 'unavailable';
  /** Number of open connections. */
  readonly connections: number;
  /** Number of connections that listen for a flow. */
  readonly listeners: number;
  /** Number of connections that watch. */
  readonly monitors: number;
  /** Number of sign-ins by outcome, since the start. */
  readonly outcomes: OutcomeCounts;
  /** Number of sign-ins by outcome, in the last five minutes. */
  readonly recent: OutcomeCounts;
}

/** Events of the service, once each and in order, across reconnects. The feed is requested with the first subscription. */
export class RemoteFeed {
  readonly events: Observable<ServerEvent>;
  readonly status: Observable<FeedStatus>;
  readonly pending: Observable<number>;
  readonly service: Observable<ServiceStatus>;
  readonly waiting: Observable<readonly WaitingSignIn[]>;
  readonly #connection: () => Connection;
  readonly #history: boolean;
  readonly #clock: Clock;
  readonly #events = new Subject<ServerEvent>();
  readonly #status = new Subject<FeedStatus>();
  readonly #pending = new Subject<number>();
  readonly #service = new Subject<ServiceStatus>();
  readonly #waiting = new Subject<readonly WaitingSignIn[]>();
  /** Epoch of the feed, and the number of its next event. */
  #place: { epoch: string; since: number } | undefined;
  /** Milliseconds by which the service's clock is ahead. */
  #ahead = 0;
  /** True once a stream has been subscribed to. */
  #wanted = false;
  #watching = false;

  /** @param history Begins with the events that the service has kept. */
  constructor(report: Report, connection: () => Connection, history: boolean, clock: Clock) {
    this.#clock = clock;
    this.#connection = connection;
    this.#history = history;
    const hot = <T>(stream: Subject<T>): Observable<T> =>
      new IsolatedObservable<T>(report, (subscriber) => {
        const subscription = stream.subscribe(subscriber);
        holdProcess();
        subscription.add(releaseProcess);
        this.#wanted = true;
        const { welcome } = connection();
        if (welcome) this.#watch(welcome);
        return subscription;
      });
    this.events = hot(this.#events);
    this.status = hot(this.#status);
    this.pending = hot(this.#pending);
    this.service = hot(this.#service);
    this.waiting = hot(this.#waiting);
  }

  welcome(welcome: Welcome): void {
    this.#watching = false;
    this.#ahead = welcome.now - this.#clock.now();
    if (this.#wanted) this.#watch(welcome);
  }

  watching({ epoch, next, counts, reasons }: ServiceMessageOf<'watching'>): void {
    const known = this.#place?.epoch === epoch ? this.#place : undefined;
    const missed = this.#place ? known && next - known.since : 0;
    this.#place = { epoch, since: next };
    // Each event counts once, so the sum is the number of all events so far.
    const repeated = Object.values(counts).reduce((sum, count) => sum + count, -next);
    this.#status.next({ counts, reasons, repeated, missed });
  }

  count({ pending }: ServiceMessageOf<'pending'>): void {
    this.#pending.next(pending);
  }

  list({ waiting }: ServiceMessageOf<'flows'>): void {
    this.#waiting.next(waiting);
  }

  describe({ service }: ServiceMessageOf<'service'>): void {
    this.#service.next({ ...service, ahead: this.#ahead });
  }

  event({ n, event }: ServiceMessageOf<'event'>): void {
    if (this.#place) this.#place.since = n + 1;
    this.#events.next(event as unknown as ServerEvent);
  }

  end(): void {
    const states = [this.#status, this.#pending, this.#service, this.#waiting];
    for (const stream of [this.#events, ...states]) stream.complete();
  }

  #watch({ roles }: Welcome): void {
    if (this.#watching) return;
    if (!roles.includes('monitor')) {
      this.end();
      return;
    }
    this.#watching = true;
    const place = this.#place ?? (this.#history ? { since: 0 } : undefined);
    this.#connection().send({ type: 'watch', ...place });
  }
}
