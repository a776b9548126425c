import { from, Observable, switchMap, type ObservableInput } from 'rxjs';
import { holdProcess, releaseProcess } from '../base/process-hold.ts';
import type { BeginOptions, Flow } from '../model/flow.ts';
import type { CallbackHost } from '../model/callback-host.ts';

/**
 * Returns a cold Observable of a sign-in. Subscribing begins a flow and runs `project` with it.
 *
 * When the result of `project` completes or errors, or the subscriber unsubscribes, the flow is cancelled. Until then the
 * process stays alive.
 *
 * @param options Options of `host.begin()` except `key`: a flow that several callers share must not be cancelled by one.
 * @throws The error of `host.begin()` or of `project`, as an error of the stream.
 * @example
 * import { callbackServer, orThrow, withFlow } from 'rx-oauth-callback';
 * import { switchMap, take } from 'rxjs';
 *
 * callbackServer()
 *   .pipe(
 *     switchMap((server) =>
 *       withFlow(server, (flow) => {
 *         console.log(`Open ${flow.authorizationUrl('https://as.example/authorize', { client_id: 'my-cli' })}`);
 *         return flow.response.pipe(orThrow());
 *       }),
 *     ),
 *     take(1),
 *   )
 *   .subscribe(({ code }) => console.log(code?.length));
 */
export function withFlow<T>(
  host: Pick<CallbackHost, 'begin'>,
  project: (flow: Flow) => ObservableInput<T>,
  options: Omit<BeginOptions, 'key'> = {},
): Observable<T> {
  return new Observable((subscriber) => {
    // Aborting also cancels a flow whose `begin` is not yet answered by a service.
    const over = new AbortController();
    holdProcess();
    subscriber.add(() => {
      over.abort();
      releaseProcess();
    });
    const signals = [over.signal, ...(options.signal ? [options.signal] : [])];
    from(host.begin({ ...options, signal: AbortSignal.any(signals) }))
      .pipe(switchMap(project))
      .subscribe(subscriber);
  });
}
