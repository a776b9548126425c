import { Client } from '@modelcontextprotocol/client';
import { createOAuthCallbackServer } from '../../../src/index.ts';
import { SignInRequiredError } from '../../../src/mcp.ts';
import * as assert from '../../helpers/assert.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { eventOf, gate, withMcp } from '../../helpers/mcp/with-mcp.ts';
import { runProgram } from '../../helpers/program.ts';
import { record } from '../../helpers/record.ts';
import { suite } from '../../helpers/suite.ts';
import { edit } from '../../helpers/weakened.ts';

const test = suite('mcp: asking');
const rule = ruleOf(test);

for (const tabs of [1, 3])
  rule(
    `rule 7: at most ${tabs} of 8 sign-ins are in front of the person, and the time of the others does not run`,
    async (create) => {
      await using host = createOAuthCallbackServer();
      // Flows that have begun and not ended: their time runs.
      let running = 0;
      let most = 0;
      host.events.subscribe(({ type }) => {
        if (type === 'begun') most = Math.max(most, ++running);
        else if (['settled', 'expired', 'cancelled'].includes(type)) running--;
      });
      await withMcp({ create, world: { servers: 8 }, auth: { host, tabs } }, async (mcp) => {
        await Promise.all(mcp.world.servers.map((server) => mcp.call({ server })));
        assert.is(mcp.seen.tabs, 8);
        assert.ok(mcp.person.mostAtOnce <= tabs, `${mcp.person.mostAtOnce} tabs at a time`);
        assert.ok(most <= tabs, `${most} flows at a time`);
      });
    },
    [
      twin(
        'asks for all',
        edit('if (this.#running === this.#max)', 'if (false)'),
        /\d (tabs|flows) at a time/,
      ),
    ],
  );

rule(
  'rule 7: the next sign-in is one at the same issuer',
  (create) => {
    const allQueued = gate();
    const before = (): Promise<void> => allQueued.opened;
    return withMcp(
      { create, world: { servers: 4, authorizationServers: 2 }, person: { before } },
      async (mcp) => {
        const calls: Promise<unknown>[] = [];
        for (const server of mcp.world.servers) {
          const queued = eventOf(mcp.auth.events, 'queued');
          calls.push(mcp.call({ server }));
          assert.is((await queued).position, calls.length - 1);
        }
        allQueued.open();
        await Promise.all(calls);
        const { issuer } = mcp.as;
        const issuers = mcp.person.tabs.map(({ origin }) => (origin === issuer ? 'its' : 'other'));
        assert.equal(issuers, ['its', 'its', 'other', 'other']);
      },
    );
  },
  [
    twin(
      'takes them as they come',
      edit('this.#waiting.find((each) => each.issuer === issuer) ?? this.#waiting[0]', 'this.#waiting[0]'),
      /other/,
    ),
  ],
);

rule(
  'rule 8: without open, SignInRequiredError comes at once: nothing but the server is asked, and no host',
  async (create) => {
    const asked: string[] = [];
    const fetch = (input: string | URL, init?: RequestInit): Promise<Response> => {
      asked.push(String(input));
      return globalThis.fetch(input, init);
    };
    const host = (): never => {
      throw new Error('the host was asked for');
    };
    await withMcp({ create, auth: { open: undefined as never, host, fetch } }, async (mcp) => {
      const error = await assert.rejects(mcp.call(), SignInRequiredError);
      assert.equal([error.reason, error.server, error.scope], ['no_tokens', mcp.server.url, 'mcp:use']);
      assert.equal(asked, [mcp.server.url]);
      const status = record(mcp.auth.status(mcp.server.url));
      assert.equal(status.values, [{ state: 'sign_in_required', reason: 'no_tokens', scope: 'mcp:use' }]);
    });
  },
  [twin('looks around first', edit('if (!mayRefresh) this.#requirePerson(reason);', ''), /well-known/)],
);

test('rule 8: without open, tokens are refreshed all the same, and a revoked one names the reason', () =>
  withMcp({}, async (mcp) => {
    await mcp.signedIn();
    const auth = mcp.start({ open: undefined as never });
    mcp.server.revokeTokens();
    assert.is((await mcp.call({ auth })).status, 200);
    await mcp.as.revokeRefreshTokens();
    mcp.server.revokeTokens();
    const refused = await assert.rejects(mcp.call({ auth }), SignInRequiredError);
    assert.is(refused.reason, 'refresh_refused');
    const next = await assert.rejects(mcp.call({ auth }), SignInRequiredError);
    assert.is(next.reason, 'no_tokens');
    assert.equal(mcp.seen, { refresh: 2 });
  }));

test('rule 8: a program without open gets the error, has no listening socket, and exits by itself', () =>
  withMcp({}, async (mcp) => {
    const { code, stdout, stderr } = await runProgram('mcp-without-open.ts', mcp.server.url);
    assert.equal([code, stderr], [0, '']);
    assert.equal(JSON.parse(stdout), { code: 'sign_in_required', listening: 0 });
  }));

const slow = (ms: number) => () => new Promise((resolve) => setTimeout(resolve, ms));

rule(
  'rule 9: the time of a handshake does not run while a person is asked',
  (create) =>
    withMcp({ create, person: { before: slow(2_600) } }, async (mcp) => {
      const client = new Client({ name: 'spec', version: '1' });
      await mcp.auth.connect(client, mcp.server.url, { handshakeTimeout: 2_500 });
      await client.close();
      assert.is(mcp.seen.tabs, 1);
    }),
  [twin('counts it', edit('if (renews) {', 'if (false) {'), /TimeoutError|did not answer the handshake/)],
);

test('connect() to a server that does not answer ends after handshakeTimeout', () =>
  withMcp({ auth: { fetch: () => new Promise(() => undefined) } }, async (mcp) => {
    const client = new Client({ name: 'spec', version: '1' });
    const { name } = await assert.rejects(mcp.auth.connect(client, mcp.server.url, { handshakeTimeout: 50 }));
    assert.is(name, 'TimeoutError');
  }));

rule(
  'rule 14: the page names the server, and tells of success once the tokens are there',
  (create) => {
    const [asked, answered] = [gate(), gate()];
    return withMcp({ create }, async (mcp) => {
      mcp.as.switches.beforeToken = () => {
        asked.open();
        return answered.opened;
      };
      let page: { html: string } | undefined;
      const call = mcp.call();
      await asked.opened;
      const pages = mcp.person.pages().then(([only]) => (page = only));
      await new Promise(setImmediate);
      assert.is(page?.html, undefined, 'the page is complete before the tokens are there');
      mcp.as.switches.beforeToken = undefined;
      answered.open();
      assert.is((await call).status, 200);
      await pages;
      assert.match(page!.html, 'Authentication successful');
      assert.match(page!.html, mcp.server.url);
    });
  },
  [
    twin(
      'names none',
      edit('...(server.length <= maxServerUrl && { serverUrl: server }),', ''),
      /Expected value to include|match/,
    ),
  ],
);

rule(
  'rule 14: the page tells of a failed exchange',
  (create) =>
    withMcp({ create }, async (mcp) => {
      mcp.as.switches.tokenEndpoint = 'unavailable';
      await assert.rejects(mcp.call(), 'token_request_failed');
      const [page] = await mcp.person.pages();
      assert.match(page!.html, 'Authentication failed');
    }),
  [
    twin(
      'does not wait for it',
      edit('createOAuthCallbackServer({ settle: settleTimeoutMs })', 'createOAuthCallbackServer()'),
      /Authentication failed/,
    ),
  ],
);

test.run();
