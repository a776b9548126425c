import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIPv4, isIPv6 } from 'node:net';

const reserved = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  reserved.addSubnet(network, bits, 'ipv4');
// Documentation, and tunnels that lead to any IPv4 address.
for (const [network, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  reserved.addSubnet(network, bits, 'ipv6');

const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/**
 * Tells if an address is of the public internet.
 *
 * @see RFC 6890, and the special-purpose address registries of IANA
 */
export function isPublicAddress(address: string): boolean {
  const [, mapped] = /^::ffff:([\d.]+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return isPublicAddress(mapped);
  if (isIPv6(address)) return globalUnicast.check(address, 'ipv6') && !reserved.check(address, 'ipv6');
  return isIPv4(address) && !reserved.check(address, 'ipv4');
}

type Found = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/** Resolver like `dns.lookup`. */
export type Lookup = (hostname: string, options: LookupOptions, found: Found) => void;

type LookupAll = (
  hostname: string,
  options: LookupOptions & { all: true },
  found: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Resolves names for connections, and fails for a name that has an address which is not public. The connection is made to an
 * address that was checked, so that a name cannot change its address in between.
 */
export function publicLookup(resolve: LookupAll = lookup): Lookup {
  return (hostname, options, found) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      // Node gives no addresses with an error.
      const [first] = error ? [] : addresses;
      if (!first) found(error ?? new Error('the name has no address'), []);
      else if (!addresses.every(({ address }) => isPublicAddress(address)))
        found(new Error('the name resolves to an address that is not public'), []);
      else if (options.all) found(null, addresses);
      else found(null, first.address, first.family);
    });
  };
}
