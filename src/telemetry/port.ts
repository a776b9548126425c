import { createServer } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';
import { hostnameOf, isLoopback } from '../base/loopback.ts';
import { Connections } from '../http/connections.ts';
import { listen } from '../http/tcp-listener.ts';
import { readTarget } from '../callback/request.ts';
import { answerOperator, type Operated } from './operator.ts';

/** A port for operators only. */
export interface OperatorPort {
  readonly address: AddressInfo;
  close(): Promise<void>;
}

// Enough for a metrics scraper, a few health probes and a user.
const mostConnections = 100;

/**
 * Serves the operator's paths on a port of their own. Requests need no credential.
 *
 * @param host Address to bind. Left out, it is loopback, so that only this machine can connect.
 */
export async function openOperatorPort(
  port: number,
  operated: Operated,
  host?: string,
): Promise<OperatorPort> {
  const http = createServer({ headersTimeout: 10_000, requestTimeout: 15_000 }, (request, response) => {
    const { method = '', url = '', headers } = request;
    const target = readTarget(url);
    // A balancer names a node as it likes, or not at all. Health is no secret.
    if (!target || (operated.metrics && !isOurs(headers.host ?? '', host))) response.writeHead(421).end();
    else if (method !== 'GET' && method !== 'HEAD') response.writeHead(405, { Allow: 'GET, HEAD' }).end();
    else void answerOperator(target.path, operated, request, response);
  });
  const connections = new Connections(http, { max: mostConnections });
  const listener = await listen(http, host, [port]);
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

/** Rejects DNS rebinding: a web page whose host name resolves to this machine sends that name in `Host`. */
function isOurs(authority: string, host: string | undefined): boolean {
  const hostname = hostnameOf(authority);
  if (isLoopback(hostname) || hostname === host?.toLowerCase()) return true;
  return host !== undefined && isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0;
}
