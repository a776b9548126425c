import { FlowCancelledError } from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { gate, withMcp } from '../../helpers/mcp/with-mcp.ts';
import { record } from '../../helpers/record.ts';
import { suite } from '../../helpers/suite.ts';
import { edit } from '../../helpers/weakened.ts';

const test = suite('mcp: signing out');
const rule = ruleOf(test);

rule(
  'rule 17: signOut() revokes both tokens, forgets them, and keeps the registration',
  (create) =>
    withMcp({ create }, async (mcp) => {
      await mcp.signedIn();
      await mcp.auth.signOut(mcp.server.url);
      assert.is(mcp.as.counts.revoked, 2, 'both are revoked');
      assert.is(await mcp.store.get(`server ${mcp.server.url}`), undefined);
      const [status] = record(mcp.auth.status(mcp.server.url)).values;
      assert.equal(status, { state: 'sign_in_required', reason: 'no_tokens' });
      assert.equal(mcp.types, ['signed_out']);
      assert.is((await mcp.call()).status, 200);
      assert.equal([mcp.seen, mcp.origins], [{ tabs: 1 }, ['kept']]);
    }),
  [
    twin('revokes none', edit('wantsRevocation && credentials !== undefined', 'false'), /both are revoked/),
    twin('forgets here only', edit('await this.#vault.erase(this.#key);', ''), /undefined/),
  ],
);

for (const [how, revoke] of [
  ['without revocation', false],
  ['while the authorization server is unavailable', true],
] as const)
  test(`rule 17: signOut() ${how} forgets all the same`, () =>
    withMcp({}, async (mcp) => {
      await mcp.signedIn();
      if (revoke) await mcp.as.stop();
      await mcp.auth.signOut(mcp.server.url, { revoke });
      if (revoke) await mcp.as.restart();
      assert.is(mcp.as.counts.revoked, 0);
      const [event] = mcp.events;
      assert.equal(event?.type === 'signed_out' && event.revoked, false);
      assert.is(await mcp.store.get(`server ${mcp.server.url}`), undefined);
    }));

test('rule 17: signOut() of one account leaves the other', () =>
  withMcp({}, async (mcp) => {
    for (const account of ['ada', 'bob']) await mcp.call({ options: { account } });
    await mcp.auth.signOut(mcp.server.url, { account: 'ada' });
    assert.is((await mcp.call({ options: { account: 'bob' } })).status, 200);
    assert.is(mcp.seen.tabs, 2);
  }));

test('rule 17: signOut() ends a sign-in under way', () => {
  const opened = gate();
  const before = (): Promise<unknown> => {
    opened.open();
    return new Promise(() => undefined);
  };
  return withMcp({ person: { before } }, async (mcp) => {
    const request = assert.rejects(mcp.call(), FlowCancelledError);
    await opened.opened;
    await mcp.auth.signOut(mcp.server.url);
    await request;
    assert.is(await mcp.store.get(`server ${mcp.server.url}`), undefined);
  });
});

test('rule 17: signOut() of a server that was never used does no harm', () =>
  withMcp({}, async (mcp) => {
    await mcp.auth.signOut(mcp.server.url);
    assert.is(mcp.as.counts.revoked, 0);
    assert.equal(mcp.types, ['signed_out']);
  }));

test.run();
