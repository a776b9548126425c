import { filter, firstValueFrom } from 'rxjs';
import { connectCallbackHost } from '../../src/client.ts';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createFetchHandler } from '../../src/fetch.ts';
import {
  createOAuthCallbackServer,
  InvalidOptionError,
  type CallbackHost,
  type OAuthCallbackServer,
  type ServerEvent,
} from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { token, withBridge } from '../helpers/bridge.ts';
import { observe, withServer, type Endpoint } from '../helpers/endpoint.ts';
import { createStoredHost } from '../../src/redis.ts';
import { memoryStore } from '../../src/bridge.ts';
import { withRedis } from '../helpers/redis.ts';
import { raceHosts } from '../../src/share.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { Folder } from '../helpers/cli.ts';
import { hasRedis, noRedis } from '../helpers/redis-server.ts';
import { visit } from '../helpers/http.ts';
import { withSharers } from '../helpers/sharers.ts';
import { suite } from '../helpers/suite.ts';

interface Hosted {
  host: CallbackHost;
  /** Where the redirects arrive. */
  endpoint: Pick<Endpoint, 'visit' | 'events'> & { server: Pick<Endpoint['server'], 'redirectUri'> };
}

type Use = (body: (hosted: Hosted) => Promise<void>) => Promise<void>;

