/** HTTP/2 in front: a borrowed server, a mounted handler, a framework. */
import { once } from 'node:events';
import {
  connect,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import { firstValueFrom } from 'rxjs';
import { createBridge } from '../../src/bridge.ts';
import { createOAuthCallbackServer, type OAuthCallbackServer } from '../../src/index.ts';
import { createMonitor } from '../../src/monitor.ts';
import { mountOperator } from '../../src/telemetry/mount.ts';
import * as assert from '../helpers/assert.ts';
import { shake, token } from '../helpers/bridge.ts';
import { observe } from '../helpers/endpoint.ts';
import { navigation, send } from '../helpers/http.ts';
import { askOverHttp2, type Http2Answer } from '../helpers/http2.ts';
import { suite } from '../helpers/suite.ts';
import { certificate } from '../helpers/tls.ts';

/** An app with HTTP/2 that was there before, and answers every path that is not ours. */
interface App extends AsyncDisposable {
  server: OAuthCallbackServer;
  /** Origin of its socket. */
  origin: string;
}

const settings = { settle: 5_000, finishUrls: ['https://app.example/done'], logger: {} } as const;
const publicUrl = 'https://app.example';

const greet = (request: Http2ServerRequest, response: Http2ServerResponse): void =>
  void response.end(`the app at ${request.url}`);

async function listening(http: Http2Server | Http2SecureServer, scheme: string): Promise<string> {
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return `${scheme}://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

async function borrowed(http: Http2Server | Http2SecureServer, scheme: string, options = {}): Promise<App> {
  http.on('request', greet);
  const origin = await listening(http, scheme);
  const server = createOAuthCallbackServer({ ...settings, server: http, ...options });
  await server.listen();
  return {
    server,
    origin,
    async [Symbol.asyncDispose]() {
      await server.close();
      http.close();
    },
  };
}

async function mounted(http: Http2Server | Http2SecureServer, scheme: string): Promise<App> {
  const server = createOAuthCallbackServer({ ...settings, server: 'mounted', publicUrl, binding: 'none' });
  http.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) =>
    server.handler(request, response, () => greet(request, response)),
  );
  const origin = await listening(http, scheme);
  await server.listen();
  return {
    server,
    origin,
    async [Symbol.asyncDispose]() {
      await server.close();
      http.close();
    },
  };
}

async function inFastify(): Promise<App> {
  const server = createOAuthCallbackServer({ ...settings, server: 'mounted', publicUrl, binding: 'none' });
  const app = fastify({ http2: true });
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, body),
  );
  app.addHook('preHandler', ({ raw, body }, reply, done) =>
    server.handler(Object.assign(raw, { body }), reply.raw, done),
  );
  app.all('/*', ({ url }) => `the app at ${url}`);
  const origin = await app.listen({ port: 0, host: '127.0.0.1' });
  await server.listen();
  return {
    server,
    origin,
    async [Symbol.asyncDispose]() {
      await server.close();
      await app.close();
    },
  };
}

const secure = (): Http2SecureServer => createSecureServer({ ...certificate, allowHTTP1: true });

const apps: Readonly<Record<string, () => Promise<App>>> = {
  'a borrowed server': () => borrowed(createServer(), 'http'),
  'a borrowed server with a public URL': () =>
    borrowed(createServer(), 'http', { publicUrl, binding: 'none' }),
  'a borrowed server with TLS': () => borrowed(secure(), 'https'),
  'a mounted handler': () => mounted(createServer(), 'http'),
  'a mounted handler with TLS': () => mounted(secure(), 'https'),
  Fastify: inFastify,
};

/** Runs `body`; gives the warnings of the process meanwhile. */
async function warningsOf(body: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  const hear = (warning: Error): void => void warnings.push(String(warning));
  process.on('warning', hear);
  try {
    await body();
    // Node emits them in a later turn.
    await new Promise((resolve) => setImmediate(resolve));
    return warnings;
  } finally {
    process.off('warning', hear);
  }
}

const form = { 'content-type': 'application/x-www-form-urlencoded', origin: 'https://as.example' };

const test = suite('HTTP/2');

for (const [name, start] of Object.entries(apps)) {
  test(`delivers redirects by query and by form to ${name}, without a warning of Node`, async () => {
    const warnings = await warningsOf(async () => {
      await using app = await start();
      const { server, origin } = app;
      const { host, pathname } = new URL(server.redirectUri);
      const ask = (headers: Readonly<Record<string, string>>, body?: string): Promise<Http2Answer> =>
        askOverHttp2(origin, { ':authority': host, ...navigation, ...headers }, body);

      const byQuery = await server.begin();
      const seen = observe(byQuery);
      byQuery.response.subscribe(() => byQuery.settle({ status: 'success' }));
      const target = `${pathname}?code=a%2Bb&state=${byQuery.state}`;
      const page = await ask({ ':path': target });
      assert.is(page.status, 200);
      assert.match(page.body, 'Authentication successful');
      assert.match(String(page.headers['content-security-policy']), "default-src 'none'");
      assert.is(page.headers['cache-control'], 'no-store');
      assert.is(Number(page.headers['content-length']), Buffer.byteLength(page.body));
      assert.is(page.headers['connection'], undefined);
      assert.equal(
        seen.responses.map((response) => response.code),
        ['a+b'],
      );
      assert.is((await ask({ ':path': target })).status, 400);

      const denied = await server.begin();
      const denial = await ask({ ':path': `${pathname}?error=access_denied&state=${denied.state}` });
      assert.is(denial.status, 400);

      const byForm = await server.begin({ responseMode: 'form_post' });
      byForm.response.subscribe(() => byForm.settle({ status: 'redirect', url: 'https://app.example/done' }));
      const posted = { ':method': 'POST', ':path': pathname, ...form };
      assert.is((await ask(posted, `code=a&code=b&state=${byForm.state}`)).status, 400);
      const finished = await ask(posted, `code=a&state=${byForm.state}`);
      assert.equal([finished.status, finished.headers['location']], [303, 'https://app.example/done']);

      assert.is((await ask({ ':path': pathname, ':method': 'PUT' })).status, 405);
      assert.is((await ask({ ':path': pathname, 'rx-oauth-callback-probe': 'x' })).status, 204);
      const greeting = await ask({ ':path': '/app' });
      assert.equal([greeting.status, greeting.body], [200, 'the app at /app']);
    });
    assert.equal(warnings, []);
  });

  test(`rejects what a stranger sends to ${name}, and survives one that leaves`, async () => {
    await using app = await start();
    const { server, origin } = app;
    const { host, pathname } = new URL(server.redirectUri);
    const flow = await server.begin();
    const seen = observe(flow);
    const target = `${pathname}?code=a&state=${flow.state}`;
    for (const [headers, status] of [
      [{ ':authority': 'evil.example' }, 421],
      [{ ':authority': host, host: 'evil.example' }, 400],
      [{ ':authority': host, origin: 'https://evil.example' }, 403],
      [{ ':authority': host, 'sec-fetch-dest': 'image' }, 403],
    ] as const) {
      const answer = await askOverHttp2(origin, { ...navigation, ...headers, ':path': target });
      assert.is(answer.status, status, JSON.stringify(headers));
    }
    // The page waits for the outcome, and its browser has left.
    const session = connect(origin, { ca: certificate.cert });
    try {
      const asking = session.request({ ':authority': host, ':path': target, ...navigation });
      asking.on('error', () => undefined);
      await firstValueFrom(flow.response);
    } finally {
      session.destroy();
    }
    assert.is(seen.responses.length, 1);
    flow.settle({ status: 'success' });
    const other = await server.begin();
    other.response.subscribe(() => other.settle({ status: 'success' }));
    const next = { ':authority': host, ':path': `${pathname}?code=a&state=${other.state}`, ...navigation };
    assert.is((await askOverHttp2(origin, next)).status, 200);
  });
}

test('serves the monitor page, health and metrics at the :authority of the server', async () => {
  await using app = await borrowed(createServer(), 'http', { publicUrl, binding: 'none' });
  const bridge = createBridge(app.server, { token });
  using monitor = createMonitor(app.server, bridge);
  await bridge.listen();
  mountOperator(app.server, bridge, { metrics: () => Promise.reject(new Error()), unready: () => undefined });
  try {
    assert.match(monitor.url(), `${publicUrl}/monitor#`);
    const authorization = `Bearer ${token}`;
    for (const [path, status] of [
      ['/monitor', 200],
      ['/healthz', 200],
      ['/readyz', 200],
      ['/metrics', 500],
    ] as const)
      for (const [authority, answered] of [
        ['app.example', true],
        ['APP.example:443', true],
        ['evil.example', false],
      ] as const) {
        const headers = { ':authority': authority, ':path': path, authorization };
        const answer = await askOverHttp2(app.origin, headers);
        assert.is(answer.body === `the app at ${path}`, !answered, `${path} at ${authority}`);
        assert.is(answer.status, answered ? status : 200, `${path} at ${authority}`);
      }
  } finally {
    await bridge.close();
  }
});

test('shares a server with HTTP/1, whose bridge takes WebSockets', async () => {
  await using app = await borrowed(secure(), 'https');
  const bridge = createBridge(app.server, { token });
  await bridge.listen();
  try {
    const { host } = new URL(app.server.redirectUri);
    const [one, two] = [await app.server.begin(), await app.server.begin()];
    for (const flow of [one, two]) flow.response.subscribe(() => flow.settle({ status: 'success' }));
    const first = await send(app.origin, {
      target: `/callback?code=a&state=${one.state}`,
      headers: navigation,
    });
    assert.is(first.status, 200);
    const path = `/callback?code=a&state=${two.state}`;
    assert.is(
      (await askOverHttp2(app.origin, { ':authority': host, ':path': path, ...navigation })).status,
      200,
    );
    const upgraded = await shake(app.origin);
    assert.is(upgraded.status, 101);
  } finally {
    await bridge.close();
  }
});

test.run();
