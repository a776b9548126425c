import type { AddressInfo } from 'node:net';

const ofLoopbackNetwork = /^127(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/;

/** Tells if a host is `localhost`, in 127.0.0.0/8, or `::1` with or without brackets. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || ofLoopbackNetwork.test(host);
}

/** Tells if a URL may be requested and opened in a browser: https anywhere, http on loopback. */
export function isSecure({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

/** Returns the host of an authority without its port, in lower case: `[::1]` for `[::1]:8080`. */
export function hostnameOf(authority: string): string {
  return authority.replace(/:\d{1,5}$/, '').toLowerCase();
}

/** Tells if a host name always leads to this machine. Browsers try both address families of it. */
export function isLocalhost(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost');
}

/** Returns the port of a URL that names none. */
export function defaultPortOf({ protocol }: URL): number {
  return protocol === 'https:' ? 443 : 80;
}

/**
 * Returns the spellings of a URL's authority. Proxies write out a default port that browsers leave out.
 *
 * @see RFC 9110 section 4.2.3
 */
export function authoritiesOf(url: URL): readonly string[] {
  return url.port === '' ? [url.host, `${url.hostname}:${defaultPortOf(url)}`] : [url.host];
}

/** Formats a bound address as the authority of a URL: `127.0.0.1:8080`, `[::1]:8080`. */
export function authorityOf({ address, family, port }: AddressInfo): string {
  return `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
