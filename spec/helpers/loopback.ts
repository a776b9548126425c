/** Somebody else's web server on loopback, without anything to say yet. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Loopback extends AsyncDisposable {
  readonly http: Server;
  readonly origin: string;
}

/** Listens on a free port; goes with all its connections. */
export async function listenOnLoopback(): Promise<Loopback> {
  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    http,
    origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(http, 'close');
      http.close();
      http.closeAllConnections();
      await closed;
    },
  };
}
