import type { AddressInfo } from 'node:net';
import type { Binding } from './binding.ts';
import type { Settings } from './options.ts';
import type { KeepsTick } from './ticks.ts';

/** What binding made known. */
export interface Bound extends KeepsTick {
  /** The address that is advertised; none where the handler is mounted. */
  address: AddressInfo | undefined;
  /** The URI of a path of ours. */
  redirectUriFor: (path: string) => string;
  /** The same, without the query that is part of redirect URIs. */
  urlOf: (path: string) => string;
  /** The authorities a request may name, in lower case: `127.0.0.1:53682`. */
  authorities: readonly string[];
  /** Those of them that are the redirect URI's. */
  advertised: readonly string[];
  /** The origins of pages of ours, as browsers send them. */
  origins: ReadonlySet<string>;
}

/** Derives what is advertised from what is really bound, so that the two cannot drift apart. */
export function boundTo(
  { addresses, secure }: Binding,
  {
    host,
    publicUrl,
    callbackPath,
    callbackQuery,
  }: Pick<Settings, 'host' | 'publicUrl' | 'callbackPath' | 'callbackQuery'>,
): Bound {
  const literals = addresses.map(({ family, address }) => (family === 'IPv6' ? `[${address}]` : address));
  const names = host === 'localhost' ? ['localhost', ...literals] : literals;
  const [address] = addresses;
  const own = names.map((name) => new URL(`${secure ? 'https' : 'http'}://${name}:${address?.port ?? ''}`));
  const urls = publicUrl === undefined ? own : [new URL(publicUrl), ...own];
  const base = (urls[0]?.href ?? '').replace(/\/$/, '');
  // `URL.host` leaves out a default port, as browsers do.
  const authorities = urls.map((url) => url.host);
  const uriOf = (path: string): string => base + path + (callbackQuery && `?${callbackQuery}`);
  // One string, however many flows have it.
  const usual = uriOf(callbackPath);
  return {
    address,
    redirectUriFor: (path) => (path === callbackPath ? usual : uriOf(path)),
    urlOf: (path) => base + path,
    authorities,
    // A proxy in front may name either its own host or ours.
    advertised: publicUrl === undefined ? authorities.slice(0, 1) : authorities,
    origins: new Set(urls.map((url) => url.origin)),
  };
}
