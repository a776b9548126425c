import { filter, map, take, tap, type OperatorFunction } from 'rxjs';
import type { SignInEvent } from './events.ts';
import type { Tokens } from './tokens.ts';

type Exchanged = Extract<SignInEvent, { type: 'exchanged' }>;

/**
 * Emits the tokens of a sign-in, then completes. If the sign-in failed, errors with the error of its `failed` event.
 *
 * @example
 * import { signIn, tokens } from 'rx-oauth-callback/login';
 *
 * signIn({ issuer: 'https://as.example', clientId: 'my-cli' })
 *   .pipe(tokens())
 *   .subscribe(({ access_token }) => console.log(access_token.length));
 */
export function tokens(): OperatorFunction<SignInEvent, Tokens> {
  return (events) =>
    events.pipe(
      tap((event) => {
        if (event.type === 'failed') throw event.error;
      }),
      filter((event): event is Exchanged => event.type === 'exchanged'),
      map((event) => event.tokens),
      take(1),
    );
}
