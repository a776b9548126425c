import type { DeviceAuthorizationResponse } from 'openid-client';
import {
  asyncScheduler,
  catchError,
  concat,
  defer,
  EMPTY,
  map,
  of,
  retry,
  switchMap,
  takeUntil,
  throwError,
  throwIfEmpty,
  timer,
  type Observable,
} from 'rxjs';
import { abortable } from '../base/abortable.ts';
import { CallbackResponse } from '../model/callback-response.ts';
import { AuthorizationError, FlowExpiredError } from '../model/errors.ts';
import type { Flow } from '../model/flow.ts';
import { addLink } from '../model/flow-link.ts';
import type { Client } from './client.ts';
import { DeviceLink } from './device-link.ts';
import { requestDevice } from './device-request.ts';
import { AuthorizationRequestError, TokenError } from './errors.ts';
import { DeviceEvent, ExchangedEvent, WaitingEvent, type SignInEvent } from './events.ts';
import { redeemDevice } from './exchange.ts';
import type { ReadSignInOptions } from './options.ts';
import type { Tokens } from './tokens.ts';

// Default of RFC 8628 section 3.2.
const intervalMs = 5_000;
// Addition of RFC 8628 section 3.5.
const slowDownMs = 5_000;
// A server that is back is asked within this time.
const maxIntervalMs = 60_000;
const defaultTimeoutMs = 600_000;
// A longer timer would run at once.
const longestMs = 2 ** 31 - 1;

/** Signs in by the device grant alone. Emits `device`, `waiting` and `exchanged`. */
export function signInByDevice(options: ReadSignInOptions, client: Client): Observable<SignInEvent> {
  const { timeout = defaultTimeoutMs } = options;
  return begun(options, client, undefined, timeout);
}

/** Offers the device grant beside a redirect. It ends without a value if only the redirect can still answer. */
export function offerDevice(
  options: ReadSignInOptions,
  client: Client,
  flow: Flow,
  isAsked: boolean,
): Observable<SignInEvent> {
  return begun(options, client, flow, longestMs).pipe(
    catchError((error: unknown) => (leavesRedirect(error, isAsked) ? EMPTY : throwError(() => error))),
  );
}

/** Tells if the user can still sign in by the redirect. A user who has denied, or whose tokens are not valid, cannot. */
function leavesRedirect(error: unknown, isAsked: boolean): boolean {
  if (error instanceof FlowExpiredError) return true;
  if (isAsked || error instanceof AuthorizationError) return false;
  if (error instanceof AuthorizationRequestError) return true;
  return error instanceof TokenError && ((error.status ?? 200) >= 400 || error.error !== undefined);
}

function begun(
  options: ReadSignInOptions,
  client: Client,
  flow: Flow | undefined,
  timeout: number,
): Observable<SignInEvent> {
  const { scheduler = asyncScheduler } = options;
  const flowId = flow?.id;
  return abortable((signal) => requestDevice(options, client, signal)).pipe(
    switchMap((answer) => {
      const lifetime = Math.min(answer.expires_in * 1_000, timeout, longestMs);
      const expiresAt = scheduler.now() + lifetime;
      const shown = new DeviceEvent(Date.now(), flowId, {
        userCode: answer.user_code,
        verificationUri: answer.verification_uri,
        verificationUriComplete: answer.verification_uri_complete,
        expiresAt,
      });
      if (flow) addLink(flow, new DeviceLink(shown));
      // Beside a redirect, the flow says how long the sign-in waits.
      const waiting = flowId === undefined ? [new WaitingEvent(Date.now(), flowId, expiresAt)] : [];
      return concat(
        of<SignInEvent[]>(shown, ...waiting),
        tokensOf(options, client, answer, lifetime).pipe(
          map((tokens) => new ExchangedEvent(Date.now(), flowId, tokens)),
        ),
      );
    }),
  );
}

/**
 * Asks for the tokens until the user has entered the code, has denied, or the code has expired. The function of openid-client
 * for that waits by timers of its own, and ends at the first request that is not answered.
 */
function tokensOf(
  { issuer, scope, resource = [], scheduler = asyncScheduler }: ReadSignInOptions,
  client: Client,
  { device_code, interval }: DeviceAuthorizationResponse,
  lifetime: number,
): Observable<Tokens> {
  let pause = interval === undefined ? intervalMs : interval * 1_000;
  const asked = { issuer, client, scope, resource: [resource].flat() };
  return defer(() => timer(Math.min(pause, longestMs), scheduler)).pipe(
    switchMap(() => abortable((signal) => redeemDevice(asked, device_code, signal))),
    retry({
      delay: (error: unknown) => {
        const next = nextPause(error, pause);
        if (next === undefined) return throwError(() => endOf(error));
        pause = next;
        return of(undefined);
      },
    }),
    takeUntil(timer(lifetime, scheduler)),
    throwIfEmpty(expired),
  );
}

/** Returns the milliseconds until the next request, or undefined if the error is final. @see RFC 8628 section 3.5 */
function nextPause(error: unknown, pause: number): number | undefined {
  if (!(error instanceof TokenError)) return undefined;
  if (error.error === 'authorization_pending') return pause;
  if (error.error === 'slow_down') return pause + slowDownMs;
  const { unanswered, status = 0 } = error;
  const isTemporary = unanswered || status === 429 || status >= 500;
  return isTemporary ? Math.max(pause, Math.min(pause * 2, maxIntervalMs)) : undefined;
}

function endOf(error: unknown): unknown {
  const code = error instanceof TokenError ? error.error : undefined;
  if (code === 'access_denied') return new AuthorizationError(new CallbackResponse({ error: code }));
  return code === 'expired_token' ? expired() : error;
}

function expired(): FlowExpiredError {
  return new FlowExpiredError('the code of the device grant expired before the user had entered it');
}
