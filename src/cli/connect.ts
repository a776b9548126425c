import type { WebSocket } from 'ws';
import type { ConnectOptions, RemoteCallbackHost } from '../client.ts';
import { connect } from '../client/host.ts';
import { withToken } from '../client/ws.ts';

/**
 * Connects to a remote service. Rejects with `ConnectionError`, whose message says why.
 *
 * @param onSocket Called with each connection, before it is open.
 */
export function connectTo(
  url: string,
  options: ConnectOptions & { token: string },
  onSocket: (socket: WebSocket) => void = () => undefined,
): Promise<RemoteCallbackHost> {
  return connect(url, options, (to, token, handlers) => {
    const transport = withToken(to, token, handlers);
    onSocket(transport.socket);
    return transport;
  });
}
