import type { IncomingMessage, ServerResponse } from 'node:http';

/** Headers of every answer 426. @see RFC 9110 section 15.5.22 */
export const upgradeRequired = { Connection: 'Upgrade, close', Upgrade: 'websocket' } as const;

/** Tells if a request is a handshake whose `Upgrade` and `Connection` a proxy has dropped, as proxies do by default. */
export function hasDroppedUpgrade({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers['sec-websocket-key'] !== undefined;
}

/** Answers a handshake without `Upgrade` with 426 and a text that names the cause for the operator. */
export function answerDroppedUpgrade({ httpVersionMajor }: IncomingMessage, response: ServerResponse): void {
  const text = 'This handshake has no Upgrade header. Let the proxy forward Upgrade and Connection.\n';
  response
    .writeHead(426, {
      // HTTP/2 has no such headers.
      ...(httpVersionMajor < 2 && upgradeRequired),
      'Cache-Control': 'no-store',
      'Content-Type': 'text/plain; charset=utf-8',
      'X-Content-Type-Options': 'nosniff',
    })
    .end(text);
}
