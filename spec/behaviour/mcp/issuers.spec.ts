import { DiscoveryError } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { startAuthorizationServer } from '../../helpers/mcp/authorization-server.ts';
import { startMcpServer } from '../../helpers/mcp/mcp-server.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { withMcp, type Mcp } from '../../helpers/mcp/with-mcp.ts';
import { suite } from '../../helpers/suite.ts';
import { edit } from '../../helpers/weakened.ts';

const test = suite('mcp: issuers');
const rule = ruleOf(test);

// No server listens at this port.
const other = 'http://localhost:9';

/** Fails if an authorization server has got a code or a refresh token, which a wrong place must not. */
function nothingIssued({ as }: Mcp): void {
  assert.equal([as.counts.code, as.counts.refresh], [0, 0]);
}

rule(
  'rule 10: a response with the iss of another issuer is never redeemed',
  (create) =>
    withMcp({ create, auth: { timeout: 500 } }, async (mcp) => {
      mcp.as.switches.iss = other;
      const [error] = await mcp.crowd(1);
      nothingIssued(mcp);
      assert.is((error as { code?: string }).code, 'expired');
    }),
  [
    twin(
      'expects no issuer',
      edit(
        '    issuer: metadata.issuer,\n    issuerAdvertised: metadata.authorization_response_iss_parameter_supported === true,\n',
        '',
      ),
      /equal/,
    ),
  ],
);

rule(
  'rule 10: each issuer has a redirect URI of its own, also where no iss comes',
  (create) =>
    withMcp({ create, world: { servers: 2, authorizationServers: 2 } }, async (mcp) => {
      for (const { switches } of mcp.world.authorizationServers) switches.iss = undefined;
      for (const { switches } of mcp.world.authorizationServers)
        switches.metadata = { authorization_response_iss_parameter_supported: false };
      await mcp.crowd(2);
      await mcp.call({ server: mcp.world.servers[1]! });
      const paths = mcp.person.tabs.map((url) => new URL(url.searchParams.get('redirect_uri')!).pathname);
      assert.is(new Set(paths).size, 2);
      // Both on one port.
      const hosts = mcp.person.tabs.map((url) => new URL(url.searchParams.get('redirect_uri')!).host);
      assert.is(new Set(hosts).size, 1);
    }),
  [
    twin(
      'has one for all',
      edit("...(!this.#unregistered() && { context: sha256(issuer, 'base64url') }),", ''),
      /strictly equal/,
    ),
  ],
);

rule(
  'rule 10: an issuer that names the authorization endpoint of another one is refused',
  (create) =>
    withMcp(
      { create, world: { servers: 2, authorizationServers: 2 }, auth: { timeout: 2_000 } },
      async (mcp) => {
        const [first, second] = mcp.world.authorizationServers;
        await mcp.call();
        const { authorization_endpoint } = await first.metadata();
        second!.switches.metadata = { authorization_endpoint };
        const [error] = await mcp.crowd(1, { server: mcp.world.servers[1]! });
        assert.instance(error, DiscoveryError);
        assert.is((error as DiscoveryError).flaw, 'shared_endpoint');
        assert.equal([mcp.seen.tabs, second!.counts.register, second!.counts.code], [1, 0, 0]);
      },
    ),
  [
    twin(
      'takes any endpoint',
      edit('if (other !== undefined && other !== issuer)', 'if (false)'),
      /Expected value to be an instance/,
    ),
  ],
);

rule(
  'rule 10: an authorization server that does not list S256 is refused',
  (create) =>
    withMcp({ create }, async (mcp) => {
      mcp.as.switches.metadata = { code_challenge_methods_supported: undefined };
      const [error] = await mcp.crowd(1);
      assert.is((error as Partial<DiscoveryError>).flaw, 'pkce_not_supported');
      assert.equal(mcp.seen, {});
    }),
  [twin('hopes for PKCE', edit('requirePkce: isPublished,', 'requirePkce: false,'), /pkce_not_supported/)],
);

interface Spelling {
  readonly how: string;
  /** Issuer that the metadata of the MCP server names. */
  readonly named?: (issuer: string) => string;
  /** Issuer in the metadata of the authorization server. */
  readonly own?: string;
  readonly trailingSlash?: boolean;
  readonly trustedIssuers?: readonly string[];
  readonly flaw?: string;
}

const spellings: readonly Spelling[] = [
  { how: 'with a slash that its own does not have', named: (issuer) => `${issuer}/` },
  { how: 'without the slash that its own has', named: (issuer) => issuer.slice(0, -1), trailingSlash: true },
  { how: 'with the slash that its own has', trailingSlash: true },
  { how: 'with two slashes', named: (issuer) => `${issuer}//`, flaw: 'issuer_mismatch' },
  { how: 'in another case', own: 'HTTP://127.0.0.1', flaw: 'issuer_mismatch' },
  { how: 'by another name', own: other, flaw: 'issuer_mismatch' },
  { how: 'by another name that is trusted', own: other, trustedIssuers: [other] },
  {
    how: 'by another name that is trusted with a slash',
    own: other,
    trustedIssuers: [`${other}/`],
    flaw: 'issuer_mismatch',
  },
];