/** Contract of every `CallbackHost`, whichever process the redirect arrives at. */
function contract(name: string, use: Use, absent?: string): void {
  const all = suite(`${name} as a CallbackHost`);
  const test = all.when(absent === undefined, absent ?? '');

  test('begins flows, each with a state and verifier of its own, at the redirect URI of the service', () =>
    use(async ({ host, endpoint }) => {
      const [one, other] = await Promise.all([host.begin(), host.begin()]);
      assert.is.not(one.state, other.state);
      assert.is.not(one.codeVerifier, other.codeVerifier);
      assert.is.not(one.id, other.id);
      assert.equal(
        [one.redirectUri, host.redirectUri],
        [endpoint.server.redirectUri, endpoint.server.redirectUri],
      );
      const { searchParams } = one.authorizationUrl('https://as.example/authorize', { client_id: 'c' });
      assert.equal(
        ['client_id', 'state', 'redirect_uri', 'code_challenge_method'].map((key) => searchParams.get(key)),
        ['c', one.state, one.redirectUri, 'S256'],
      );
    }));

  test('says when a flow expires', () =>
    use(async ({ host }) => {
      const before = Date.now();
      const flow = await host.begin({ ttl: 60_000 });
      const left = flow.expiresAt - 60_000;
      // Judged by another clock than this one, which a correction of the time may have moved.
      assert.ok(left >= before - 1_000 && left <= Date.now() + 1_000, `${left - before} ms`);
      assert.is(flow.expiresAt, Math.trunc(flow.expiresAt));
    }));

  test('gives each flow its own response, once, to each subscriber', () =>
    use(async ({ host, endpoint }) => {
      const flows = await Promise.all(Array.from({ length: 20 }, () => host.begin()));
      const seen = flows.map(observe);
      for (const flow of flows) flow.response.subscribe(() => flow.settle({ status: 'success' }));
      const responses = flows.map((flow) => firstValueFrom(flow.response));
      for (const { state } of flows.toReversed())
        await endpoint.visit(`/callback?code=of-${state}&state=${state}`);
      assert.equal(
        (await Promise.all(responses)).map(({ code }) => code),
        flows.map(({ state }) => `of-${state}`),
      );
      assert.ok(seen.every(({ responses: values, completed }) => values.length === 1 && completed));
      assert.is((await firstValueFrom(flows[0]!.response)).code, `of-${flows[0]!.state}`);
      assert.is((await endpoint.visit(`/callback?code=again&state=${flows[0]!.state}`)).status, 400);
    }));

  test('relays an error as a value', () =>
    use(async ({ host, endpoint }) => {
      const flow = await host.begin();
      const response = firstValueFrom(flow.response);
      await endpoint.visit(`/callback?error=access_denied&error_description=No&state=${flow.state}`);
      assert.equal((await response).toDict(), {
        error: 'access_denied',
        error_description: 'No',
        state: flow.state,
      });
    }));

  test('cancels one flow and no other, and its redirect is refused', () =>
    use(async ({ host, endpoint }) => {
      const [gone, stays] = await Promise.all([host.begin(), host.begin()]);
      const ended = assert.rejects(firstValueFrom(gone.response), 'cancelled');
      const response = firstValueFrom(stays.response);
      stays.response.subscribe(() => stays.settle({ status: 'success' }));
      const cancelled = firstValueFrom(host.events);
      gone.cancel();
      await ended;
      assert.is((await cancelled).type, 'cancelled');
      assert.is((await endpoint.visit(`/callback?code=c&state=${gone.state}`)).status, 400);
      await endpoint.visit(`/callback?code=c&state=${stays.state}`);
      assert.is((await response).code, 'c');
    }));

  test('a subscriber that has the response cannot take it from the others', () =>
    use(async ({ host, endpoint }) => {
      for (const act of ['cancel', 'close'] as const) {
        const flow = await host.begin();
        let closing: Promise<void> | undefined;
        flow.response.subscribe(() => {
          flow.settle({ status: 'success' });
          if (act === 'cancel') flow.cancel();
          else closing = host.close();
        });
        const other = observe(flow);
        const response = firstValueFrom(flow.response);
        await endpoint.visit(`/callback?code=c&state=${flow.state}`);
        await response;
        assert.equal([other.responses.length, other.errors, other.completed], [1, [], true]);
        await closing;
      }
    }));

  test('gives a response to a late subscriber although the flow was cancelled after it had come', () =>
    use(async ({ host, endpoint }) => {
      const flow = await host.begin();
      flow.response.subscribe(() => flow.settle({ status: 'success' }));
      await endpoint.visit(`/callback?code=c&state=${flow.state}`);
      flow.cancel();
      assert.is((await firstValueFrom(flow.response)).code, 'c');
    }));

  test('ends a flow when its signal aborts, and begins none for one that has', () =>
    use(async ({ host }) => {
      const controller = new AbortController();
      const flow = await host.begin({ signal: controller.signal });
      const ended = assert.rejects(firstValueFrom(flow.response), 'cancelled');
      controller.abort();
      await ended;
      await assert.rejects(host.begin({ signal: controller.signal }), 'cancelled');
    }));

  test('joins the flow of the same key', () =>
    use(async ({ host }) => {
      const [one, other] = await Promise.all([host.begin({ key: 'k' }), host.begin({ key: 'k' })]);
      assert.is(one, other);
    }));

  test('tells the waiting page how the sign-in ended', () =>
    use(async ({ host, endpoint }) => {
      const flow = await host.begin();
      flow.response.subscribe(() => flow.settle({ status: 'failure', message: 'no token' }));
      const { body } = await endpoint.visit(`/callback?code=c&state=${flow.state}`);
      assert.match(body, 'no token');
    }));

  test('names what a flow signs in to on its own page, and in its events', () =>
    use(async ({ host, endpoint }) => {
      const begun = firstValueFrom(host.events.pipe(filter(({ type }) => type === 'begun')));
      const named = await host.begin({
        label: 'GitHub',
        serverUrl: 'https://mcp.example/a',
        issuer: 'https://as.example',
      });
      const other = await host.begin();
      const pages = [];
      for (const flow of [named, other]) {
        flow.response.subscribe(() => flow.settle({ status: 'success' }));
        pages.push((await endpoint.visit(`/callback?code=c&state=${flow.state}`)).body);
      }
      assert.match(pages[0]!, 'Connected to: https://mcp.example/a');
      assert.not.match(pages[1]!, 'Connected to');
      const event = await begun;
      assert.is(event.type === 'begun' && event.flowId, named.id);
      assert.is(event.type === 'begun' && event.label, 'GitHub');
      assert.is(event.type === 'begun' && event.issuer, 'https://as.example');
      const answered = endpoint.events.filter((each) => each.type === 'answered');
      assert.equal(
        answered.map(({ flowId, label }) => [flowId, label]),
        [
          [named.id, 'GitHub'],
          [other.id, undefined],
        ],
      );
    }));

  test('labels the end of a flow that is cancelled', () =>
    use(async ({ host }) => {
      const ended = firstValueFrom(host.events.pipe(filter((event) => event.type === 'cancelled')));
      const flow = await host.begin({ label: 'Work account' });
      flow.response.subscribe({ error: () => undefined });
      flow.cancel();
      assert.is((await ended).label, 'Work account');
    }));

  for (const [option, value] of [
    ['label', ''],
    ['label', '  '],
    ['label', 'two\nlines'],
    ['label', 'a\u202eb'],
    ['label', '\u3164\u034f'],
    ['label', 'x'.repeat(101)],
    ['label', 'half \ud83d'],
    ['label', 7],
    ['serverUrl', ''],
    ['serverUrl', 'mcp.example'],
    ['serverUrl', 'javascript:alert(1)'],
    ['serverUrl', 'https://you.have.won/ call us'],
    ['serverUrl', 'https://bank.example@evil.example/'],
    ['serverUrl', `https://mcp.example/${'x'.repeat(2_048)}`],
    ['serverUrl', {}],
  ] as const)
    test(`rejects the ${option} ${JSON.stringify(value).slice(0, 40)}, and does not repeat it`, () =>
      use(async ({ host }) => {
        const error = await assert.rejects(host.begin({ [option]: value }), InvalidOptionError);
        assert.is(error.option, option);
        if (typeof value === 'string' && value.length > 3) assert.not.match(error.message, value.trim());
        await host.begin({ label: 'Ünï 日本 👩‍👩‍👧', serverUrl: 'http://127.0.0.1:8080/mcp?x=1' });
      }));

  test('shows neither state nor code when it is printed', () =>
    use(async ({ host }) => {
      const flow = await host.begin();
      assert.not.match(JSON.stringify({ flow }), flow.state);
    }));

  test('ends pending flows when it closes, and begins no more', () =>
    use(async ({ host }) => {
      const flow = await host.begin();
      const ended = assert.rejects(firstValueFrom(flow.response), 'closed');
      await host.close();
      await ended;
      await assert.rejects(host.begin());
      await host.close();
    }));

  all.run();
}

