import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { subprotocol, ticketPrefix } from '../wire/protocol.ts';
import { upgradeRequired } from './dropped-upgrade.ts';
import { rejection, type Rejection } from './rejection.ts';

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
  const { method, headers } = request;
  if (method !== 'GET') return rejection('wrong_method', { headers: { Allow: 'GET' } });
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length !== 1 || !isOurs((headers.host ?? '').toLowerCase())) return rejection('wrong_host');
  if (headers.upgrade?.toLowerCase() !== 'websocket')
    return rejection('no_upgrade', { headers: upgradeRequired });
  if (headers['sec-websocket-version'] !== '13')
    return rejection('wrong_version', { headers: { ...upgradeRequired, 'Sec-WebSocket-Version': '13' } });
  if (!/^[+/\dA-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) return rejection('wrong_key');
  if (hasCredentialInUrl(request)) return rejection('credential_in_url');
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (!offered.includes(subprotocol)) return rejection('wrong_subprotocol');
  return {
    origin: headers.origin,
    ticket: offered.find((name) => name.startsWith(ticketPrefix))?.slice(ticketPrefix.length),
    hasToken: headers.authorization !== undefined,
  };
}

/** Tells if a URL has a credential, which would end up in histories and logs. */
export function hasCredentialInUrl({ url = '' }: IncomingMessage): boolean {
  return /[?&](?:access_)?(?:token|ticket)=/i.test(url);
}

const reasons: Readonly<Record<Rejection['status'], string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
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
