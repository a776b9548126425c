import { defer, finalize, ReplaySubject, share, tap, type Observable } from 'rxjs';

/** Shares work in progress by its key. A caller with the same key joins the work and receives all its values. */
export class Flights<T> {
  readonly #byKey = new Map<string, Observable<T>>();
  readonly #isLast: (value: T) => boolean;

  /** @param isLast Tells if a value is the last one. After that value, a caller with the same key starts new work. */
  constructor(isLast: (value: T) => boolean) {
    this.#isLast = isLast;
  }

  /** Returns the work in progress for this key, or starts `work`. The work stops when its last subscriber unsubscribes. */
  join(key: string, work: Observable<T>): Observable<T> {
    return defer(() => this.#byKey.get(key) ?? this.#start(key, work));
  }

  #start(key: string, work: Observable<T>): Observable<T> {
    // The comparison is needed because new work may have the same key by the time this one ends.
    const landed = (): void => {
      if (this.#byKey.get(key) === flight) this.#byKey.delete(key);
    };
    const flight = work.pipe(
      tap((value) => {
        if (this.#isLast(value)) landed();
      }),
      finalize(landed),
      // Unbounded, so that a late subscriber gets every value; the buffer is released when the work ends.
      share({ connector: () => new ReplaySubject<T>(Infinity) }),
    );
    this.#byKey.set(key, flight);
    return flight;
  }
}
