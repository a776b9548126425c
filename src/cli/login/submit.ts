import { paste } from '../../login/paste.ts';
import { pastedRequest } from '../../login/pasted.ts';
import { readResponse, retains } from '../../callback/parameters.ts';
import type { OAuthCallbackServer } from '../../server/callback-server.ts';
import { refusal, type Refused } from './texts.ts';

/** Sign-in that a pasted response is for. */
export interface PasteTarget {
  state: string;
  redirectUri: string;
  issuer: string;
}

/** Submits a pasted response. Resolves with the complaint to show; undefined if the response was accepted. */
export type Submit = (
  pasted: string,
  target: PasteTarget,
  signal: AbortSignal,
) => Promise<string | undefined>;

/** Creates the function that submits to the server here. */
export function submitTo(local: OAuthCallbackServer): Submit {
  return async (pasted, target) => {
    const redirect = await paste(local, pasted, target);
    return redirect.disposition === 'accepted' ? undefined : refusal(redirect);
  };
}

/**
 * Submits to a remote service by requesting its redirect URI, as the browser would. So the service makes its usual checks, and the
 * bridge needs no message for codes. A response that does not belong to this sign-in is not sent.
 */
export const submitElsewhere: Submit = async (pasted, target, signal) => {
  const { state, redirectUri, issuer } = target;
  const rest = String(new URLSearchParams({ state, iss: issuer }));
  const { target: url } = pastedRequest(pasted, { redirectUri, prefix: '', rest });
  const defect = defectOf(url, target);
  if (defect) return refusal(defect);
  const { origin, searchParams } = new URL(url);
  try {
    const { status, body } = await fetch(url, { redirect: 'manual', signal });
    await body?.cancel();
    // The page about a provider's error has status 400 too, and ends the sign-in.
    if (status < 400 || (status === 400 && searchParams.has('error'))) return undefined;
    return `${origin} rejected the pasted response (${status}).`;
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    return `${origin} cannot be reached from here${code === undefined ? '' : ` (${code})`}.`;
  }
};

/** Finds defects that need no request: another redirect URI, state or issuer, or a malformed response. */
function defectOf(target: string, { state, redirectUri, issuer }: PasteTarget): Refused | undefined {
  const url = URL.canParse(target) ? new URL(target) : undefined;
  const home = new URL(redirectUri);
  const query = url?.search.slice(1) ?? '';
  const isHome = url?.origin === home.origin && url.pathname === home.pathname;
  if (!isHome || !retains(query, home.search.slice(1))) return { disposition: 'wrong_redirect_uri' };
  // The service checks the length of parameters.
  const { fields, reason } = readResponse(query, { parameter: Infinity, parameters: 0 });
  if (reason) return { disposition: 'malformed', reason };
  if (fields.state !== state) return { disposition: 'unmatched' };
  return fields.iss === undefined || fields.iss === issuer ? undefined : { disposition: 'wrong_issuer' };
}
