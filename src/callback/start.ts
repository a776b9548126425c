import type { FoundLink } from '../model/start-link.ts';
import { speculative, type RequestHeaders } from './request.ts';

/** Request for a start URL. */
export interface StartRequest {
  readonly startId: string;
  readonly method: string;
  readonly headers: RequestHeaders;
}

/**
 * Decision on a request for a start URL: `lead` the browser on; `bind` it first; `ask` the user first; another browser has opened
 * the URL before; or the request is not the user's own navigation.
 */
export type StartDecision = 'lead' | 'bind' | 'ask' | 'otherBrowser' | 'refused';

/**
 * Decides on a request for a start URL.
 *
 * @param known Value of the cookie that the browser has for the flow.
 * @param isOwnOrigin Tells if pages of the server have this origin.
 */
export function decideStart(
  { link, cookie }: FoundLink,
  { method, headers }: Omit<StartRequest, 'startId'>,
  known: string | undefined,
  isOwnOrigin: (origin: string) => boolean,
): StartDecision {
  // A link preview or prefetch must not use up the link.
  if (speculative(headers)) return 'refused';
  const posted = method === 'POST';
  if (posted && !isOwn(headers, isOwnOrigin)) return 'refused';
  if (known === cookie) return 'lead';
  if (link.used) return 'otherBrowser';
  return link.asks && !posted ? 'ask' : 'bind';
}

/** Tells if a form was sent by a page of this server: a page of another site must not answer for the user. */
function isOwn({ origin, site }: RequestHeaders, isOwnOrigin: (origin: string) => boolean): boolean {
  if (site !== undefined && site !== 'same-origin') return false;
  return origin === undefined ? site === 'same-origin' : isOwnOrigin(origin);
}
