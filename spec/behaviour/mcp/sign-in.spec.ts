import { filter, firstValueFrom, lastValueFrom } from 'rxjs';
import { FlowCancelledError, FlowExpiredError } from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { callerIn, gate, withMcp } from '../../helpers/mcp/with-mcp.ts';
import { record } from '../../helpers/record.ts';
import { suite } from '../../helpers/suite.ts';
import { edit } from '../../helpers/weakened.ts';

const test = suite('mcp: signing in');
const rule = ruleOf(test);

test('signIn() is cold; its last value is signed_in, and a request then asks nobody', () =>
  withMcp({}, async (mcp) => {
    const events = mcp.auth.signIn(mcp.server.url);
    assert.equal(mcp.types, []);
    const seen = record(events);
    assert.is(await seen.ended, undefined);
    assert.equal(
      seen.values.map(({ type }) => type),
      ['challenged', 'discovered', 'queued', 'client', 'authorize', 'received', 'signed_in'],
    );
    assert.is((await mcp.call()).status, 200);
    assert.equal((await lastValueFrom(events)).type, 'signed_in');
    assert.equal(mcp.seen, { tabs: 1, register: 1 });
  }));

test('signIn() of a person who declines ends with failed', () =>
  withMcp({}, async (mcp) => {
    mcp.as.switches.denials = 1;
    const last = await lastValueFrom(mcp.auth.signIn(mcp.server.url));
    assert.is(last.type === 'failed' && last.error.code, 'authorization_error');
  }));

rule(
  'rule 9: a request that is aborted leaves the sign-in, and the next one joins it',
  (create) => {
    const [opened, back] = [gate(), gate()];
    const before = (): Promise<void> => {
      opened.open();
      return back.opened;
    };
    return withMcp({ create, person: { before } }, async (mcp) => {
      const leaving = new AbortController();
      const first = mcp.call({ signal: leaving.signal });
      await opened.opened;
      const reason = new Error('no longer of interest');
      leaving.abort(reason);
      assert.is(await assert.rejects(first), reason);
      const next = mcp.call();
      back.open();
      assert.is((await next).status, 200);
      assert.is(mcp.seen.tabs, 1, 'another tab was opened');
    });
  },
  [
    twin(
      'ends the sign-in with its request',
      [
        edit(
          'init.signal ? unlessAborted(work, init.signal) : work',
          "(init.signal?.addEventListener('abort', () => void session.signOut(false)), init.signal ? unlessAborted(work, init.signal) : work)",
        ),
      ],
      /the sign-in was cancelled/,
    ),
  ],
);

for (const moment of ['challenged', 'discovered', 'queued', 'client', 'authorize', 'received'] as const)
  test(`rule 9: a request that is aborted when the sign-in is at "${moment}" harms no other`, () =>
    withMcp({}, async (mcp) => {
      const leaving = new AbortController();
      mcp.auth.events.subscribe(({ type }) => {
        if (type === moment) leaving.abort();
      });
      const first = mcp.call({ signal: leaving.signal });
      const second = mcp.call();
      const { name } = await assert.rejects(first);
      assert.is(name, 'AbortError');
      assert.is((await second).status, 200);
      assert.equal(mcp.seen, { tabs: 1, register: 1 });
    }));

test('rule 9: signIn() that is unsubscribed by the last who waits is cancelled, and its tab leads nowhere', () => {
  const [opened, back] = [gate(), gate()];
  const before = (): Promise<void> => {
    opened.open();
    return back.opened;
  };
  return withMcp({ person: { before } }, async (mcp) => {
    const [one, other] = [record(mcp.auth.signIn(mcp.server.url)), record(mcp.auth.signIn(mcp.server.url))];
    const status = record(mcp.auth.status(mcp.server.url));
    await opened.opened;
    one.unsubscribe();
    assert.is(status.values.at(-1)?.state, 'waiting');
    other.unsubscribe();
    await firstValueFrom(mcp.auth.status(mcp.server.url).pipe(filter(({ state }) => state === 'failed')));
    back.open();
    const [page] = await mcp.person.pages();
    assert.is(page?.status, 400);
    assert.is(mcp.as.counts.code, 0);
    assert.is((await mcp.call()).status, 200);
  });
});

