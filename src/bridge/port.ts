import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Upgrade } from '../internals.ts';
import { listen } from '../listener.ts';

/** A port of the bridge's own. */
export interface Port {
  /** What is bound; the first is the one to advertise. */
  readonly addresses: readonly AddressInfo[];
  /** Whether `host` names it. */
  isAt(host: string): boolean;
  /** Resolves when the last connection has closed. */
  close(): Promise<void>;
}

/** Binds a port of loopback, where nothing but upgrade requests is taken. */
export async function openPort(port: number, upgrade: Upgrade): Promise<Port> {
  const http = createServer((_request, response) =>
    response.writeHead(404, { 'Cache-Control': 'no-store' }).end(),
  );
  http.on('upgrade', upgrade);
  const listener = await listen(http, undefined, [port]);
  const hosts = listener.addresses.map(
    ({ address, family, port: bound }) => `${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
  );
  return {
    addresses: listener.addresses,
    isAt: (host) => hosts.includes(host),
    close: () => listener.close(),
  };
}
