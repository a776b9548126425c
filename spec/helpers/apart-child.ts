/** The other end of apart.ts: runs servers, prints whatever they tell, and does as it is told. Not to be imported. */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { inspect } from 'node:util';
import { createOAuthCallbackServer, type Flow, type OAuthCallbackServer } from '../../src/index.ts';
import type { Order, Report } from './apart.ts';

const servers: OAuthCallbackServer[] = [];
const flows: Flow[] = [];
const printed = new Set<string>();
const connections = { seen: 0, open: 0, most: 0 };
let accepted = 0;

function tell(report: Report): void {
  process.send?.(report);
}

/** To stdout, as a program that logs everything would; what came before, at another time, is left out. */
function print(text: string): void {
  const line = text.replace(/\b(at"?): ?\d+/, '$1: …');
  if (printed.has(line)) return;
  printed.add(line);
  console.log(line);
}

// Node tells of each socket that a server of this process has accepted.
subscribe('net.server.socket', (message) => {
  const { socket } = message as { socket: Socket };
  connections.seen++;
  connections.open++;
  connections.most = Math.max(connections.most, connections.open);
  socket.once('close', () => connections.open--);
  if (connections.seen % 25 === 0) tell({ connections });
});

async function obey(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'serve':
      return serve(order.options);
    case 'begin': {
      const flow = await servers[order.server]!.begin(order.options);
      const index = flows.push(flow) - 1;
      flow.response.subscribe({
        next: (response) => tell({ flow: index, response: response.toDict() }),
        error: (error: unknown) => tell({ flow: index, error: codeOf(error) }),
      });
      const { id, state, redirectUri, codeVerifier } = flow;
      return { index, id, state, redirectUri, codeVerifier };
    }
    case 'settle':
      flows[order.flow]!.settle(order.outcome);
      break;
    case 'report':
      return { accepted, connections };
    case 'memory':
      globalThis.gc?.();
      return process.memoryUsage().heapUsed;
    case 'close':
      await Promise.all(servers.map((server) => server.close()));
  }
  return undefined;
}

async function serve(options: Extract<Order, { do: 'serve' }>['options']): Promise<{ port: number }> {
  const server = createOAuthCallbackServer({
    ...options,
    logger: { debug: print, warn: (line) => print(inspect(line)) },
  });
  await server.listen();
  server.redirects.subscribe((redirect) => {
    if (redirect.disposition === 'accepted') accepted++;
    print(JSON.stringify(redirect));
    print(inspect(redirect));
    print(String(redirect.response));
  });
  server.events.subscribe((event) => print(JSON.stringify(event)));
  servers.push(server);
  return { port: server.address.port };
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

// Ends with the process that started this one.
const orphaned = (): never => process.exit();
process.on('disconnect', orphaned);

process.on('message', (order: Order) => {
  obey(order).then(
    (value) => {
      tell({ answers: order.id, value });
      if (order.do !== 'close') return;
      // From here on the process ends by itself, or something was left open.
      process.off('disconnect', orphaned);
      process.disconnect();
    },
    (error: unknown) => tell({ answers: order.id, failure: inspect(error) }),
  );
});
