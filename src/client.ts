import { connect, type RemoteCallbackHost } from './client/host.ts';
import type { ConnectOptions } from './client/options.ts';
import { withTicket, withToken } from './client/ws.ts';

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
