/** Tenants of one server, seen over HTTP: whose a redirect is, and what one tenant cannot do to another. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  createOAuthCallbackServer,
  InvalidOptionError,
  NotListeningError,
  ServerClosedError,
  type CallbackResponse,
  type Flow,
  type OAuthCallbackServer,
  type ServerEvent,
} from '../../../src/index.ts';
import { createFetchHandler } from '../../../src/fetch.ts';
import { createBridge, memoryStore } from '../../../src/bridge.ts';
import { createMonitor } from '../../../src/monitor.ts';
import { createTenants, type TenantOptions, type Tenants } from '../../../src/tenants.ts';
import * as assert from '../../helpers/assert.ts';
import { deadline } from '../../helpers/assert.ts';
import { complains } from '../../helpers/complains.ts';
import { observe, withServer, type Endpoint } from '../../helpers/endpoint.ts';
import { send, visit, type HttpRequest } from '../../helpers/http.ts';
import { RawSocket } from '../../helpers/raw.ts';
import { newState, redirectTo } from '../../helpers/server.ts';
import { Browser } from '../../helpers/starting.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule, type Edit } from '../../helpers/weakened.ts';

const test = suite('behaviour/tenants/tenants');

type Create = typeof createTenants;

const acme: TenantOptions = { callbackPath: '/acme/callback', productName: 'Acme Notes' };
const globex: TenantOptions = { callbackPath: '/globex/callback', productName: 'Globex', language: 'de' };

const both = { acme, globex };

function withTenants<T>(
  body: (endpoint: Endpoint & { tenants: Tenants }) => Promise<T>,
  tenants: Readonly<Record<string, TenantOptions>> = both,
  create: Create = createTenants,
): Promise<T> {
  return withServer({}, async (endpoint) => {
    const made = create(endpoint.server, { tenants });
    await made.listen();
    return body({ ...endpoint, tenants: made });
  });
}

const pathOf = (url: string): string => new URL(url).pathname + new URL(url).search;

const answerOf = (flow: Flow, to = flow.redirectUri): string =>
  pathOf(redirectTo(to, { code: 'c', state: flow.state }));

async function responseOf(flow: Flow): Promise<CallbackResponse> {
  return deadline(
    new Promise((resolve, reject) => flow.response.subscribe({ next: resolve, error: reject })),
    'a response',
  );
}

test('gives each tenant redirect URIs, pages and flows of its own on one port', async () => {
  await withTenants(async ({ server, tenants, port, visit }) => {
    assert.equal(tenants.names, ['acme', 'globex']);
    assert.is(tenants.tenant('acme').redirectUri, `http://127.0.0.1:${port}/acme/callback`);
    const flows = await Promise.all([
      tenants.tenant('acme').begin(),
      tenants.tenant('globex').begin(),
      server.begin(),
    ]);
    assert.equal([tenants.pending, server.pending], [2, 1]);
    const pages = await Promise.all(flows.map((flow) => visit(answerOf(flow))));
    assert.equal(
      pages.map(({ status }) => status),
      [200, 200, 200],
    );
    assert.equal(
      pages.map(({ body }) => [/Acme Notes/.test(body), /Globex/.test(body), /lang="de"/.test(body)]),
      [
        [true, false, false],
        [false, true, true],
        [false, false, false],
      ],
    );
    for (const flow of flows) assert.is((await responseOf(flow)).code, 'c');
  });
});

test('takes the same state of two tenants and of the server for three flows', async () => {
  await withTenants(async ({ server, tenants, visit }) => {
    const state = newState();
    const hosts = [tenants.tenant('acme'), tenants.tenant('globex'), server];
    const flows = await Promise.all(hosts.map((host) => host.begin({ state })));
    const ids = new Set(flows.map(({ id }) => id));
    assert.is(ids.size, 3);
    for (const [index, flow] of flows.entries()) {
      const others = flows.slice(index + 1).map(observe);
      await visit(answerOf(flow));
      assert.is((await responseOf(flow)).state, state);
      assert.equal(
        others.flatMap(({ responses, errors }) => [...responses, ...errors]),
        [],
      );
    }
  });
});

/** Shows that a response is for a flow of acme only at acme's path, whatever else the request says. */
async function checkPaths(create: Create = createTenants): Promise<void> {
  await withTenants(
    async ({ server, tenants, send, redirects }) => {
      const flow = await tenants.tenant('acme').begin();
      const inContext = await tenants.tenant('acme').begin({ context: 'as1' });
      const other = await tenants.tenant('globex').begin({ context: 'as1' });
      const seen = [observe(flow), observe(inContext), observe(other)];
      const query = (state: string): string => `?code=c&state=${state}`;
      const { state } = flow;
      const wrong: readonly HttpRequest[] = [
        { target: `/globex/callback${query(state)}` },
        { target: `/globex/callback/as1${query(state)}` },
        { target: `/callback${query(state)}` },
        { target: `/globex/callback${query(state)}&tenant=acme` },
        { target: `/globex/callback${query(state)}`, headers: { 'X-Tenant': 'acme' } },
        { target: `/globex/callback${query(state)}`, headers: { 'X-Forwarded-Prefix': '/acme' } },
        { target: `/globex/callback${query(state)}`, headers: { Host: 'acme.example' } },
        { target: `http://acme/globex/callback${query(state)}` },
        { target: `/globex/callback${query(inContext.state)}` },
        { target: `/globex/callback/as1${query(inContext.state)}` },
        { target: `/acme/callback/as1${query(other.state)}` },
        { target: `/acme/callback/as1${query(state)}` },
        { target: `/acme%2Fcallback${query(state)}` },
        { target: `/ACME/callback${query(state)}` },
        { target: `//acme/callback${query(state)}` },
        { target: `/acme/callback/${query(state)}` },
        { target: `/globex/../acme/callback${query(state)}` },
        {
          target: '/globex/callback',
          method: 'POST',
          headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
          body: `code=c&state=${state}`,
        },
      ];
      for (const request of wrong) {
        const { status } = await send(request);
        assert.ok(status >= 400, `${JSON.stringify(request)} got ${status}`);
      }
      assert.ok(
        seen.every(({ responses, errors }) => responses.length + errors.length === 0),
        'a response reached a flow of another tenant or path',
      );
      assert.equal([tenants.tenant('acme').pending, tenants.tenant('globex').pending], [2, 1]);
      assert.equal(server.pending, 0);
      assert.ok(redirects.every(({ flowId }) => flowId === undefined));
      for (const each of [flow, inContext, other]) {
        assert.is((await send({ target: answerOf(each) })).status, 200);
        assert.is((await responseOf(each)).state, each.state);
      }
    },
    both,
    create,
  );
}

