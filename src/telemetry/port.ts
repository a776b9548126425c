import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Connections } from '../connections.ts';
import { listen } from '../listener.ts';
import { readTarget } from '../request.ts';
import { answerOperator, type Operated } from './operator.ts';

/** The operator's own port. */
export interface OperatorPort {
  readonly address: AddressInfo;
  close(): Promise<void>;
}

// A scraper, a probe or two, and somebody who looks.
const mostConnections = 100;

/** Answers an operator on a port of loopback, where being there is the credential. */
export async function openOperatorPort(port: number, operated: Operated): Promise<OperatorPort> {
  const http = createServer({ headersTimeout: 10_000, requestTimeout: 15_000 }, (request, response) => {
    const { method = '', url = '', headers } = request;
    const target = readTarget(url);
    // A page somewhere that has rebound its name to loopback is not there.
    if (!target || !isLoopbackName(headers.host)) response.writeHead(421).end();
    else if (method !== 'GET' && method !== 'HEAD') response.writeHead(405, { Allow: 'GET, HEAD' }).end();
    else void answerOperator(target.path, operated, request, response);
  });
  const connections = new Connections(http, mostConnections);
  const listener = await listen(http, undefined, [port]);
  const [address] = listener.addresses;
  return {
    address: address as AddressInfo,
    async close() {
      const closed = listener.close();
      connections.destroy();
      await closed;
    },
  };
}

function isLoopbackName(host = ''): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i.test(host);
}
