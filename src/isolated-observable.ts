import {
  Observable,
  Subscriber,
  type Observer,
  type Operator,
  type Subscription,
  type TeardownLogic,
  type Unsubscribable,
} from 'rxjs';

/** Where an exception of somebody's subscriber goes, in place of the process's `uncaughtException`. */
export type Report = (error: unknown) => void;

type Next<T> = ((value: T) => void) | null;

/**
 * An Observable whose subscribers can harm neither each other nor the process: an exception in a handler, and an
 * error that nobody handles, are reported. RxJS would throw both from a timer, which ends the process.
 *
 * The same holds for whatever is piped from it, up to operators that create an Observable of their own (`merge`, …).
 */
export class IsolatedObservable<T> extends Observable<T> {
  readonly #report: Report;

  constructor(report: Report, subscribe?: (subscriber: Subscriber<T>) => TeardownLogic) {
    super(subscribe);
    this.#report = report;
  }

  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new IsolatedObservable<R>(this.#report);
    lifted.source = this;
    lifted.operator = operator;
    return lifted;
  }

  override subscribe(observer?: Partial<Observer<T>> | ((value: T) => void)): Subscription;
  override subscribe(next?: Next<T>, error?: Next<unknown>, complete?: (() => void) | null): Subscription;
  override subscribe(
    first?: Partial<Observer<T>> | Next<T>,
    error?: Next<unknown>,
    complete?: (() => void) | null,
  ): Subscription {
    // An operator's own subscriber: it hands exceptions down its chain, to a subscriber that is isolated.
    if (first instanceof Subscriber) return super.subscribe(first);
    const handlers = error || complete ? { next: first as Next<T>, error, complete } : first;
    return super.subscribe(new IsolatedSubscriber(handlers ?? gone, this.#report));
  }
}

type Handlers<T> = { [K in keyof Observer<T>]?: Observer<T>[K] | null | undefined };

const gone: Handlers<unknown> = {};

/** A subscriber of its own, since RxJS would wrap an observer three times over, for each of perhaps a million flows. */
export class IsolatedSubscriber<T> extends Subscriber<T> {
  #handlers: Handlers<T> | ((value: T) => void);
  readonly #report: Report;
  /** What ends with it, where that is one thing: RxJS would keep it in an array with room for seventeen. */
  teardown: Unsubscribable | undefined = undefined;

  constructor(handlers: Handlers<T> | ((value: T) => void), report: Report) {
    super();
    this.#handlers = handlers;
    this.#report = report;
  }

  override unsubscribe(): void {
    // Whoever keeps the subscriber for a while keeps nothing of the program's.
    this.#handlers = gone;
    super.unsubscribe();
    this.teardown?.unsubscribe();
    this.teardown = undefined;
  }

  protected override _next(value: T): void {
    try {
      observerOf(this.#handlers).next?.(value);
    } catch (error) {
      this.#report(error);
    }
  }

  protected override _error(reason: unknown): void {
    try {
      const observer = observerOf(this.#handlers);
      if (observer.error) observer.error(reason);
      else this.#report(reason);
    } catch (error) {
      this.#report(error);
    } finally {
      this.unsubscribe();
    }
  }

  protected override _complete(): void {
    try {
      observerOf(this.#handlers).complete?.();
    } catch (error) {
      this.#report(error);
    } finally {
      this.unsubscribe();
    }
  }
}

/** A function is kept as it is, and wrapped only now. */
function observerOf<T>(handlers: Handlers<T> | ((value: T) => void)): Handlers<T> {
  return typeof handlers === 'function' ? { next: handlers } : handlers;
}