test('C-09 L-03 rejects a response at the path of another tenant, and keeps its flow pending', () =>
  checkPaths());

const anyPath = edit("if (arrival.path !== expected.path) return 'wrong_redirect_uri';", '');

/** Twins without one of the checks, and without those that would make up for it. */
const twins: readonly (readonly [string, readonly Edit[]])[] = [
  [
    'takes the tenant from a parameter',
    [
      edit(
        'const path = readTarget(target)?.path;',
        "const path = target.replace(/.*[?&]tenant=(\\w+).*/, '/$1/callback').split('?')[0]!;",
        'server/tenant-table.ts',
      ),
      edit('if (path === this.#options.callbackPath) return true;', 'return true;'),
      anyPath,
    ],
  ],
  [
    'shares the flows of all tenants',
    [
      edit(
        'this.#flows = new FlowIndex(this.#flowsOptions);',
        'this.#flows = (((within ?? this.#outer).ended as any).flows ??= new FlowIndex(this.#flowsOptions));',
      ),
      anyPath,
    ],
  ],
  ['compares no path of a flow', [anyPath]],
];

for (const [name, changes] of twins)
  test(`C-09 L-03 finds a twin that ${name}`, async () => {
    const { createTenants: create } = (await weakenedModule('tenants/tenants.ts', ...changes)) as {
      createTenants: Create;
    };
    await complains(() => checkPaths(create), / got 200/);
  });

const options = { publicUrl: 'https://sign-in.example/prefix' };

