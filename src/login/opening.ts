import { catchError, concat, defer, map, mergeMap, of, takeWhile, type Observable } from 'rxjs';
import { isLast, OpenedEvent, type AuthorizeEvent, type SignInEvent } from './events.ts';
import { openBrowser } from './open-browser.ts';

/** Also opens the authorization URL in the user's browser, and reports if one has opened. */
export function opening(signingIn: Observable<SignInEvent>): Observable<SignInEvent> {
  return signingIn.pipe(
    mergeMap((event) => (event.type === 'authorize' ? concat(of(event), opened(event)) : of(event))),
    // A sign-in may end before the browser's launcher does.
    takeWhile((event) => !isLast(event), true),
  );
}

function opened({ url, flowId }: AuthorizeEvent): Observable<SignInEvent> {
  return defer(() => openBrowser(url)).pipe(
    catchError(() => of(false)),
    map((done) => new OpenedEvent(Date.now(), flowId, done)),
  );
}
