import { WebSocket } from 'ws';
import { connect, type RemoteCallbackHost } from './client/host.ts';
import { subprotocol, ticketPrefix } from './client/names.ts';
import type { ConnectOptions } from './client/options.ts';
import type { OpenTransport, Transport, TransportHandlers } from './client/transport.ts';

export { ConnectionError, StoreUnavailableError } from './errors.ts';
export type { RemoteCallbackHost } from './client/host.ts';
export type { ConnectOptions } from './client/options.ts';
export type { FeedStatus } from './client/remote-feed.ts';

/**
 * Connects to the bridge of a callback service, and is then a `CallbackHost` like a server of one's own.
 *
 * A connection that breaks comes back by itself, and flows that wait go on waiting.
 *
 * @param url The bridge's `wss:` URL; `ws:` on loopback only.
 * @returns Resolves once the service has answered; rejects with `ConnectionError`, or `InvalidOptionError` for a bad `url`
 * or none or both of `token` and `ticket`.
 */
export function connectCallbackHost(url: string, options: ConnectOptions): Promise<RemoteCallbackHost> {
  return connect(url, options, options.token === undefined ? withTicket : withToken);
}

const withToken: OpenTransport = (url, token, handlers) =>
  over(
    new WebSocket(url, subprotocol, {
      headers: { Authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    }),
    handlers,
  );

const withTicket: OpenTransport = (url, ticket, handlers) =>
  over(new WebSocket(url, [subprotocol, ticketPrefix + ticket], { perMessageDeflate: false }), handlers);

function over(socket: WebSocket, handlers: TransportHandlers): Transport {
  let status: number | undefined;
  socket.on('message', (data) => handlers.message((data as Buffer).toString()));
  socket.on('ping', () => handlers.alive());
  socket.on('unexpected-response', (_request, response) => {
    status = response.statusCode;
    socket.terminate();
  });
  socket.on('error', () => undefined);
  socket.on('close', (code) => handlers.closed(code, status));
  return {
    send: (text) => socket.send(text),
    close(code) {
      socket.close(code);
      setTimeout(() => socket.terminate(), 1_000).unref();
    },
  };
}
