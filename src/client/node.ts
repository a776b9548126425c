import { connect, type RemoteCallbackHost } from './host.ts';
import type { ConnectOptions } from './options.ts';
import { withTicket, withToken } from './ws.ts';

/**
 * Connects to the bridge of a callback service. The result is a `CallbackHost`, as a server of this process is.
 *
 * A connection that breaks is opened again, and pending flows go on waiting. With a `ticket`, `origin` is needed too.
 *
 * @param url The bridge's `wss:` URL; `ws:` on loopback only.
 * @returns Resolves once the service has answered; rejects with `ConnectionError`.
 * @throws {InvalidOptionError} `url` is not allowed, or not exactly one of `token` and `ticket` is given.
 *
 * @example
 * import { connectCallbackHost } from 'rx-oauth-callback/client';
 *
 * const host = await connectCallbackHost('wss://callbacks.example/bridge', { token: process.env['TOKEN'] ?? '' });
 * const flow = await host.begin();
 * console.log(`Open ${flow.authorizationUrl('https://as.example/authorize', { client_id: 'cli' })}`);
 * flow.response.subscribe(({ code }) => console.log(code));
 */
export function connectCallbackHost(url: string, options: ConnectOptions): Promise<RemoteCallbackHost> {
  return connect(url, options, (to, credential, handlers) => {
    const { token, agent, origin } = options;
    const way = { ...(agent && { agent }), ...(origin !== undefined && { origin }) };
    return (token === undefined ? withTicket : withToken)(to, credential, handlers, way);
  });
}
