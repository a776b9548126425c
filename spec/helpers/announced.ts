/** A provider whose metadata says something else than it would. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from './issuer.ts';

type Metadata = Readonly<Record<string, unknown>>;

/** Answers the discovery in place of the provider: with its metadata and these changes; undefined leaves a member out. */
export function announcing(changes: Metadata) {
  let passing = false;
  return async ({ url, headers }: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    if (!url?.startsWith('/.well-known/') || passing) return false;
    passing = true;
    try {
      const answer = await fetch(`http://${headers.host}${url}`);
      json(response, 200, { ...((await answer.json()) as Metadata), ...changes });
    } finally {
      passing = false;
    }
    return true;
  };
}
