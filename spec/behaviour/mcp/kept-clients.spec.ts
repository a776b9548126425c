import { createOAuthCallbackServer, FlowExpiredError } from '../../../src/index.ts';
import { mcpAuth } from '../../../src/mcp.ts';
import * as assert from '../../helpers/assert.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { withMcp, type CreateMcpAuth, type Mcp, type Seen } from '../../helpers/mcp/with-mcp.ts';
import { suite } from '../../helpers/suite.ts';
import { edit } from '../../helpers/weakened.ts';

const test = suite('mcp: kept clients');
const rule = ruleOf(test);

/** Signs in with a registration that was kept from an earlier start, at the same redirect URI. */
async function withKept(
  create: CreateMcpAuth,
  timeout: number,
  body: (mcp: Mcp, kept: Kept) => Promise<void>,
): Promise<void> {
  await using host = createOAuthCallbackServer();
  await withMcp({ create, auth: { host, timeout } }, async (mcp) => {
    await mcp.signedIn();
    await mcp.auth.close();
    const key = `server ${mcp.server.url}`;
    const { client } = (await mcp.store.get(key)) as { client: Kept };
    await mcp.store.delete(key);
    await body(mcp, client);
  });
}

interface Kept {
  readonly redirect_uri: string;
}

test('rule 6: a registration that was kept is asked about, and used; a new one is not asked about', () =>
  withKept(mcpAuth, 20_000, async (mcp) => {
    assert.is((await mcp.call({ auth: mcp.start() })).status, 200);
    assert.equal([mcp.origins, mcp.seen], [['kept'], { tabs: 1 }]);
    assert.is(mcp.as.counts.authorize, 2);
  }));

for (const status of [400, 401, 404, 422] as const)
  rule(
    `rule 6: a kept client that the server answers with ${status} is registered again before a tab opens`,
    (create) =>
      withKept(create, 2_000, async (mcp) => {
        mcp.as.forget();
        mcp.as.switches.forgottenStatus = status;
        assert.is((await mcp.call({ auth: mcp.start() })).status, 200);
        assert.equal(mcp.seen, { tabs: 1, register: 1 });
        assert.equal(mcp.origins, ['kept', 'registered_again']);
        await mcp.call({ auth: mcp.start() });
        assert.is(mcp.seen.tabs, 1);
      }),
    status === 400
      ? [
          twin(
            'opens a tab at once',
            edit("if (this.#chosen?.how !== 'kept' ||", 'if (true ||'),
            /FlowExpiredError/,
          ),
        ]
      : [],
  );

test('rule 6: a kept client with another redirect URI at the server is registered again', () =>
  withKept(mcpAuth, 20_000, async (mcp, kept) => {
    // The record is right, and the server has registered another port.
    await using host = createOAuthCallbackServer();
    await host.listen();
    const moved = kept.redirect_uri.replace(/:\d+/, `:${host.address.port}`);
    await mcp.store.set(`client ${mcp.as.issuer} ${moved}`, { ...kept, redirect_uri: moved });
    mcp.as.switches.strictRedirectUris = true;
    assert.is((await mcp.call({ auth: mcp.start({ host }) })).status, 200);
    assert.equal(mcp.seen, { tabs: 1, register: 1 });
  }));

test('rule 6: an error page with 200 ends with a typed expiry', () =>
  withKept(mcpAuth, 300, async (mcp) => {
    mcp.as.forget();
    mcp.as.switches.forgottenStatus = 200;
    await assert.rejects(mcp.call({ auth: mcp.start() }), FlowExpiredError);
    assert.is(mcp.seen.tabs, 1);
  }));

interface Restart {
  readonly tokens: string;
  readonly before: (mcp: Mcp) => unknown;
  readonly seen: Partial<Seen>;
}

const restarts: readonly Restart[] = [
  { tokens: 'good', before: () => undefined, seen: {} },
  { tokens: 'revoked', before: ({ server }) => server.revokeTokens(), seen: { refresh: 1 } },
  {
    tokens: 'revoked, and whose refresh token is of no use',
    before: async ({ server, as }) => {
      server.revokeTokens();
      await as.revokeRefreshTokens();
    },
    seen: { tabs: 1, register: 1, refresh: 1 },
  },
];

for (const { tokens, before, seen } of restarts)
  test(`rule 5: starts again on another port with tokens that are ${tokens}`, () =>
    withMcp({}, async (mcp) => {
      await mcp.signedIn();
      await mcp.auth.close();
      await before(mcp);
      await using host = createOAuthCallbackServer();
      assert.is((await mcp.call({ auth: mcp.start({ host }) })).status, 200);
      assert.equal(mcp.seen, seen);
    }));

test.run();
