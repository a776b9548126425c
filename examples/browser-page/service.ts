/**
 * `ISSUER=https://as.example CLIENT_ID=my-app CLIENT_SECRET=… npx tsx examples/browser-page/service.ts`: a page that waits for its
 * sign-in over the bridge. The user signs in in another tab, so the page loses nothing. It holds no secret but those of its flow: it connects with
 * a ticket, and this service exchanges the code.
 *
 * Needs `esbuild` and `openid-client`. The provider must know the redirect URI, http://127.0.0.1:8080/callback.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { build } from 'esbuild';
import { allowInsecureRequests, authorizationCodeGrant, discovery, type Configuration } from 'openid-client';
import { createBridge } from '../../src/bridge.ts';
import { createOAuthCallbackServer, type BeginOptions } from '../../src/index.ts';

const {
  ISSUER: issuer = 'http://127.0.0.1:3000',
  CLIENT_ID: clientId = 'my-app',
  CLIENT_SECRET: clientSecret,
  PORT = '8080',
} = process.env;

/** Settings for the page. */
export interface Settings {
  readonly bridge: string;
  readonly endpoint: string;
  readonly clientId: string;
  readonly expected: Pick<BeginOptions, 'issuer' | 'issuerAdvertised'>;
  readonly user: string | undefined;
}

interface Session {
  /** Name in the log and for operators: the cookie is a secret. */
  readonly name: string;
  user?: string;
}

/** Session of each page, by its cookie. */
const sessions = new Map<string, Session>();

const http = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error((error as Error).message);
    if (!response.headersSent) response.writeHead(500).end('the service has failed');
  });
});
http.listen(Number(PORT), '127.0.0.1');
await once(http, 'listening');

const callbacks = createOAuthCallbackServer({ server: http, productName: 'Notes', settle: 30_000 });
await callbacks.listen();
const { origin, host } = new URL(callbacks.redirectUri);
// Only pages connect, each by a ticket.
const bridge = createBridge(callbacks, { authenticate: () => undefined, origins: [origin] });
await bridge.listen();

const provider = await discover();
const files: Readonly<Record<string, readonly [type: string, content: string]>> = {
  '/': ['text/html', await readFile(join(import.meta.dirname, 'index.html'), 'utf8')],
  '/page.css': ['text/css', await readFile(join(import.meta.dirname, 'page.css'), 'utf8')],
  '/page.js': ['text/javascript', await bundle()],
};
const headers = {
  'Content-Security-Policy': [
    "default-src 'none'; script-src 'self'; style-src 'self'",
    // Older browsers do not count a WebSocket as a part of 'self'.
    `connect-src 'self' ws://${host}`,
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
};
console.log('Open', `${origin}/`);

process.once('SIGINT', () => {
  void callbacks.close().then(() => {
    http.close();
    // A browser keeps connections that it has not used yet. The port would wait for them.
    http.closeAllConnections();
  });
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '' } = request;
  const session = sessions.get(cookieOf(request));
  const file = method === 'GET' ? files[url] : undefined;
  if (file) {
    const [type, content] = file;
    if (url === '/' && !session) response.setHeader('Set-Cookie', newCookie());
    response.writeHead(200, { ...headers, 'Content-Type': `${type}; charset=utf-8` }).end(content);
  } else if (!session || (method === 'POST' && request.headers.origin !== origin)) {
    response.writeHead(403, headers).end('open the page again');
  } else if (method === 'GET' && url === '/settings') {
    response.writeHead(200, headers).end(JSON.stringify(settingsFor(session)));
  } else if (method === 'POST' && url === '/ticket') {
    response.writeHead(200, headers).end(bridge.issueTicket({ origin, name: session.name }));
  } else if (method === 'POST' && url === '/exchange') {
    const user = await exchange(request);
    if (user === undefined) response.writeHead(502, headers).end('the provider has rejected the code');
    else response.writeHead(200, headers).end((session.user = user));
  } else response.writeHead(404, headers).end();
}

function settingsFor({ user }: Session): Settings {
  const {
    issuer,
    authorization_endpoint: endpoint = '',
    authorization_response_iss_parameter_supported: issuerAdvertised = false,
  } = provider.serverMetadata();
  const bridgeUrl = `ws://${host}/bridge`;
  return { bridge: bridgeUrl, endpoint, clientId, expected: { issuer, issuerAdvertised }, user };
}

/** Exchanges the code of a page's flow. Resolves with the user; undefined if the provider has rejected it. */
async function exchange(request: IncomingMessage): Promise<string | undefined> {
  // A body without a length, or with a longer one, is not read.
  if (!(Number(request.headers['content-length']) <= 8_192)) return undefined;
  const { codeVerifier = '', ...response } = (await json(request)) as Record<string, string>;
  const url = new URL(callbacks.redirectUri);
  url.search = String(new URLSearchParams(response));
  try {
    // The service and the page have compared the state, and the page has begun the flow with this verifier.
    const tokens = await authorizationCodeGrant(provider, url, {
      pkceCodeVerifier: codeVerifier,
      expectedState: response['state'] ?? '',
      idTokenExpected: true,
    });
    // The tokens stay here. A real service keeps them with the session.
    return tokens.claims()?.sub;
  } catch (error) {
    console.error((error as Error).message);
    return undefined;
  }
}

function discover(): Promise<Configuration> {
  // A provider on loopback has no TLS.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const options = issuer.startsWith('http://127.0.0.1:') ? { execute: [allowInsecureRequests] } : {};
  return discovery(new URL(issuer), clientId, clientSecret, undefined, options);
}

/** Makes the page's script one file. */
async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'page.ts')],
    ...{ bundle: true, format: 'esm', platform: 'browser', minify: true, write: false },
  });
  return outputFiles[0]!.text;
}

function cookieOf({ headers }: IncomingMessage): string {
  return /(?:^|; )session=([\w-]+)/.exec(headers.cookie ?? '')?.[1] ?? '';
}

function newCookie(): string {
  const secret = randomUUID();
  sessions.set(secret, { name: `page-${sessions.size + 1}` });
  return `session=${secret}; HttpOnly; SameSite=Strict; Path=/`;
}
