import { DiscoveryError } from '../../../src/login.ts';
import { mayHaveToken, mayLeadTo } from '../../../src/mcp/origins.ts';
import { ResourceMismatchError } from '../../../src/mcp.ts';
import * as assert from '../../helpers/assert.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { withMcp } from '../../helpers/mcp/with-mcp.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, replacing } from '../../helpers/weakened.ts';

const test = suite('mcp: places');
const rule = ruleOf(test);

test('rule 12: the bearer does not follow a redirect to another origin, and a 401 there asks nobody', () =>
  withMcp({ world: { servers: 2 } }, async (mcp) => {
    const [one, other] = mcp.world.servers;
    await mcp.signedIn();
    one.switches.redirectsTo = new URL(other!.url).origin;
    assert.is((await mcp.call()).status, 401);
    assert.is(other!.counts.requests, 1);
    assert.equal([other!.bearers, mcp.seen], [[], {}]);
  }));

rule(
  'rule 12: a request to another origin gets no bearer, and a 401 there asks nobody',
  (create) =>
    withMcp({ create, world: { servers: 2 } }, async (mcp) => {
      await mcp.signedIn();
      const [one, other] = mcp.world.servers;
      const { status } = await mcp.auth.fetch(one.url)(other!.url);
      assert.equal([status, other!.bearers, mcp.seen], [401, [], {}]);
    }),
  [
    twin(
      'sends it anywhere',
      edit('if (url.origin !== origin || !mayHaveToken(url)) return send(input, given);', ''),
      /Bearer/,
    ),
  ],
);

test('rule 12: a path below the server gets its bearer, and other headers stay', () =>
  withMcp({}, async (mcp) => {
    await mcp.signedIn();
    const { origin } = new URL(mcp.server.url);
    const seen: Headers[] = [];
    const auth = mcp.start({
      fetch: (_url, init) => {
        seen.push(new Headers(init?.headers));
        return Promise.resolve(new Response());
      },
    });
    await auth.fetch(mcp.server.url)(`${origin}/elsewhere`, {
      headers: { 'x-own': '1', authorization: 'Basic mine' },
    });
    const [headers] = seen;
    assert.match(headers!.get('authorization')!, /^Bearer eyJ/);
    assert.is(headers!.get('x-own'), '1');
  }));

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
}

/** Answers of a remote server, by URL; anything else is 404. */
type Answers = Readonly<Record<string, Answer>>;

interface Remote {
  readonly how: string;
  readonly answers: Answers;
  readonly error: typeof DiscoveryError | typeof ResourceMismatchError;
}

const anywhere: typeof mayLeadTo = (_peer, target): target is string => target !== '';

const server = 'https://mcp.example/mcp';
const local = 'http://127.0.0.1:9';
const listed = 'https://mcp.example/.well-known/oauth-protected-resource/mcp';
const issuer = 'https://as.example';
const configuration = `${issuer}/.well-known/openid-configuration`;
const endpoints = {
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  registration_endpoint: `${issuer}/register`,
  response_types_supported: ['code'],
  code_challenge_methods_supported: ['S256'],
};
const resource = { resource: server, authorization_servers: [issuer] };

const remotes: readonly Remote[] = [
  {
    how: 'its challenge',
    answers: {
      [server]: {
        status: 401,
        headers: { 'www-authenticate': `Bearer resource_metadata="${local}/metadata"` },
      },
    },
    error: DiscoveryError,
  },
  {
    how: 'a redirect of its metadata',
    answers: { [listed]: { status: 302, headers: { location: `${local}/metadata` } } },
    error: DiscoveryError,
  },
  {
    how: 'its authorization server',
    answers: { [listed]: { json: { ...resource, authorization_servers: [local] } } },
    error: DiscoveryError,
  },
  {
    how: 'its authorization server, by name',
    answers: { [listed]: { json: { ...resource, authorization_servers: ['https://localhost:9'] } } },
    error: DiscoveryError,
  },
  ...['authorization_endpoint', 'token_endpoint', 'registration_endpoint'].map((name) => ({
    how: `the ${name} of its authorization server`,
    answers: {
      [listed]: { json: resource },
      [configuration]: { json: { ...endpoints, [name]: `${local}/x` } },
    },
    error: DiscoveryError,
  })),
  {
    how: 'metadata over plain http',
    answers: {
      [server]: {
        status: 401,
        headers: { 'www-authenticate': 'Bearer resource_metadata="http://mcp.example/m"' },
      },
    },
    error: DiscoveryError,
  },
  {
    how: 'metadata of another resource',
    answers: { [listed]: { json: { ...resource, resource: 'https://bank.example/' } } },
    error: ResourceMismatchError,
  },
];

for (const { how, answers, error } of remotes)
  rule(
    `rule 12: a remote server does not lead to this machine, or into the clear, by ${how}`,
    async (create) => {
      const asked: string[] = [];
      const fetch = (input: string | URL): Promise<Response> => {
        asked.push(String(input));
        const all: Answers = { [server]: { status: 401 }, ...answers };
        const { status = 200, headers, json }: Answer = all[String(input)] ?? { status: 404 };
        return Promise.resolve(
          new Response(json === undefined ? '' : JSON.stringify(json), {
            status,
            headers: { 'content-type': 'application/json', ...headers },
          }),
        );
      };
      await withMcp({ create, auth: { fetch } }, async (mcp) => {
        const failure = await mcp.auth
          .fetch(server)(server)
          .catch((thrown: unknown) => thrown);
        assert.equal(
          asked.filter((url) => url.startsWith('http:') || /127\.0\.0\.1|localhost/.test(url)),
          [],
        );
        assert.equal(mcp.person.tabs, []);
        assert.instance(failure, error);
      });
    },
    how === 'its challenge' || how === 'its authorization server'
      ? [
          twin(
            'goes anywhere',
            replacing({ mayLeadTo }, () => anywhere),
            /127\.0\.0\.1/,
          ),
        ]
      : [],
  );

rule(
  'rule 12: no bearer is sent over plain http to another machine',
  async (create) => {
    const sent: (string | null)[] = [];
    const fetch = (_url: string | URL, init?: RequestInit): Promise<Response> => {
      sent.push(new Headers(init?.headers).get('authorization'));
      return Promise.resolve(new Response());
    };
    await withMcp({ create, auth: { fetch } }, async (mcp) => {
      const plain = 'http://mcp.example/mcp';
      const tokens = { access_token: 'a-token-of-the-spec', token_type: 'bearer', issuer, client_id: 'spec' };
      await mcp.store.set(`server ${plain}`, { v: 1, tokens, client: { client_id: 'spec' } });
      await mcp.store.set(`server ${server}`, { v: 1, tokens, client: { client_id: 'spec' } });
      await mcp.auth.fetch(plain)(plain);
      await mcp.auth.fetch(server)(server);
      assert.equal(sent, [null, 'Bearer a-token-of-the-spec']);
    });
  },
  [
    twin(
      'sends it',
      replacing({ mayHaveToken }, () => () => true),
      /null/,
    ),
  ],
);

test.run();
