import { lastValueFrom } from 'rxjs';
import { AuthorizationError } from '../../../src/index.ts';
import { InsufficientScopeError } from '../../../src/mcp.ts';
import * as assert from '../../helpers/assert.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { callerIn, withMcp, type Mcp } from '../../helpers/mcp/with-mcp.ts';
import { suite } from '../../helpers/suite.ts';
import { edit } from '../../helpers/weakened.ts';

const test = suite('mcp: step-up');
const rule = ruleOf(test);

const tool = 'admin';

const asked = ({ person }: Mcp): string[] => person.tabs.map((url) => url.searchParams.get('scope') ?? '');

/** Each request renews the tokens, whatever another one has done. */
const eachForItself = [
  edit(
    'for (let work = this.#work; work && this.#held.token === used; work = this.#work) {',
    'for (let work; work; ) {',
  ),
  edit('const turn = (last.get(key) ?? Promise.resolve()).then(step);', 'const turn = step();'),
];

rule(
  'rule 3: 20 requests that need more scope share one step-up',
  (create) =>
    withMcp({ create }, async (mcp) => {
      await mcp.signedIn();
      assert.equal(await mcp.crowd(20, { tool }), Array(20).fill(200));
      assert.equal(mcp.seen, { tabs: 1, register: 1 });
      const { scopes } = callerIn(await mcp.call());
      assert.equal(scopes.sort(), ['mcp:admin', 'mcp:use']);
    }),
  [twin('steps up for each request', eachForItself, /tabs/)],
);

rule(
  'rule 3: a step-up asks for what was asked, granted and challenged',
  (create) =>
    withMcp({ create }, async (mcp) => {
      await mcp.signedIn();
      await mcp.call({ tool });
      const [scopes] = asked(mcp);
      assert.equal(scopes!.split(' ').sort(), ['mcp:admin', 'mcp:use', 'offline_access']);
    }),
  [
    twin(
      'asks for what was challenged only',
      edit('isStepUp ? unionOf(granted, before?.asked, needed) : granted', 'undefined'),
      /mcp:use/,
    ),
  ],
);

rule(
  'rule 3: a declined step-up rejects all 20 requests, and those that follow ask nobody',
  (create) =>
    withMcp({ create }, async (mcp) => {
      await mcp.signedIn();
      mcp.as.switches.denials = 1;
      const errors = await mcp.crowd(20, { tool });
      assert.ok(errors.every((error) => error instanceof AuthorizationError));
      const later = await mcp.crowd(2, { tool });
      assert.is(mcp.seen.tabs, 1, 'another tab was opened');
      assert.ok(later.every((error) => error instanceof InsufficientScopeError));
      assert.is((await mcp.call()).status, 200);
      assert.equal(mcp.seen, { tabs: 1, register: 1 });
    }),
  [
    twin(
      'forgets what was declined',
      edit('if (this.#need.isStepUp && isDeclined(error)) held.decline(scope);', ''),
      /another tab was opened/,
    ),
  ],
);

test('rule 3: what was declined can be asked for once more by signIn()', () =>
  withMcp({}, async (mcp) => {
    await mcp.signedIn();
    mcp.as.switches.denials = 1;
    await assert.rejects(mcp.call({ tool }), AuthorizationError);
    const last = await lastValueFrom(mcp.auth.signIn(mcp.server.url, { scopes: 'mcp:admin' }));
    assert.is(last.type, 'signed_in');
    assert.is((await mcp.call({ tool })).status, 200);
    assert.is(mcp.seen.tabs, 2);
  }));

/** The server's answers to requests that have a token. */
function answering(
  challenges: readonly string[],
): (input: string | URL, init?: RequestInit) => Promise<Response> {
  let count = 0;
  return async (input, init) => {
    const response = await fetch(input, init);
    const isOurs = new Headers(init?.headers).has('authorization') && new URL(input).pathname === '/mcp';
    if (!isOurs) return response;
    await response.body?.cancel();
    const challenge = challenges[Math.min(count++, challenges.length - 1)]!;
    return new Response('', { status: 403, headers: { 'www-authenticate': challenge } });
  };
}

const unlisted = { server: { metadata: { scopes_supported: undefined } } };
const insufficient = 'Bearer error="insufficient_scope"';

rule(
  'rule 3: what was asked for and granted, and is not enough, is not asked again',
  (create) =>
    withMcp({ create, auth: { fetch: answering([`${insufficient}, scope="mcp:admin"`]) } }, async (mcp) => {
      const error = await assert.rejects(mcp.call(), InsufficientScopeError);
      assert.equal([error.needed, error.server], ['mcp:admin', mcp.server.url]);
      await assert.rejects(mcp.call(), InsufficientScopeError);
      assert.is(mcp.seen.tabs, 2, 'more tabs were opened');
      assert.equal(asked(mcp)[1]!.split(' ').sort(), ['mcp:admin', 'mcp:use', 'offline_access']);
    }),
  [
    twin(
      'asks again and again',
      edit('if (hasSteppedUp || includesScopes(unionOf(kept.asked, granted), scope))', 'if (false)'),
      /InsufficientScopeError|Expected promise to reject|tabs/,
    ),
  ],
);

rule(
  'rule 3: a server that names no scope does not make a tab for each request',
  (create) =>
    withMcp({ create, world: unlisted, auth: { fetch: answering([insufficient]) } }, async (mcp) => {
      for (let request = 0; request < 3; request++) {
        const error = await assert.rejects(mcp.call(), InsufficientScopeError);
        assert.is(error.needed, '');
      }
      assert.equal(mcp.seen, { tabs: 1, register: 1 });
    }),
  [
    twin(
      'asks as long as it names none',
      edit("this.#requireUnasked(before, scope, needed ?? '');", ''),
      /Expected promise to reject|tabs/,
    ),
  ],
);

rule(
  'rule 3: a request steps up once, even if the server then wants something else',
  (create) =>
    withMcp(
      {
        create,
        auth: {
          fetch: answering(['mcp:admin', 'openid'].map((scope) => `${insufficient}, scope="${scope}"`)),
        },
      },
      async (mcp) => {
        const [error] = await mcp.crowd(1);
        // The sign-in and the step-up.
        assert.is(mcp.seen.tabs, 2, 'more tabs were opened');
        assert.instance(error, InsufficientScopeError);
      },
    ),
  [
    twin(
      'steps up as often as the server wants',
      edit('hasSteppedUp ||= isOurs && refused.isStepUp;', ''),
      /more tabs were opened/,
    ),
  ],
);

test('rule 3: a step-up waits for the refresh under way, and uses its tokens', () =>
  withMcp({}, async (mcp) => {
    await mcp.signedIn();
    mcp.server.revokeTokens();
    const results = await Promise.all([mcp.call(), mcp.call({ tool }), mcp.call(), mcp.call({ tool })]);
    assert.equal(
      results.map(({ status }) => status),
      [200, 200, 200, 200],
    );
    assert.equal(mcp.seen, { tabs: 1, register: 1, refresh: 1 });
  }));

test.run();
