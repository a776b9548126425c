import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { UnreachableError } from './errors.ts';
import { probeHeader } from './listener.ts';
import { randomToken } from './pkce.ts';

const patience = 3_000;

/** Sends a nonce to the advertised URL; only this very server can answer it with the right proof. */
export async function probe(redirectUri: string, prove: (nonce: string) => string): Promise<void> {
  const nonce = randomToken();
  const answer = await ask(redirectUri, nonce).catch((error: unknown) => {
    throw new UnreachableError(`${redirectUri} does not answer`, { cause: error });
  });
  if (answer !== prove(nonce)) throw new UnreachableError(`${redirectUri} is answered by somebody else`);
}

function ask(url: string, nonce: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const options = { headers: { [probeHeader]: nonce }, timeout: patience, agent: false };
    const request = url.startsWith('https:')
      ? // Who answers is proven by the answer; a certificate of our own making need not be trusted for that.
        httpsRequest(url, { ...options, rejectUnauthorized: false })
      : httpRequest(url, options);
    request.on('response', (response) => {
      const proof = response.headers[probeHeader];
      resolve(typeof proof === 'string' ? proof : undefined);
      request.destroy();
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${patience} ms`)));
    request.on('error', reject);
    request.end();
  });
}
