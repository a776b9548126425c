import { Observable } from 'rxjs';

/** Returns a cold Observable of the result of asynchronous work. Unsubscribing aborts the work's signal. */
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
