import { catchError, mergeMap, of, type Observable } from 'rxjs';
import {
  AuthorizationError,
  FlowExpiredError,
  orThrow,
  type CallbackResponse,
  type Flow,
} from '../../src/index.ts';
import type { Ending, Step } from './events.ts';
import { exchange, type OAuthClient } from './oauth-client.ts';

/** One program that waits for one person to come back. */
export interface SignIn {
  readonly client: OAuthClient;
  readonly flow: Flow;
  /** Undefined where it may be anybody. */
  readonly user: string | undefined;
  readonly expected: Ending;
  /** When it was begun, in milliseconds since the epoch. */
  readonly since: number;
}

/** The flow's response made into tokens, and any ending into a row: this stream never errors. */
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
  yield { type: 'exchanged', at: Date.now(), flow: flow.id, client: client.name };
  const subject = tokens.claims()?.sub ?? 'nobody';
  yield { type: 'verified', at: Date.now(), flow: flow.id, subject };
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
