import type { CustomFetch } from 'openid-client';
import { asIs, UnusableAnswerError, type Answer } from './answers.ts';

/** Function that sends a request like the global `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Function that turns an answer into the one that openid-client reads. */
export type ReadAnswer = (answer: Answer) => Response;

// Maximum number of bytes that are read of an answer. The largest that servers send is a key set of some kilobytes.
const maxBytes = 1_048_576;

/** Returns a `fetch` for openid-client that also aborts with `signal`, and reads a bounded part of every answer. */
export function fetchUntil(signal: AbortSignal, fetch: Fetch, read: ReadAnswer = asIs): CustomFetch {
  return async (url, init) => {
    const until = init.signal ? AbortSignal.any([init.signal, signal]) : signal;
    const response = await fetch(url, { ...init, signal: until } as RequestInit);
    const { status, headers } = response;
    return read({ status, headers, text: await textOf(response, until) });
  };
}

/** Reads a body. Rejects with `UnusableAnswerError` once it is too long, and stops receiving it. */
async function textOf({ body, status }: Response, signal: AbortSignal): Promise<string> {
  // Another `fetch` may give a stream of Node, which `Response` turns into one of the web.
  const reader = new Response(body).body?.getReader();
  if (!reader) return '';
  const stop = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const decoder = new TextDecoder();
    let text = '';
    let size = 0;
    for (let { value } = await reader.read(); value; { value } = await reader.read()) {
      size += value.length;
      if (size > maxBytes) throw new UnusableAnswerError(status, 'answered with more than 1 MiB');
      text += decoder.decode(value, { stream: true });
    }
    signal.throwIfAborted();
    return text + decoder.decode();
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}
