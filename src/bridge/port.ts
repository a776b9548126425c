import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Upgrade } from '../internals.ts';
import { Connections } from '../connections.ts';
import { listen } from '../listener.ts';

/** A port of the bridge's own. */
export interface Port {
  /** What is bound; the first is the one to advertise. */
  readonly addresses: readonly AddressInfo[];
  /** Whether `host` names it. */
  isAt(host: string): boolean;
  /** Resolves when the last connection has closed; those that were not upgraded are not waited for. */
  close(): Promise<void>;
}

/**
 * Binds a port of loopback, where nothing but upgrade requests is taken.
 *
 * @param most Connections beyond it make way for new ones, unless they were upgraded.
 */
export async function openPort(port: number, most: number, upgrade: Upgrade): Promise<Port> {
  const headers = { Connection: 'close', 'Cache-Control': 'no-store', 'Content-Length': 0 };
  const http = createServer((_request, response) => response.writeHead(404, headers).end());
  const connections = new Connections(http, most);
  http.on('upgrade', (request, socket, head) => {
    connections.leave(socket);
    upgrade(request, socket, head);
  });
  const listener = await listen(http, undefined, [port]);
  const hosts = listener.addresses.map(
    ({ address, family, port: bound }) => `${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
  );
  return {
    addresses: listener.addresses,
    isAt: (host) => hosts.includes(host),
    close() {
      const closed = listener.close();
      connections.destroy();
      return closed;
    },
  };
}
