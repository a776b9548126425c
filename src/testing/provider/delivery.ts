import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Answer } from './answer.ts';
import { redirectTo, type Reply } from './exchange.ts';
import { formPostPage } from './pages.ts';

type Entries = readonly (readonly [name: string, value: string])[];

/** Response on its way to a redirect URI. */
export interface Delivery {
  readonly redirectUri: string;
  readonly mode: 'query' | 'form_post';
  readonly entries: Entries;
  /** Number of redirects in all. */
  readonly redirects: number;
}

/** Changes the parameters of a response as the script says. */
export function entriesOf(
  response: Readonly<Record<string, string | undefined>>,
  { parameters, omit }: Pick<Answer, 'parameters' | 'omit'>,
): Entries {
  const all: Readonly<Record<string, string | readonly string[] | undefined>> = {
    ...response,
    ...parameters,
  };
  return Object.entries(all)
    .filter(([name]) => !omit.includes(name))
    .flatMap(([name, value = []]) => [value].flat().map((each) => [name, each] as const));
}

/** Sends all redirects but the last one, and returns the reply that makes the browser of the user go there. */
export async function deliver(delivery: Delivery): Promise<Reply> {
  const { redirectUri, mode, entries, redirects } = delivery;
  for (let sent = 1; sent < redirects; sent++) await send(delivery);
  return mode === 'form_post'
    ? formPostPage(redirectUri, entries)
    : redirectTo(queryUrl(redirectUri, entries).href);
}

function queryUrl(redirectUri: string, entries: Entries): URL {
  const url = new URL(redirectUri);
  for (const [name, value] of entries) url.searchParams.append(name, value);
  return url;
}

/** Sends a redirect as a browser does. It does not await the page, which may wait for the outcome of the sign-in. */
async function send({ redirectUri, mode, entries }: Delivery): Promise<void> {
  const isForm = mode === 'form_post';
  const url = isForm ? new URL(redirectUri) : queryUrl(redirectUri, entries);
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const outgoing = request(url, {
    method: isForm ? 'POST' : 'GET',
    headers: {
      'Sec-Fetch-Dest': 'document',
      'Sec-Fetch-Mode': 'navigate',
      'Sec-Fetch-Site': 'cross-site',
      ...(isForm && { 'Content-Type': 'application/x-www-form-urlencoded' }),
    },
  });
  outgoing.end(
    isForm ? new URLSearchParams(entries.map(([name, value]) => [name, value])).toString() : undefined,
  );
  try {
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    response.on('error', () => undefined).resume();
  } catch {
    // The program does not listen. The user's browser will find that too.
  }
}
