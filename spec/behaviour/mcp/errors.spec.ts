import { Client } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { AuthorizationError } from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { withMcp } from '../../helpers/mcp/with-mcp.ts';
import { leaks } from '../../helpers/printers.ts';
import { record } from '../../helpers/record.ts';
import { suite } from '../../helpers/suite.ts';
import { edit } from '../../helpers/weakened.ts';

const test = suite('mcp: errors and printing');
const rule = ruleOf(test);

const info = { name: 'spec', version: '1' };

for (const mode of ['legacy', 'auto'] as const)
  rule(
    `rule 13: a denial arrives as it is in a client with negotiation "${mode}"`,
    (create) =>
      withMcp({ create }, async (mcp) => {
        mcp.as.switches.denials = 9;
        const client = new Client(info, { versionNegotiation: { mode } });
        const error = await assert.rejects(mcp.auth.connect(client, mcp.server.url));
        assert.instance(error, AuthorizationError, `got ${error.name}`);
        assert.is(mcp.seen.tabs, 1);
      }),
    mode === 'auto'
      ? [
          twin(
            'does not mark its errors',
            edit('Object.defineProperty(error, seam, { value: true });', ''),
            /got SdkError/,
          ),
        ]
      : [],
  );

test('rule 13: a denial arrives as it is in a client of 1.x', () =>
  withMcp({}, async (mcp) => {
    mcp.as.switches.denials = 9;
    const client = new LegacyClient(info);
    const connecting = mcp.auth.connect(client, mcp.server.url);
    assert.instance(await assert.rejects(connecting), AuthorizationError);
  }));

test('rule 13: a step-up that is denied arrives as it is from a tool call', () =>
  withMcp({}, async (mcp) => {
    const client = new Client(info);
    await mcp.auth.connect(client, mcp.server.url);
    mcp.as.switches.denials = 1;
    const call = client.callTool({ name: 'admin', arguments: {} });
    assert.instance(await assert.rejects(call), AuthorizationError);
    await client.close();
  }));

const secret = 'a-secret-of-the-client';
const registered = {
  client_id: 'of-the-spec',
  client_secret: secret,
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};
const world = { authorizationServer: { clients: [registered] } };

rule(
  'rule 15: no event, status, error or page shows a secret, however it is printed',
  (create) => {
    const secrets: Record<string, string> = {};
    const fetch = async (input: string | URL, init?: RequestInit): Promise<Response> => {
      const response = await globalThis.fetch(input, init);
      if (new URL(input).pathname !== '/token') return response;
      const sent = new URLSearchParams(init?.body as string | URLSearchParams | undefined);
      const text = await response.clone().text();
      const got = (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, string>;
      for (const [name, value] of [
        ['code', sent.get('code')],
        ['verifier', sent.get('code_verifier')],
        ['access token', got['access_token']],
        ['refresh token', got['refresh_token']],
      ] as const)
        if (value != null) secrets[name] ??= value;
      return response;
    };
    return withMcp({ create, world, auth: { fetch, timeout: 20_000 } }, async (mcp) => {
      const status = record(mcp.auth.status(mcp.server.url));
      await mcp.call();
      secrets['state'] = mcp.person.tabs[0]!.searchParams.get('state')!;
      secrets['client secret'] = secret;
      mcp.server.revokeTokens();
      mcp.as.switches.tokenEndpoint = 'unavailable';
      const errors = await mcp.crowd(1);
      mcp.as.switches.tokenEndpoint = 'answers';
      await mcp.as.revokeRefreshTokens();
      mcp.as.switches.denials = 1;
      const client = { id: registered.client_id, secret, issuer: mcp.as.issuer };
      errors.push(...(await mcp.crowd(1, { options: { client } })));
      errors.push(...(await mcp.crowd(1, { auth: mcp.start({ open: undefined as never }) })));
      assert.equal(Object.keys(secrets).sort(), [
        'access token',
        'client secret',
        'code',
        'refresh token',
        'state',
        'verifier',
      ]);
      const pages = await Promise.all(
        mcp.person.tabs.slice(0, 1).map(async () => (await mcp.person.pages())[0]!.html),
      );
      const things: readonly unknown[] = [...mcp.events, ...status.values, ...errors, ...pages];
      assert.ok(mcp.events.length > 10 && errors.every((error) => error instanceof Error));
      assert.equal(
        things.flatMap((thing) => leaks(thing, secrets)),
        [],
      );
    });
  },
  [
    twin(
      'prints the URL of a sign-in',
      edit(
        'this.#url = url.href;',
        'this.#url = url.href; Object.assign(this, { href: url.href });',
        'mcp/events.ts',
      ),
      /shows.state/,
    ),
  ],
  { deadline: 180_000 },
);

test.run();
