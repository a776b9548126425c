import { isIP, type AddressInfo } from 'node:net';
import { authoritiesOf, authorityOf, hostnameOf, isLocalhost, isLoopback } from '../base/loopback.ts';
import type { Binding } from './binding.ts';

/** Addresses and URLs that are known once the server is bound. */
export interface Bound {
  /** Advertised address; undefined if the handler is mounted. */
  address: AddressInfo | undefined;
  /** Builds the redirect URI for a path of this server. */
  redirectUriFor: (path: string) => string;
  /** Builds the URL of a path of this server, without the query that redirect URIs have. */
  urlOf: (path: string) => string;
  /** Authorities that a request may name, in lower case, such as `127.0.0.1:53682`. */
  authorities: readonly string[];
  /**
   * Tells if an authority names this server for requests of operators, such as a health probe: one of `authorities`, or any
   * IP address with the bound port if the server is bound to all addresses. No web page can rebind an IP address.
   */
  isOperators: (authority: string) => boolean;
  /** Authorities that a redirect may name. */
  advertised: readonly string[];
  /** True if browsers reach the server by https. */
  isSecure: boolean;
  /** True if the redirect URI leads to this machine only. */
  isLoopback: boolean;
  /** Origins of this server's pages, as browsers send them. */
  origins: ReadonlySet<string>;
}

/** Settings that decide which URLs are advertised. */
export interface AddressSettings {
  readonly host?: string | undefined;
  readonly publicUrl?: string | undefined;
  readonly callbackPath: string;
  readonly callbackQuery: string;
}

/** Derives the advertised URLs from the bound addresses, so that they always agree. */
export function boundTo(
  { addresses, secure }: Binding,
  { host, publicUrl, callbackPath, callbackQuery }: AddressSettings,
): Bound {
  const [address] = addresses;
  const literals = addresses.map(authorityOf);
  const names = host === 'localhost' ? [`localhost:${address?.port ?? ''}`, ...literals] : literals;
  const own = names.map((name) => new URL(`${secure ? 'https' : 'http'}://${name}`));
  const urls = publicUrl === undefined ? own : [new URL(publicUrl), ...own];
  const base = (urls[0]?.href ?? '').replace(/\/$/, '');
  const authorities = urls.flatMap(authoritiesOf);
  const uriOf = (path: string): string => base + path + (callbackQuery && `?${callbackQuery}`);
  // Built once, because nearly every flow has this URI.
  const usual = uriOf(callbackPath);
  return {
    address,
    redirectUriFor: (path) => (path === callbackPath ? usual : uriOf(path)),
    urlOf: (path) => base + path,
    authorities,
    isOperators: (authority) =>
      authorities.includes(authority) ||
      addresses.some((bound) => isWildcard(bound.address) && isAddressAt(authority, bound.port)),
    // A proxy may pass on either its own host or this server's.
    advertised: publicUrl === undefined ? urls.slice(0, 1).flatMap(authoritiesOf) : authorities,
    isSecure: base.startsWith('https:'),
    isLoopback: urls[0] !== undefined && (isLoopback(urls[0].hostname) || isLocalhost(urls[0].hostname)),
    origins: new Set(urls.map((url) => url.origin)),
  };
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** Tells if an authority is an IP address with this port. */
function isAddressAt(authority: string, port: number): boolean {
  const hostname = hostnameOf(authority);
  const given = authority === hostname ? [80, 443] : [Number(authority.slice(hostname.length + 1))];
  return given.includes(port) && isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0;
}
