import { catchError, EMPTY, throwError, type Observable } from 'rxjs';
import { TokenError } from '../../login/errors.ts';
import { refresh } from '../../login/refresh.ts';
import type { Tokens } from '../../login/tokens.ts';
import { rejectsClient } from '../exit-codes.ts';
import type { Progress } from './progress.ts';
import type { LoginSettings } from './settings.ts';

/** Refreshes saved tokens. Completes without tokens if the user has to sign in. */
export function refreshed(
  saved: Tokens | undefined,
  { save = '', signIn }: LoginSettings,
  progress: Progress,
): Observable<Tokens> {
  if (saved?.refresh_token === undefined) return EMPTY;
  const { clientId, clientSecret, clientAuthentication, resource, metadata } = signIn;
  progress.say(`Refreshing the tokens in ${save}; to sign in anew, remove it.`);
  return refresh(saved, {
    ...(clientSecret !== undefined && { clientSecret }),
    ...(clientAuthentication && { clientAuthentication }),
    ...(resource && { resource }),
    ...(metadata && { metadata }),
  }).pipe(
    catchError((error: unknown) => {
      // A rejection may be solved by a new sign-in; any other error would occur again.
      if (!(error instanceof TokenError) || !isRejection(error)) return throwError(() => error);
      // A client that was registered by an earlier sign-in is registered anew; one that the user has named is not.
      if (clientId !== undefined && rejectsClient(error)) return throwError(() => error);
      progress.say(`The authorization server rejected the refresh (${error.error ?? String(error.status)}).`);
      return EMPTY;
    }),
  );
}

// Statuses by which a token endpoint rejects a request. Any other comes from what stands before it, such as a proxy.
const rejectionStatuses = [400, 401, 410];
// Errors of a server in trouble, which may accept the same request later.
const laterErrors = ['server_error', 'temporarily_unavailable', 'slow_down'];

/**
 * Tells if the server has rejected the client or the refresh token. Some servers do so without an OAuth error.
 *
 * @see RFC 6749 section 5.2
 */
export function isRejection({ error, status = 0 }: TokenError): boolean {
  if (error === undefined) return rejectionStatuses.includes(status);
  return status < 500 && status !== 429 && !laterErrors.includes(error);
}
