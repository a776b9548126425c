import type { Fetch } from '../login/requests.ts';
import { challengeOf, type Challenge } from './challenge.ts';

/** Resolves with what a server answers to a request without a token; undefined if it does not reject the request. */
export async function challengeBy(server: string, fetch: Fetch): Promise<Challenge | undefined> {
  const headers = { accept: 'application/json, text/event-stream' };
  const response = await fetch(server, { headers, redirect: 'manual' }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.status === 401 ? challengeOf(response.headers) : undefined;
}