for (const { how, named, own, trailingSlash = false, trustedIssuers = [], flaw } of spellings)
  test(`rule 11: a server names its issuer ${how}: ${flaw ?? 'signed in'}`, () =>
    withMcp({ world: { authorizationServer: { trailingSlash } } }, async (mcp) => {
      if (named) mcp.server.switches.metadata = { authorization_servers: [named(mcp.as.issuer)] };
      if (own !== undefined) {
        mcp.as.switches.metadata = { issuer: own };
        mcp.as.switches.iss = own;
      }
      const call = mcp.call({ options: { trustedIssuers } });
      if (flaw !== undefined) {
        const error = await assert.rejects(call, DiscoveryError);
        assert.equal([error.flaw, mcp.seen], [flaw, {}]);
        return;
      }
      assert.is((await call).status, 200);
      mcp.server.revokeTokens();
      assert.is((await mcp.call({ options: { trustedIssuers } })).status, 200);
      assert.equal(mcp.seen, { tabs: 1, register: 1, refresh: 1 });
    }));

rule(
  'rule 11: iss is compared with the string of the metadata, exactly',
  (create) =>
    withMcp({ create, auth: { timeout: 500 } }, async (mcp) => {
      mcp.server.switches.metadata = { authorization_servers: [`${mcp.as.issuer}/`] };
      mcp.as.switches.iss = `${mcp.as.issuer}/`;
      const [error] = await mcp.crowd(1);
      nothingIssued(mcp);
      assert.is((error as { code?: string }).code, 'expired');
    }),
  [
    twin(
      'expects no issuer',
      edit('    issuer: metadata.issuer,\n    issuerAdvertised', '    issuerAdvertised'),
      /equal/,
    ),
  ],
);

rule(
  'rule 11: tokens of a trusted issuer that expire are refreshed before a request',
  (create) =>
    withMcp({ create }, async (mcp) => {
      const options = { trustedIssuers: [other] };
      mcp.as.switches.metadata = { issuer: other };
      mcp.as.switches.iss = other;
      mcp.as.switches.tokenTtl = 1;
      await mcp.call({ options });
      mcp.as.switches.tokenTtl = 600;
      await expiry(mcp);
      assert.is((await mcp.call({ options })).status, 200);
      assert.equal(mcp.seen, { tabs: 1, register: 1, refresh: 1 });
    }),
  [
    twin(
      'asks the issuer by its other name',
      edit(
        'return this.ofIssuer(publisher, [issuer], signal);',
        'return this.ofIssuer(issuer, [publisher], signal);',
      ),
      /DiscoveryError/,
    ),
  ],
);

rule(
  'rule 12: a server that names another authorization server gets no tokens of the first one there',
  (create) =>
    withMcp({ create }, async (mcp) => {
      await using next = await startAuthorizationServer();
      await mcp.signedIn();
      mcp.server.switches.authorizationServer = next;
      assert.is((await mcp.call()).status, 200);
      assert.equal([next.counts.refresh, next.counts.code, next.counts.register], [0, 1, 1]);
      assert.equal(mcp.seen, { tabs: 1 });
    }),
  [
    twin(
      'refreshes anywhere',
      [
        edit('const hasMoved = found?.isNamed && !hasIssued(found, kept);', 'const hasMoved = false;'),
        edit(
          'const isSame = found !== undefined && hasIssued(found, kept);',
          'const isSame = found !== undefined;',
        ),
        edit(
          'const options: RefreshOptions = { metadata: as.metadata,',
          'const options: RefreshOptions = { metadata: { ...as.metadata, issuer: tokens.issuer },',
        ),
      ],
      /equal/,
    ),
  ],
);

test('rule 12: the tokens of one server are not those of another behind the same authorization server', () =>
  withMcp({}, async (mcp) => {
    await using second = await startMcpServer('second', mcp.as);
    await mcp.call();
    await mcp.call({ server: second });
    assert.is(second.bearers.length, 1);
    assert.not.equal(second.bearers, mcp.server.bearers);
  }));

test.run();

/** Resolves once the tokens of the first server have expired. */
async function expiry({ store, server }: Mcp): Promise<void> {
  const { tokens } = (await store.get(`server ${server.url}`)) as { tokens: { expires_at: number } };
  while (Date.now() < tokens.expires_at * 1_000) await new Promise(setImmediate);
}