rule(
  'rule 9: signIn() that is unsubscribed while the server is asked opens no tab',
  async (create) => {
    const [asked, answered] = [gate(), gate()];
    const fetch = async (input: string | URL, init?: RequestInit): Promise<Response> => {
      const response = await globalThis.fetch(input, init);
      asked.open();
      await answered.opened;
      return response;
    };
    await withMcp({ create, auth: { fetch } }, async (mcp) => {
      const seen = record(mcp.auth.signIn(mcp.server.url));
      await asked.opened;
      seen.unsubscribe();
      answered.open();
      // Whatever was begun is over when the next one is.
      await mcp.call({ options: { account: 'other' } });
      assert.equal(
        mcp.events.filter(({ account }) => account === '').map(({ type }) => type),
        [],
      );
    });
  },
  [
    twin(
      'begins for nobody',
      edit('signal.throwIfAborted();\n    const joined', 'const joined'),
      /challenged/,
    ),
  ],
);

test('rule 9: signIn() that is unsubscribed leaves a sign-in that a request waits for', () => {
  const [opened, back] = [gate(), gate()];
  const before = (): Promise<void> => {
    opened.open();
    return back.opened;
  };
  return withMcp({ person: { before } }, async (mcp) => {
    const request = mcp.call();
    await opened.opened;
    record(mcp.auth.signIn(mcp.server.url)).unsubscribe();
    back.open();
    assert.is((await request).status, 200);
  });
});

rule(
  'signIn() for scopes does not take a sign-in under way for its own',
  (create) =>
    withMcp({ create }, async (mcp) => {
      const { url } = mcp.server;
      const plain = lastValueFrom(mcp.auth.signIn(url));
      const admin = await lastValueFrom(mcp.auth.signIn(url, { scopes: ['mcp:use', 'mcp:admin'] }));
      assert.is((await plain).type, 'signed_in');
      assert.match((admin.type === 'signed_in' && admin.scope) || '', /mcp:admin/);
      assert.is((await mcp.call({ tool: 'admin' })).status, 200);
      assert.is(mcp.seen.tabs, 2);
    }),
  [twin('joins any', edit('return work !== joined;', 'return true;'), /mcp:admin/)],
);

rule(
  'a token that was revoked before its first use is renewed',
  (create) =>
    withMcp({ create }, async (mcp) => {
      await lastValueFrom(mcp.auth.signIn(mcp.server.url));
      mcp.server.revokeTokens();
      assert.is((await mcp.call()).status, 200);
      assert.equal(mcp.seen, { tabs: 1, register: 1, refresh: 1 });
    }),
  [twin('gives up at once', edit('held.isRejected ||= isRepeated;', 'held.isRejected = true;'), /401/)],
);

rule(
  'a server that rejects every token gets one sign-in, not one for each request',
  (create) =>
    withMcp({ create }, async (mcp) => {
      mcp.as.accessTokens.isRevoked = () => true;
      for (let request = 0; request < 3; request++) assert.equal(await mcp.crowd(5), Array(5).fill(401));
      assert.equal(mcp.seen, { tabs: 1, register: 1 });
    }),
  [twin('asks for each', edit('isInVain(held, refused, renewals > 0)', 'false'), /tabs/)],
);

const failing: readonly (readonly [how: string, open: () => unknown])[] = [
  [
    'throws',
    () => {
      throw new Error('no browser');
    },
  ],
  ['rejects', () => Promise.reject(new Error('no browser'))],
];

for (const [how, open] of failing)
  test(`open that ${how} fails the sign-in, and the next request asks again`, () =>
    withMcp({ auth: { open } }, async (mcp) => {
      const status = record(mcp.auth.status(mcp.server.url));
      const error = await assert.rejects(mcp.call(), FlowCancelledError);
      assert.match(String(error.cause), 'no browser');
      assert.is(status.values.at(-1)?.state, 'failed');
      const last = await lastValueFrom(mcp.auth.signIn(mcp.server.url));
      assert.is(last.type, 'failed');
      assert.is(mcp.types.filter((type) => type === 'authorize').length, 2);
      const patient = mcp.auth.signIn(mcp.server.url, { open: mcp.person.open });
      assert.is((await lastValueFrom(patient)).type, 'signed_in');
    }));

test('timeout ends a sign-in that nobody finishes, and the next request asks again', () => {
  let isAbsent = true;
  const before = (): Promise<unknown> => (isAbsent ? new Promise(() => undefined) : Promise.resolve());
  return withMcp({ person: { before }, auth: { timeout: 200 } }, async (mcp) => {
    await assert.rejects(mcp.call(), FlowExpiredError);
    isAbsent = false;
    assert.is(callerIn(await mcp.call()).account, 'ada');
    assert.is(mcp.seen.tabs, 2);
  });
});

test.run();
