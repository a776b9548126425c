import { WebSocket } from 'ws';
import { subprotocol, ticketPrefix } from './names.ts';
import type { Transport, TransportHandlers } from './transport.ts';

/** A connection of Node. */
export interface WsTransport extends Transport {
  readonly socket: WebSocket;
}

export function withToken(url: string, token: string, handlers: TransportHandlers): WsTransport {
  const headers = { Authorization: `Bearer ${token}` };
  return over(new WebSocket(url, subprotocol, { headers, perMessageDeflate: false }), handlers);
}

export function withTicket(url: string, ticket: string, handlers: TransportHandlers): WsTransport {
  return over(
    new WebSocket(url, [subprotocol, ticketPrefix + ticket], { perMessageDeflate: false }),
    handlers,
  );
}

function over(socket: WebSocket, handlers: TransportHandlers): WsTransport {
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
    socket,
    send: (text) => socket.send(text),
    close(code) {
      socket.close(code);
      setTimeout(() => socket.terminate(), 1_000).unref();
    },
  };
}
