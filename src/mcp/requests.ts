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

/** Returns the URL of a request. Types of MCP SDKs have no `Request`, but other programs give one. */
export function urlIn(input: string | URL | Request): string | URL {
  return input instanceof Request ? input.url : input;
}

/** Resolves with what a request has besides its URL. Reads the body of a `Request`, so that it can be sent once more. */
export async function initOf(input: string | URL | Request, init: RequestInit): Promise<RequestInit> {
  if (!(input instanceof Request)) return init;
  const { method, headers, signal, redirect } = input;
  const body = input.body ? await input.arrayBuffer() : undefined;
  return { method, headers, signal, redirect, ...(body && { body }), ...init };
}
