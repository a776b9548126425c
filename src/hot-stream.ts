import { Subject, type Subscriber, type Subscription } from 'rxjs';

/** A hot stream that can be completed and, for the server's next run, started anew. */
export class HotStream<T> {
  #subject = new Subject<T>();
  #completed = false;

  /** Whether a value would reach anybody; where not, it need not be built. */
  get observed(): boolean {
    return this.#subject.observed;
  }

  next(value: T): void {
    this.#subject.next(value);
  }

  complete(): void {
    this.#completed = true;
    this.#subject.complete();
  }

  restart(): void {
    if (this.#completed) this.#subject = new Subject();
    this.#completed = false;
  }

  subscribe(subscriber: Subscriber<T>): Subscription {
    return this.#subject.subscribe(subscriber);
  }
}