/** Each kind of server, with a function that sends it a request as a proxy would, without the prefix. */
const forms: readonly (readonly [
  string,
  (body: (server: OAuthCallbackServer, ask: Ask) => Promise<void>) => Promise<void>,
])[] = [
  [
    'of its own behind a path prefix',
    async (body) => {
      const server = createOAuthCallbackServer(options);
      await server.listen();
      const { port } = server.address;
      await body(server, async (path) => (await visit(port, path, { Host: 'sign-in.example' })).status);
      await server.close();
    },
  ],
  [
    'that is borrowed',
    async (body) => {
      const http = createServer((_request, response) => response.writeHead(418).end());
      await once(http.listen(0, '127.0.0.1'), 'listening');
      const { port } = http.address() as AddressInfo;
      const server = createOAuthCallbackServer({ ...options, server: http });
      await body(server, async (path) => (await visit(port, path, { Host: 'sign-in.example' })).status);
      assert.is((await send(port, { target: '/elsewhere' })).status, 418);
      await server.close();
      http.close();
    },
  ],
  [
    'that is mounted',
    async (body) => {
      const server = createOAuthCallbackServer({ ...options, server: 'mounted' });
      const http = createServer((request, response) =>
        server.handler(request, response, () => response.writeHead(418).end()),
      );
      await once(http.listen(0, '127.0.0.1'), 'listening');
      const { port } = http.address() as AddressInfo;
      await body(server, async (path) => (await visit(port, path, { Host: 'sign-in.example' })).status);
      assert.is((await send(port, { target: '/elsewhere' })).status, 418);
      await server.close();
      http.close();
    },
  ],
  [
    'with a fetch handler',
    async (body) => {
      const server = createOAuthCallbackServer({ ...options, server: 'mounted' });
      const handle = createFetchHandler(server);
      const next = (): Response => new Response('', { status: 418 });
      await body(
        server,
        async (path) => (await handle(new Request(`https://sign-in.example${path}`), { next })).status,
      );
      assert.is((await handle(new Request('https://sign-in.example/elsewhere'), { next })).status, 418);
      await server.close();
    },
  ],
];

const isTaken = ({ message }: Error): boolean => message === 'path is taken';

type Ask = (path: string) => Promise<number>;

for (const [name, withForm] of forms)
  test(`serves tenants on a server ${name}`, async () => {
    await withForm(async (server, ask) => {
      const tenants = createTenants(server, { tenants: both });
      assert.throws(() => tenants.tenant('acme').redirectUri, NotListeningError);
      // The server first, as a program may that adds tenants elsewhere.
      await server.listen();
      const [one, other] = [tenants.tenant('acme'), tenants.tenant('globex')];
      assert.is(one.redirectUri, 'https://sign-in.example/prefix/acme/callback');
      const flow = await one.begin({ context: 'as1', binding: 'none' });
      const seen = observe(flow);
      const at = (path: string): string => `${path}?code=c&state=${flow.state}`;
      for (const path of ['/globex/callback', '/globex/callback/as1', '/callback', '/acme/callback'])
        assert.ok((await ask(at(path))) >= 400, path);
      assert.equal([seen.responses.length, one.pending, other.pending], [0, 1, 0]);
      assert.is(await ask(at('/acme/callback/as1')), 200);
      assert.is((await responseOf(flow)).code, 'c');
    });
  });

test('keeps the flows of tenants that stay the same, ends the others, and adds new ones', async () => {
  await withTenants(async ({ tenants, port, visit, events }) => {
    const kept = await tenants.tenant('acme').begin();
    const changed = observe(await tenants.tenant('globex').begin());
    const before = tenants.tenant('globex');
    const ended = before.redirects.subscribe();
    const initech = { callbackPath: '/initech/callback' };
    await tenants.replace({ acme: { ...acme }, globex: { ...globex, language: 'fr' }, initech });
    assert.equal(tenants.names, ['acme', 'globex', 'initech']);
    assert.instance(changed.errors[0], ServerClosedError);
    assert.ok(ended.closed, 'the stream of a tenant that was replaced');
    await assert.rejects(() => before.begin(), ServerClosedError);
    const flow = await tenants.tenant('globex').begin();
    assert.match((await visit(answerOf(flow))).body, /lang="fr"/);
    const added = await tenants.tenant('initech').begin();
    assert.is(added.redirectUri, `http://127.0.0.1:${port}/initech/callback`);
    await tenants.replace({ acme });
    assert.is((await visit('/globex/callback?code=c&state=s')).status, 404);
    assert.is((await visit(answerOf(added))).status, 404);
    assert.throws(() => tenants.tenant('globex'), InvalidOptionError);
    assert.is((await visit(answerOf(kept))).status, 200);
    assert.is((await responseOf(kept)).code, 'c');
    const ofAcme = events.filter(({ tenant }) => tenant === 'acme').map(({ type }) => type);
    assert.equal(ofAcme, ['listening', 'begun', 'redirect', 'answered']);
  });
});

