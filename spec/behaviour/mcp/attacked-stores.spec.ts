import { FlowCancelledError } from '../../../src/index.ts';
import { mcpAuth, memoryStore, TokenStoreError } from '../../../src/mcp.ts';
import * as assert from '../../helpers/assert.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { gate, withMcp } from '../../helpers/mcp/with-mcp.ts';
import { suite } from '../../helpers/suite.ts';
import { edit } from '../../helpers/weakened.ts';

const test = suite('mcp: attacked stores');
const rule = ruleOf(test);

rule(
  'two mcpAuth() over one store without locks open one tab',
  (create) =>
    withMcp({ create }, async (mcp) => {
      const answers = await Promise.all([mcp.call(), mcp.call({ auth: mcp.start() })]);
      assert.equal(
        answers.map(({ status }) => status),
        [200, 200],
      );
      assert.equal(mcp.seen, { tabs: 1, register: 1 });
    }),
  [
    twin(
      'has locks of its own for each mcpAuth()',
      edit('const locks = ofStores.get(store) ?? newLocks();', 'const locks = newLocks();'),
      /tabs/,
    ),
  ],
);

test('an mcpAuth() that waits for the sign-in of another one over the same store closes at once', () => {
  const answered = gate();
  return withMcp({ person: { before: () => answered.opened } }, async (mcp) => {
    const first = mcp.call();
    await new Promise<void>((resolve) => {
      mcp.auth.events.subscribe(({ type }) => type === 'authorize' && resolve());
    });
    const other = mcp.start();
    const second = assert.rejects(mcp.call({ auth: other }), FlowCancelledError);
    await other.close();
    await second;
    answered.open();
    assert.is((await first).status, 200);
  });
});

rule(
  'signOut() rejects if the tokens stay in the store, and does not use them again',
  (create) => {
    const whole = memoryStore();
    const broken = (): never => {
      throw new Error('the disk is full');
    };
    return withMcp({ create, auth: { store: { ...whole, delete: broken } } }, async (mcp) => {
      await mcp.signedIn();
      const { name } = await assert.rejects(mcp.auth.signOut(mcp.server.url));
      assert.is(name, 'TokenStoreError');
      assert.is(mcp.as.counts.revoked, 2);
    });
  },
  [twin('says nothing', edit('await this.#held.erase();', 'await this.#held.drop();'), /reject/)],
);

rule(
  'tokens that a newer program has stored stay when older ones are rejected; signOut() erases them',
  (create) =>
    withMcp({ create }, async (mcp) => {
      await mcp.signedIn();
      const key = `server ${mcp.server.url}`;
      const newer = { v: 2, tokens: 'of another form' };
      await mcp.store.set(key, newer);
      await mcp.as.revokeRefreshTokens();
      mcp.server.revokeTokens();
      assert.is((await mcp.call()).status, 200);
      assert.equal(await mcp.store.get(key), newer);
      await mcp.auth.signOut(mcp.server.url);
      assert.is(await mcp.store.get(key), undefined);
    }),
  [
    twin(
      'deletes what it cannot read',
      edit(
        'await this.#vault.delete(this.#key, credentialsIn);',
        'await this.#vault.delete(this.#key, () => undefined);',
      ),
      /equal/,
    ),
  ],
);

const locks = {
  throws: () => {
    throw new Error('busy');
  },
  rejects: () => Promise.reject(new Error('busy')),
};
for (const [what, lock] of Object.entries(locks))
  test(`a lock that ${what} is an error of the store`, () =>
    withMcp({ auth: { store: { ...memoryStore(), lock } } }, async (mcp) => {
      const error = await assert.rejects(mcp.call(), TokenStoreError);
      assert.match(error.message, /cannot be locked \(busy\)/);
    }));

/** A server whose authorization server publishes the metadata of another issuer, which is trusted and publishes nothing. */
function tenantWorld(publisher: string, asked: string[]) {
  const issuer = 'https://sts.example/abc';
  const endpoints = { authorization_endpoint: `${publisher}/auth`, token_endpoint: `${publisher}/token` };
  const answers: Readonly<Record<string, object>> = {
    'https://mcp.example/.well-known/oauth-protected-resource/mcp': {
      resource: 'https://mcp.example/mcp',
      authorization_servers: [publisher],
    },
    [`${publisher}/.well-known/openid-configuration`]: {
      issuer,
      ...endpoints,
      code_challenge_methods_supported: ['S256'],
    },
    [`${publisher}/token`]: { access_token: 'new', token_type: 'Bearer', expires_in: 600 },
  };
  const fetch = (input: string | URL, init?: RequestInit): Promise<Response> => {
    const url = String(input);
    asked.push(url);
    const isGood = new Headers(init?.headers).get('authorization') === 'Bearer new';
    if (url === 'https://mcp.example/mcp')
      return Promise.resolve(new Response('', { status: isGood ? 200 : 401 }));
    const answer = answers[url];
    return Promise.resolve(answer ? Response.json(answer) : new Response('', { status: 404 }));
  };
  const tokens = { issuer, client_id: 'c', access_token: 'old', refresh_token: 'r', token_type: 'bearer' };
  const options = { trustedIssuers: [issuer] };
  const stored = { v: 1, tokens, client: { client_id: 'c' }, publisher: 'https://login.example' };
  return { fetch, options, stored };
}

for (const expires_at of [1, undefined])
  test(`tokens of a trusted issuer that publishes nothing are refreshed ${expires_at ? 'before a request' : 'after 401'}`, async () => {
    const { fetch, options, stored } = tenantWorld('https://login.example', []);
    const store = memoryStore();
    const tokens = { ...stored.tokens, ...(expires_at && { expires_at }) };
    await store.set('server https://mcp.example/mcp', { ...stored, tokens });
    await using auth = mcpAuth({ fetch, store });
    const response = await auth.fetch('https://mcp.example/mcp', options)('https://mcp.example/mcp');
    assert.is(response.status, 200);
  });

rule(
  'a refresh token of a trusted issuer does not go to another server that claims to be that issuer',
  async (create) => {
    const asked: string[] = [];
    const { fetch, options, stored } = tenantWorld('https://evil.example', asked);
    const store = memoryStore();
    await store.set('server https://mcp.example/mcp', stored);
    await using auth = create({ fetch, store });
    const call = auth.fetch('https://mcp.example/mcp', options)('https://mcp.example/mcp');
    const { name } = await assert.rejects(call);
    assert.is(name, 'SignInRequiredError');
    assert.not.ok(asked.includes('https://evil.example/token'));
  },
  [
    twin(
      'looks at the name of the issuer only',
      edit(
        'return metadata.issuer === kept.tokens.issuer && publisher === kept.publisher;',
        'return metadata.issuer === kept.tokens.issuer;',
      ),
      /reject/,
    ),
  ],
);

rule(
  'a server that names a further authorization server first keeps its tokens',
  (create) =>
    withMcp({ create, world: { authorizationServers: 2 } }, async (mcp) => {
      await mcp.signedIn();
      const [own, further] = mcp.world.authorizationServers;
      mcp.server.switches.metadata = { authorization_servers: [further!.issuer, own.issuer] };
      mcp.server.revokeTokens();
      assert.is((await mcp.call()).status, 200);
      assert.equal(mcp.seen, { refresh: 1 });
    }),
  [
    twin(
      'takes the first one',
      edit('preferred.find((each) => issuers.includes(each)) ?? issuers[0]', 'issuers[0]'),
      /equal/,
    ),
  ],
);

test.run();
