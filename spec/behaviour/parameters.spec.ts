import fc from 'fast-check';
import { createServer } from 'node:http';
import { inspect } from 'node:util';
import { firstValueFrom } from 'rxjs';
import { memoryStore } from '../../src/bridge.ts';
import { connectCallbackHost } from '../../src/client.ts';
import type { BeginOptions, CallbackHost, CallbackResponse, Flow } from '../../src/index.ts';
import { paste } from '../../src/login.ts';
import { queryOf } from '../../src/login/response-query.ts';
import { createStoredHost } from '../../src/redis.ts';
import * as assert from '../helpers/assert.ts';
import { token, withBridge } from '../helpers/bridge.ts';
import { withServer, type Endpoint } from '../helpers/endpoint.ts';
import { navigation } from '../helpers/http.ts';
import { listenOnLoopback } from '../helpers/loopback.ts';
import { withRedis } from '../helpers/redis.ts';
import { hasRedis, noRedis } from '../helpers/redis-server.ts';
import { suite } from '../helpers/suite.ts';
import { edit, weakenedModule } from '../helpers/weakened.ts';

type Pairs = readonly (readonly [name: string, value: string])[];

/** Parameters that each provider sends beside those of OAuth, as its documents have it. */
const providers: readonly (readonly [provider: string, sent: Pairs])[] = [
  ['QuickBooks', [['realmId', '9130347957983546']]],
  [
    'a GitHub App',
    [
      ['installation_id', '48012345'],
      ['setup_action', 'install'],
    ],
  ],
  [
    'Shopify',
    [
      ['hmac', '700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf'],
      ['host', 'YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUvZXhhbXBsZQ'],
      ['shop', 'example.myshopify.com'],
      ['timestamp', '1337178173'],
    ],
  ],
  [
    'Zoho',
    [
      ['location', 'eu'],
      ['accounts-server', 'https://accounts.zoho.eu'],
    ],
  ],
  [
    'Google',
    [
      ['scope', 'email openid https://www.googleapis.com/auth/drive.readonly'],
      ['authuser', '0'],
      ['hd', 'example.com'],
      ['prompt', 'consent'],
    ],
  ],
  ['Microsoft Entra', [['session_state', '5f0e9ad1-7e4b-4b9c-9c56-2a1d5a1b7f4c']]],
  ['Keycloak', [['session_state', 'b3a1c2d4-0000-4e5f-8a9b-1c2d3e4f5a6b']]],
  [
    'Apple',
    [['user', '{"name":{"firstName":"Zoë","lastName":"O\'Hara"},"email":"zoe@privaterelay.appleid.com"}']],
  ],
  [
    'Xero',
    [
      ['scope', 'openid accounting.transactions'],
      ['session_state', 'abc.DEF_ghi-123'],
    ],
  ],
  [
    'Salesforce',
    [
      ['sfdc_community_url', 'https://example.my.site.com/members'],
      ['sfdc_community_id', '0DBxx0000000001'],
    ],
  ],
];

interface Way {
  readonly host: CallbackHost;
  /** Options that each flow of this way needs. */
  readonly options?: BeginOptions;
  /** Sends the redirect of a flow with this form-encoded text. */
  readonly send: (flow: Flow, encoded: string) => Promise<unknown>;
}

type Use = (body: (way: Way) => Promise<void>) => Promise<void>;

const byQuery =
  ({ visit }: Pick<Endpoint, 'visit'>): Way['send'] =>
  (_flow, encoded) =>
    visit(`/callback?${encoded}`);

