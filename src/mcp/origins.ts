import { isLocalhost, isLoopback } from '../base/loopback.ts';

/**
 * Tells if a program may follow a URL that a peer has named: https, or anything on this machine if the peer is on it too. A remote
 * peer must not direct requests to this machine.
 */
export function mayLeadTo(peer: string, target: unknown): target is string {
  if (typeof target !== 'string' || !URL.canParse(target)) return false;
  const { protocol, hostname } = new URL(target);
  if (isLocal(hostname)) return isLocal(new URL(peer).hostname) && /^https?:$/.test(protocol);
  return protocol === 'https:';
}

/** Tells if a token may be sent to a URL: over https, or on this machine. */
export function mayHaveToken({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLocal(hostname));
}

function isLocal(hostname: string): boolean {
  return isLoopback(hostname) || isLocalhost(hostname);
}
