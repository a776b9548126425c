/** How many may connect, and how much may be queued for them. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Identity } from '../../src/bridge/credentials.ts';
import * as assert from '../helpers/assert.ts';
import {
  counts,
  newKey,
  newState,
  proofOf,
  shake,
  withBridge,
  withPeers,
  type Bridged,
  type Peer,
} from '../helpers/bridge.ts';
import { virtualTime } from '../helpers/clock.ts';
import { suite } from '../helpers/suite.ts';

const bearer = (name: string): { Authorization: string } => ({
  Authorization: `Bearer the-token-of-${name}`,
});
const tokens = ['one', 'other'].map((name) => ({
  name,
  token: `the-token-of-${name}`,
  roles: ['listener', 'monitor'] as const,
}));

const test = suite('connections of the bridge');

const limits: readonly (readonly [limit: string, status: number, others: number])[] = [
  ['connectionsPerName', 429, 101],
  ['connectionsPerAddress', 429, 429],
  ['connections', 503, 503],
];

for (const [limit, status, others] of limits) {
  test(`K-12 refuses one beyond limits.${limit} with ${status}, and another name with ${others}`, () =>
    withBridge(
      ({ url, port, bridge }) =>
        withPeers(url, async (open) => {
          const peers = [open({ bearer: 'the-token-of-one' }), open({ bearer: 'the-token-of-one' })];
          for (const peer of peers) await peer.welcome();
          for (const [name, expected] of [
            ['one', status],
            ['other', others],
          ] as const) {
            const answer = await shake(port, bearer(name));
            assert.is(answer.status, expected);
            if (expected === 101) continue;
            assert.match(answer.headers['retry-after'] ?? '', /^[1-9]\d*$/);
            assert.is(answer.body, '');
          }
          // One that goes makes room again.
          await counts(bridge, 2);
          peers[0]!.end();
          await counts(bridge, 1);
          assert.is((await shake(port, bearer('one'))).status, 101);
          for (const peer of peers.slice(1)) await peer.heardAll();
        }),
      { tokens, limits: { [limit]: 2 } },
    ));
}

test('K-12 counts by address: one beyond the limit of 127.0.0.1 may come from ::1', () =>
  withBridge(
    ({ url, port }) =>
      withPeers(url, async (open) => {
        await open().welcome();
        assert.is((await shake(port)).status, 429);
        await open({}, `ws://[::1]:${port}/bridge`).welcome();
      }),
    { limits: { connectionsPerAddress: 1 } },
    { host: 'localhost' },
  ));

for (const [limit, status] of limits) {
  test(`K-12 lets one of two in at once with limits.${limit} of 1, however long their credentials take`, () => {
    const asked: (() => void)[] = [];
    let told = (): void => undefined;
    return withBridge(
      async ({ port, bridge }) => {
        const answers = [shake(port, bearer('slow')), shake(port, bearer('slow'))];
        // Of connections in all those count too that are not in yet, so the second is not even asked.
        const expected = limit === 'connections' ? 1 : 2;
        const all = new Promise<void>((resolve) => (told = () => asked.length === expected && resolve()));
        told();
        await assert.deadline(all, 5_000, 'the credentials');
        if (expected === 1) await assert.deadline(Promise.race(answers), 5_000, 'the refusal of one');
        for (const answer of asked) answer();
        const statuses = (await Promise.all(answers)).map((answer) => answer.status).sort();
        assert.equal(statuses, [101, status]);
        await counts(bridge, 0);
      },
      {
        limits: { [limit]: 1 },
        authenticate: () =>
          new Promise<Identity>((resolve) => {
            asked.push(() => resolve({ name: 'slow', roles: ['listener'] }));
            told();
          }),
      },
    );
  });
}

test('K-12 refuses with 503 who was asked for a credential while the bridge was closed', () => {
  let answer = (): void => undefined;
  let told = (): void => undefined;
  const asked = new Promise<void>((resolve) => (told = resolve));
  return withBridge(
    async ({ port, bridge }) => {
      const slow = shake(port, bearer('slow'));
      await assert.deadline(asked, 5_000, 'the credential');
      await bridge.close();
      answer();
      const { status, headers } = await slow;
      assert.equal([status, headers['retry-after']], [503, '5']);
      assert.is(bridge.connections, 0);
    },
    {
      authenticate: () =>
        new Promise<Identity>((resolve) => {
          answer = () => resolve({ name: 'slow', roles: ['listener'] });
          told();
        }),
    },
  );
});

/** A listener whose result is 4 KB, and that asks for it again and again. */
async function greedy(
  { visit }: Bridged,
  peer: Peer,
): Promise<{ flow: string; state: string; key: string; ask: () => void }> {
  const [state, key] = [newState(), newKey()];
  const proof = proofOf(key, await peer.welcome());
  const flow = await peer.begin(state, key);
  assert.is((await visit(`/callback?code=${'c'.repeat(4_000)}&state=${state}`)).status, 200);
  await peer.next('result');
  return { flow, state, key, ask: () => peer.say({ type: 'resume', ref: 2, flow, state, proof }) };
}

