import { from, Observable, switchMap, type ObservableInput } from 'rxjs';
import type { BeginOptions, Flow } from './flow.ts';
import type { CallbackHost } from './server.ts';

/**
 * A sign-in as a cold Observable: subscribing begins a flow and runs `project` with it. However that ends, and when it is
 * unsubscribed, the flow is cancelled, so that nothing keeps waiting here or at a service.
 *
 * @param options As for `host.begin()`, without `key`: a flow that others have joined is not ours to cancel.
 */
export function withFlow<T>(
  host: Pick<CallbackHost, 'begin'>,
  project: (flow: Flow) => ObservableInput<T>,
  options: Omit<BeginOptions, 'key'> = {},
): Observable<T> {
  return new Observable((subscriber) => {
    // Cancels the flow, and one that is on its way to a service still.
    const over = new AbortController();
    const signals = [over.signal, ...(options.signal ? [options.signal] : [])];
    from(host.begin({ ...options, signal: AbortSignal.any(signals) }))
      .pipe(switchMap(project))
      .subscribe(subscriber);
    return () => over.abort();
  });
}
