import type { Fetch } from '../login/requests.ts';

/** Function that sends a request, as that of the platform and of both MCP SDKs. */
export type FetchLike = (input: string | URL, init?: RequestInit) => Promise<Response>;

// An agent waits for the request behind this one. Authorization servers answer within two seconds.
const timeoutMs = 10_000;

/** Returns a `fetch` whose requests also end after ten seconds. */
export function inTime(fetch: FetchLike): Fetch {
  return (url, init) => {
    const late = AbortSignal.timeout(timeoutMs);
    return fetch(url, { ...init, signal: init.signal ? AbortSignal.any([init.signal, late]) : late });
  };
}