async function resumes(
  peer: Peer,
  { flow, state, key }: { flow: string; state: string; key: string },
  nonce?: string,
): Promise<void> {
  peer.say({ type: 'resume', ref: 3, flow, state, proof: proofOf(key, nonce ?? (await peer.welcome())) });
  const { result } = await peer.next('result');
  assert.is(result.type === 'response' && result.response.code?.length, 4_000);
}

const manyMessages = { burst: 1_000_000, perSecond: 1_000_000 };

test('K-09 closes with 1013 one for whom more is queued than limits.queued, and keeps its result for it', () =>
  withBridge(
    (bridged) =>
      withPeers(bridged.url, async (open) => {
        const deaf = open();
        const wanted = await greedy(bridged, deaf);
        deaf.socket.pause();
        // More than the operating system takes for a connection: 40 MB.
        for (let n = 0; n < 10_000; n++) {
          wanted.ask();
          if (n % 50 === 0) await turn();
        }
        deaf.socket.resume();
        assert.is(await deaf.closed(), 1013);
        await resumes(open(), wanted);
      }),
    { limits: { ...manyMessages, queued: 16_384 } },
  ));

test('K-09 cuts off one for whom more is queued than limits.queued and that goes on not reading', () =>
  withBridge(
    (bridged) =>
      withPeers(bridged.url, async (open) => {
        const [deaf, good] = [open(), open()];
        const wanted = await greedy(bridged, deaf);
        deaf.socket.pause();
        while (bridged.bridge.connections > 1) {
          wanted.ask();
          await turn();
        }
        await resumes(good, wanted);
      }),
    { limits: { ...manyMessages, queued: 16_384, patience: 100 } },
  ));

test('K-09 closes one that does not read when more than limits.queuedInAll is queued, and none that reads', () => {
  const { scheduler, advance } = virtualTime();
  return withBridge(
    (bridged) =>
      withPeers(bridged.url, async (open) => {
        const [deaf, good] = [open(), open()];
        const wanted = await greedy(bridged, deaf);
        deaf.socket.pause();
        const nonce = await good.welcome();
        let asked = 0;
        while (bridged.bridge.connections > 1) {
          // It is counted ten times a second.
          advance(101);
          for (let n = 0; n < 100; n++) wanted.ask();
          asked += 100;
          await turn();
          await good.heardAll();
          // 120 MB, of which the operating system takes some.
          assert.ok(asked < 30_000, 'too much is queued');
        }
        await resumes(good, wanted, nonce);
      }),
    { limits: { ...manyMessages, queued: 2 ** 30, queuedInAll: 16_384, patience: 100 } },
    { scheduler },
  );
});

test.run();
