import https from 'node:https';
import { WebSocket, type ClientOptions } from 'ws';
import { subprotocol, ticketPrefix } from '../wire/names.ts';
import { maxServiceMessage } from '../wire/service-message.ts';
import type { Transport, TransportHandlers } from './transport.ts';

/** A connection of Node, over `ws`. */
export interface WsTransport extends Transport {
  readonly socket: WebSocket;
}

const options: ClientOptions = {
  perMessageDeflate: false,
  maxPayload: maxServiceMessage,
  // The connection does not keep the process alive: what waits for it does.
  finishRequest(request) {
    request.on('socket', (socket) => socket.unref());
    request.end();
  },
};

/** How a connection is made. */
export type Way = Pick<ClientOptions, 'agent' | 'origin'>;

export function withToken(
  url: string,
  token: string,
  handlers: TransportHandlers,
  way: Way = {},
): WsTransport {
  const headers = { Authorization: `Bearer ${token}` };
  return over(new WebSocket(url, subprotocol, { ...optionsFor(url), ...way, headers }), handlers);
}

export function withTicket(
  url: string,
  ticket: string,
  handlers: TransportHandlers,
  way: Way = {},
): WsTransport {
  const protocols = [subprotocol, ticketPrefix + ticket];
  return over(new WebSocket(url, protocols, { ...optionsFor(url), ...way }), handlers);
}

// By itself `ws` uses no agent. The agent of all requests knows the proxy of the environment; a `ws:` URL is on this machine.
function optionsFor(url: string): ClientOptions {
  return { ...options, ...(url.startsWith('wss:') && { agent: https.globalAgent }) };
}

function over(socket: WebSocket, handlers: TransportHandlers): WsTransport {
  let status: number | undefined;
  let failure: string | undefined;
  let retryAfter: number | undefined;
  socket.on('message', (data) => handlers.message((data as Buffer).toString()));
  socket.on('ping', () => handlers.alive());
  socket.on('unexpected-response', (_request, response) => {
    status = response.statusCode;
    retryAfter = Number(response.headers['retry-after']) || undefined;
    socket.terminate();
  });
  socket.on('error', ({ code }: NodeJS.ErrnoException) => (failure = code));
  socket.on('close', (code) => handlers.closed(code, status, failure, retryAfter));
  return {
    socket,
    send: (text) => socket.send(text),
    close(code) {
      socket.close(code);
      setTimeout(() => socket.terminate(), 1_000).unref();
    },
  };
}
