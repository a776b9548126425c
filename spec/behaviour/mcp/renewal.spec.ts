import * as assert from '../../helpers/assert.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { callerIn, gate, withMcp } from '../../helpers/mcp/with-mcp.ts';
import { suite } from '../../helpers/suite.ts';
import { edit } from '../../helpers/weakened.ts';

const test = suite('mcp: renewal');
const rule = ruleOf(test);

const ok = (count: number): number[] => Array<number>(count).fill(200);

/** A request does not join the renewal under way, nor is it seen that the token is another one by now. */
const eachForItself = [
  edit(
    'for (let work = this.#work; work && this.#held.token === used; work = this.#work) {',
    'for (let work; work; ) {',
  ),
  edit('if (this.#held.token !== used) return false;', ''),
  edit('const turn = (last.get(key) ?? Promise.resolve()).then(step);', 'const turn = step();'),
  edit('if (kept && held.token !== used && isAlive(kept)) {', 'if (false) {'),
];

rule(
  'rule 1: 50 requests whose token was revoked share one refresh, and nobody is asked',
  (create) =>
    withMcp({ create }, async (mcp) => {
      await mcp.signedIn();
      mcp.server.revokeTokens();
      assert.equal(await mcp.crowd(50), ok(50));
      assert.equal(mcp.seen, { refresh: 1 });
    }),
  [twin('renews for each request', eachForItself, /refresh/)],
);

rule(
  'rule 1: a request that is refused with a token that is no longer the current one is just sent again',
  (create) => {
    const [refused, late] = [gate(), gate()];
    // Holds the first 401 back until the spec opens the gate.
    let isHeld = true;
    const fetch = async (input: string | URL, init?: RequestInit): Promise<Response> => {
      const response = await globalThis.fetch(input, init);
      const holds = !isHeld && response.status === 401 && init?.headers !== undefined;
      if (!holds || !new Headers(init.headers).has('authorization')) return response;
      isHeld = true;
      refused.open();
      await late.opened;
      return response;
    };
    return withMcp({ create, auth: { fetch } }, async (mcp) => {
      await mcp.signedIn();
      mcp.server.revokeTokens();
      isHeld = false;
      const slow = mcp.call();
      await refused.opened;
      assert.is((await mcp.call()).status, 200);
      late.open();
      assert.is((await slow).status, 200);
      assert.equal(mcp.seen, { refresh: 1 });
    });
  },
  [twin('renews whatever the current token is', eachForItself, /refresh/)],
);

test('rule 1: two accounts at one server are renewed apart, with one registration', () =>
  withMcp({}, async (mcp) => {
    const accounts = ['ada', 'bob'];
    for (const account of accounts) {
      mcp.as.switches.account = account;
      await mcp.call({ options: { account } });
    }
    assert.equal(mcp.seen, { tabs: 2, register: 1 });
    mcp.server.revokeTokens();
    const answers = await Promise.all(accounts.map((account) => mcp.call({ options: { account } })));
    assert.equal(
      answers.map((answer) => callerIn(answer).account),
      accounts,
    );
    assert.equal(mcp.seen, { tabs: 2, register: 1, refresh: 2 });
  }));

rule(
  'rule 2: a newer token in the store is used before anything is asked',
  (create) =>
    withMcp({ create }, async (mcp) => {
      await mcp.signedIn();
      mcp.server.revokeTokens();
      // Another process, as far as the first can see.
      assert.is((await mcp.call({ auth: mcp.start() })).status, 200);
      assert.is((await mcp.call()).status, 200);
      assert.equal(mcp.seen, { refresh: 1 });
      const refreshed = mcp.events.filter(({ type }) => type === 'refreshed');
      assert.equal(
        refreshed.map((event) => ('by' in event ? event.by : undefined)),
        ['us', 'another_process'],
      );
    }),
  [
    twin(
      'believes that the store is as it was',
      edit(
        "if (stored?.tokens.access_token !== this.token) this.#hold(stored, 'store');",
        "if (!this.#held) this.#hold(stored, 'store');",
      ),
      /refresh/,
    ),
  ],
);

test('rule 2: tokens that another process has removed are forgotten here too', () =>
  withMcp({}, async (mcp) => {
    await mcp.signedIn();
    await mcp.store.delete(`server ${mcp.server.url}`);
    mcp.server.revokeTokens();
    assert.is((await mcp.call()).status, 200);
    assert.equal(mcp.seen, { tabs: 1 });
  }));

rule(
  'rule 2: invalid_grant ends the tokens: one sign-in for 50 requests, with the same registration',
  (create) =>
    withMcp({ create }, async (mcp) => {
      await mcp.signedIn();
      await mcp.as.revokeRefreshTokens();
      mcp.server.revokeTokens();
      assert.equal(await mcp.crowd(50), ok(50));
      assert.equal(mcp.seen, { tabs: 1, refresh: 1 });
    }),
  [
    twin(
      'keeps tokens whose grant has ended',
      edit("if (error.error !== 'invalid_grant' && !(isOfClient && !isGiven)) throw error;", 'throw error;'),
      /TokenError|equal/,
    ),
  ],
);

rule(
  'rule 2: invalid_client ends the registration too, once',
  (create) =>
    withMcp({ create }, async (mcp) => {
      await mcp.signedIn();
      mcp.as.forget();
      mcp.server.revokeTokens();
      assert.equal(await mcp.crowd(10), ok(10));
      assert.equal(mcp.seen, { tabs: 1, refresh: 1, register: 1 });
    }),
  [
    twin(
      'asks with the client that is gone',
      [
        edit('if (isOfClient) await clients.forget(issuer, kept.client);', ''),
        edit("if (how === 'kept' && isOfClient(error))", "if (how !== 'kept' && isOfClient(error))"),
      ],
      /StaleRegistrationError|equal/,
    ),
  ],
);

test.run();
