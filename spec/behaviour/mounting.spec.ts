import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import {
  createOAuthCallbackServer,
  NotListeningError,
  ServerClosedError,
  type OAuthCallbackServer,
} from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { observe } from '../helpers/endpoint.ts';
import { navigation, send, type HttpAnswer, type HttpRequest } from '../helpers/http.ts';
import { listenOnLoopback, type Loopback } from '../helpers/loopback.ts';
import { suite } from '../helpers/suite.ts';

type Mounted = OAuthCallbackServer['handler'];
type Listening = Pick<Loopback, 'port'> & AsyncDisposable;

/**
 * A program that was there before: greets at `GET /app`, echoes at `POST /app`, and knows no other path. Some have read
 * the body of a request before the handler sees it.
 */
interface App {
  name: string;
  listen: (handler: Mounted) => Promise<Listening>;
}

/** Answers with `node:http` alone what the handler leaves to it. */
async function answer(
  request: IncomingMessage & { body?: unknown },
  response: ServerResponse,
): Promise<void> {
  const here = request.url === '/app';
  const read = typeof request.body === 'string' ? request.body : await text(request);
  const body = here ? read || 'the app' : 'not of the app';
  response.writeHead(here ? 200 : 404, { 'Content-Length': body.length }).end(body);
}

/** Turns the body that Express has parsed into text again. */
function echoed(body: unknown): string {
  if (typeof body === 'string' || Buffer.isBuffer(body)) return body.toString();
  return String(new URLSearchParams(body as Record<string, string>));
}

function bare(parses: boolean, listener: (handler: Mounted) => RequestListener): App {
  return {
    name: `node:http${parses ? ', which has read the body' : ''}`,
    listen: (handler) => listenOnLoopback(createServer(listener(handler))),
  };
}

function withExpress(what: string, parser?: express.RequestHandler): App {
  return {
    name: `Express${what}`,
    listen(handler) {
      const app = express();
      if (parser) app.use(parser);
      app.use(handler);
      app.get('/app', (_request, response) => void response.send('the app'));
      app.post('/app', parser ?? express.text({ type: '*/*' }), (request: express.Request, response) => {
        response.type('text').send(echoed(request.body));
      });
      return listenOnLoopback(createServer(app));
    },
  };
}

function withFastify(parses: boolean): App {
  return {
    name: `Fastify${parses ? ', which has read the body' : ''}`,
    async listen(handler) {
      const app = fastify();
      app.addContentTypeParser(
        'application/x-www-form-urlencoded',
        { parseAs: 'string' },
        (_request, body, done) => done(null, body),
      );
      if (parses) {
        app.addHook('preHandler', ({ raw, body }, reply, done) =>
          handler(Object.assign(raw, { body }), reply.raw, done),
        );
      } else {
        app.addHook('onRequest', ({ raw }, reply, done) => handler(raw, reply.raw, done));
      }
      app.get('/app', () => 'the app');
      app.post('/app', ({ body }) => body);
      await app.listen({ port: 0, host: '127.0.0.1' });
      return {
        port: (app.server.address() as AddressInfo).port,
        [Symbol.asyncDispose]: async () => {
          app.server.closeAllConnections();
          await app.close();
        },
      };
    },
  };
}

function withHono(parses: boolean): App {
  return {
    name: `Hono${parses ? ', which has read the body' : ''}`,
    listen(handler) {
      const app = new Hono<{ Bindings: HttpBindings }>();
      app.use(async ({ env, req }, next) => {
        const { incoming, outgoing } = env;
        if (parses && req.method === 'POST') Object.assign(incoming, { body: await req.text() });
        const passing: true[] = [];
        handler(incoming, outgoing, () => passing.push(true));
        if (passing.length === 0) return RESPONSE_ALREADY_SENT;
        await next();
        return undefined;
      });
      app.get('/app', (context) => context.text('the app'));
      app.post('/app', async (context) => context.text(await context.req.text()));
      return listenOnLoopback(createAdaptorServer({ fetch: app.fetch }) as Server);
    },
  };
}

