import { Observable } from 'rxjs';

/** Asynchronous work as a cold Observable of its result; unsubscribing aborts it. */
export function abortable<T>(work: (signal: AbortSignal) => Promise<T>): Observable<T> {
  return new Observable((subscriber) => {
    const over = new AbortController();
    work(over.signal).then(
      (result) => {
        subscriber.next(result);
        subscriber.complete();
      },
      (error: unknown) => subscriber.error(error),
    );
    return () => over.abort();
  });
}
