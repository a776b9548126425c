/** Middleware that replaces methods of the response, as loggers and compressors do: every header must arrive. */
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import express from 'express';
import { createBridge } from '../../src/bridge.ts';
import { writeAnswer } from '../../src/http/write-answer.ts';
import { createOAuthCallbackServer } from '../../src/index.ts';
import { createMonitor } from '../../src/monitor.ts';
import { mountOperator } from '../../src/telemetry/mount.ts';
import * as assert from '../helpers/assert.ts';
import { token } from '../helpers/bridge.ts';
import { complains } from '../helpers/complains.ts';
import { navigation, send, type HttpAnswer, type HttpRequest } from '../helpers/http.ts';
import { listenOnLoopback } from '../helpers/loopback.ts';
import { newState } from '../helpers/server.ts';
import { suite } from '../helpers/suite.ts';
import { replacing, weakenedModule } from '../helpers/weakened.ts';

type WriteHead = (status: number, ...rest: unknown[]) => ServerResponse;

/** Replaces `writeHead` of a response, as the package on-headers does for morgan. */
const aroundHead =
  (around: (response: ServerResponse, original: WriteHead) => WriteHead): express.RequestHandler =>
  (_request, response, next) => {
    response.writeHead = around(response, response.writeHead.bind(response) as WriteHead) as never;
    next();
  };

const last = (rest: readonly unknown[]): unknown => rest.at(-1) ?? {};

/** What middleware does to the response, by name. */
const middleware: Readonly<Record<string, express.RequestHandler>> = {
  // on-headers 1.0, the one of morgan 1.10.0.
  'takes the headers for pairs': aroundHead((response, original) => (status, ...rest) => {
    const headers = last(rest);
    if (Array.isArray(headers)) {
      for (const [name, value] of headers as [string, string][]) if (value) response.setHeader(name, value);
    } else {
      for (const [name, value] of Object.entries(headers as object))
        response.setHeader(name, value as string);
    }
    return original(status);
  }),
  'takes the headers for an object': aroundHead((response, original) => (status, ...rest) => {
    for (const [name, value] of Object.entries(last(rest) as object))
      if (/^[a-z-]+$/i.test(name)) response.setHeader(name, value as string);
    return original(status);
  }),
  'drops the headers': aroundHead((_response, original) => (status) => original(status)),
  'drops them, and sets one of its own': aroundHead((response, original) => (status) => {
    response.setHeader('X-Response-Time', '1');
    return original(status);
  }),
  'passes them on as an object only': aroundHead((_response, original) => (status, ...rest) => {
    const headers = last(rest);
    return Array.isArray(headers) ? original(status) : original(status, headers);
  }),
  'reads the length when the answer ends': (_request, response, next) => {
    const end = response.end.bind(response) as (...all: unknown[]) => ServerResponse;
    response.end = ((...all: unknown[]) => {
      response.setHeader('X-Length', String(response.getHeader('content-length') ?? ''));
      return end(...all);
    }) as never;
    next();
  },
  'compresses the body': (_request, response, next) => {
    const end = response.end.bind(response) as (body: Buffer) => ServerResponse;
    response.end = ((body?: Buffer) => {
      if (!body?.length) return end(Buffer.alloc(0));
      const gzipped = gzipSync(body);
      response.setHeader('X-Plain', body.toString('base64').slice(0, 8));
      response.setHeader('Content-Length', gzipped.length);
      return end(gzipped);
    }) as never;
    next();
  },
};

/** Parts of the product under test; a twin has others. */
interface Parts {
  create: typeof createOAuthCallbackServer;
  monitor: typeof createMonitor;
  operator: typeof mountOperator;
}

const product: Parts = {
  create: createOAuthCallbackServer,
  monitor: createMonitor,
  operator: mountOperator,
};