const apps: readonly App[] = [
  bare(
    false,
    (handler) => (request, response) => handler(request, response, () => void answer(request, response)),
  ),
  bare(true, (handler) => async (request, response) => {
    const read = Object.assign(request, { body: await text(request) });
    handler(read, response, () => void answer(read, response));
  }),
  withExpress(''),
  withExpress(', whose urlencoded() has read the body', express.urlencoded({ extended: true })),
  withExpress(', whose plain urlencoded() has read the body', express.urlencoded({ extended: false })),
  withExpress(', whose text() has read the body', express.text({ type: '*/*' })),
  withExpress(', whose raw() has read the body', express.raw({ type: 'application/x-www-form-urlencoded' })),
  withFastify(false),
  withFastify(true),
  withHono(false),
  withHono(true),
];

const form = { 'Content-Type': 'application/x-www-form-urlencoded' };

interface MountedEndpoint {
  server: OAuthCallbackServer;
  /** A request as it comes through the proxy that makes the app public. */
  ask: (request: HttpRequest) => Promise<HttpAnswer>;
}

/** Runs `body` with a server mounted in an app that is public under its own name. */
async function withMounted(app: App, body: (endpoint: MountedEndpoint) => Promise<void>): Promise<void> {
  const server = createOAuthCallbackServer({
    server: 'mounted',
    publicUrl: 'https://app.example',
    binding: 'none',
  });
  await using there = await app.listen(server.handler);
  try {
    await server.listen();
    const ask = (request: HttpRequest): Promise<HttpAnswer> =>
      send(there.port, {
        ...request,
        headers: { Host: 'app.example', ...(request.headers as Record<string, string>) },
      });
    await body({ server, ask });
  } finally {
    await server.close();
  }
}

const test = suite('mounting');

for (const app of apps) {
  test(`delivers a redirect by query in ${app.name}`, () =>
    withMounted(app, async ({ server, ask }) => {
      assert.is(server.redirectUri, 'https://app.example/callback');
      assert.throws(() => server.address, NotListeningError);
      const flow = await server.begin();
      assert.is(flow.redirectUri, server.redirectUri);
      const seen = observe(flow);
      const target = `/callback?code=a%2Bb&state=${flow.state}`;
      const { status, headers, body } = await ask({ target, headers: navigation });
      assert.is(status, 200);
      assert.match(body, 'Authentication successful');
      assert.is(headers['cache-control'], 'no-store');
      assert.is(headers['content-type'], 'text/html; charset=utf-8');
      assert.is(Number(headers['content-length']), Buffer.byteLength(body));
      assert.equal(
        seen.responses.map((response) => response.toDict()),
        [{ code: 'a+b', state: flow.state }],
      );
      assert.is((await ask({ target, headers: navigation })).status, 400);
      assert.is(seen.responses.length, 1);
    }));

  test(`delivers a form_post in ${app.name}`, () =>
    withMounted(app, async ({ server, ask }) => {
      const flow = await server.begin({ responseMode: 'form_post' });
      const seen = observe(flow);
      const submit = (body: string): Promise<HttpAnswer> =>
        ask({
          method: 'POST',
          target: '/callback',
          headers: { ...navigation, ...form, Origin: 'https://as.example' },
          body,
        });
      // Bodies that a parser has read are held to the same rules.
      for (const bad of [
        `code=a&code=b&state=${flow.state}`,
        `code[x]=a&state=${flow.state}`,
        `state=${flow.state}`,
        '',
        'code=a',
      ])
        assert.is((await submit(bad)).status, 400, bad);
      assert.equal(seen.responses, []);
      const { status, body } = await submit(`code=a%2Bb+c%26&state=${flow.state}&x=1`);
      assert.is(status, 200);
      assert.match(body, 'Authentication successful');
      assert.equal(
        seen.responses.map((response) => response.toDict()),
        [{ code: 'a+b c&', state: flow.state }],
      );
    }));

  test(`passes requests for other paths on to ${app.name}`, () =>
    withMounted(app, async ({ server, ask }) => {
      let redirects = 0;
      server.redirects.subscribe(() => redirects++);
      const greeting = await ask({ target: '/app' });
      assert.equal([greeting.status, greeting.body], [200, 'the app']);
      const echo = await ask({ method: 'POST', target: '/app', headers: form, body: 'x=1' });
      assert.equal([echo.status, echo.body], [200, 'x=1']);
      for (const target of ['/', '/callback/', '/callbacks', '/Callback', '/x/callback', '//callback']) {
        const { status, body } = await ask({ target, headers: navigation });
        assert.is(status, 404, target);
        assert.not.match(body, 'sign-in link');
      }
      // Ours, and refused.
      assert.is(
        (await ask({ target: '/callback', headers: { ...navigation, Host: 'evil.example' } })).status,
        421,
      );
      assert.is((await ask({ method: 'PUT', target: '/callback' })).status, 405);
      assert.is((await ask({ target: '/callback?code=x&state=y', headers: navigation })).status, 400);
      assert.is(redirects, 2);
    }));

  test(`closes without harm to ${app.name}`, () =>
    withMounted(app, async ({ server, ask }) => {
      const seen = observe(await server.begin());
      await server.close();
      assert.instance(seen.errors[0], ServerClosedError);
      assert.throws(() => server.redirectUri, NotListeningError);
      assert.is((await ask({ target: '/app' })).status, 200);
      assert.ok((await ask({ target: '/callback?code=x&state=y', headers: navigation })).status >= 400);
      await server.listen();
      const flow = await server.begin();
      assert.is(
        (await ask({ target: `/callback?code=x&state=${flow.state}`, headers: navigation })).status,
        200,
      );
    }));
}

