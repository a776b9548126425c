import { connect, type RemoteCallbackHost } from './client/host.ts';
import { subprotocol, ticketPrefix } from './client/names.ts';
import type { ConnectOptions } from './client/options.ts';
import type { OpenTransport } from './client/transport.ts';

export { ConnectionError, StoreUnavailableError } from './errors.ts';
export type { RemoteCallbackHost } from './client/host.ts';
export type { ConnectOptions } from './client/options.ts';
export type { FeedStatus } from './client/remote-feed.ts';

/** As in Node, over the browser's own WebSocket: it takes a `ticket`, since a page can send no headers with it. */
export function connectCallbackHost(url: string, options: ConnectOptions): Promise<RemoteCallbackHost> {
  return connect(url, options, open);
}

const open: OpenTransport = (url, ticket, handlers) => {
  const socket = new WebSocket(url, [subprotocol, ticketPrefix + ticket]);
  socket.onmessage = ({ data }) => handlers.message(String(data));
  socket.onclose = ({ code }) => handlers.closed(code);
  return {
    send: (text) => socket.send(text),
    close(code) {
      // A page may only close with 1000 or a code of its own.
      socket.close(code);
      setTimeout(() => handlers.closed(code), 1_000);
    },
  };
};
