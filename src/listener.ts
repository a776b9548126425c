import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer as createNetServer, type AddressInfo, type Server as NetServer } from 'node:net';
import { ListenError, PortInUseError } from './errors.ts';
import { probeHeader } from './probe.ts';

/** Sockets that listen for one HTTP server: one, or one for each address family on the same port. */
export interface Listener {
  /** What is really bound; the first is the one to advertise. */
  readonly addresses: readonly AddressInfo[];
  /** Accepts no more connections; those open stay. Resolves when the last of them has closed. */
  close(): Promise<void>;
}

interface Place {
  host: string;
  /** Whether to go without it where another process holds the port there. */
  optional: boolean;
}

// An ephemeral port free on one family may be taken on the other; another draw settles it.
const draws = 20;

/** Binds `http` to the host on the first candidate port that is free. */
export async function listen(
  http: Server,
  host: string | undefined,
  ports: readonly number[],
): Promise<Listener> {
  let failure: unknown;
  for (const port of ports) {
    for (let draw = port === 0 ? draws : 1; draw > 0; draw--) {
      try {
        return await bindAll(http, placesOf(host, port), port);
      } catch (error) {
        failure = error;
        if (!isCode(error, 'EADDRINUSE')) throw listenError(error, host, port);
      }
    }
  }
  const port = ports.at(-1) as number;
  const address = (failure as { address?: string }).address ?? host ?? '127.0.0.1';
  const { holderOf } = await import('./ask.ts');
  throw new PortInUseError(port, address, await holderOf(address, port, probeHeader), { cause: failure });
}

function placesOf(host: string | undefined, port: number): Place[] {
  if (host !== undefined && host !== 'localhost') return [{ host, optional: false }];
  // With `localhost` advertised, whoever holds the other family would get the code. With a literal nobody would;
  // and on a free port there is no reason to go without.
  const optional = host === undefined && port !== 0;
  return [
    { host: '127.0.0.1', optional: false },
    { host: '::1', optional },
  ];
}

async function bindAll(http: Server, places: readonly Place[], port: number): Promise<Listener> {
  const bound: NetServer[] = [];
  try {
    for (const { host, optional } of places) {
      const server = bound.length === 0 ? http : feeder(http);
      try {
        await bind(server, host, bound[0] ? addressOf(bound[0]).port : port);
        bound.push(server);
      } catch (error) {
        const familyMissing =
          places.length > 1 && (isCode(error, 'EADDRNOTAVAIL') || isCode(error, 'EAFNOSUPPORT'));
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

/** A second listening socket whose connections the HTTP server serves as its own. */
function feeder(http: Server): NetServer {
  return createNetServer({ allowHalfOpen: true, noDelay: true }, (socket) => http.emit('connection', socket));
}

async function bind(server: NetServer, host: string, port: number): Promise<void> {
  await once(server.listen({ host, port, exclusive: true, ipv6Only: true }), 'listening');
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
