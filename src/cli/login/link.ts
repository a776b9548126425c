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
import type { Place } from './place.ts';
import type { Progress } from './progress.ts';

/** Says when the service elsewhere goes away, for which the sign-in waits, and when it is back. No values. */
export function linkTold({ connected }: Place, progress: Progress): Observable<never> {
  if (!connected) return EMPTY;
  return interval(250).pipe(
    map(connected),
    distinctUntilChanged(),
    skipWhile((is) => is),
    tap((is) =>
      progress.say(
        is ? 'The service is there again.' : 'The connection to the service is lost; trying again.',
      ),
    ),
    ignoreElements(),
  );
}