test('changes nothing if a new set of tenants is invalid', async () => {
  await withTenants(async ({ server, tenants, visit }) => {
    const flow = await tenants.tenant('acme').begin();
    const bridge = createBridge(server, { token: 'a-token-of-the-specs' });
    const monitor = createMonitor(server, bridge);
    const invalid: readonly (readonly [Record<string, unknown>, string])[] = [
      [
        { acme, other: acme },
        'tenants.other.callbackPath must be a path of its own; got "/acme/callback", but the tenant acme has "/acme/callback"',
      ],
      [
        { other: { callbackPath: '/acme/callback?tenant=other' }, acme },
        'tenants.acme.callbackPath must be a path of its own',
      ],
      [
        { acme, other: { callbackPath: '/acme/callback/other' } },
        'tenants.other.callbackPath must be a path of its own; got "/acme/callback/other", but the tenant acme has',
      ],
      [
        { acme, other: { callbackPath: '/acme' } },
        'tenants.other.callbackPath must be a path of its own; got "/acme", but the tenant acme has',
      ],
      [
        { other: { callbackPath: '/' } },
        'tenants.other.callbackPath must be a path of its own; got "/", but the server itself has "/callback"',
      ],
      [{ other: { callbackPath: '/callback' } }, 'but the server itself has "/callback"'],
      [{ other: { callbackPath: '/callback/other' } }, 'but the server itself has "/callback"'],
      [{ other: { callbackPath: '/bridge' } }, 'but another part of the server has "/bridge"'],
      [{ other: { callbackPath: '/monitor' } }, 'but another part of the server has "/monitor"'],
      [
        { other: { callbackPath: '/monitor/ticket' } },
        'but another part of the server has "/monitor/ticket"',
      ],
      ...['/start', '/start/', '/start/other', '/start/other/callback'].map(
        (callbackPath) =>
          [{ other: { callbackPath } }, 'must not lie at or below "/start", where start URLs are'] as const,
      ),
      [{ other: {} }, 'tenants.other.callbackPath is required'],
      ...['a b', '.', '..'].map(
        (name) => [{ [name]: acme }, 'tenants must have names of 1 to 64 letters'] as const,
      ),
      [{ other: { callbackPath: '/x', port: 1 } }, 'tenants.other.port is not an option of the tenant other'],
      [{ other: { callbackPath: 'x' } }, 'tenants.other.callbackPath must be a URL path'],
      [
        { other: { callbackPath: '/x', quota: { flows: 0 } } },
        'tenants.other.quota.flows must be a whole number',
      ],
      [{ other: { callbackPath: '/x', issuers: ['x'] } }, 'tenants.other.issuers must be a URL'],
    ];
    for (const [given, message] of invalid) {
      const error = await assert.rejects(
        () => tenants.replace(given as Record<string, TenantOptions>),
        InvalidOptionError,
      );
      assert.ok(error.message.includes(message), error.message);
      assert.equal(tenants.names, ['acme', 'globex']);
    }
    assert.throws(
      () => createBridge(server, { token: 'a-token-of-the-specs', path: '/acme/callback' }),
      isTaken,
    );
    assert.throws(() => createMonitor(server, bridge, { path: '/globex/callback/monitor' }), isTaken);
    assert.throws(
      () => createTenants(server, { tenants: {} }),
      ({ message }: Error) => message.includes('must have no tenants yet'),
    );
    monitor.close();
    assert.is((await visit(answerOf(flow))).status, 200);
  });
});

