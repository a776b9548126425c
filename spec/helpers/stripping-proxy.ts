import { createServer, request as ask, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { listenOnLoopback } from './loopback.ts';

/** A reverse proxy that has a service under a path, and removes the path from each request. */
export interface StrippingProxy extends AsyncDisposable {
  readonly origin: string;
  /** The port of the service. */
  target: number;
}

export async function startStrippingProxy(path: string): Promise<StrippingProxy> {
  const stripped = ({ url = '' }: IncomingMessage): string => url.slice(path.length);
  const server = createServer((request, response) => {
    const { method = '', headers } = request;
    const onward = ask({ port: proxy.target, host: '127.0.0.1', path: stripped(request), method, headers });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.rawHeaders);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.on('upgrade', (request: IncomingMessage, socket) => {
    const onward = connect(proxy.target, '127.0.0.1');
    const lines = request.rawHeaders.map((text, index) => text + (index % 2 ? '\r\n' : ': '));
    onward.write(`GET ${stripped(request)} HTTP/1.1\r\n${lines.join('')}\r\n`);
    onward.pipe(socket).pipe(onward);
    for (const end of [onward, socket]) end.on('error', () => undefined);
  });
  const { origin, [Symbol.asyncDispose]: close } = await listenOnLoopback(server);
  const proxy: StrippingProxy = { origin, target: 0, [Symbol.asyncDispose]: close };
  return proxy;
}
