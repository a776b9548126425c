import { readResponse, retains } from '../callback/parameters.ts';
import type { Redirect } from '../model/redirect.ts';
import { pastedRequest } from './pasted.ts';

/** Sign-in that a pasted response is for. */
export interface PasteTarget {
  readonly state: string;
  readonly redirectUri: string;
  /** Issuer of the authorization server, if the sign-in expects one. */
  readonly issuer?: string | undefined;
}

/** Result of a pasted response that was not accepted. */
export type Refused = Pick<Redirect, 'disposition' | 'reason'>;

/** What became of a pasted response. */
export type Submitted =
  | { readonly type: 'taken' }
  /** It was not sent. */
  | { readonly type: 'refused'; readonly refused: Refused }
  | { readonly type: 'rejected'; readonly origin: string; readonly status: number }
  | { readonly type: 'unreachable'; readonly origin: string; readonly cause: unknown };

/**
 * Submits a pasted response by requesting its redirect URI, as the browser would have done, so that the host makes its usual checks. A
 * response that does not belong to the sign-in is not sent.
 *
 * @throws {InvalidOptionError} if the text is empty
 */
export async function submitPasted(
  text: string,
  target: PasteTarget,
  signal?: AbortSignal,
): Promise<Submitted> {
  const { state, redirectUri, issuer } = target;
  const rest = String(new URLSearchParams({ state, ...(issuer !== undefined && { iss: issuer }) }));
  const { target: url } = pastedRequest(text, { redirectUri, prefix: '', rest });
  const refused = defectOf(url, target);
  if (refused) return { type: 'refused', refused };
  const { origin, searchParams } = new URL(url);
  try {
    const { status, body } = await fetch(url, { redirect: 'manual', ...(signal && { signal }) });
    await body?.cancel();
    // The page about an error of the authorization server has the status 400, and ends the sign-in too.
    const isTaken = status < 400 || (status === 400 && searchParams.has('error'));
    return isTaken ? { type: 'taken' } : { type: 'rejected', origin, status };
  } catch (error) {
    return { type: 'unreachable', origin, cause: (error as Error).cause };
  }
}

/** Finds defects that need no request: another redirect URI, state or issuer, or a malformed response. */
function defectOf(target: string, { state, redirectUri, issuer }: PasteTarget): Refused | undefined {
  const url = URL.canParse(target) ? new URL(target) : undefined;
  const home = new URL(redirectUri);
  const query = url?.search.slice(1) ?? '';
  const isHome = url?.origin === home.origin && url.pathname === home.pathname;
  if (!isHome || !retains(query, home.search.slice(1))) return { disposition: 'wrong_redirect_uri' };
  // The host checks the length of parameters.
  const { fields, reason } = readResponse(query, { parameter: Infinity, parameters: 0 });
  if (reason) return { disposition: 'malformed', reason };
  if (fields.state !== state) return { disposition: 'unmatched' };
  if (fields.iss === undefined || issuer === undefined) return undefined;
  return fields.iss === issuer ? undefined : { disposition: 'wrong_issuer' };
}
