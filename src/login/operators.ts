import { filter, map, take, tap, type OperatorFunction } from 'rxjs';
import type { SignInEvent } from './events.ts';
import type { Tokens } from './tokens.ts';

type Exchanged = Extract<SignInEvent, { type: 'exchanged' }>;

/** The tokens of a sign-in, once, then completes. A sign-in that failed is an error: the one of its `failed` event. */
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