/** Requests with every kind of answer that has headers of its own, and those answers. */
async function answers(
  handle: express.RequestHandler | undefined,
  { create, monitor, operator }: Parts,
): Promise<Readonly<Record<string, HttpAnswer>>> {
  const publicUrl = 'https://app.example';
  const trustedProxies = ['127.0.0.1'];
  const options = { server: 'mounted', publicUrl, binding: 'none', trustedProxies, logger: {} } as const;
  const servers = {
    plain: create({ ...options, callbackPath: '/plain', limits: { unmatched: 1, unmatchedPerSecond: 1 } }),
    clean: create({ ...options, callbackPath: '/clean', cleanUrl: 'redirect' }),
    settling: create({
      ...options,
      callbackPath: '/settling',
      settle: 5_000,
      finishUrls: ['https://app.example/done'],
    }),
  };
  const bridge = createBridge(servers.plain, { token });
  const page = monitor(servers.plain, bridge);
  const app = express();
  if (handle) app.use(handle);
  for (const server of Object.values(servers)) app.use(server.handler);
  await using loopback = await listenOnLoopback(createServer(app as RequestListener));
  try {
    await bridge.listen();
    for (const server of Object.values(servers)) await server.listen();
    const metrics = (): Promise<never> => Promise.reject(new Error('none'));
    operator(servers.plain, bridge, { metrics, unready: () => 'draining' });
    const ask = (target: string, request: HttpRequest = {}): Promise<HttpAnswer> =>
      send(loopback.port, {
        ...request,
        target,
        headers: {
          ...navigation,
          Host: 'app.example',
          'X-Forwarded-For': '192.0.2.1',
          ...(request.headers as Record<string, string>),
        },
      });
    const authorized = { headers: { Authorization: `Bearer ${token}` } };
    const [one, two, three] = await Promise.all(Object.values(servers).map((server) => server.begin()));
    three!.response.subscribe(() => three!.settle({ status: 'redirect', url: 'https://app.example/done' }));
    return {
      success: await ask(`/plain?code=a&state=${one!.state}`),
      duplicate: await ask(`/plain?code=a&state=${one!.state}`),
      tooMany: await ask(`/plain?code=a&state=${newState()}`),
      method: await ask('/plain', { method: 'PUT' }),
      probe: await ask('/plain', { headers: { 'rx-oauth-callback-probe': 'nonce' } }),
      clean: await ask(`/clean?code=a&state=${two!.state}`),
      finish: await ask(`/settling?code=a&state=${three!.state}`),
      monitor: await ask('/monitor'),
      ticket: await ask('/monitor/ticket', {
        method: 'POST',
        headers: {
          ...authorized.headers,
          'Sec-Fetch-Site': 'same-origin',
          Origin: publicUrl,
          'Next-Pass': newState(),
        },
      }),
      noTicket: await ask('/monitor/ticket'),
      health: await ask('/healthz', authorized),
      ready: await ask('/readyz', authorized),
      metrics: await ask('/metrics', authorized),
    };
  } finally {
    page.close();
    await bridge.close();
    for (const server of Object.values(servers)) await server.close();
  }
}

const statuses = {
  success: 200,
  duplicate: 400,
  tooMany: 429,
  method: 405,
  probe: 204,
  clean: 303,
  finish: 303,
  monitor: 200,
  ticket: 200,
  noTicket: 405,
  health: 200,
  ready: 503,
  metrics: 500,
};

// Headers that differ from answer to answer, or that middleware sets.
const varying = ['date', 'content-length', 'x-response-time', 'x-length', 'x-plain'];

/** Values that are random; that they are there is compared. */
function headersOf({ headers }: HttpAnswer): Record<string, string> {
  const shown = Object.entries(headers).filter(([name]) => !varying.includes(name));
  return Object.fromEntries(
    shown.map(([name, value]) => [name, value.replace(/~.*$/, '~').replace(/^[\w-]{43}$/, 'proof')]),
  );
}

async function keepsHeaders(name: string, parts = product): Promise<void> {
  const plain = await answers(undefined, parts);
  const through = await answers(middleware[name], parts);
  for (const [what, answer] of Object.entries(through)) {
    const expected = plain[what]!;
    assert.is(
      answer.status,
      statuses[what as keyof typeof statuses],
      `${what}: is answered ${answer.status}`,
    );
    assert.equal(headersOf(answer), headersOf(expected), `${what}: has other headers`);
    const length = answer.headers['content-length'] ?? '0';
    if (answer.headers['x-plain'] === undefined) {
      assert.is(Number(length), Buffer.byteLength(answer.body), `${what}: has another length`);
      assert.is(answer.body.length > 0, expected.body.length > 0, `${what}: has another body`);
    }
  }
  assert.match(through['success']!.headers['content-security-policy'] ?? '', "default-src 'none'");
  assert.match(through['clean']!.headers['location'] ?? '', /^\?~received/);
  assert.is(through['finish']!.headers['location'], 'https://app.example/done');
  assert.is(through['method']!.headers['allow'], 'GET, POST');
  assert.is(through['tooMany']!.headers['retry-after'], '1');
  for (const what of ['health', 'ready', 'metrics', 'ticket', 'monitor'])
    assert.is(through[what]!.headers['x-content-type-options'], 'nosniff', what);
}

const test = suite('middleware');

for (const name of Object.keys(middleware))
  test(`leaves every header to an answer through middleware that ${name}`, () => keepsHeaders(name));

/** Writes all headers at once, as the product once did. */
const atOnce = replacing({ writeAnswer }, () => (response, { status, headers, body }) => {
  const { writeHead } = response as unknown as {
    writeHead: (...head: unknown[]) => { end(body: Buffer): void };
  };
  writeHead.call(response, status, headers).end(body);
});

const twins: Readonly<Record<string, () => Promise<Partial<Parts>>>> = {
  success: async () => {
    const { createOAuthCallbackServer: create } = (await weakenedModule(
      'index.ts',
      atOnce,
    )) as typeof import('../../src/index.ts');
    return { create };
  },
  monitor: async () => {
    const { createMonitor: monitor } = (await weakenedModule(
      'monitor/server.ts',
      atOnce,
    )) as typeof import('../../src/monitor/server.ts');
    return { monitor };
  },
  health: async () => {
    const { mountOperator: operator } = (await weakenedModule(
      'telemetry/mount.ts',
      atOnce,
    )) as typeof import('../../src/telemetry/mount.ts');
    return { operator };
  },
};

for (const [what, twin] of Object.entries(twins))
  for (const name of ['takes the headers for pairs', 'drops the headers'])
    test(`is rejected if it writes all headers of ${what} at once, through middleware that ${name}`, async () => {
      const parts = { ...product, ...(await twin()) };
      await complains(() => keepsHeaders(name, parts), new RegExp(`${what}: has other headers`));
    });

test.run();
