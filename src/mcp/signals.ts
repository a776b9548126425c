import { setMaxListeners } from 'node:events';
import { firstValueFrom, from, merge, Observable } from 'rxjs';

/** Returns an Observable that errors with the reason of the signal once it aborts. */
export function aborting(signal: AbortSignal): Observable<never> {
  return new Observable((subscriber) => {
    const abort = (): void => subscriber.error(signal.reason);
    if (signal.aborted) abort();
    else {
      // Any number of requests may share a signal. Node would warn of more than ten.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', abort);
    }
    return () => signal.removeEventListener('abort', abort);
  });
}

/** Resolves with the result of work, or rejects with the reason of the signal. The work goes on. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return firstValueFrom(merge(from(work), aborting(signal)));
}
