import {
  filter,
  map,
  take,
  tap,
  type MonoTypeOperatorFunction,
  type Observable,
  type OperatorFunction,
} from 'rxjs';
import type { CallbackResponse } from './callback-response.ts';
import { AuthorizationError } from './errors.ts';
import type { Redirect } from './redirect.ts';
import { RedirectStream } from './redirect-stream.ts';

/**
 * The accepted response for one state, once, then completes. Completes empty where that sign-in ends without one.
 *
 * Directly on `server.redirects` it looks the state up, whatever number of others is waiting, and counts as waiting
 * for it: a redirect with this state is accepted while somebody is subscribed. On any other stream it is a filter.
 */
export function ofState(state: string): OperatorFunction<Redirect, CallbackResponse> {
  return (source: Observable<Redirect>) =>
    source instanceof RedirectStream
      ? source.forState(state)
      : source.pipe(
          filter(({ disposition, response }) => disposition === 'accepted' && response.state === state),
          take(1),
          map(({ response }) => response),
        );
}

/** Turns a response with an `error` into an `AuthorizationError`; lets any other pass. */
export function orThrow(): MonoTypeOperatorFunction<CallbackResponse> {
  return tap((response) => {
    if (response.error !== undefined) throw new AuthorizationError(response);
  });
}