test('is found under a path that the framework strips', async () => {
  const server = createOAuthCallbackServer({
    server: 'mounted',
    publicUrl: 'https://app.example/sign-in',
    binding: 'none',
    cleanUrl: 'redirect',
  });
  const app = express();
  app.use('/sign-in', server.handler);
  await using there = await listenOnLoopback(createServer(app));
  try {
    await server.listen();
    const flow = await server.begin();
    const seen = observe(flow);
    assert.is(flow.redirectUri, 'https://app.example/sign-in/callback');
    const ask = (target: string): Promise<HttpAnswer> =>
      send(there.port, { target, headers: { ...navigation, Host: 'app.example' } });
    assert.is((await ask(`/callback?code=x&state=${flow.state}`)).status, 404);
    const { status, headers } = await ask(`/sign-in/callback?code=x&state=${flow.state}`);
    assert.is(status, 303);
    assert.is(seen.responses.length, 1);
    const clean = new URL(headers['location'] ?? '', flow.redirectUri);
    assert.is(clean.host, 'app.example');
    assert.is((await ask(clean.pathname + clean.search)).status, 200);
  } finally {
    await server.close();
  }
});

test('proves to a probe through a framework that it is itself', async () => {
  const app = express();
  await using there = await listenOnLoopback(createServer(app));
  const server = createOAuthCallbackServer({
    server: 'mounted',
    publicUrl: `http://127.0.0.1:${there.port}`,
  });
  try {
    await server.listen();
    await assert.rejects(() => server.probe(), 'unreachable');
    app.use(server.handler);
    await server.probe();
  } finally {
    await server.close();
  }
});

test('ignores a redirect before listen()', async () => {
  const app = apps[0]!;
  const server = createOAuthCallbackServer({
    server: 'mounted',
    publicUrl: 'https://app.example',
    binding: 'none',
  });
  await using there = await app.listen(server.handler);
  try {
    await assert.rejects(() => server.begin(), NotListeningError);
    const headers = { ...navigation, Host: 'app.example' };
    assert.is((await send(there.port, { target: '/callback?code=x&state=y', headers })).status, 421);
    assert.is((await send(there.port, { target: '/app', headers })).status, 200);
  } finally {
    await server.close();
  }
});

test.run();
