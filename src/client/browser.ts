import { connect, type RemoteCallbackHost } from './host.ts';
import { subprotocol, ticketPrefix } from '../wire/names.ts';
import type { ConnectOptions } from './options.ts';
import type { OpenTransport } from './transport.ts';

/**
 * Connects to the bridge of a callback service over the browser's own WebSocket. A page needs a `ticket`, because it cannot
 * send a token.
 *
 * @param url The bridge's `wss:` URL; `ws:` on loopback only.
 * @returns Resolves once the service has answered; rejects with `ConnectionError`.
 * @throws {InvalidOptionError} `url` is not allowed, or not exactly one of `token` and `ticket` is given.
 *
 * @example
 * import { connectCallbackHost } from 'rx-oauth-callback/client';
 *
 * async function signIn(ticket: string) {
 *   const host = await connectCallbackHost('wss://callbacks.example/bridge', { ticket });
 *   const flow = await host.begin();
 *   open(flow.authorizationUrl('https://as.example/authorize', { client_id: 'page' }));
 *   flow.response.subscribe(({ code }) => console.log(code));
 * }
 */
export function connectCallbackHost(url: string, options: ConnectOptions): Promise<RemoteCallbackHost> {
  return connect(url, options, open, 'browser');
}

const open: OpenTransport = (url, ticket, handlers) => {
  const socket = new WebSocket(url, [subprotocol, ticketPrefix + ticket]);
  socket.onmessage = ({ data }) => handlers.message(String(data));
  socket.onclose = ({ code }) => handlers.closed(code);
  return {
    send: (text) => socket.send(text),
    close(code) {
      // Browsers allow a page to close with 1000 or with a private code only.
      socket.close(code);
      setTimeout(() => handlers.closed(code), 1_000);
    },
  };
};
