/**
 * HTTP requests to other servers; loaded on demand. Imports nothing from this package, so that bundlers create no extra
 * chunk.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';

/** Result of a request: the value of a header of the response, or why there was no response. */
export interface Reply {
  readonly value?: string | undefined;
  readonly error?: Error;
  /** Set if a program has accepted the connection. */
  readonly connected: boolean;
}

/**
 * Sends a request with one header. Resolves to the value of that header in the response.
 *
 * @param timeout Milliseconds until it gives up, however much the peer has sent by then.
 * @param address Address to connect to, in place of those that the host name of the URL has.
 */
export function ask(
  url: string,
  header: string,
  value: string,
  timeout: number,
  address?: string,
): Promise<Reply> {
  return new Promise((resolve) => {
    let connected = false;
    const signal = AbortSignal.timeout(timeout);
    const options = {
      headers: { [header]: value },
      signal,
      agent: false,
      ...(address !== undefined && { lookup: alwaysTo(address) }),
    };
    const request = url.startsWith('https:')
      ? // The answer itself proves which server sent it, so a self-signed certificate is accepted.
        httpsRequest(url, { ...options, rejectUnauthorized: false })
      : httpRequest(url, options);
    request.on('socket', (socket) => socket.once('connect', () => (connected = true)));
    request.on('response', ({ headers }) => {
      resolve({ value: headers[header] as string | undefined, connected });
      request.destroy();
    });
    request.on('error', (error) =>
      resolve({ error: signal.aborted ? new Error(`no answer in ${timeout} ms`) : error, connected }),
    );
    request.end();
  });
}

function alwaysTo(address: string): LookupFunction {
  const family = isIP(address);
  return (_host, { all }, found) => {
    if (all) found(null, [{ address, family }]);
    else found(null, address, family);
  };
}

/** Asks the server that holds a port if it is one of this package, which would answer with the header. */
export async function holderOf(
  host: string,
  port: number,
  header: string,
): Promise<'rx-oauth-callback' | undefined> {
  const address = host.includes(':') ? `[${host}]` : host;
  const { value } = await ask(`http://${address}:${port}`, header, 'holder', 500);
  return value === undefined ? undefined : 'rx-oauth-callback';
}