test('has issuers and finish URLs of its own, and nothing of another tenant or the server', async () => {
  const server = createOAuthCallbackServer({
    issuers: ['https://as.example'],
    finishUrls: ['https://app.example/done'],
    productName: 'The Service',
    title: 'The Service',
    serverUrl: 'https://service.example',
    settle: 1_000,
  });
  const tenants = createTenants(server, {
    tenants: {
      acme: { ...acme, issuers: ['https://as.acme.example'], finishUrls: ['https://acme.example/done'] },
      globex: { callbackPath: '/globex/callback' },
    },
  });
  await tenants.listen();
  try {
    await assert.rejects(
      () => tenants.tenant('acme').begin({ issuer: 'https://as.example' }),
      InvalidOptionError,
    );
    const flow = await tenants.tenant('acme').begin();
    const plain = await tenants.tenant('globex').begin({ issuer: 'https://any.example' });
    const { port } = server.address;
    const wrong = redirectTo(flow.redirectUri, { code: 'c', state: flow.state, iss: 'https://as.example' });
    assert.is((await visit(port, pathOf(wrong))).status, 400);
    for (const each of [flow, plain])
      assert.throws(
        () => each.settle({ status: 'redirect', url: 'https://app.example/done' }),
        InvalidOptionError,
      );
    assert.throws(
      () => plain.settle({ status: 'redirect', url: 'https://acme.example/done' }),
      InvalidOptionError,
    );
    plain.settle({ status: 'success' });
    const { body } = await visit(port, answerOf(plain));
    assert.not.match(body, /The Service|service\.example|Acme/);
    const answer = visit(port, answerOf(flow));
    await responseOf(flow);
    flow.settle({ status: 'redirect', url: 'https://acme.example/done' });
    assert.match((await answer).raw, /https:\/\/acme\.example\/done/);
  } finally {
    await server.close();
  }
});

test('names the tenant in its events, which are events of the server, and ends with the server', async () => {
  const server = createOAuthCallbackServer();
  const tenants = createTenants(server, { tenants: both });
  const ofServer: ServerEvent[] = [];
  const ofTenants: ServerEvent[] = [];
  const ofAcme: ServerEvent[] = [];
  server.events.subscribe((event) => ofServer.push(event));
  tenants.events.subscribe((event) => ofTenants.push(event));
  tenants.tenant('acme').events.subscribe((event) => ofAcme.push(event));
  await server.listen();
  const flow = await tenants.tenant('acme').begin();
  const seen = observe(flow);
  await tenants.tenant('acme').probe();
  await visit(server.address.port, `/acme/callback?code=c&state=${newState()}`);
  await server.close();
  assert.instance(seen.errors[0], ServerClosedError);
  assert.equal(
    ofAcme.map(({ type, tenant }) => [type, tenant]),
    ['listening', 'begun', 'redirect', 'cancelled', 'closed'].map((type) => [type, 'acme']),
  );
  assert.equal(
    ofTenants.filter(({ tenant }) => tenant === 'acme'),
    ofAcme,
  );
  assert.equal(
    ofServer.filter(({ tenant }) => tenant !== undefined),
    ofTenants,
  );
  assert.equal(
    ofServer.filter(({ tenant }) => tenant === undefined).map(({ type }) => type),
    ['listening', 'closed'],
  );
  await assert.rejects(() => tenants.tenant('acme').begin(), NotListeningError);
  // Begins anew with its server.
  await server.listen();
  const again = await tenants.tenant('acme').begin();
  assert.is((await visit(server.address.port, answerOf(again))).status, 200);
  await tenants.close();
  assert.is((await visit(server.address.port, '/acme/callback?code=c&state=s')).status, 404);
  await server.close();
});

