import { catchError, mergeMap, of, type Observable } from 'rxjs';
import {
  AuthorizationError,
  FlowExpiredError,
  orThrow,
  type CallbackResponse,
  type Flow,
} from '../../index.ts';
import type { Ending, Step } from './events.ts';
import { exchange, type OAuthClient } from './oauth-client.ts';

/** Sign-in of one person, with the client that waits for it. */
export interface SignIn {
  readonly client: OAuthClient;
  readonly flow: Flow;
  /** Expected user; undefined if any user may sign in. */
  readonly user: string | undefined;
  readonly expected: Ending;
  /** Time of its beginning, in milliseconds since the epoch. */
  readonly since: number;
}

/** Exchanges the response for tokens, and emits a row for any ending. Never errors. */
export function outcome(signIn: SignIn): Observable<Step> {
  return signIn.flow.response.pipe(
    orThrow(),
    mergeMap((response) => redeem(signIn, response)),
    catchError((error: unknown) => of(ended(signIn, endingOf(error)))),
  );
}

async function* redeem(signIn: SignIn, response: CallbackResponse): AsyncGenerator<Step> {
  const { client, flow, user } = signIn;
  const tokens = await exchange(client, flow, response);
  yield { type: 'exchanged', at: Date.now(), flowId: flow.id, client: client.name };
  const subject = tokens.claims()?.sub ?? 'nobody';
  yield { type: 'verified', at: Date.now(), flowId: flow.id, subject };
  const isRight = user === undefined || subject === user;
  yield ended({ ...signIn, user: user ?? subject }, isRight ? 'signed_in' : 'wrong_subject');
}

function ended({ client, flow, user, expected, since }: SignIn, actual: Ending): Step {
  const at = Date.now();
  return {
    type: 'ended',
    at,
    flow: flow.id,
    client: client.name,
    user: user ?? 'nobody',
    expected,
    actual,
    ms: at - since,
  };
}

function endingOf(error: unknown): Ending {
  if (error instanceof AuthorizationError) return error.error;
  if (error instanceof FlowExpiredError) return error.code;
  return error instanceof Error ? `failed: ${error.message}` : 'failed';
}
