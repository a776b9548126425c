/** A program with a callback server that ends well on SIGTERM. Started by i.ts; not to be imported. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { createOAuthCallbackServer } from '../../src/index.ts';

/** Message to the other side. `delivered` is the state whose page waits for the app. */
export interface Running {
  port: number;
  delivered: string;
  pending: readonly string[];
}

/** How it ended: the codes of what the flows ended with, and the WebSockets that were still open then. */
export interface Ended {
  outcomes: readonly string[];
  completed: readonly string[];
  webSockets: number;
}

const borrows = process.argv.includes('borrows');
const http = createServer((_request, response) => response.writeHead(404).end());
const webSockets = new WebSocketServer({ server: http });
if (borrows) {
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
}
const server = createOAuthCallbackServer({
  settle: 300_000,
  unmatched: { holdFor: 60_000, max: 10 },
  ...(borrows && { server: http }),
});
await server.listen();

const outcomes: string[] = [];
const completed: string[] = [];
server.redirects.subscribe({ complete: () => completed.push('redirects') });
server.events.subscribe({ complete: () => completed.push('events') });
const flows = await Promise.all(Array.from({ length: 4 }, () => server.begin()));
for (const { response } of flows) {
  response.subscribe({
    next: () => outcomes.push('delivered'),
    error: (error: unknown) => outcomes.push((error as NodeJS.ErrnoException).code ?? 'unknown'),
  });
}

process.once('SIGTERM', () => {
  void end();
});
const [delivered = '', ...pending] = flows.map(({ state }) => state);
const { port } = borrows ? (http.address() as AddressInfo) : server.address;
process.send?.({ port, delivered, pending } satisfies Running);

async function end(): Promise<void> {
  await server.close();
  process.send?.({ outcomes, completed, webSockets: webSockets.clients.size } satisfies Ended);
  process.disconnect();
  for (const webSocket of webSockets.clients) webSocket.close(1001);
  http.close();
  http.closeIdleConnections();
  // No process.exit(): whatever the server had left open would keep the process alive.
}