test('a tenant that is closed frees its path, and the others stay', async () => {
  await withTenants(async ({ tenants, visit }) => {
    const flow = observe(await tenants.tenant('acme').begin());
    const other = await tenants.tenant('globex').begin();
    await tenants.tenant('acme').close();
    assert.instance(flow.errors[0], ServerClosedError);
    assert.is((await visit('/acme/callback?code=c&state=s')).status, 404);
    assert.is((await visit(answerOf(other))).status, 200);
    await tenants.replace({ moved: { callbackPath: '/acme/callback' }, globex });
    assert.is((await visit(answerOf(await tenants.tenant('moved').begin()))).status, 200);
  });
});

test('an ambiguous request to one tenant ends its connection for all of them', async () => {
  const http = createServer();
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const server = createOAuthCallbackServer({ server: http });
  const tenants = createTenants(server, { tenants: both });
  await tenants.listen();
  const flow = await tenants.tenant('globex').begin();
  const seen = observe(flow);
  const { port } = server.address;
  const host = `Host: 127.0.0.1:${port}\r\n`;
  using socket = await RawSocket.open(server.address);
  try {
    await socket.write(
      `GET /acme/callback HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n` +
        `GET ${answerOf(flow)} HTTP/1.1\r\n${host}\r\n`,
    );
    await deadline(socket.closed, 'the end of the connection');
    assert.equal([seen.responses.length, tenants.tenant('globex').pending], [0, 1]);
  } finally {
    await server.close();
    http.close();
  }
});

test('has start URLs of its own for flows that are bound to the browser', async () => {
  await withTenants(async ({ tenants, send }) => {
    const flow = await tenants.tenant('acme').begin({ binding: 'cookie' });
    const start = pathOf(flow.startUrl('https://as.example/authorize').href);
    assert.match(start, /^\/start\/acme\//);
    assert.is((await send({ target: start.replace('acme', 'globex') })).status >= 400, true);
    const { status, headers } = await send({ target: start });
    assert.ok(status < 400, String(status));
    assert.ok('set-cookie' in headers, 'a cookie');
  });
});

/** One browser starts two flows of one state, at two tenants, and finishes both. */
async function keepsBothCookies(create?: Create): Promise<void> {
  await withTenants(
    async ({ tenants, port }) => {
      const browser = new Browser(port);
      const state = newState();
      const flows = await Promise.all(
        ['acme', 'globex'].map((name) => tenants.tenant(name).begin({ state, binding: 'cookie' })),
      );
      for (const flow of flows)
        assert.is((await browser.open(flow.startUrl('https://as.example/authorize'))).status, 303);
      for (const flow of flows) assert.is((await browser.arrive(flow)).status, 200, 'its own browser');
    },
    both,
    create,
  );
}

test('L-02 has a cookie for each of two flows of one state', () => keepsBothCookies());

test('L-02 finds tenants that share the cookies of a state', async () => {
  const change = edit('sha256(`cookie ${this.#startPath} ${state}`', 'sha256(`cookie ${state}`');
  const { createTenants: twin } = (await weakenedModule('tenants.ts', change)) as { createTenants: Create };
  await complains(() => keepsBothCookies(twin), /its own browser/);
});

/** The start URL of a tenant's flow in a store is asked for at the path of another tenant. */
async function keepsStartUrls(newStore: typeof memoryStore): Promise<void> {
  await withServer({}, async ({ server, send }) => {
    await using tenants = createTenants(server, { tenants: both, store: newStore() });
    await tenants.listen();
    const flow = await tenants.tenant('acme').begin({ binding: 'cookie' });
    const start = pathOf(flow.startUrl('https://as.example/authorize').href);
    const elsewhere = await send({ target: start.replace('acme', 'globex') });
    assert.equal([elsewhere.status, 'set-cookie' in elsewhere.headers], [404, false], 'at another tenant');
    assert.is((await send({ target: start })).status, 303);
  });
}

test('L-03 has start URLs in a store that no other tenant answers', () => keepsStartUrls(memoryStore));

test('L-03 finds a store whose tenants share the records of start URLs', async () => {
  const change = edit(
    'this.records = new MemoryRecords(clock);',
    'this.records = of?.records ?? new MemoryRecords(clock);',
  );
  const twin = (await weakenedModule('bridge.ts', change)) as { memoryStore: typeof memoryStore };
  await complains(() => keepsStartUrls(twin.memoryStore), /at another tenant/);
});

test.run();
