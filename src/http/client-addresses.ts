import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { isLoopback } from '../base/loopback.ts';

export interface ClientAddressesOptions {
  /** Addresses and CIDR ranges of proxies whose `Forwarded` or `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  readonly publicUrl?: string | undefined;
}

/**
 * Addresses of clients, for limits that hold for each of them.
 *
 * An address is undefined if it says nothing of the client: that of a proxy on the same machine, which is recognised by a
 * public URL that is not on loopback. An IPv6 address stands for its network of 64 bits, because one client has all of it.
 *
 * @see RFC 7239 section 4 (Forwarded)
 */
export class ClientAddresses {
  readonly #trusted: BlockList;
  readonly #behindProxy: boolean;

  constructor({ trustedProxies, publicUrl }: ClientAddressesOptions) {
    this.#trusted = blockListOf(trustedProxies);
    this.#behindProxy =
      trustedProxies.length === 0 && publicUrl !== undefined && !isLoopback(new URL(publicUrl).hostname);
  }

  /** Returns the address of the peer of a connection; undefined if the peer is a proxy. */
  ofPeer(remoteAddress: string | undefined): string | undefined {
    const peer = plain(remoteAddress);
    if (peer === undefined || this.#trusts(peer)) return undefined;
    if (this.#behindProxy && isLoopback(peer)) return undefined;
    return network(peer);
  }

  /** Returns the address of the client that sent a request. */
  of({
    socket,
    headers,
  }: Pick<IncomingMessage, 'headers'> & { socket: { remoteAddress?: string | undefined } }):
    string | undefined {
    const peer = plain(socket.remoteAddress);
    if (peer === undefined || !this.#trusts(peer)) return this.ofPeer(peer);
    const forwardedFor = this.#nearest(addressesIn(headers['x-forwarded-for']));
    const forwarded = this.#nearest(addressesInForwarded(headers['forwarded']));
    // A proxy writes one of the two. The other one is the client's own and may say anything.
    if (forwardedFor !== undefined && forwarded !== undefined && forwardedFor !== forwarded)
      return network(peer);
    const client = forwardedFor ?? forwarded;
    return client === undefined ? undefined : network(client);
  }

  #trusts(address: string): boolean {
    return this.#trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }

  /** Returns the last address that is not a trusted proxy's: what stands before it, the client may have written. */
  #nearest(addresses: readonly (string | undefined)[]): string | undefined {
    for (const address of [...addresses].reverse()) {
      if (address === undefined) return undefined;
      if (!this.#trusts(address)) return address;
    }
    return undefined;
  }
}

/** Tells if a text is an IP address or a CIDR range. */
export function isAddressRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

function addressesIn(header: string | string[] | undefined): (string | undefined)[] {
  return elements(header).map((element) => addressOf(element));
}

function addressesInForwarded(header: string | string[] | undefined): (string | undefined)[] {
  return elements(header).map((element) => addressOf(/(?:^|;)\s*for="?([^";]*)/i.exec(element)?.[1] ?? ''));
}

function elements(header: string | string[] | undefined): string[] {
  return header === undefined ? [] : String(header).split(',');
}

/** Returns the address of an element, which may have brackets and a port; undefined for `unknown` and the like. */
function addressOf(element: string): string | undefined {
  const text = element.trim();
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? text.replace(/^([\d.]+):\d+$/, '$1');
  return plain(bare);
}

/** Returns an IPv4 address for its form in IPv6; undefined for what is no address. */
function plain(address: string | undefined): string | undefined {
  const bare = address?.replace(/^::ffff:(?=[\d.]+$)/i, '').replace(/%.*$/, '') ?? '';
  return isIP(bare) === 0 ? undefined : bare;
}

function network(address: string): string {
  if (!isIPv6(address) || isLoopback(address)) return address;
  // `URL` writes every address in its one shortest form, from which the groups can be counted.
  const shortest = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [before = '', after] = shortest.split('::');
  const left = before === '' ? [] : before.split(':');
  const right = after === undefined || after === '' ? [] : after.split(':');
  const zeros = after === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`;
}
