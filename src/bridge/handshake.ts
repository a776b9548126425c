import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { subprotocol, ticketPrefix } from '../wire/protocol.ts';
import { upgradeRequired } from './dropped-upgrade.ts';

/** Answer that rejects an upgrade request before 101. */
export interface Rejection {
  status: 400 | 401 | 403 | 404 | 405 | 426 | 429 | 503;
  /** Reason for the operator; the peer does not get it. */
  why: string;
  /** Name of the token that is no longer valid. */
  name?: string;
  headers?: Readonly<Record<string, string>>;
}

/** Origin and credential of a valid WebSocket handshake. */
export interface Offer {
  origin: string | undefined;
  ticket: string | undefined;
  hasToken: boolean;
}

/**
 * Reads a handshake. `ws` checks parts of it too, but accepts version 8 and any origin.
 *
 * @see RFC 6455 section 4.2.1
 */
export function readHandshake(
  request: IncomingMessage,
  isOurs: (host: string) => boolean,
): Offer | Rejection {
  const { method, headers, url = '' } = request;
  if (method !== 'GET') return { status: 405, why: 'the method is not GET', headers: { Allow: 'GET' } };
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length !== 1 || !isOurs((headers.host ?? '').toLowerCase()))
    return { status: 403, why: 'the Host is not that of the service' };
  if (headers.upgrade?.toLowerCase() !== 'websocket')
    return { status: 426, why: 'the request has no Upgrade: websocket', headers: upgradeRequired };
  if (headers['sec-websocket-version'] !== '13')
    return {
      status: 426,
      why: 'the version of WebSocket is not 13',
      headers: { ...upgradeRequired, 'Sec-WebSocket-Version': '13' },
    };
  if (!/^[+/\dA-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? ''))
    return { status: 400, why: 'the Sec-WebSocket-Key is invalid' };
  // A credential in a URL would end up in histories and logs.
  if (/[?&](?:access_)?(?:token|ticket)=/i.test(url))
    return { status: 401, why: 'the URL contains a credential' };
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (!offered.includes(subprotocol)) return { status: 400, why: `the subprotocol is not ${subprotocol}` };
  return {
    origin: headers.origin,
    ticket: offered.find((name) => name.startsWith(ticketPrefix))?.slice(ticketPrefix.length),
    hasToken: headers.authorization !== undefined,
  };
}

const reasons: Readonly<Record<Rejection['status'], string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};

/** Rejects an upgrade request. The answer has nothing but a status: no reason, no state, no flow. */
export function reject(socket: Duplex, { status, headers = {} }: Rejection): void {
  const all = {
    Connection: 'close',
    'Cache-Control': 'no-store',
    'Content-Length': '0',
    // @see RFC 9110 section 15.5.2
    ...(status === 401 && { 'WWW-Authenticate': 'Bearer' }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${reasons[status]}\r\n${lines.join('')}\r\n`, () => socket.destroy());
}
