import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Http2SecureServer, Http2Server } from 'node:http2';
import type { Server as SecureServer, ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions, Server as TlsServer } from 'node:tls';
import type { ClientAddresses } from './client-addresses.ts';
import { Connections } from './connections.ts';
import { answerAsOrdinary } from './ordinary-request.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import type { TakesUpgrade, Upgrade } from './upgrade.ts';
import { listen, type Advertised } from './tcp-listener.ts';
import type { Answer } from '../page/answer.ts';
import { pageHeaders } from '../page/security-headers.ts';
import type { Serve } from './routes.ts';
import { defaultPortOf, isLoopback } from '../base/loopback.ts';

/** Source of requests while the server runs. */
export interface Binding {
  /** Bound addresses; empty if the handler is mounted. */
  readonly addresses: readonly AddressInfo[];
  readonly secure: boolean;
  /** Registers a handler for upgrade requests. Returns a function that removes it. */
  onUpgrade(takes: TakesUpgrade): () => void;
  /** Stops to count and close a connection, because a bridge does so from now on. */
  leave(socket: Duplex): void;
  /** The TLS server, if this server terminates TLS itself. */
  readonly tls?: TlsServer | undefined;
  /** Stops accepting requests. Pages in flight are finished within `closeTimeout`. */
  close(): Promise<void>;
}

/** Settings that decide the addresses and the bounds of the server. */
export interface BindSettings {
  readonly server?: Server | Http2Server | Http2SecureServer | 'mounted' | undefined;
  readonly host?: string | undefined;
  readonly ports: readonly number[];
  readonly tls?: SecureContextOptions | undefined;
  readonly publicUrl?: string | undefined;
  readonly limits: Readonly<
    Record<'connections' | 'headerBytes' | 'headersTimeout' | 'requestTimeout' | 'keepAliveTimeout', number>
  >;
  /** Milliseconds to finish pages in flight when the server closes. */
  readonly closeTimeout: number;
}

/** What the callback server does with requests. */
export interface Requests {
  readonly serve: Serve;
  /** Tells if a request of a borrowed server is for the callback server. */
  readonly concerns: (request: IncomingMessage) => boolean;
  readonly clients: ClientAddresses;
  /** Tells what a page waits for, if it waits. */
  readonly waitsFor: (response: ServerResponse) => 'flow' | 'outcome' | undefined;
  /** Answers a page that waits. */
  readonly giveWay: (response: ServerResponse) => void;
  /** Returns the answer to a request with more header bytes than allowed. */
  readonly refuseHead: () => Answer;
}

/** Opens a server, or registers with a borrowed one. */
export async function bind(settings: BindSettings, requests: Requests): Promise<Binding> {
  const { server } = settings;
  if (server === 'mounted') return mounted;
  // A server of HTTP/2 has the events of one of HTTP/1, and its requests and responses have the same members.
  return server ? borrow(server as Server, settings, requests) : own(settings, requests);
}

/** Binding of a mounted handler: it has no socket, and the framework handles upgrades. */
const mounted: Binding = {
  addresses: [],
  secure: false,
  onUpgrade: () => () => undefined,
  leave: () => undefined,
  close: () => Promise.resolve(),
};

/**
 * Replaces a server's listeners of an event. If `takes` returns false for an event, the replaced listeners are called.
 * Returns a function that restores them.
 */
function stepInFront(server: Server, event: string, takes: (...args: never[]) => unknown): () => void {
  // Raw listeners, so that a listener added by `once` is called only once, now or after it is restored.
  const others = server.rawListeners(event) as ((...args: unknown[]) => void)[];
  let open = true;
  const inFront = (...args: unknown[]): void => {
    if (!open || !takes(...(args as never[]))) for (const other of others) other.apply(server, args);
  };
  server.removeAllListeners(event);
  server.on(event, inFront);
  return () => {
    open = false;
    // If another program has replaced the listeners since, this one stays and passes every event on.
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
      // Other listeners may have been added since.
      const hasOthers = others + server.listenerCount('upgrade') > 1;
      const taken = takes(hasOthers, ...upgrade);
      if (taken) connections?.leave(upgrade[1]);
      else if (!hasOthers) answerAsOrdinary(...upgrade);
      return taken;
    });
  };
}

