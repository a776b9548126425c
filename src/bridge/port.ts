import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { authoritiesOf, authorityOf } from '../base/loopback.ts';
import { readTarget } from '../callback/request.ts';
import type { Upgrade } from '../http/upgrade.ts';
import { Connections } from '../http/connections.ts';
import { listen } from '../http/tcp-listener.ts';
import { answerDroppedUpgrade, hasDroppedUpgrade } from './dropped-upgrade.ts';

/** A port that only the bridge uses. */
export interface Port {
  /** Bound addresses; the first is the one to advertise. */
  readonly addresses: readonly AddressInfo[];
  /** Tells if a `Host` header names this port. */
  isAt(host: string): boolean;
  /** Closes the port. Resolves when the last upgraded connection has closed; other connections are cut off. */
  close(): Promise<void>;
}

/**
 * Binds a port of loopback that takes only upgrade requests.
 *
 * @param maxConnections Connections that are not upgraded; beyond it the oldest are evicted.
 */
export async function openPort(
  port: number,
  path: string,
  maxConnections: number,
  upgrade: Upgrade,
): Promise<Port> {
  const headers = { Connection: 'close', 'Cache-Control': 'no-store', 'Content-Length': 0 };
  const http = createServer((request, response) => {
    if (readTarget(request.url ?? '')?.path === path && hasDroppedUpgrade(request))
      answerDroppedUpgrade(request, response);
    else response.writeHead(404, headers).end();
  });
  const connections = new Connections(http, { max: maxConnections });
  http.on('upgrade', (request, socket, head) => {
    connections.leave(socket);
    upgrade(request, socket, head);
  });
  const listener = await listen(http, undefined, [port]);
  const hosts = listener.addresses.flatMap((address) =>
    authoritiesOf(new URL(`http://${authorityOf(address)}`)),
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
