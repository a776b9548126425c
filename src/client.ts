import { WebSocket } from 'ws';
import { subprotocol, ticketPrefix } from './client/names.ts';
import { RemoteHost, type RemoteCallbackHost } from './client/host.ts';
import { requireUrl, type ConnectOptions } from './client/options.ts';
import type { OpenTransport } from './client/transport.ts';

export type { RemoteCallbackHost } from './client/host.ts';
export type { ConnectOptions } from './client/options.ts';

/**
 * Connects to the bridge of a callback service, and is then a `CallbackHost` like a server of one's own.
 *
 * @param url The bridge's `wss:` URL; `ws:` on loopback only.
 * @returns Resolves once the service has answered; rejects with `ConnectionError`.
 */
export function connectCallbackHost(url: string, options: ConnectOptions): Promise<RemoteCallbackHost> {
  requireUrl(url, options);
  return new Promise((resolve, reject) => {
    const open = options.token === undefined ? withTicket : withToken;
    const host: RemoteHost = new RemoteHost(url, options, open, (error) =>
      error ? reject(error) : resolve(host),
    );
  });
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

function over(socket: WebSocket, handlers: Parameters<OpenTransport>[2]): ReturnType<OpenTransport> {
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
      // A peer that does not answer the close is not waited for.
      setTimeout(() => socket.terminate(), 1_000).unref();
    },
  };
}