async function own(
  { host, ports, tls, publicUrl, limits, closeTimeout }: BindSettings,
  requests: Requests,
): Promise<Binding> {
  const { serve, refuseHead } = requests;
  const { headerBytes, headersTimeout, requestTimeout, keepAliveTimeout } = limits;
  const http = {
    maxHeaderSize: headerBytes,
    headersTimeout,
    requestTimeout,
    keepAliveTimeout,
    connectionsCheckingInterval: 1_000,
    // The handler rejects a missing `Host` itself; Node's own answer lacks the security headers.
    requireHostHeader: false,
    // Overrides the flags of the process: requests from the network need the strict parser.
    insecureHTTPParser: false,
  };
  const secure = tls && (await createSecureServer({ ...tls, ...http, handshakeTimeout: headersTimeout }));
  const server = secure ?? createServer({ ...http, noDelay: true });
  // No maximum: Node drops further headers silently, even those that tell a navigation from a prefetch.
  server.maxHeadersCount = 0;
  const connections = new Connections(server, {
    max: limits.connections,
    addressOf: (address) => requests.clients.ofPeer(address),
    waitsFor: requests.waitsFor,
    giveWay: requests.giveWay,
  });
  // Node considers a connection idle once its answer is written, and would cut off data that is still being sent.
  server.closeIdleConnections = () => undefined;
  const latest = new WeakMap<Duplex, ServerResponse>();
  const isEnding = (socket: Duplex): boolean => {
    const response = latest.get(socket);
    return response !== undefined && response.writableEnded && !response.shouldKeepAlive;
  };
  const answer: Serve = (request, response) => {
    if (isEnding(request.socket)) return;
    latest.set(request.socket, response);
    serve(request, response);
    if (!response.writableFinished) connections.answering(response);
  };
  server.on('request', answer);
  server.on('checkContinue', (request, response) => {
    // A pipelined response has no socket yet; writing `100 Continue` now would land inside the previous response.
    if (response.socket) response.writeContinue();
    answer(request, response);
  });
  server.on('checkExpectation', refuseExpectation);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (isEnding(socket)) return;
    if (error.code === 'HPE_HEADER_OVERFLOW') writeAndClose(socket, refuseHead());
    else refuseUnparsed(error, socket);
  });
  // After a failed handshake no answer is possible, and the socket would stay open until its peer closes it.
  server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
  const listener = await listen(server, host, ports, advertisedBy(publicUrl));
  return {
    addresses: listener.addresses,
    secure: Boolean(secure),
    onUpgrade: upgrading(server, connections),
    leave: (socket) => connections.leave(socket),
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

function advertisedBy(publicUrl: string | undefined): Advertised | undefined {
  if (publicUrl === undefined) return undefined;
  const url = new URL(publicUrl);
  return { hostname: url.hostname, port: Number(url.port || defaultPortOf(url)) };
}

/** Makes the server. Loads `node:https` only if TLS is used. */
async function createSecureServer(options: ServerOptions): Promise<SecureServer> {
  const https = await import('node:https');
  return https.createServer(options);
}

/** Answers the requests of a borrowed server that concern this one, before its own listeners, until `close`. */
function borrow(server: Server, { publicUrl }: BindSettings, { serve, concerns }: Requests): Binding {
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new InvalidOptionError('server', 'must listen on a TCP port before listen() is called');
  }
  const secure = 'setSecureContext' in server;
  if (!secure && publicUrl === undefined && !isLoopback(address.address)) {
    throw new InvalidOptionError(
      'server',
      `must listen on loopback unless publicUrl is set; got ${address.address}`,
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

/** Headers of an empty response after which the connection is closed. */
const lastHeaders = (): string[] => [...pageHeaders(''), 'Connection', 'close', 'Content-Length', '0'];

/** Rejects an `Expect` header other than `100-continue`. Node's own answer lacks the security headers. */
function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(417, lastHeaders()).end();
}

const statusOf: Readonly<Record<string, number>> = { ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** Answers data that is not HTTP. The error is not reported, because it contains the received bytes. */
function refuseUnparsed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET') return void socket.destroy();
  const status = statusOf[error.code ?? ''] ?? 400;
  writeAndClose(socket, { status, headers: pageHeaders(''), body: Buffer.alloc(0) });
}

/** Writes an answer to a socket that has no request, and closes it. */
function writeAndClose(socket: Duplex, { status, headers, body }: Answer): void {
  if (!socket.writable) return void socket.destroy();
  const length = headers.includes('Content-Length') ? [] : ['Content-Length', String(body.length)];
  const lines = [...headers, 'Connection', 'close', ...length].map(
    (text, index) => text + (index % 2 ? '\r\n' : ': '),
  );
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`);
  // Otherwise a peer that never closes its side would keep the socket open.
  socket.end(body, () => socket.destroy());
}
