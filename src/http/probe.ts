import { isIP } from 'node:net';
import { systemClock } from '../base/clock.ts';
import { isLocalhost } from '../base/loopback.ts';
import { randomToken } from '../base/random.ts';
import { withTimeout } from '../base/timeout.ts';
import { UnreachableError } from '../model/errors.ts';
import { probeHeader } from '../model/probe-header.ts';

const timeoutMs = 3_000;

/**
 * Checks that the redirect URI leads to this server: only it can answer a nonce with the right proof. Asks every address
 * of the host, because a browser may use any of them. An address that accepts no connection is passed over, as browsers
 * do, unless it is the only one.
 *
 * @throws UnreachableError if an address answers without the proof, or none answers.
 */
export async function probe(redirectUri: string, prove: (nonce: string) => string): Promise<void> {
  const nonce = randomToken();
  const { ask } = await import('./probe-request.ts');
  const addresses = await addressesOf(new URL(redirectUri).hostname);
  const answers = await Promise.all(
    addresses.map(async (address) => ({
      at: address === undefined ? '' : ` at ${address}`,
      reply: await ask(redirectUri, probeHeader, nonce, timeoutMs, address),
    })),
  );
  for (const { at, reply } of answers)
    if (reply.error === undefined && reply.value !== prove(nonce))
      throw new UnreachableError(`${redirectUri} is answered by another program${at}`);
  const silent = answers.filter(({ reply }) => reply.error !== undefined);
  const failed =
    silent.find(({ reply }) => reply.connected) ?? (silent.length === answers.length ? silent[0] : undefined);
  if (failed)
    throw new UnreachableError(`${redirectUri} does not answer${failed.at}`, { cause: failed.reply.error });
}

/** Returns the addresses of a host name; one that is undefined if the host is an address, or its name is not known. */
async function addressesOf(hostname: string): Promise<readonly (string | undefined)[]> {
  if (isIP(hostname.replace(/^\[|\]$/g, ''))) return [undefined];
  // Browsers know the addresses of this name by themselves, whatever the machine's tables say.
  if (isLocalhost(hostname)) return ['127.0.0.1', '::1'];
  const { lookup } = await import('node:dns/promises');
  const found = lookup(hostname, { all: true }).catch(() => []);
  const known = await withTimeout(systemClock, timeoutMs, found, () => []);
  return known.length > 0 ? known.map(({ address }) => address) : [undefined];
}
