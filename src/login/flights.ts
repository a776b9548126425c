import { defer, finalize, ReplaySubject, share, tap, type Observable } from 'rxjs';

/** Work that is under way, by what it is for: who asks for the same meanwhile joins it, and hears all of it. */
export class Flights<T> {
  readonly #byKey = new Map<string, Observable<T>>();
  readonly #isLast: (value: T) => boolean;

  /** @param isLast From that value on nobody joins any more: who comes then wants to begin anew. */
  constructor(isLast: (value: T) => boolean) {
    this.#isLast = isLast;
  }

  /** The work under way, or `work`. It stops when the last of those who have joined has unsubscribed. */
  join(key: string, work: Observable<T>): Observable<T> {
    return defer(() => this.#byKey.get(key) ?? this.#start(key, work));
  }

  #start(key: string, work: Observable<T>): Observable<T> {
    // By then another flight may have the key.
    const landed = (): void => {
      if (this.#byKey.get(key) === flight) this.#byKey.delete(key);
    };
    const flight = work.pipe(
      tap((value) => {
        if (this.#isLast(value)) landed();
      }),
      finalize(landed),
      // As many as the work has values, and gone with its end.
      share({ connector: () => new ReplaySubject<T>(Infinity) }),
    );
    this.#byKey.set(key, flight);
    return flight;
  }
}
