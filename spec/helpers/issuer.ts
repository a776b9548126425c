/** An authorization server that says what it is told to, right or wrong; `provider.ts` has one that does what it should. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { listenOnLoopback } from './loopback.ts';

export interface IssuerOptions {
  /** In place of what the metadata would say; undefined leaves a member out. */
  metadata?: Readonly<Record<string, unknown>> | ((issuer: string) => Readonly<Record<string, unknown>>);
  /** Path of the metadata, among the usual ones. @default '/.well-known/openid-configuration' */
  at?: string;
  /** Page that all other paths answer with 200, as a server for people does. */
  page?: string;
  /** The path of the issuer. @default '' */
  path?: string;
  /** Answers the token request, given its form. */
  token?: (form: URLSearchParams, response: ServerResponse) => void;
  /** Answers the request to revoke a token, given its form. Without it there is no revocation endpoint. */
  revoke?: (form: URLSearchParams, response: ServerResponse) => void;
  /** Answers requests to further endpoints, by their paths, given their forms. */
  posts?: Readonly<Record<string, (form: URLSearchParams, response: ServerResponse) => void>>;
  /** Answers a registration. */
  register?: (body: Record<string, unknown>, response: ServerResponse) => void;
}

export interface Issuer extends AsyncDisposable {
  readonly issuer: string;
  readonly requests: {
    readonly line: string;
    readonly body: string;
    readonly headers: IncomingMessage['headers'];
  }[];
}

/** Returns the URL that an authorization server would redirect the browser to. */
export function comingBack({ searchParams }: URL, response: Readonly<Record<string, string>>): string {
  const url = new URL(searchParams.get('redirect_uri')!);
  for (const [name, value] of Object.entries({ ...response, state: searchParams.get('state')! }))
    url.searchParams.set(name, value);
  return url.href;
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(body));
}

export async function startIssuer(options: IssuerOptions = {}): Promise<Issuer> {
  const { at = '/.well-known/openid-configuration', path = '', metadata = {} } = options;
  const loopback = await listenOnLoopback();
  const { http, origin } = loopback;
  const issuer = origin + path;
  const requests: Issuer['requests'] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = request;
    const body = await text(request);
    requests.push({ line: `${method} ${url}`, body, headers });
    if (url === at) {
      json(response, 200, {
        issuer,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        registration_endpoint: options.register && `${origin}/register`,
        revocation_endpoint: options.revoke && `${origin}/revoke`,
        code_challenge_methods_supported: ['S256'],
        ...(typeof metadata === 'function' ? metadata(issuer) : metadata),
      });
    } else if (url === '/token' && options.token) options.token(new URLSearchParams(body), response);
    else if (url === '/revoke' && options.revoke) options.revoke(new URLSearchParams(body), response);
    else if (url === '/register' && options.register)
      options.register(JSON.parse(body) as Record<string, unknown>, response);
    else if (options.posts?.[url]) options.posts[url](new URLSearchParams(body), response);
    else if (options.page !== undefined && method === 'GET') {
      response.setHeader('Content-Type', 'text/html');
      response.end(options.page);
    } else json(response, 404, { error: 'not_found' });
  };
  http.on('request', (request, response) => void serve(request, response));
  return {
    issuer,
    requests,
    [Symbol.asyncDispose]: () => loopback[Symbol.asyncDispose](),
  };
}
