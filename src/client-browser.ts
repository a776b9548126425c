import { subprotocol, ticketPrefix } from './client/names.ts';
import { RemoteHost, type RemoteCallbackHost } from './client/host.ts';
import { requireUrl, type ConnectOptions } from './client/options.ts';
import type { OpenTransport } from './client/transport.ts';

export type { RemoteCallbackHost } from './client/host.ts';
export type { ConnectOptions } from './client/options.ts';

/** As in Node, over the browser's own WebSocket: it takes a `ticket`, since a page can send no headers with it. */
export function connectCallbackHost(url: string, options: ConnectOptions): Promise<RemoteCallbackHost> {
  requireUrl(url, options);
  return new Promise((resolve, reject) => {
    const host: RemoteHost = new RemoteHost(url, options, open, (error) =>
      error ? reject(error) : resolve(host),
    );
  });
}

const open: OpenTransport = (url, ticket, handlers) => {
  const socket = new WebSocket(url, [subprotocol, ticketPrefix + ticket]);
  socket.onmessage = ({ data }) => handlers.message(String(data));
  socket.onclose = ({ code }) => handlers.closed(code);
  return {
    send: (text) => socket.send(text),
    // A page may only close with 1000 or a code of its own.
    close: (code) => socket.close(code),
  };
};
