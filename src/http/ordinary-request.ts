import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Fields that Node sets on the connections of its HTTP servers. */
interface HttpConnection {
  server?: Server;
  /** Response that is being sent. */
  _httpMessage?: ServerResponse | null;
}

/** Tells if an upgrade request offers a WebSocket, perhaps among other protocols. */
export function offersWebSocket({ headers }: IncomingMessage): boolean {
  return (headers.upgrade ?? '').split(',').some((name) => name.trim().toLowerCase() === 'websocket');
}

/**
 * Has the server of an upgrade request answer it as an ordinary one. Returns false if that server is not known.
 *
 * Node passes each request with an `Upgrade` to the listeners of upgrades, its body unread. So the connection gives its
 * bytes to the server once more, without that header. A client that offers another protocol, such as `h2c`, accepts an
 * answer in HTTP/1.1 too. @see RFC 9110 section 7.8
 */
export function answerAsOrdinary(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
  const connection = socket as Duplex & HttpConnection;
  const { server } = connection;
  if (!server) return false;
  const events: EventEmitter = server;
  // Node has removed its own listener, and a reset must not end the process.
  socket.on('error', destroy);
  const answer = (): void => {
    const earlier = connection._httpMessage;
    if (earlier) {
      // The answers of pipelined requests come in their order.
      earlier.once('finish', answer);
      return;
    }
    socket.off('error', destroy);
    if (socket.destroyed || socket.writableEnded) return;
    // The time limit of an idle connection, which Node set after the earlier answer.
    if ('setTimeout' in socket) (socket as Socket).setTimeout(0);
    socket.unshift(Buffer.concat([Buffer.from(withoutUpgrade(request), 'latin1'), head]));
    events.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket);
  };
  answer();
  return true;
}

function withoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  const lines = [`${method ?? ''} ${url ?? ''} HTTP/${httpVersion}`];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    if (name.toLowerCase() !== 'upgrade') lines.push(`${name}: ${value}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function destroy(this: Duplex): void {
  this.destroy();
}
