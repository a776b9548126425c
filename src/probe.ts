import { UnreachableError } from './errors.ts';
import { randomToken } from './pkce.ts';

/** Sent by a probe with a nonce, answered with a proof. No web page can send it: it would need a CORS preflight. */
export const probeHeader = 'rx-oauth-callback-probe';

const patience = 3_000;

/** Sends a nonce to the advertised URL; only this very server can answer it with the right proof. */
export async function probe(redirectUri: string, prove: (nonce: string) => string): Promise<void> {
  const nonce = randomToken();
  const { ask } = await import('./ask.ts');
  const answer = await ask(redirectUri, probeHeader, nonce, patience).catch((error: unknown) => {
    throw new UnreachableError(`${redirectUri} does not answer`, { cause: error });
  });
  if (answer !== prove(nonce)) throw new UnreachableError(`${redirectUri} is answered by somebody else`);
}
