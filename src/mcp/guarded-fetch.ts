import { challengeOf, type Challenge } from './challenge.ts';
import type { Held } from './held.ts';
import { plainNeed, type Need } from './need.ts';
import type { Open, ReadServerOptions } from './options.ts';
import { mayHaveToken } from './origins.ts';
import { passedOn } from './passed-on.ts';
import { initOf, urlIn, type FetchLike } from './requests.ts';
import type { ServerSession } from './session.ts';
import { unlessAborted } from './signals.ts';

// A refresh, a sign-in and a step-up.
const maxRenewals = 3;

/** Needs of a request beyond its session. */
export interface RequestOptions {
  readonly options: ReadServerOptions;
  readonly open: Open | undefined;
  readonly send: FetchLike;
}

/** Returns a `fetch` that adds the access token of a session, and renews it if the server asks for that. */
export function guardedFetch(session: ServerSession, { options, open, send }: RequestOptions): FetchLike {
  const { origin } = new URL(session.server);
  const asked = { ...plainNeed, options, open };
  return async (input, given = {}) => {
    const url = new URL(urlIn(input), session.server);
    if (url.origin !== origin || !mayHaveToken(url)) return send(input, given);
    const init = await initOf(input, given);
    const since = session.moment;
    const patient = <T>(work: Promise<T>): Promise<T> =>
      init.signal ? unlessAborted(work, init.signal) : work;
    let hasSteppedUp = false;
    try {
      await patient(session.load());
      await patient(session.refreshAhead(asked));
      for (let renewals = 0; ; renewals++) {
        const { held } = session;
        const token = held?.credentials.tokens.access_token;
        const response = await send(url.href, { ...init, headers: headersOf(init, token) });
        const refused = refusedBy(response, origin);
        if (!refused) {
          accept(session, held, response);
          return response;
        }
        if (renewals === maxRenewals || isInVain(held, refused, renewals > 0)) return response;
        const mustAsk = held?.from === 'refresh' && !held.isAccepted;
        const need: Need = { ...asked, ...refused, mustAsk, hasSteppedUp };
        if (isRepeatable(init.body)) await response.body?.cancel();
        const isOurs = await patient(session.renew(token, need, since));
        hasSteppedUp ||= isOurs && refused.isStepUp;
        if (!isRepeatable(init.body)) return response;
      }
    } catch (error) {
      throw passedOn(error);
    }
  };
}

interface Refused {
  readonly challenge: Challenge;
  readonly isStepUp: boolean;
}

/** Tells what the server asks for; undefined if it has not rejected the token. Only its own answers count. */
function refusedBy({ status, headers, url }: Response, origin: string): Refused | undefined {
  if (status !== 401 && status !== 403) return undefined;
  if (url !== '' && new URL(url).origin !== origin) return undefined;
  const challenge = challengeOf(headers);
  if (status === 401) return { challenge, isStepUp: false };
  return challenge.error === 'insufficient_scope' ? { challenge, isStepUp: true } : undefined;
}

/** Tells if a server rejects the tokens of a sign-in at once. It would reject those of the next one too. */
function isInVain(held: Held | undefined, { isStepUp }: Refused, isRepeated: boolean): boolean {
  if (isStepUp || held?.from !== 'person' || held.isAccepted) return false;
  held.isRejected ||= isRepeated;
  return held.isRejected;
}

function accept(session: ServerSession, held: Held | undefined, { status, ok }: Response): void {
  const { report, isIdle } = session;
  if (held && status < 500) held.isAccepted = true;
  // The tokens may be others by now, or gone.
  if (!isIdle || session.held !== held) return;
  if (held) report.has(held.credentials);
  else if (ok) report.open();
}

function headersOf({ headers }: RequestInit, token: string | undefined): Headers {
  const all = new Headers(headers);
  if (token !== undefined) all.set('authorization', `Bearer ${token}`);
  return all;
}

/** Tells if a body can be sent once more. A stream cannot. */
function isRepeatable(body: unknown): boolean {
  return typeof body !== 'object' || body === null || !(Symbol.asyncIterator in body);
}
