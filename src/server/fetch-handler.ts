import { InvalidOptionError } from '../base/invalid-option.ts';
import { typeOf } from '../base/validate.ts';
import { FetchOutlet, readFetchBody } from '../http/fetch-exchange.ts';
import type { OAuthCallbackServer } from './callback-server.ts';
import { internalsOf } from './internals.ts';

/** Facts about a request that its `Request` does not have. */
export interface FetchInfo {
  /** Address of the client, for the limits that hold for each address. @default unknown: no limit holds for it alone */
  address?: string | undefined;
  /** Answers requests that are not for the callback server. @default they are answered 404 */
  next?: () => Response | Promise<Response>;
}

/** Answers a request. The answer to a client that has left is empty. */
export type FetchHandler = (request: Request, info?: FetchInfo) => Promise<Response>;

/**
 * Creates a handler for servers that take a `Request` and return a `Response`: `Deno.serve`, `Bun.serve`, Hono, routes of Next.
 *
 * The requests pass the same checks as on a port, and get the same pages. A page that waits for its outcome is streamed.
 *
 * @param server Server with `server: 'mounted'` and a `publicUrl`; await its `listen()` first.
 * @throws InvalidOptionError if it is no callback server.
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { createFetchHandler } from 'rx-oauth-callback/fetch';
 *
 * const server = createOAuthCallbackServer({ server: 'mounted', publicUrl: 'https://app.example' });
 * await server.listen();
 * const handle = createFetchHandler(server);
 * const answer = await handle(new Request('https://app.example/callback?code=c&state=s'));
 * console.log(answer.status); // 400
 */
export function createFetchHandler(server: OAuthCallbackServer): FetchHandler {
  const own = internalsOf(server);
  return async (request, { address, next } = {}) => {
    if (!(request instanceof Request))
      throw new InvalidOptionError('request', `must be a Request; got ${typeOf(request)}`);
    if (request.bodyUsed)
      throw new InvalidOptionError('request', 'must have a body that was not read before; pass a clone');
    const { pathname, search, host } = new URL(request.url);
    const rawHeaders = [...request.headers].flat();
    // Some runtimes have the host in the URL only.
    if (!request.headers.has('host')) rawHeaders.push('host', host);
    const asked = { method: request.method, target: pathname + search, rawHeaders };
    const found = own.tenants?.find(asked.target)?.internals;
    const { endpoint, clients, concerns } = found?.concerns(asked) ? found : own;
    if (next && !concerns(asked)) return next();
    const outlet = new FetchOutlet(request.signal);
    endpoint.answer(asked, outlet, {
      address: () =>
        clients.of({ socket: { remoteAddress: address }, headers: Object.fromEntries(request.headers) }),
      language: () => request.headers.get('accept-language') ?? undefined,
      readBody: (maxBytes) => readFetchBody(request, maxBytes),
    });
    return outlet.response;
  };
}
