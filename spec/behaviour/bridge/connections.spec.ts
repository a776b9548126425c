/** How many may connect, and how much may be queued for them. */
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { memoryStore } from '../../../src/bridge.ts';
import type { Identity } from '../../../src/bridge/credentials.ts';
import { internalsOfBridge } from '../../../src/bridge/internals.ts';
import * as assert from '../../helpers/assert.ts';
import {
  counts,
  newKey,
  proofOf,
  shake,
  token,
  withBridge,
  withPeers,
  withTicket,
  type Bridged,
  type Peer,
} from '../../helpers/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';
import { subprotocol } from '../../../src/wire/protocol.ts';

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
  // The name that has both has to give one up; see shares.spec.ts.
  ['connections', 503, 101],
];

for (const [limit, status, others] of limits) {
  test(`K-12 rejects a connection beyond limits.${limit} with ${status}, and one of another name with ${others}`, () =>
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
          // A connection that closes makes room again.
          const left = limit === 'connections' ? 1 : 2;
          await counts(bridge, left);
          peers[0]!.end();
          await counts(bridge, left - 1);
          assert.is((await shake(port, bearer('one'))).status, 101);
          if (limit !== 'connections') await peers[1]!.heardAll();
        }),
      { tokens, limits: { [limit]: 2 } },
    ));
}

test('K-12 counts by address: ::1 may still connect when 127.0.0.1 has reached its limit', () =>
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

test('a fault while a ticket is looked up is answered and told, and takes no place for ever', () => {
  const store = memoryStore();
  const reported: unknown[] = [];
  Object.assign(store.records!, { read: () => Promise.reject(new Error('a fault')) });
  return withBridge(
    async ({ port, bridge }) => {
      const causes: string[] = [];
      internalsOfBridge(bridge).onConnection((event) => {
        if (event.type === 'rejected') causes.push(event.cause);
      });
      const ticket = bridge.issueTicket({ origin: 'https://app.example' });
      for (let more = 0; more < 4; more++)
        assert.is((await shake(port, withTicket(ticket, 'https://app.example'))).status, 500);
      assert.is((await shake(port)).status, 101);
      assert.equal([causes, reported.length], [['fault', 'fault', 'fault', 'fault'], 4]);
    },
    { store, origins: ['https://app.example'], limits: { connections: 2 } },
    { logger: { warn: (problem) => reported.push(problem) } },
  );
});

test('K-12 counts by the address of the client that a trusted proxy names', () =>
  withBridge(
    async ({ port, url }) => {
      const from = (address: string) => ({ Authorization: `Bearer ${token}`, 'X-Forwarded-For': address });
      const open = new WebSocket(url, subprotocol, { headers: from('192.0.2.1') });
      try {
        await assert.deadline(once(open, 'open'), 'the connection');
        assert.is((await shake(port, from('192.0.2.2'))).status, 101);
        for (const address of ['192.0.2.1', '192.0.2.2, 192.0.2.1'])
          assert.is((await shake(port, from(address))).status, 429, address);
      } finally {
        open.terminate();
      }
    },
    { limits: { connectionsPerAddress: 1 } },
    { trustedProxies: ['127.0.0.1'] },
  ));

for (const [limit, status] of limits) {
  test(`K-12 accepts one of two simultaneous peers with limits.${limit} of 1, however long the check of credentials takes`, () => {
    const asked: (() => void)[] = [];
    let told = (): void => undefined;
    return withBridge(
      async ({ port, bridge }) => {
        const answers = [shake(port, bearer('slow')), shake(port, bearer('slow'))];
        // The limit on all connections counts handshakes in progress too, so the second is not even asked.
        const expected = limit === 'connections' ? 1 : 2;
        const all = new Promise<void>((resolve) => (told = () => asked.length === expected && resolve()));
        told();
        await assert.deadline(all, 'the credentials');
        if (expected === 1) await assert.deadline(Promise.race(answers), 'the refusal of one');
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

test('K-12 rejects with 503 a peer whose credential was being checked when the bridge closed', () => {
  let answer = (): void => undefined;
  let told = (): void => undefined;
  const asked = new Promise<void>((resolve) => (told = resolve));
  return withBridge(
    async ({ port, bridge }) => {
      const slow = shake(port, bearer('slow'));
      await assert.deadline(asked, 'the credential');
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
  return { flow, state, key, ask: () => peer.say({ type: 'resume', ref: 2, flowId: flow, state, proof }) };
}

async function resumes(
  peer: Peer,
  { flow, state, key }: { flow: string; state: string; key: string },
  nonce?: string,
): Promise<void> {
  peer.say({
    type: 'resume',
    ref: 3,
    flowId: flow,
    state,
    proof: proofOf(key, nonce ?? (await peer.welcome())),
  });
  const { result } = await peer.next('result');
  assert.is(result.type === 'response' && result.response.code?.length, 4_000);
}

const manyMessages = { burst: 1_000_000, perSecond: 1_000_000 };

test('K-09 closes with 1013 a peer for which more than limits.queued is queued, and keeps its result', () =>
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

test('K-09 cuts off a peer that still does not read when more than limits.queued is queued', () =>
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
    { limits: { ...manyMessages, queued: 16_384, timeout: 100 } },
  ));

test('K-09 closes a peer that does not read when more than limits.queuedInAll is queued, and no peer that reads', () => {
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
    { limits: { ...manyMessages, queued: 2 ** 30, queuedInAll: 16_384, timeout: 100 } },
    { scheduler },
  );
});

test.run();
