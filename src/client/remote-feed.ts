import { Subject, type Observable } from 'rxjs';
import type { ServiceMessage } from '../bridge/protocol.ts';
import type { ServerEvent } from '../events.ts';
import { IsolatedObservable, type Report } from '../isolated-observable.ts';
import type { Connection, Welcome } from './connection.ts';

/** Where a monitor's feed stands when it begins or goes on. */
export interface FeedStatus {
  /** How many events of each type, and redirects of each disposition, the service has had. */
  readonly counts: Readonly<Record<string, number>>;
  /** How many redirects it has refused for each reason. */
  readonly reasons: Readonly<Record<string, number>>;
  /** So many of the events that come next, sent again, are in `counts` and `reasons` already. */
  readonly repeated: number;
  /** Events that were lost while the connection was away; undefined where that cannot be said, after a restart. */
  readonly missed: number | undefined;
}

type Heard<T extends ServiceMessage['type']> = Extract<ServiceMessage, { type: T }>;

/** The service's events, once each and in order, across reconnects. Asked for when somebody subscribes. */
export class RemoteFeed {
  readonly events: Observable<ServerEvent>;
  readonly status: Observable<FeedStatus>;
  readonly pending: Observable<number>;
  readonly #connection: () => Connection;
  readonly #history: boolean;
  readonly #events = new Subject<ServerEvent>();
  readonly #status = new Subject<FeedStatus>();
  readonly #pending = new Subject<number>();
  /** The feed that was followed, and the number of its event that comes next. */
  #place: { epoch: string; since: number } | undefined;
  /** Somebody has asked for it. */
  #wanted = false;
  #watching = false;

  /** @param history Whether it begins with the events that the service has kept. */
  constructor(report: Report, connection: () => Connection, history: boolean) {
    this.#connection = connection;
    this.#history = history;
    const hot = <T>(stream: Subject<T>): Observable<T> =>
      new IsolatedObservable<T>(report, (subscriber) => {
        const subscription = stream.subscribe(subscriber);
        this.#wanted = true;
        const { welcome } = connection();
        if (welcome) this.#watch(welcome);
        return subscription;
      });
    this.events = hot(this.#events);
    this.status = hot(this.#status);
    this.pending = hot(this.#pending);
  }

  welcome(welcome: Welcome): void {
    this.#watching = false;
    if (this.#wanted) this.#watch(welcome);
  }

  watching({ epoch, next, counts, reasons }: Heard<'watching'>): void {
    const known = this.#place?.epoch === epoch ? this.#place : undefined;
    const missed = this.#place ? known && next - known.since : 0;
    this.#place = { epoch, since: next };
    // An event counts once, so together they are as many as there have been.
    const repeated = Object.values(counts).reduce((sum, count) => sum + count, -next);
    this.#status.next({ counts, reasons, repeated, missed });
  }

  waiting({ pending }: Heard<'pending'>): void {
    this.#pending.next(pending);
  }

  event({ n, event }: Heard<'event'>): void {
    if (this.#place) this.#place.since = n + 1;
    this.#events.next(event as unknown as ServerEvent);
  }

  end(): void {
    for (const stream of [this.#events, this.#status, this.#pending]) stream.complete();
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
