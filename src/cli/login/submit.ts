import { paste } from '../../login/paste.ts';
import { pastedRequest } from '../../login/pasted.ts';
import { readResponse, retains } from '../../redirect.ts';
import type { OAuthCallbackServer } from '../../server.ts';
import { refusal, type Refused } from './texts.ts';

/** The sign-in that a paste is for. */
export interface Asked {
  state: string;
  redirectUri: string;
  issuer: string;
}

/** Takes what was pasted to where the redirect should have gone. Resolves with why it is not taken; undefined where it is. */
export type Submit = (pasted: string, asked: Asked, signal: AbortSignal) => Promise<string | undefined>;

/** To the server here. */
export function submitTo(local: OAuthCallbackServer): Submit {
  return async (pasted, asked) => {
    const redirect = await paste(local, pasted, asked);
    return redirect.disposition === 'accepted' ? undefined : refusal(redirect);
  };
}

/**
 * To the service elsewhere: asks for its redirect URI as the browser could not, so that the checks, the race with the redirect
 * and the page's bookkeeping are the service's own, and the bridge has no second way in for a code. What is not of this
 * sign-in is not sent at all.
 */
export const submitElsewhere: Submit = async (pasted, asked, signal) => {
  const { state, redirectUri, issuer } = asked;
  const rest = String(new URLSearchParams({ state, iss: issuer }));
  const { target } = pastedRequest(pasted, { redirectUri, prefix: '', rest });
  const flaw = flawOf(target, asked);
  if (flaw) return refusal(flaw);
  const { origin, searchParams } = new URL(target);
  try {
    const { status, body } = await fetch(target, { redirect: 'manual', signal });
    await body?.cancel();
    // A page that tells of the provider's error has this status too, and the sign-in ends with it.
    if (status < 400 || (status === 400 && searchParams.has('error'))) return undefined;
    return `${origin} does not take that (${status}).`;
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    return `${origin} cannot be reached from here${code === undefined ? '' : ` (${code})`}.`;
  }
};

/** What can be told without the service. */
function flawOf(target: string, { state, redirectUri, issuer }: Asked): Refused | undefined {
  const url = URL.canParse(target) ? new URL(target) : undefined;
  const home = new URL(redirectUri);
  const query = url?.search.slice(1) ?? '';
  const isHome = url?.origin === home.origin && url.pathname === home.pathname;
  if (!isHome || !retains(query, home.search.slice(1))) return { disposition: 'wrong_redirect_uri' };
  // How long a parameter may be, the service knows.
  const { fields, reason } = readResponse(query, Infinity);
  if (reason) return { disposition: 'malformed', reason };
  if (fields.state !== state) return { disposition: 'unmatched' };
  return fields.iss === undefined || fields.iss === issuer ? undefined : { disposition: 'wrong_issuer' };
}
