import type { WebSocket } from 'ws';
import { ConnectionError, type ConnectOptions, type RemoteCallbackHost } from '../client.ts';
import { connect } from '../client/host.ts';
import type { OpenTransport } from '../client/transport.ts';
import { withToken } from '../client/ws.ts';
import { CommandError } from './errors.ts';
import { exitCodes } from './exit-codes.ts';

/**
 * Connects to a service elsewhere. Throws a `CommandError` that says why it cannot, as the system says it: ECONNREFUSED.
 *
 * @param onSocket Told of each connection, before it is open.
 */
export async function connectTo(
  url: string,
  options: ConnectOptions & { token: string },
  onSocket: (socket: WebSocket) => void = () => undefined,
): Promise<RemoteCallbackHost> {
  let failure: string | undefined;
  const open: OpenTransport = (to, token, handlers) => {
    const transport = withToken(to, token, handlers);
    transport.socket.on('error', ({ code }: NodeJS.ErrnoException) => (failure = code));
    onSocket(transport.socket);
    return transport;
  };
  try {
    return await connect(url, options, open);
  } catch (error) {
    throw error instanceof ConnectionError ? refusal(url, error, failure) : error;
  }
}

/** @param failure What the system says, where it does. */
function refusal(url: string, { status, message }: ConnectionError, failure?: string): CommandError {
  const { origin, pathname } = new URL(url);
  const sentences: Readonly<Record<number, string>> = {
    401: `${origin} does not take the token`,
    403: `${origin} does not go by that name: it has refused the host`,
    404: `${origin} has no bridge at ${pathname}`,
    429: `${origin} has too many connections of this token or address`,
    503: `${origin} takes no more connections now`,
  };
  const unreachable = `${origin} cannot be reached${failure === undefined ? '' : `: ${failure}`}`;
  const sentence = sentences[status ?? 0] ?? (status ? message : unreachable);
  return new CommandError(sentence, exitCodes.connection);
}
