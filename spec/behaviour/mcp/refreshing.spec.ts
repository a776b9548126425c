import { DiscoveryError, TokenError } from '../../../src/login.ts';
import type { mcpAuth } from '../../../src/mcp.ts';
import * as assert from '../../helpers/assert.ts';
import type { AuthorizationServer } from '../../helpers/mcp/authorization-server.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { withMcp } from '../../helpers/mcp/with-mcp.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('mcp: refreshing');
const rule = ruleOf(test);

interface Outage {
  readonly how: string;
  readonly begin: (as: AuthorizationServer) => unknown;
  readonly error: typeof TokenError | typeof DiscoveryError;
}

// A request for tokens ends after ten seconds.
const { mcpAuth: impatient } = (await weakenedModule(
  'mcp.ts',
  edit('const timeoutMs = 10_000;', 'const timeoutMs = 500;', 'mcp/requests.ts'),
)) as { mcpAuth: typeof mcpAuth };

const outages: readonly Outage[] = [
  {
    how: 'answers 503',
    begin: ({ switches }) => (switches.tokenEndpoint = 'unavailable'),
    error: TokenError,
  },
  {
    how: 'resets connections',
    begin: ({ switches }) => (switches.tokenEndpoint = 'resets'),
    error: TokenError,
  },
  { how: 'never answers', begin: ({ switches }) => (switches.tokenEndpoint = 'hangs'), error: TokenError },
  { how: 'refuses connections', begin: (as) => as.stop(), error: DiscoveryError },
];

for (const { how, begin, error } of outages)
  rule(
    `rule 2: an authorization server that ${how} costs no tokens and no tab: a typed error, then the next request goes on`,
    (create) =>
      withMcp({ create: how === 'never answers' ? impatient : create }, async (mcp) => {
        await mcp.signedIn();
        mcp.server.revokeTokens();
        await begin(mcp.as);
        const errors = await mcp.crowd(5);
        assert.is(mcp.seen.tabs ?? 0, 0, 'a tab was opened');
        assert.instance(errors[0], error);
        assert.is(new Set(errors).size, 1);
        if (how === 'refuses connections') await mcp.as.restart();
        mcp.as.switches.tokenEndpoint = 'answers';
        assert.is((await mcp.call()).status, 200);
        assert.is(mcp.seen.tabs ?? 0, 0, 'a tab was opened');
      }),
    how === 'answers 503'
      ? [
          twin(
            'takes any failure for the end of the tokens',
            edit("if (error.error !== 'invalid_grant' && !(isOfClient && !isGiven)) throw error;", ''),
            /a tab was opened/,
          ),
        ]
      : [],
  );

for (const [name, switches] of [
  ['resource', { refreshNeedsResource: true }],
  ['scope after invalid_target', { refreshNeedsScope: true }],
] as const)
  rule(
    `rule 5: a refresh sends ${name}`,
    (create) =>
      withMcp({ create }, async (mcp) => {
        await mcp.signedIn();
        Object.assign(mcp.as.switches, switches);
        mcp.server.revokeTokens();
        assert.is((await mcp.call()).status, 200);
        assert.is(mcp.seen.tabs ?? 0, 0, 'a tab was opened');
      }),
    [
      name === 'resource'
        ? twin(
            'names no resource',
            edit('const { resource = tokens.resource } = options;', 'const { resource = [] } = options;'),
            /TokenError/,
          )
        : twin(
            'does not ask again',
            edit('if (scope === undefined || !wantsScope(error)) throw error;', 'throw error;'),
            /TokenError/,
          ),
    ],
  );

rule(
  'rule 5: a refresh uses the client that the tokens were issued to, whatever the port is now',
  (create) =>
    withMcp({ create }, async (mcp) => {
      await mcp.signedIn();
      await mcp.auth.close();
      mcp.server.revokeTokens();
      // Its own server would get another port, at the first sign-in.
      assert.is((await mcp.call({ auth: mcp.start() })).status, 200);
      assert.equal(mcp.seen, { refresh: 1 });
    }),
  [
    twin(
      'keeps no client with the tokens',
      edit(
        'return { v: version, tokens: tokens.toDict(), client,',
        "return { v: version, tokens: tokens.toDict(), client: { client_id: '' },",
      ),
      /tabs/,
    ),
  ],
);

rule(
  'rule 1: tokens with a lifetime below the margin are not refreshed by each request',
  (create) =>
    withMcp({ create, world: { authorizationServer: { switches: { tokenTtl: 20 } } } }, async (mcp) => {
      await mcp.signedIn();
      for (let request = 0; request < 5; request++) assert.is((await mcp.call()).status, 200);
      assert.equal(mcp.seen, {});
    }),
  [
    twin(
      'has one margin for all',
      edit("from === 'store' ? margin : Math.min(margin, (expiresAt - since) / 2)", 'margin'),
      /refresh/,
    ),
  ],
);

test.run();
