import { clientMetadata } from '../../../src/login.ts';
import type { GivenClient, McpServerOptions } from '../../../src/mcp.ts';
import * as assert from '../../helpers/assert.ts';
import type { AuthorizationServerOptions } from '../../helpers/mcp/authorization-server.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { callerIn, withMcp, type Mcp, type Seen } from '../../helpers/mcp/with-mcp.ts';
import { suite } from '../../helpers/suite.ts';
import { edit } from '../../helpers/weakened.ts';

const test = suite('mcp: clients');
const rule = ruleOf(test);

const url = 'https://client.example/document.json';
const document = clientMetadata({ url });
const documents = { [url]: document };
const native = {
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};
const beforehand = { ...native, client_id: 'made-beforehand', token_endpoint_auth_method: 'none' };
const unregistrable = { registration: false, clients: [beforehand] };

interface Choice {
  readonly title: string;
  readonly as?: AuthorizationServerOptions;
  readonly clientMetadataUrl?: string;
  /** Client id that is given, for this issuer or for another one. */
  readonly given?: { readonly id: string; readonly isOfIssuer: boolean; readonly slash?: boolean };
  readonly origin: string;
  readonly register?: number;
}

const choices: readonly Choice[] = [
  {
    title: 'a client that is given',
    as: unregistrable,
    given: { id: 'made-beforehand', isOfIssuer: true },
    origin: 'given',
  },
  {
    title: 'a client whose issuer is given with a slash',
    as: unregistrable,
    given: { id: 'made-beforehand', isOfIssuer: true, slash: true },
    origin: 'given',
  },
  {
    title: 'a registration, if the client that is given is of another issuer',
    given: { id: 'made-beforehand', isOfIssuer: false },
    origin: 'registered',
    register: 1,
  },
  {
    title: 'a document, if the server supports documents',
    as: { documents },
    clientMetadataUrl: url,
    origin: 'document',
  },
  {
    title: 'a registration, if the server supports no documents',
    clientMetadataUrl: url,
    origin: 'registered',
    register: 1,
  },
  {
    title: 'a registration, if the server has no authentication method none',
    as: {
      documents,
      switches: { metadata: { token_endpoint_auth_methods_supported: ['client_secret_basic'] } },
    },
    clientMetadataUrl: url,
    origin: 'registered',
    register: 1,
  },
  {
    title: 'the client that is given rather than a document',
    as: { documents, clients: [beforehand] },
    clientMetadataUrl: url,
    given: { id: 'made-beforehand', isOfIssuer: true },
    origin: 'given',
  },
];

for (const { title, as, clientMetadataUrl, given, origin, register } of choices)
  test(`rule 4: uses ${title}`, () =>
    withMcp(
      {
        ...(as && { world: { authorizationServer: as } }),
        ...(clientMetadataUrl !== undefined && { auth: { clientMetadataUrl } }),
      },
      async (mcp) => {
        const options = given && optionsOf(mcp, given);
        const answer = await mcp.call({ ...(options && { options }) });
        assert.is(answer.status, 200);
        assert.equal(mcp.origins, [origin]);
        assert.equal(mcp.seen, { tabs: 1, ...(register !== undefined && { register }) });
        if (origin !== 'registered')
          assert.is(callerIn(answer).client, origin === 'document' ? url : given?.id);
      },
    ));

function optionsOf(
  { as }: Mcp,
  { id, isOfIssuer, slash = false }: NonNullable<Choice['given']>,
): McpServerOptions {
  return { client: { id, issuer: isOfIssuer ? `${as.issuer}${slash ? '/' : ''}` : 'https://other.example' } };
}

rule(
  'rule 4: a client that is given goes to its own issuer only',
  (create) =>
    withMcp({ create, auth: { timeout: 2_000 } }, async (mcp) => {
      await mcp.call({
        options: {
          client: { id: 'of-another', secret: 'secret-of-another', issuer: 'https://other.example' },
        },
      });
      assert.equal(
        mcp.person.tabs.filter((tab) => tab.searchParams.get('client_id') === 'of-another'),
        [],
      );
      assert.equal(mcp.origins, ['registered']);
    }),
  [
    twin(
      'shows it to any',
      edit('if (given && isOfIssuer(given.issuer, metadata.issuer)) {', 'if (given) {'),
      /FlowExpiredError/,
    ),
  ],
);

test('rule 4: servers of one authorization server share one registration', () =>
  withMcp({ world: { servers: 5 }, auth: { tabs: 5 } }, async (mcp) => {
    await Promise.all(mcp.world.servers.map((server) => mcp.call({ server })));
    assert.equal(mcp.seen, { tabs: 5, register: 1 });
  }));

interface Strict {
  readonly how: string;
  readonly switches: Partial<Mcp['as']['switches']>;
  readonly seen: Partial<Seen>;
}

const strict: readonly Strict[] = [
  {
    how: 'rejects scope in a registration',
    switches: { rejectsScopeInRegistration: true },
    seen: { tabs: 1, register: 2 },
  },
  {
    how: 'registers its default scopes, and then grants no others',
    switches: { defaultScope: 'mcp:use', registrationsWithDefaultScope: 99 },
    seen: { tabs: 1, register: 1 },
  },
  {
    how: 'has registered its default scopes once',
    switches: { defaultScope: 'openid', registrationsWithDefaultScope: 1 },
    seen: { tabs: 2, register: 2 },
  },
];

for (const { how, switches, seen } of strict)
  test(`rule 4: signs in at an authorization server that ${how}`, () =>
    withMcp({ world: { authorizationServer: { switches } }, auth: { timeout: 20_000 } }, async (mcp) => {
      const answer = await mcp.call({ options: { scopes: 'mcp:use' } });
      assert.is(answer.status, 200);
      assert.equal(mcp.seen, seen);
    }));

const reserved = "-_.~!*'()";

const secrets: readonly { readonly decodes: boolean; readonly text: string }[] = [
  { decodes: true, text: `id${reserved}` },
  { decodes: false, text: 'id-_.*' },
];

for (const { decodes, text } of secrets)
  for (const authentication of ['client_secret_basic', 'client_secret_post'] as const)
    test(`rule 4: ${authentication} with ${text} works at a server that ${decodes ? 'decodes' : 'does not decode'} it`, () => {
      const secret = `a secret${text}`.replaceAll(' ', '-');
      const client = {
        ...native,
        client_id: text,
        client_secret: secret,
        token_endpoint_auth_method: authentication,
      };
      return withMcp(
        { world: { authorizationServer: { clients: [client], switches: { decodesBasic: decodes } } } },
        async (mcp) => {
          const given: GivenClient = { id: text, secret, issuer: mcp.as.issuer, authentication };
          assert.is((await mcp.call({ options: { client: given } })).status, 200);
          mcp.server.revokeTokens();
          assert.is((await mcp.call({ options: { client: given } })).status, 200);
          assert.equal(mcp.seen, { tabs: 1, refresh: 1 });
        },
      );
    });

test.run();
