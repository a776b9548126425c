import { connect, filter, merge, takeUntil, type Observable } from 'rxjs';
import { abortable } from '../base/abortable.ts';
import { withoutUndefined } from '../base/without-undefined.ts';
import { isSignInError } from '../login/errors.ts';
import type { Fetch } from '../login/requests.ts';
import { FlowCancelledError } from '../model/errors.ts';
import { challengeBy } from './asked-server.ts';
import type { McpEvent } from './events.ts';
import type { Open, ReadServerOptions } from './options.ts';
import { isAlive } from './credentials.ts';
import { plainNeed } from './need.ts';
import { includesScopes } from './scopes.ts';
import type { ServerSession } from './session.ts';

/** Needs of a sign-in without a request. */
export interface SignInRequest {
  readonly options: ReadServerOptions;
  readonly open: Open | undefined;
  readonly fetch: Fetch;
}

/** Signs in to a server. Emits the events of the server; the last one is `signed_in` or `failed`. */
export function signInTo(
  session: ServerSession,
  request: SignInRequest,
  events: Observable<McpEvent>,
): Observable<McpEvent> {
  const { server, account } = session;
  const steps = events.pipe(
    filter((event) => event.server === server && event.account === account),
    filter(({ type }) => type !== 'signed_in' && type !== 'failed'),
  );
  return abortable((signal) => outcomeOf(session, request, signal)).pipe(
    connect((outcome) => merge(steps.pipe(takeUntil(outcome)), outcome)),
  );
}

async function outcomeOf(
  session: ServerSession,
  { options, open, fetch }: SignInRequest,
  signal: AbortSignal,
): Promise<McpEvent> {
  const { report } = session;
  try {
    await session.load();
    for (let isOurs = false; ;) {
      const { credentials } = session;
      const isStepUp = credentials !== undefined && !includesScopes(credentials.tokens.scope, options.scopes);
      const isValid = credentials !== undefined && !isStepUp && isAlive(credentials);
      if (credentials && (isValid || isOurs)) return report.signedInEvent(credentials);
      if (isOurs) throw new FlowCancelledError('the person was signed out meanwhile');
      const asked = (await challengeBy(session.server, fetch)) ?? {};
      const challenge = isStepUp ? { ...asked, ...withoutUndefined({ scope: options.scopes }) } : asked;
      const need = { ...plainNeed, challenge, isStepUp, isExplicit: true, options, open };
      // A renewal that it joins may be for other scopes, or have found that the tokens are of no use.
      isOurs = await session.signIn(need, signal);
    }
  } catch (error) {
    if (isSignInError(error)) return report.failedEvent(error);
    throw error;
  }
}
