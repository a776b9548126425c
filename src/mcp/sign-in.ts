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
import { includesScopes } from './scopes.ts';
import type { ServerSession } from './session.ts';

/** What a sign-in without a request needs. */
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
    const { credentials } = session;
    const isStepUp = credentials !== undefined && !includesScopes(credentials.tokens.scope, options.scopes);
    if (!credentials || isStepUp || !isAlive(credentials)) {
      const asked = (await challengeBy(session.server, fetch)) ?? {};
      const challenge = isStepUp ? { ...asked, ...withoutUndefined({ scope: options.scopes }) } : asked;
      await session.signIn({ challenge, isStepUp, mustAsk: false, isExplicit: true, options, open }, signal);
    }
    const { credentials: valid } = session;
    if (!valid) throw new FlowCancelledError('the person was signed out meanwhile');
    return report.signedInEvent(valid);
  } catch (error) {
    if (isSignInError(error)) return report.failedEvent(error);
    throw error;
  }
}
