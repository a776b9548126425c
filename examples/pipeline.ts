/**
 * `ACCOUNTS="work home lab" AUTHORIZE=https://as.example/authorize CLIENT_ID=my-cli npx tsx examples/pipeline.ts`: signs in each account,
 * two at a time, tries again what may pass, and writes a line of JSON for each redirect to stderr.
 *
 * It ends with the codes; what a token request makes of them is in `fresh-tokens.ts`.
 */
import {
  catchError,
  defer,
  finalize,
  from,
  map,
  mergeMap,
  of,
  retry,
  switchMap,
  throwError,
  timer,
  type Observable,
} from 'rxjs';
import {
  AuthorizationError,
  createOAuthCallbackServer,
  FlowExpiredError,
  orThrow,
  type CallbackResponse,
} from '../src/index.ts';

const {
  ACCOUNTS = '',
  AUTHORIZE = 'http://127.0.0.1:3000/auth',
  CLIENT_ID = 'my-cli',
  AT_ONCE = '2',
  PAUSE = '1000',
} = process.env;

const server = createOAuthCallbackServer();
await server.listen();

// The audit. Printing a redirect shows neither code nor state.
server.redirects.subscribe(({ at, disposition, reason, flowId }) =>
  console.error(JSON.stringify({ at, disposition, reason, flowId })),
);

const outcomes: Observable<string> = from(ACCOUNTS.split(' ')).pipe(
  mergeMap(
    (account) =>
      signIn(account).pipe(
        retry({
          count: 2,
          delay: (error, attempt) =>
            mayPass(error) ? timer(attempt * Number(PAUSE)) : throwError(() => error as Error),
        }),
        map(() => `${account} has signed in`),
        catchError((error: unknown) => of(`${account} has not: ${(error as Error).message}`)),
      ),
    Number(AT_ONCE),
  ),
  finalize(() => void server.close()),
);
outcomes.subscribe((line) => console.log(line));

/** Signs in once. The user opens the URL that is printed. */
function signIn(account: string): Observable<CallbackResponse> {
  return defer(() => server.begin({ label: account })).pipe(
    switchMap((flow) => {
      const url = flow.authorizationUrl(AUTHORIZE, { client_id: CLIENT_ID, login_hint: account });
      console.log('Open', url.href);
      return flow.response.pipe(orThrow());
    }),
  );
}

/** Tells if another attempt may end otherwise. A user who has declined is not asked again. */
function mayPass(error: unknown): boolean {
  if (error instanceof FlowExpiredError) return true;
  return (
    error instanceof AuthorizationError && ['server_error', 'temporarily_unavailable'].includes(error.error)
  );
}
