import {
  distinctUntilChanged,
  EMPTY,
  ignoreElements,
  interval,
  map,
  skipWhile,
  tap,
  type Observable,
} from 'rxjs';
import type { Receiver } from './receiver.ts';
import type { Progress } from './progress.ts';

/** Tells the user when the connection to the remote service is lost, and when it is back. Emits nothing. */
export function connectionNotices({ connected }: Receiver, progress: Progress): Observable<never> {
  if (!connected) return EMPTY;
  return interval(250).pipe(
    map(connected),
    distinctUntilChanged(),
    skipWhile((is) => is),
    tap((is) =>
      progress.say(is ? 'Reconnected to the service.' : 'Connection to the service lost; reconnecting.'),
    ),
    ignoreElements(),
  );
}
