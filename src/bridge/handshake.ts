import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { subprotocol, ticketPrefix } from './protocol.ts';

/** Why an upgrade request is refused before 101. */
export interface Refusal {
  status: 400 | 401 | 403 | 404 | 405 | 426 | 429 | 503;
  headers?: Readonly<Record<string, string>>;
}

/** What an upgrade request offers, once it is known to be a WebSocket handshake. */
export interface Offer {
  origin: string | undefined;
  ticket: string | undefined;
  hasToken: boolean;
}

/**
 * Reads a handshake. `ws` checks some of it too, but takes version 8 and any origin.
 *
 * @see RFC 6455 section 4.2.1
 */
export function readHandshake(request: IncomingMessage, isOurs: (host: string) => boolean): Offer | Refusal {
  const { method, headers, url = '' } = request;
  if (method !== 'GET') return { status: 405, headers: { Allow: 'GET' } };
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length !== 1 || !isOurs((headers.host ?? '').toLowerCase())) return { status: 403 };
  if (headers.upgrade?.toLowerCase() !== 'websocket') return { status: 400 };
  if (headers['sec-websocket-version'] !== '13')
    return { status: 426, headers: { 'Sec-WebSocket-Version': '13' } };
  if (!/^[+/\dA-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) return { status: 400 };
  // A credential in a URL ends up in histories and logs.
  if (/[?&](?:access_)?(?:token|ticket)=/i.test(url)) return { status: 401 };
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (!offered.includes(subprotocol)) return { status: 400 };
  return {
    origin: headers.origin,
    ticket: offered.find((name) => name.startsWith(ticketPrefix))?.slice(ticketPrefix.length),
    hasToken: headers.authorization !== undefined,
  };
}

const reasons: Readonly<Record<Refusal['status'], string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};

/** Answers in place of 101. Says nothing but the status: no reason, no state, no flow. */
export function refuse(socket: Duplex, { status, headers = {} }: Refusal): void {
  const all = { Connection: 'close', 'Cache-Control': 'no-store', 'Content-Length': '0', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${reasons[status]}\r\n${lines.join('')}\r\n`, () => socket.destroy());
}
