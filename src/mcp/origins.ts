import { isLocalhost, isLoopback } from '../base/loopback.ts';

/**
 * Tells if a program may follow a URL that a peer has named: https, or anything on this machine if the peer is on it too. A remote
 * peer must not direct requests to this machine.
 */
export function mayLeadTo(peer: string, target: unknown): target is string {
  if (typeof target !== 'string' || !URL.canParse(target)) return false;
  const { protocol, hostname } = new URL(target);
  if (isOwn(hostname)) return isOwn(new URL(peer).hostname) && /^https?:$/.test(protocol);
  return protocol === 'https:';
}

/** Tells if a token may be sent to a URL: over https, or on this machine. */
export function mayHaveToken({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLocal(hostname));
}

function isLocal(hostname: string): boolean {
  return isLoopback(hostname) || isLocalhost(hostname);
}

// Addresses that a system takes for its own: unspecified ones, and those of IPv4 loopback as IPv6 writes them.
const ownAddress = /^(?:0\.0\.0\.0|\[::(?:ffff:(?:0:0|7f[\da-f]{2}:[\da-f]{1,4}))?\])$/;

/** Tells if a host name leads to this machine, in any spelling that a URL keeps. */
function isOwn(hostname: string): boolean {
  return isLocal(hostname.replace(/\.$/, '')) || ownAddress.test(hostname);
}