const ways: Readonly<Record<string, { use: Use; absent?: string | undefined }>> = {
  'in this process': {
    use: (body) => withServer({}, (endpoint) => body({ host: endpoint.server, send: byQuery(endpoint) })),
  },
  'in a store of this process': {
    use: (body) =>
      withServer({}, async (endpoint) => {
        await using host = createStoredHost(endpoint.server, memoryStore());
        await body({ host, send: byQuery(endpoint) });
      }),
  },
  'over the bridge': {
    use: (body) =>
      withBridge(async ({ url, ...endpoint }) => {
        const host = await connectCallbackHost(url, { token });
        try {
          await body({ host, send: byQuery(endpoint) });
        } finally {
          await host.close();
        }
      }),
  },
  'at another node over Redis': {
    use: (body) =>
      withRedis(async ({ open }) => {
        const [mine, other] = [await open(), await open()];
        await withServer({}, (endpoint) =>
          withServer({ publicUrl: new URL(endpoint.server.redirectUri).origin }, async ({ server }) => {
            createStoredHost(endpoint.server, other);
            await using host = createStoredHost(server, mine);
            await body({ host, send: byQuery(endpoint) });
          }),
        );
      }),
    absent: hasRedis ? undefined : noRedis,
  },
  'in a form': {
    use: (body) =>
      withServer({}, ({ server, send }) =>
        body({
          host: server,
          options: { responseMode: 'form_post' },
          send: (_flow, encoded) =>
            send({
              method: 'POST',
              target: '/callback',
              headers: { ...navigation, 'Content-Type': 'application/x-www-form-urlencoded' },
              body: encoded,
            }),
        }),
      ),
  },
  'by paste': {
    use: (body) =>
      withServer({}, ({ server }) =>
        body({
          host: server,
          send: ({ redirectUri }, encoded) => paste(server, `${redirectUri}?${encoded}`),
        }),
      ),
  },
  'at a borrowed server': {
    use: async (body) => {
      const borrowed = createServer();
      const { port } = await listenOnLoopback(borrowed);
      try {
        await withServer({ server: borrowed, publicUrl: `http://127.0.0.1:${port}` }, ({ server, visit }) =>
          body({ host: server, send: byQuery({ visit }) }),
        );
      } finally {
        borrowed.close();
      }
    },
  },
};

function grouped(pairs: Pairs): Record<string, string | string[]> {
  const found = Object.create(null) as Record<string, string | string[]>;
  for (const name of new Set(pairs.map(([each]) => each))) {
    const values = pairs.filter(([each]) => each === name).map(([, value]) => value);
    found[name] = values.length === 1 ? values[0]! : values;
  }
  return found;
}

async function arrive(
  { host, send, options }: Way,
  sent: Pairs,
): Promise<[flow: Flow, response: CallbackResponse]> {
  const flow = await host.begin(options);
  const response = firstValueFrom(flow.response);
  await send(
    flow,
    String(
      new URLSearchParams([['code', 'c'], ['state', flow.state], ...sent.map((each) => [...each])] as [
        string,
        string,
      ][]),
    ),
  );
  return [flow, await response];
}

/** The object as its own members; `equal` would not see a difference of prototypes. */
const membersOf = (parameters: object): [string, unknown][] =>
  Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1));

const oauth = [
  'code',
  'state',
  'error',
  'error_description',
  'error_uri',
  'iss',
  'response',
  'id_token',
  'access_token',
];

