/**
 * `ISSUER=https://as.example CLIENT_ID=my-cli npx tsx examples/fresh-tokens.ts`: signs in once, and refreshes the access
 * token for as long as the program runs.
 *
 * Needs `openid-client`. Without a `CLIENT_ID` it registers a client, if the authorization server offers that.
 */
import { expand, NEVER, switchMap, tap, timer, type Observable } from 'rxjs';
import { refresh, signIn, tokens, type SignInEvent, type Tokens } from '../src/login.ts';

const { ISSUER: issuer = 'http://127.0.0.1:3000', CLIENT_ID: clientId } = process.env;

const fresh: Observable<Tokens> = signIn({
  issuer,
  scope: 'openid offline_access',
  ...(clientId !== undefined && { clientId }),
}).pipe(
  tap(show),
  tokens(),
  expand((before) => renewal(before).pipe(switchMap(() => refresh(before)))),
);

// A program with several consumers shares the last token: `fresh.pipe(shareReplay(1))`.
const subscription = fresh.subscribe({
  next: ({ claims, expiresAt = NaN }) =>
    console.log(
      `A token for ${claims?.sub ?? 'somebody'}, good for ${Math.round((expiresAt - Date.now()) / 1_000)} s`,
    ),
  error: (error: unknown) => {
    console.error('Not signed in:', (error as Error).message);
    process.exitCode = 1;
  },
});

process.once('SIGINT', () => subscription.unsubscribe());

/** Emits a minute before the token expires, or never if the server does not say when it expires. */
function renewal({ expiresAt }: Tokens): Observable<unknown> {
  if (expiresAt === undefined) return NEVER;
  // At least a second, so that a server whose tokens expire at once is not flooded. Timers run for 24 days at most.
  return timer(Math.min(Math.max(expiresAt - 60_000 - Date.now(), 1_000), 2 ** 31 - 1));
}

function show(event: SignInEvent): void {
  if (event.type === 'authorize') console.log('Open', event.url.href);
  else if (event.type === 'waiting') console.log('Until', new Date(event.expiresAt).toISOString());
  // Printing an event shows no token.
  else console.log(JSON.stringify(event));
}
