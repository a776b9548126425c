import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { authoritiesOf, authorityOf } from '../base/loopback.ts';
import { isDoubtful, readHeaders, readTarget } from '../callback/request.ts';
import type { Upgrade } from '../http/upgrade.ts';
import { Connections } from '../http/connections.ts';
import { listen } from '../http/tcp-listener.ts';
import { doorPaths, type HttpDoor } from './http/door.ts';
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
 * Binds a port of loopback that only the bridge uses.
 *
 * @param maxConnections Connections that are not upgraded; beyond it the oldest are evicted.
 */
export async function openPort(
  port: number,
  path: string,
  maxConnections: number,
  upgrade: Upgrade,
  door: Pick<HttpDoor, 'serve'>,
): Promise<Port> {
  let hosts: readonly string[] = [];
  const headers = { Connection: 'close', 'Cache-Control': 'no-store', 'Content-Length': 0 };
  const isAt = (host: string): boolean => hosts.includes(host);
  const http = createServer((request, response) => {
    const target = readTarget(request.url ?? '');
    const below = doorPaths.find((each) => target?.path === path + each);
    if (target?.path === path && hasDroppedUpgrade(request)) answerDroppedUpgrade(request, response);
    else if (below !== undefined && isFor(request, isAt))
      door.serve(below, request, response, (socket) => connections.leave(socket));
    else response.writeHead(404, headers).end();
  });
  const connections = new Connections(http, { max: maxConnections });
  http.on('upgrade', (request, socket, head) => {
    connections.leave(socket);
    upgrade(request, socket, head);
  });
  const listener = await listen(http, undefined, [port]);
  hosts = listener.addresses.flatMap((address) => authoritiesOf(new URL(`http://${authorityOf(address)}`)));
  return {
    addresses: listener.addresses,
    isAt,
    close() {
      const closed = listener.close();
      connections.destroy();
      return closed;
    },
  };
}

/** Tells if a request names this port and its body has a certain end, as routes of the server ask for. */
function isFor(request: IncomingMessage, isAt: (host: string) => boolean): boolean {
  const { method = '', url = '', rawHeaders } = request;
  const headers = readHeaders(rawHeaders);
  const authority = readTarget(url)?.authority ?? headers.host?.toLowerCase() ?? '';
  return isAt(authority) && !isDoubtful(method, headers);
}
