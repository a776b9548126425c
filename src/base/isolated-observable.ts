import {
  Observable,
  Subscriber,
  type Observer,
  type Operator,
  type Subscription,
  type TeardownLogic,
} from 'rxjs';

/** Receives the exceptions of subscribers, which would otherwise be uncaught exceptions of the process. */
export type Report = (error: unknown) => void;

type Next<T> = ((value: T) => void) | null;

/**
 * An Observable that reports exceptions in handlers, and errors that no handler takes.
 *
 * RxJS would throw both from a timer, which ends the process. The protection extends to everything piped from this
 * Observable, up to operators that create an Observable of their own (`merge`, …).
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
    // The subscriber of an operator passes exceptions down its chain, which ends at an isolated subscriber.
    if (first instanceof Subscriber) return super.subscribe(first);
    const handlers = error || complete ? { next: first as Next<T>, error, complete } : first;
    return super.subscribe(new IsolatedSubscriber(handlers ?? gone, this.#report));
  }
}

type Handlers<T> = { [K in keyof Observer<T>]?: Observer<T>[K] | null | undefined };

const gone: Handlers<unknown> = {};

/** Replaces the subscriber of RxJS, which allocates three wrappers per observer; a server may hold a million flows. */
class IsolatedSubscriber<T> extends Subscriber<T> {
  #handlers: Handlers<T> | ((value: T) => void);
  readonly #report: Report;

  constructor(handlers: Handlers<T> | ((value: T) => void), report: Report) {
    super();
    this.#handlers = handlers;
    this.#report = report;
  }

  override unsubscribe(): void {
    // Releases the program's handlers: a flow may keep this subscriber after it has unsubscribed.
    this.#handlers = gone;
    super.unsubscribe();
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

/** Returns the handlers as an observer. A function is wrapped only here, so that waiting flows hold no wrapper. */
function observerOf<T>(handlers: Handlers<T> | ((value: T) => void)): Handlers<T> {
  return typeof handlers === 'function' ? { next: handlers } : handlers;
}
