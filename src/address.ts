import type { AddressInfo } from 'node:net';
import { ListenError } from './errors.ts';
import type { Settings } from './options.ts';

/** What binding made known. */
export interface Bound {
  /** The address that is advertised. */
  address: AddressInfo;
  redirectUri: string;
  /** The authorities a request may name, in lower case: `127.0.0.1:53682`. */
  authorities: ReadonlySet<string>;
}

/** Derives what is advertised from what is really bound, so that the two cannot drift apart. */
export function boundTo(
  addresses: readonly AddressInfo[],
  { host, publicUrl, callbackPath }: Pick<Settings, 'host' | 'publicUrl' | 'callbackPath'>,
): Bound {
  const [address] = addresses;
  if (!address) throw new ListenError('nothing is bound');
  const literals = addresses.map((bound) => (bound.family === 'IPv6' ? `[${bound.address}]` : bound.address));
  const names = host === 'localhost' ? ['localhost', ...literals] : literals;
  const own = names.map((name) => new URL(`http://${name}:${address.port}`));
  const urls = publicUrl === undefined ? own : [new URL(publicUrl), ...own];
  const base = urls[0]?.href ?? '';
  return {
    address,
    redirectUri: base.replace(/\/$/, '') + callbackPath,
    // `URL.host` leaves out a default port, as browsers do.
    authorities: new Set(urls.map((url) => url.host)),
  };
}
