import {
  defer,
  forkJoin,
  ignoreElements,
  lastValueFrom,
  merge,
  mergeMap,
  tap,
  toArray,
  type Observable,
} from 'rxjs';
import { createOAuthCallbackServer, type CallbackHost } from '../../index.ts';
import { startAuthorizationServer, type AuthorizationServer } from './authorization-server.ts';
import type { DemoEvent, Ending, Step } from './events.ts';
import { discover, type OAuthClient } from './oauth-client.ts';
import type { Report } from './report.ts';
import { outcome } from './sign-in.ts';

/**
 * Runs two programs that wait at one callback server while the user signs in to both, in any order. Resolves with true if each
 * sign-in ended as the user chose.
 *
 * @param open Opens a browser, if there is one.
 * @param signal Cancels the sign-ins.
 */
export async function clickThrough(
  report: Report,
  open: (url: URL) => Promise<unknown>,
  signal: AbortSignal,
): Promise<boolean> {
  await using authorizationServer = await startAuthorizationServer({ callbackPath: '/callback' });
  await using server = createOAuthCallbackServer({ callbackPath: '/callback', settle: 10_000 });
  const ended = lastValueFrom(
    merge<DemoEvent[]>(
      server.events,
      defer(() => server.listen()).pipe(
        mergeMap(() => signIns(server, authorizationServer, open, signal)),
        tap({ complete: () => void server.close() }),
      ),
    ).pipe(
      tap((event) => report.event(event)),
      toArray(),
    ),
  );
  return (await ended).every((event) => event.type !== 'ended' || choices.includes(event.actual));
}

/** Endings that the user may choose. */
const choices: readonly Ending[] = ['signed_in', 'access_denied'];

function signIns(
  host: CallbackHost,
  { issuer, clients }: AuthorizationServer,
  open: (url: URL) => Promise<unknown>,
  signal: AbortSignal,
): Observable<Step> {
  return forkJoin(Object.values(clients).map((client) => discover(issuer, client))).pipe(
    mergeMap((found) => merge(...found.map((client) => signIn(host, client, open, signal)))),
  );
}

function signIn(
  host: CallbackHost,
  client: OAuthClient,
  open: (url: URL) => Promise<unknown>,
  signal: AbortSignal,
): Observable<Step> {
  const since = Date.now();
  return defer(() => host.begin({ signal })).pipe(
    mergeMap((flow) => {
      const url = flow.authorizationUrl(client.authorizationEndpoint, {
        client_id: client.id,
        scope: 'openid',
      });
      const shown: Step = {
        type: 'url',
        at: Date.now(),
        flowId: flow.id,
        client: client.name,
        url: url.href,
      };
      const ends = outcome({ client, flow, user: undefined, expected: 'signed_in', since }).pipe(
        tap((step) => {
          // The page waits for the outcome.
          if (step.type !== 'ended') return;
          const success = step.actual === 'signed_in';
          flow.settle(success ? { status: 'success' } : { status: 'failure', message: step.actual });
        }),
      );
      return merge([shown], ends, defer(() => open(url)).pipe(ignoreElements()));
    }),
  );
}
