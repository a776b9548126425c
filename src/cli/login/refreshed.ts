import { catchError, EMPTY, from, switchMap, throwError, type Observable } from 'rxjs';
import { TokenError } from '../../login/errors.ts';
import { refresh } from '../../login/refresh.ts';
import type { Tokens } from '../../login/tokens.ts';
import type { Progress } from './progress.ts';
import { savedTokens } from './saved.ts';
import type { LoginSettings } from './settings.ts';

/** New tokens for those that are saved. Completes without any where the person has to be asked. */
export function refreshed(settings: LoginSettings, progress: Progress): Observable<Tokens> {
  const { save = '', signIn } = settings;
  const { clientSecret, clientAuthentication, resource } = signIn;
  return from(savedTokens(settings)).pipe(
    switchMap((saved) => {
      if (!saved) return EMPTY;
      progress.say(`Refreshing the tokens in ${save}; to sign in anew, remove it.`);
      return refresh(saved, {
        ...(clientSecret !== undefined && { clientSecret }),
        ...(clientAuthentication && { clientAuthentication }),
        ...(resource && { resource }),
      });
    }),
    catchError((error: unknown) => {
      // What a server refuses by its name a sign-in may get; whatever else is wrong, it would not mend.
      if (!(error instanceof TokenError) || error.error === undefined) return throwError(() => error);
      progress.say(`The authorization server does not refresh them (${error.error}).`);
      return EMPTY;
    }),
  );
}
