import type { Fetch } from '../login/requests.ts';
import { challengeOf, type Challenge } from './challenge.ts';

/** Answer of a server to a request without a token. */
export interface TokenlessAnswer {
  /** Undefined if the server did not answer. */
  readonly status: number | undefined;
  /** Undefined if the server does not reject the request. */
  readonly challenge: Challenge | undefined;
}

/** Sends a request without a token, and resolves with the answer. */
export async function askWithoutToken(
  server: string,
  fetch: Fetch,
  signal?: AbortSignal,
): Promise<TokenlessAnswer> {
  const headers = { accept: 'application/json, text/event-stream' };
  const init: RequestInit = { headers, redirect: 'manual', ...(signal && { signal }) };
  const response = await fetch(server, init).catch(() => undefined);
  await response?.body?.cancel();
  return {
    status: response?.status,
    challenge: response?.status === 401 ? challengeOf(response.headers) : undefined,
  };
}

/** Resolves with what a server answers to a request without a token; undefined if it does not reject the request. */
export async function challengeBy(server: string, fetch: Fetch): Promise<Challenge | undefined> {
  return (await askWithoutToken(server, fetch)).challenge;
}
