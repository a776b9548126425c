import {
  filter,
  map,
  take,
  tap,
  type MonoTypeOperatorFunction,
  type Observable,
  type OperatorFunction,
} from 'rxjs';
import type { CallbackResponse } from '../model/callback-response.ts';
import { AuthorizationError } from '../model/errors.ts';
import type { Redirect } from '../model/redirect.ts';
import { RedirectStream } from './redirect-stream.ts';

/**
 * Selects the accepted response for one state, then completes. Completes empty if the flow ends without a response.
 *
 * Directly on `server.redirects`, a subscription waits for this state as a flow does: the server accepts a redirect with
 * it. The lookup takes the same time for any number of flows. On any other stream, the operator only filters.
 *
 * @example
 * import { createOAuthCallbackServer, ofState, orThrow } from 'rx-oauth-callback';
 * import { firstValueFrom } from 'rxjs';
 *
 * const server = createOAuthCallbackServer();
 * await server.listen();
 * const { state } = await server.begin();
 * const { code } = await firstValueFrom(server.redirects.pipe(ofState(state), orThrow()));
 * console.log(code?.length);
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

/**
 * Passes responses on; if one has an `error`, the stream errors with `AuthorizationError`.
 *
 * @throws AuthorizationError as an error of the stream.
 * @example
 * import { createOAuthCallbackServer, orThrow } from 'rx-oauth-callback';
 *
 * const server = createOAuthCallbackServer();
 * await server.listen();
 * const flow = await server.begin();
 * flow.response.pipe(orThrow()).subscribe({
 *   next: ({ code }) => console.log(code?.length),
 *   error: (error) => console.error(error),
 * });
 */
export function orThrow(): MonoTypeOperatorFunction<CallbackResponse> {
  return tap((response) => {
    if (response.error !== undefined) throw new AuthorizationError(response);
  });
}