for (const [way, { use, absent }] of Object.entries(ways)) {
  const all = suite(`parameters of a response ${way}`);
  const test = all.when(absent === undefined, absent ?? '');

  test('are those that ten providers send', () =>
    use(async (bench) => {
      for (const [provider, sent] of providers) {
        const [flow, response] = await arrive(bench, sent);
        assert.equal(membersOf(response.parameters), membersOf(grouped(sent)), provider);
        assert.equal(response.toDict(), { code: 'c', state: flow.state }, provider);
        assert.is(response.droppedParameters, 0);
      }
    }));

  test('have the names and values that were sent, in their order', () =>
    use(async (bench) => {
      const name = fc.oneof(
        fc.constantFrom('a', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '0', ''),
        fc.string({ unit: 'binary', maxLength: 8 }),
      );
      const pairs = fc.array(fc.tuple(name, fc.string({ unit: 'binary', maxLength: 12 })), { maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(pairs, async (given) => {
          // Half characters have no encoding.
          const sent = [...new URLSearchParams(given)].filter(([each]) => !oauth.includes(each));
          const [, { parameters }] = await arrive(bench, sent);
          assert.equal(membersOf(parameters), membersOf(grouped(sent)));
          assert.is(Object.getPrototypeOf(parameters), null);
          assert.ok(Object.isFrozen(parameters));
        }),
        { numRuns: 60 },
      );
      assert.is(({} as Record<string, unknown>)['a'], undefined);
    }));

  all.run();
}

const test = suite('parameters of a response');

test('are bounded: the surplus is dropped and counted, and the response is valid', () =>
  withServer({ limits: { parameters: 3, parameter: 100 } }, async ({ server, visit, events }) => {
    const flow = await server.begin();
    const response = firstValueFrom(flow.response);
    const long = 'x'.repeat(101);
    const { status } = await visit(
      `/callback?a=1&b=${long}&${long}=2&c=3&d=4&e=5&code=c&state=${flow.state}`,
    );
    assert.is(status, 200);
    const { parameters, droppedParameters, code } = await response;
    assert.equal({ ...parameters }, { a: '1', c: '3', d: '4' });
    assert.equal([droppedParameters, code], [3, 'c']);
    const redirects = events.filter((event) => event.type === 'redirect');
    assert.equal(
      redirects.map((event) => event.droppedParameters),
      [3],
    );
  }));

// A control character of a form is one byte, and six in a message of the bridge, which may have 262,144 bytes.
test('fit into one message of the bridge, whatever they are', () =>
  withBridge(async ({ url, send }) => {
    const host = await connectCallbackHost(url, { token });
    try {
      const flow = await host.begin({ responseMode: 'form_post' });
      const arrived = firstValueFrom(flow.response);
      const long = Array.from({ length: 7 }, (_, index) => `&p${index}=${'\x01'.repeat(8_192)}`).join('');
      await send({
        method: 'POST',
        target: '/callback',
        headers: { ...navigation, 'Content-Type': 'application/x-www-form-urlencoded' },
        body: `code=c&state=${flow.state}${long}`,
      });
      const { parameters, droppedParameters } = await assert.deadline(arrived, 'the response');
      assert.equal(Object.keys(parameters), ['p0', 'p1']);
      assert.is(droppedParameters, 5);
    } finally {
      await host.close();
    }
  }));

test('are frozen, lists too', () =>
  withServer({}, async (endpoint) => {
    const [, { parameters }] = await arrive({ host: endpoint.server, send: byQuery(endpoint) }, [
      ['a', '1'],
      ['a', '2'],
    ]);
    assert.ok(Object.isFrozen(parameters['a']));
    assert.throws(() => ((parameters as Record<string, unknown>)['a'] = 'x'), TypeError);
  }));

test('are kept while a redirect is held', () =>
  withServer({ unmatched: { holdFor: 30_000, max: 10 } }, async ({ server, visit }) => {
    const state = 'a-state-of-another-library-0123456789';
    const held = firstValueFrom(server.redirects);
    const page = visit(`/callback?realmId=1&realmId=2&code=c&state=${state}`);
    assert.is((await held).disposition, 'held');
    const { parameters } = await firstValueFrom((await server.begin({ state })).response);
    assert.equal({ ...parameters }, { realmId: ['1', '2'] });
    await page;
  }));

test('of a redirect that is not accepted are not published', () =>
  withServer({}, async ({ visit, redirects }) => {
    await visit(`/callback?realmId=1&code=c&state=${'unknown'.repeat(5)}`);
    assert.is(redirects[0]!.disposition, 'unmatched');
    assert.equal({ ...redirects[0]!.response.parameters }, {});
  }));

/** Prints a response of this module that has a secret parameter. */
function printed(module: { CallbackResponse: typeof CallbackResponse }): string {
  const response = new module.CallbackResponse({
    code: 'c',
    parameters: [
      ['user', 'CANARY-ada'],
      ['a\x1b[2J', 'CANARY'],
    ],
  });
  return [String(response), JSON.stringify({ response }), inspect(response, { showHidden: true })].join('\n');
}

test('are printed by their names only', async () => {
  const text = printed(await import('../../src/index.ts'));
  assert.not.match(text, 'CANARY');
  assert.match(text, '"parameters":["user","a?[2J"]');
});

test('a twin that prints values is found', async () => {
  const twin = (await weakenedModule(
    'index.ts',
    edit('...namesOf(this.parameters)', '...{ parameters: Object.values(this.parameters).flat() }'),
  )) as { CallbackResponse: typeof CallbackResponse };
  assert.match(printed(twin), 'CANARY');
});

test('are part of toDict if all are asked for, and of equals', () =>
  withServer({}, async (endpoint) => {
    const [flow, response] = await arrive({ host: endpoint.server, send: byQuery(endpoint) }, [
      ['a', '1'],
      ['a', '2'],
    ]);
    const all = response.toDict({ all: true });
    assert.is(Object.getPrototypeOf(all), null);
    assert.equal({ ...all }, { code: 'c', state: flow.state, a: ['1', '2'] });
    const { CallbackResponse: Response } = await import('../../src/index.ts');
    const of = (...parameters: [string, string][]): CallbackResponse =>
      new Response({ code: 'c', state: flow.state, parameters });
    assert.ok(response.equals(of(['a', '1'], ['a', '2'])));
    assert.not.ok(response.equals(of(['a', '2'], ['a', '1'])));
    assert.not.ok(response.equals(of()));
  }));

test('go with the URL that openid-client gets, but for those of other flows', async () => {
  const { CallbackResponse: Response } = await import('../../src/index.ts');
  const response = new Response({
    code: 'c',
    state: 's',
    parameters: [
      ['realmId', '1 2'],
      ['token', 't'],
      ['id_token', ''],
      ['a', '1'],
      ['a', '2'],
    ],
  });
  assert.is(String(queryOf(response)), 'code=c&state=s&realmId=1+2&a=1&a=2');
});

test.run();