const settle = 5_000;

contract('a server of this process', (body) =>
  withServer({ settle }, (endpoint) => body({ host: endpoint.server, endpoint })),
);

contract('a service over the bridge', (body) =>
  withBridge(
    async ({ url, ...endpoint }) => {
      const host = await connectCallbackHost(url, { token });
      try {
        await body({ host, endpoint });
      } finally {
        await host.close();
      }
    },
    {},
    { settle },
  ),
);

contract('a server and a store', (body) =>
  withServer({ settle }, async (endpoint) => {
    await using host = createStoredHost(endpoint.server, memoryStore());
    await body({ host, endpoint });
  }),
);

contract('a server and a store in a file', async (body) => {
  using folder = new Folder();
  await using store = await sqliteStore({ file: join(folder.path, 'flows.db') });
  await withServer({ settle }, async (endpoint) => {
    await using host = createStoredHost(endpoint.server, store);
    await body({ host, endpoint });
  });
});

for (const [name, serves] of [
  ['a process that serves a shared port', true],
  ['one that is connected to it', false],
] as const)
  contract(name, (body) =>
    withSharers({ settle }, 2, async ({ port, hosts }) => {
      const events: ServerEvent[] = [];
      const host = hosts[serves ? 0 : 1]!;
      hosts[0]!.events.subscribe((event) => events.push(event));
      await body({
        host,
        endpoint: { server: hosts[0]!, events, visit: (target, headers) => visit(port, target, headers) },
      });
    }),
  );

contract('a server that is borrowed', async (body) => {
  const http = createServer((_request, response) => response.writeHead(404).end());
  await once(http.listen(0, '127.0.0.1'), 'listening');
  try {
    await withServer({ settle, server: http }, (endpoint) => body({ host: endpoint.server, endpoint }));
  } finally {
    http.close();
  }
});

/** The handler of a framework, and a function from a request to a response: `ask` sends it a navigation. */
const mounted: readonly (readonly [
  string,
  (body: (server: OAuthCallbackServer, ask: Endpoint['visit']) => Promise<void>) => Promise<void>,
])[] = [
  [
    'a handler of a framework',
    async (body) => {
      const http = createServer((request, response) =>
        server.handler(request, response, () => response.writeHead(404).end()),
      );
      await once(http.listen(0, '127.0.0.1'), 'listening');
      const { port } = http.address() as AddressInfo;
      const server = createOAuthCallbackServer({
        settle,
        server: 'mounted',
        publicUrl: `http://127.0.0.1:${port}`,
      });
      try {
        await server.listen();
        await body(server, (target, headers) => visit(port, target, headers));
      } finally {
        await server.close();
        http.close();
      }
    },
  ],
  [
    'a function from a request to a response',
    async (body) => {
      const server = createOAuthCallbackServer({
        settle,
        server: 'mounted',
        publicUrl: 'http://127.0.0.1:9',
      });
      const handle = createFetchHandler(server);
      try {
        await server.listen();
        await body(server, async (target, headers = {}) => {
          const answer = await handle(new Request(`http://127.0.0.1:9${target}`, { headers }));
          const text = await answer.text();
          return {
            status: answer.status,
            headers: Object.fromEntries(answer.headers),
            body: text,
            raw: text,
          };
        });
      } finally {
        await server.close();
      }
    },
  ],
];

for (const [name, withMounted] of mounted)
  contract(name, (body) =>
    withMounted((server, ask) => {
      const events: ServerEvent[] = [];
      server.events.subscribe((event) => events.push(event));
      return body({ host: server, endpoint: { server, events, visit: ask } });
    }),
  );

contract('a race of two hosts', (body) =>
  withServer({ settle }, (endpoint) =>
    withServer({ settle }, ({ server }) => body({ host: raceHosts(endpoint.server, server), endpoint })),
  ),
);

/** Begun at one node, while the redirects come to another one. */
contract(
  'one of two nodes over Redis',
  (body) =>
    withRedis(async ({ open }) => {
      const [mine, other] = [await open(), await open()];
      await withServer({ settle }, (endpoint) =>
        withServer({ settle, publicUrl: new URL(endpoint.server.redirectUri).origin }, async ({ server }) => {
          createStoredHost(endpoint.server, other);
          await using host = createStoredHost(server, mine);
          await body({ host, endpoint });
        }),
      );
    }),
  hasRedis ? undefined : noRedis,
);
