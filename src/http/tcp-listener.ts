import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer as createNetServer, type AddressInfo, type Server as NetServer } from 'node:net';
import { isLocalhost } from '../base/loopback.ts';
import { ListenError, PortInUseError } from '../model/errors.ts';
import { probeHeader } from '../model/probe-header.ts';

/** Listening sockets of one HTTP server: one, or one for each address family on the same port. */
export interface Listener {
  /** Bound addresses; the first is advertised. */
  readonly addresses: readonly AddressInfo[];
  /** Stops accepting connections. Open ones stay; resolves when the last of them has closed. */
  close(): Promise<void>;
}

/** Host and port that browsers are sent to instead of those of the socket. */
export interface Advertised {
  readonly hostname: string;
  readonly port: number;
}

interface Place {
  host: string;
  /** Set if the server may do without this address when another process holds its port. */
  optional: boolean;
  /** Set if the server may do without this address when the machine does not have its family. */
  mayLack: boolean;
}

// Attempts to find a free port: a port that is free on one address family may be taken on the other.
const maxAttempts = 20;

/** Binds `http` to the host, on the first of the ports that is free. */
export async function listen(
  http: Server,
  host: string | undefined,
  ports: readonly number[],
  advertised?: Advertised,
): Promise<Listener> {
  let failure: unknown;
  for (const port of ports) {
    for (let left = port === 0 ? maxAttempts : 1; left > 0; left--) {
      try {
        return await bindAll(http, placesOf(host, port, advertised), port);
      } catch (error) {
        failure = error;
        if (!isCode(error, 'EADDRINUSE')) throw listenError(error, host, port);
      }
    }
  }
  const port = ports.at(-1) as number;
  const address = (failure as { address?: string }).address ?? host ?? '127.0.0.1';
  const { holderOf } = await import('./probe-request.ts');
  throw new PortInUseError(port, address, await holderOf(address, port, probeHeader), { cause: failure });
}

// The other address that browsers may find by `localhost`, for each host that one of the two leads to.
const otherFamilies: Readonly<Record<string, string>> = {
  '127.0.0.1': '::1',
  '0.0.0.0': '::1',
  '::1': '127.0.0.1',
};

function placesOf(host: string | undefined, port: number, advertised?: Advertised): Place[] {
  const name = advertised?.port === port ? advertised.hostname : undefined;
  // If `localhost` is advertised, a process that holds the other family could receive the code; so both are required.
  const needsBoth = host === 'localhost' || (name !== undefined && isLocalhost(name));
  if (host === undefined || host === 'localhost') {
    // With 127.0.0.1 advertised, `::1` may be taken; but port 0 can always find a port that is free on both.
    const optional = !needsBoth && port !== 0 && name !== '[::1]';
    return [
      { host: '127.0.0.1', optional: false, mayLack: true },
      { host: '::1', optional, mayLack: true },
    ];
  }
  const given: Place = { host, optional: false, mayLack: false };
  const other = needsBoth ? otherFamilies[host] : undefined;
  return other === undefined ? [given] : [given, { host: other, optional: false, mayLack: true }];
}

async function bindAll(http: Server, places: readonly Place[], port: number): Promise<Listener> {
  const bound: NetServer[] = [];
  try {
    for (const { host, optional, mayLack } of places) {
      const server = bound.length === 0 ? http : feeder(http);
      try {
        await bind(server, host, bound[0] ? addressOf(bound[0]).port : port);
        bound.push(server);
      } catch (error) {
        const familyMissing = mayLack && (isCode(error, 'EADDRNOTAVAIL') || isCode(error, 'EAFNOSUPPORT'));
        if (!familyMissing && !(optional && isCode(error, 'EADDRINUSE'))) throw error;
      }
    }
    if (bound.length === 0) throw new ListenError('this machine has neither 127.0.0.1 nor ::1');
  } catch (error) {
    await Promise.all(bound.map(unbind));
    throw error;
  }
  return {
    addresses: bound.map(addressOf),
    close: async () => {
      await Promise.all(bound.map(unbind));
    },
  };
}

/** Makes a second listening socket, whose connections the HTTP server handles as its own. */
function feeder(http: Server): NetServer {
  return createNetServer({ allowHalfOpen: true, noDelay: true }, (socket) => http.emit('connection', socket));
}

async function bind(server: NetServer, host: string, port: number): Promise<void> {
  // The wildcard of IPv6 includes IPv4, as it does for other servers of Node, which use it if the host is empty.
  const ipv6Only = host !== '::' && host !== '';
  await once(server.listen({ host, port, exclusive: true, ipv6Only }), 'listening');
}

function unbind(server: NetServer): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function addressOf(server: NetServer): AddressInfo {
  return server.address() as AddressInfo;
}

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}

function listenError(error: unknown, host: string | undefined, port: number): Error {
  if (error instanceof ListenError) return error;
  const { code = error } = error as { code?: unknown };
  return new ListenError(`cannot listen on port ${port} of ${host ?? 'loopback'}: ${String(code)}`, {
    cause: error,
  });
}
