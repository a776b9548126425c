import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Server as TlsServer } from 'node:tls';
import { Connections } from './connections.ts';
import { InvalidOptionError } from './errors.ts';
import type { TakesUpgrade, Upgrade } from './internals.ts';
import { listen } from './listener.ts';
import type { Settings } from './options.ts';
import { pageHeaders } from './page.ts';
import type { Serve } from './routes.ts';
import { isLoopback } from './validate.ts';

/** Where requests come from while the server runs. */
export interface Binding {
  /** What is bound; none where the handler is mounted. */
  readonly addresses: readonly AddressInfo[];
  readonly secure: boolean;
  /** Has upgrade requests taken. Returns its undo. */
  onUpgrade(takes: TakesUpgrade): () => void;
  /** Its own, where that makes the TLS handshakes. */
  readonly tls?: TlsServer | undefined;
  /** Stops taking requests; pages in flight are finished. Bounded. */
  close(): Promise<void>;
}

/** Opens an own server, or takes its part of a borrowed one. */
export async function bind(
  settings: Settings,
  serve: Serve,
  concerns: (request: IncomingMessage) => boolean,
): Promise<Binding> {
  const { server } = settings;
  if (server === 'mounted') return mounted;
  return server ? borrow(server, settings, serve, concerns) : own(settings, serve);
}

/** No socket of its own; upgrades are the framework's affair. */
const mounted: Binding = {
  addresses: [],
  secure: false,
  onUpgrade: () => () => undefined,
  close: () => Promise.resolve(),
};

/**
 * Steps in front of a server's own listeners of an event, for what `takes` has a use for; the rest goes to them. Returns
 * the way back.
 */
function stepInFront(server: Server, event: string, takes: (...args: never[]) => unknown): () => void {
  // Raw, so that one added by `once` is called once, here and after it was given back.
  const others = server.rawListeners(event) as ((...args: unknown[]) => void)[];
  let open = true;
  const inFront = (...args: unknown[]): void => {
    if (!open || !takes(...(args as never[]))) for (const other of others) other.apply(server, args);
  };
  server.removeAllListeners(event);
  server.on(event, inFront);
  return () => {
    open = false;
    // Somebody may have stepped in front of us since; then only stop answering.
    if (server.listeners(event).includes(inFront)) {
      server.off(event, inFront);
      for (const other of others) server.on(event, other);
    }
  };
}

function upgrading(server: Server, connections?: Connections): Binding['onUpgrade'] {
  return (takes) => {
    const others = server.listenerCount('upgrade');
    return stepInFront(server, 'upgrade', (...upgrade: Parameters<Upgrade>) => {
      // Others may have come since.
      const taken = takes(others + server.listenerCount('upgrade') > 1, ...upgrade);
      if (taken) connections?.leave(upgrade[1]);
      return taken;
    });
  };
}

async function own({ host, ports, tls, limits, closeTimeout }: Settings, serve: Serve): Promise<Binding> {
  const { headersTimeout, requestTimeout, keepAliveTimeout } = limits;
  const http = {
    headersTimeout,
    requestTimeout,
    keepAliveTimeout,
    connectionsCheckingInterval: 1_000,
    // The handler refuses a missing Host itself; Node's own answer would lack the headers of ours.
    requireHostHeader: false,
    // Whatever flags the process was started with, its lenient parser is not for strangers.
    insecureHTTPParser: false,
  };
  const secure = tls && createSecureServer({ ...tls, ...http, handshakeTimeout: headersTimeout });
  const server = secure ?? createServer({ ...http, noDelay: true });
  // Beyond a count Node would drop headers in silence, those that tell a navigation from a prefetch among them.
  server.maxHeadersCount = 0;
  const connections = new Connections(server, limits.connections);
  // Node holds a connection for idle as soon as its answer is written, and on closing would cut what is still to be sent.
  server.closeIdleConnections = () => undefined;
  const answer: Serve = (request, response) => {
    serve(request, response);
    if (!response.writableFinished) connections.answering(response);
  };
  server.on('request', answer);
  server.on('checkContinue', (request, response) => {
    // Without a socket the answer waits for the one before it, and Node would put the 100 between its head and its body.
    if (response.socket) response.writeContinue();
    answer(request, response);
  });
  server.on('checkExpectation', refuseExpectation);
  server.on('clientError', refuseUnparsed);
  // Without a handshake there is nothing to answer on, and the socket would stay as long as its peer likes.
  server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
  const listener = await listen(server, host, ports);
  return {
    addresses: listener.addresses,
    secure: Boolean(secure),
    onUpgrade: upgrading(server, connections),
    tls: secure,
    async close() {
      const closed = listener.close();
      connections.drain();
      const overdue = setTimeout(() => connections.destroy(), closeTimeout);
      await closed;
      clearTimeout(overdue);
    },
  };
}

/** Steps in front of the borrowed server's own listeners, for the requests that concern us, until it is given back. */
function borrow(
  server: Server,
  { publicUrl }: Settings,
  serve: Serve,
  concerns: (request: IncomingMessage) => boolean,
): Binding {
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new InvalidOptionError('server', 'must listen on a TCP port before listen() is called');
  }
  const secure = 'setSecureContext' in server;
  if (!secure && publicUrl === undefined && !isLoopback(address.address)) {
    throw new InvalidOptionError(
      'server',
      `must listen on loopback unless publicUrl is set, got ${address.address}`,
    );
  }
  const stepBack = stepInFront(server, 'request', (request: IncomingMessage, response: ServerResponse) => {
    const ours = concerns(request);
    if (ours) serve(request, response);
    return ours;
  });
  return {
    ...mounted,
    addresses: [address],
    secure,
    onUpgrade: upgrading(server),
    close() {
      stepBack();
      return Promise.resolve();
    },
  };
}

/** Of the last answer on a connection, which has no body. */
const lastHeaders = (): string[] => [...pageHeaders(''), 'Connection', 'close', 'Content-Length', '0'];

/** No browser expects anything but `100-continue`. Node's own answer would lack the headers of ours. */
function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(417, lastHeaders()).end();
}

const statusOf: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** Answers what is not HTTP. The error, which holds the bytes received, goes nowhere. */
function refuseUnparsed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const status = statusOf[error.code ?? ''] ?? '400 Bad Request';
  const lines = lastHeaders().map((text, index) => text + (index % 2 ? '\r\n' : ': '));
  // A peer that never closes its half must not keep ours.
  socket.end(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`, () => socket.destroy());
}
