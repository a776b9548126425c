import { firstValueFrom } from 'rxjs';
import { memoryStore } from '../../../src/store/memory.ts';
import * as assert from '../../helpers/assert.ts';
import { newKey, proofOf, token, withBridge, withPeers, type Peer } from '../../helpers/bridge.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('session of the bridge');

test('K-14 K-15 sends a result until it is acknowledged, and not afterwards', () =>
  withBridge(({ url, visit }) =>
    withPeers(url, async (open) => {
      const [first, state, key] = [open(), newState(), newKey()];
      await first.next('welcome');
      first.say({ type: 'begin', ref: 1, state, key });
      const { flowId: flow } = await first.next('begun');
      assert.is((await visit(`/callback?code=c&state=${state}`)).status, 200);
      assert.equal((await first.next('result')).result, { type: 'response', response: { code: 'c', state } });
      first.end();

      for (const acknowledges of [false, true]) {
        const again = open();
        const { nonce } = await again.next('welcome');
        again.say({ type: 'resume', ref: 2, flowId: flow, state, proof: proofOf(key, nonce) });
        await again.next('resumed');
        assert.is((await again.next('result')).flowId, flow);
        if (acknowledges) again.say({ type: 'ack', flowIds: [flow] });
        again.say({ type: 'begin', ref: 3, state: newState(), key });
        await again.next('begun');
        again.end();
      }

      const late = open();
      const { nonce } = await late.next('welcome');
      late.say({ type: 'resume', ref: 4, flowId: flow, state, proof: proofOf(key, nonce) });
      assert.is((await late.next('failed')).code, 'unknown_flow');
    }),
  ));

test('K-01 gives a stranger with a good token the same answer as for a flow that does not exist', () =>
  withBridge(({ url, visit }) =>
    withPeers(url, async (open) => {
      const [owner, thief, state, key] = [open(), open(), newState(), newKey()];
      await owner.next('welcome');
      owner.say({ type: 'begin', ref: 1, state, key });
      const { flowId: flow } = await owner.next('begun');
      const { nonce } = await thief.next('welcome');
      thief.say({ type: 'resume', ref: 7, flowId: flow, state, proof: proofOf(newKey(), nonce) });
      const wrong = await thief.next('failed');
      thief.say({ type: 'resume', ref: 7, flowId: 'a-flow-that-is-not', state, proof: proofOf(key, nonce) });
      assert.equal(await thief.next('failed'), wrong);
      thief.say({ type: 'begin', ref: 8, state, key: newKey() });
      assert.is((await thief.next('failed')).code, 'state_in_use');
      thief.say({ type: 'cancel', flowId: flow });
      thief.say({ type: 'ack', flowIds: [flow] });
      await visit(`/callback?code=c&state=${state}`);
      assert.is((await owner.next('result')).flowId, flow);
      assert.equal(thief.heard, []);
    }),
  ));

test('K-03 W2 has one listener for a flow: another takes it over, and the one before goes on without it', () =>
  withBridge(({ url, visit }) =>
    withPeers(url, async (open) => {
      const [one, other, state, key] = [open(), open(), newState(), newKey()];
      await one.next('welcome');
      one.say({ type: 'begin', ref: 1, state, key });
      const { flowId: flow } = await one.next('begun');
      const kept = newState();
      const left = await one.begin(kept);
      const { nonce } = await other.next('welcome');
      other.say({ type: 'resume', ref: 1, flowId: flow, state, proof: proofOf(key, nonce) });
      await other.next('resumed');
      assert.equal(await one.next('lost'), { type: 'lost', flowId: flow, reason: 'taken_over' });
      await visit(`/callback?code=c&state=${state}`);
      await other.next('result');
      assert.equal(one.heard, []);
      await visit(`/callback?code=c&state=${kept}`);
      assert.is((await one.next('result')).flowId, left);
    }),
  ));

const breaches: readonly (readonly [string, (peer: Peer) => void, number])[] = [
  ['a binary message', ({ socket }) => socket.send(Buffer.from('{}')), 1003],
  ['no JSON', ({ socket }) => socket.send('{'), 1008],
  ['an unknown type', (peer) => peer.say({ type: 'sub', flowId: '*' }), 1008],
  ['a begin without a ref', (peer) => peer.say({ type: 'begin', state: newState() }), 1008],
  ['a prototype', ({ socket }) => socket.send('{"__proto__":{"type":"ack","flowIds":["x"]}}'), 1008],
  ['17 KiB', ({ socket }) => socket.send('x'.repeat(17 * 1024)), 1009],
  [
    '1,000 messages at once',
    (peer) => {
      for (let n = 0; n < 1_000; n++) peer.say({ type: 'ack', flowIds: ['x'] });
    },
    4429,
  ],
  [
    '100 pings at once',
    ({ socket }) => {
      for (let n = 0; n < 100; n++) socket.ping();
    },
    4429,
  ],
];

for (const [name, breach, code] of breaches) {
  test(`K-02 K-04 K-05 K-08 K-13 closes with ${code} after ${name}, and no other connection`, () =>
    withBridge(({ url, bridge }) =>
      withPeers(url, async (open) => {
        const [bad, good] = [open(), open()];
        await Promise.all([bad.next('welcome'), good.next('welcome')]);
        breach(bad);
        assert.is(await bad.closed(), code);
        good.say({ type: 'begin', ref: 1, state: newState(), key: newKey() });
        await good.next('begun');
        assert.is(bridge.connections, 1);
      }),
    ));
}

test('K-04 rejects a bad begin, and the connection and its other flows live on', () =>
  withBridge(({ url, visit }) =>
    withPeers(url, async (open) => {
      const [peer, state] = [open(), newState()];
      await peer.next('welcome');
      peer.say({ type: 'begin', ref: 1, state, key: newKey() });
      const { flowId: flow } = await peer.next('begun');
      for (const [option, member] of [
        ['ttl', { ttl: -1 }],
        ['ttl', { ttl: 1.5 }],
        ['ttl', { ttl: 'x' }],
        ['responseMode', { responseMode: 'fragment' }],
        ['context', { context: 'x'.repeat(9_000) }],
        ['state', { state: 5 }],
        ['key', { key: 'short' }],
      ] as const) {
        peer.say({ type: 'begin', ref: 2, state: newState(), key: newKey(), ...member });
        const { ref, code, option: named } = await peer.next('failed');
        assert.equal([ref, code, named], [2, 'invalid_option', option]);
      }
      await visit(`/callback?code=c&state=${state}`);
      assert.is((await peer.next('result')).flowId, flow);
    }),
  ));

test('frees a flow that is asked for right before leave', () =>
  withBridge(({ url, visit, bridge }) =>
    withPeers(url, async (open) => {
      const [peer, state] = [open(), newState()];
      await peer.next('welcome');
      peer.say({ type: 'begin', ref: 1, state, key: newKey() });
      peer.say({ type: 'leave' });
      assert.is(await peer.closed(), 1000);
      const monitor = open();
      await monitor.next('welcome');
      monitor.say({ type: 'watch' });
      assert.is((await monitor.next('pending')).pending, 0);
      assert.is((await visit(`/callback?code=c&state=${state}`)).status, 400);
      assert.is(bridge.connections, 1);
    }),
  ));

test('K-03 W3 a flow goes to the connection that resumes it last, not to the one that was opened last', () =>
  withBridge(({ url, visit }) =>
    withPeers(url, async (open) => {
      const [state, key] = [newState(), newKey()];
      const earlier = open();
      const { nonce: before } = await earlier.next('welcome');
      const later = open();
      await later.next('welcome');
      later.say({ type: 'begin', ref: 1, state, key });
      const { flowId: flow } = await later.next('begun');
      earlier.say({ type: 'resume', ref: 1, flowId: flow, state, proof: proofOf(key, before) });
      await earlier.next('resumed');
      assert.is((await later.next('lost')).flowId, flow);
      await visit(`/callback?code=c&state=${state}`);
      assert.is((await earlier.next('result')).flowId, flow);
      assert.equal(later.heard, []);
    }),
  ));

for (const repeats of ['resume', 'begin'] as const) {
  test(`W3 a ${repeats} of a connection that no longer answers takes up nothing`, () =>
    withBridge(({ url, visit }) =>
      withPeers(url, async (open) => {
        const [state, key] = [newState(), newKey()];
        // As one whose last message the network delivers after its client has connected again.
        const ghost = open({ autoPong: false });
        const before = await ghost.welcome();
        const client = open();
        await client.welcome();
        const flow = await client.begin(state, key);
        const asked = new Promise((resolve) => ghost.socket.once('ping', resolve));
        const proof = proofOf(key, before);
        ghost.say(
          repeats === 'begin'
            ? { type: 'begin', ref: 1, state, key }
            : { type: 'resume', ref: 1, flowId: flow, state, proof },
        );
        await assert.deadline(asked, 'a ping');
        await ghost.heardAll();
        await visit(`/callback?code=c&state=${state}`);
        assert.is((await client.next('result')).flowId, flow);
        assert.equal([client.heard, ghost.heard], [[], []]);
      }),
    ));
}

test('K-14 K-15 answers a begin that is sent again after its flow has ended, and then its result', () =>
  withBridge(({ url, visit }) =>
    withPeers(url, async (open) => {
      const [first, state, key] = [open(), newState(), newKey()];
      await first.next('welcome');
      first.say({ type: 'begin', ref: 1, state, key });
      // As if it had been lost with its connection.
      const { flowId: flow } = await first.next('begun');
      first.end();
      assert.is((await visit(`/callback?code=c&state=${state}`)).status, 200);

      const [again, thief] = [open(), open()];
      await Promise.all([again.next('welcome'), thief.next('welcome')]);
      thief.say({ type: 'begin', ref: 2, state, key: newKey() });
      assert.is((await thief.next('failed')).code, 'state_in_use');
      again.say({ type: 'begin', ref: 3, state, key });
      assert.is((await again.next('begun')).flowId, flow);
      assert.equal((await again.next('result')).result, { type: 'response', response: { code: 'c', state } });
      again.say({ type: 'ack', flowIds: [flow] });
      await again.next('acknowledged');
      again.say({ type: 'begin', ref: 4, state, key });
      assert.is((await again.next('failed')).code, 'state_in_use');
    }),
  ));

for (const how of ['cancelled', 'expired'] as const)
  test(`reports a flow that has ${how} once, however often its listener asks for it`, () =>
    withBridge(({ url, events }) =>
      withPeers(url, async (open) => {
        const [first, state, key] = [open(), newState(), newKey()];
        await first.welcome();
        first.say({ type: 'begin', ref: 1, state, key, ...(how === 'expired' && { ttl: 20 }) });
        const { flowId: flow } = await first.next('begun');
        if (how === 'cancelled') first.say({ type: 'cancel', flowId: flow });
        assert.equal((await first.next('result')).result, { type: how });
        first.end();
        for (let n = 0; n < 3; n++) {
          const again = open();
          const nonce = await again.welcome();
          again.say({ type: 'resume', ref: 2, flowId: flow, state, proof: proofOf(key, nonce) });
          assert.equal((await again.next('result')).result, { type: how });
          again.end();
        }
        assert.equal(
          events.map(({ type }) => type),
          ['begun', how],
        );
      }),
    ));

test('redirects a waiting page only to a URL that the server is configured to allow', () =>
  withBridge(
    ({ url, visit, log }) =>
      withPeers(url, async (open) => {
        for (const [wanted, location] of [
          ['https://evil.example/', undefined],
          ['https://app.example/done', 'https://app.example/done'],
        ] as const) {
          const [peer, state] = [open(), newState()];
          await peer.next('welcome');
          peer.say({ type: 'begin', ref: 1, state, key: newKey() });
          const { flowId: flow } = await peer.next('begun');
          const page = visit(`/callback?code=c&state=${state}`);
          await peer.next('result');
          peer.say({ type: 'ack', flowIds: [flow] });
          await peer.next('acknowledged');
          peer.say({ type: 'settle', flowId: flow, outcome: { status: 'redirect', url: wanted } });
          // Accepted only if the outcome before it was not.
          peer.say({ type: 'settle', flowId: flow, outcome: { status: 'success' } });
          const { status, headers } = await page;
          assert.equal([status, headers['location']], [location ? 303 : 200, location]);
        }
        assert.is(log.filter((line) => line.includes('finishUrls')).length, 1);
      }),
    {},
    { settle: 10_000, finishUrls: ['https://app.example/done'], cleanUrl: false },
  ));

test('J-08 closes a connection whose credential is revoked, and delivers nothing to it', () =>
  withBridge(({ url, visit, bridge }) =>
    withPeers(url, async (open) => {
      const [peer, state] = [open(), newState()];
      await peer.next('welcome');
      peer.say({ type: 'begin', ref: 1, state, key: newKey() });
      await peer.next('begun');
      bridge.revoke('token');
      await visit(`/callback?code=c&state=${state}`);
      assert.is(await peer.closed(), 4401);
      assert.equal(peer.heard, []);
    }),
  ));

test('K-12 counts its connections apart from those of browsers', () =>
  withBridge(
    ({ url, visit, server, bridge }) =>
      withPeers(url, async (open) => {
        const peers = [open(), open(), open()];
        for (const peer of peers) await peer.next('welcome');
        for (let n = 0; n < 5; n++) {
          const flow = await server.begin();
          assert.is((await visit(`/callback?code=c&state=${flow.state}`)).status, 200);
        }
        assert.is(bridge.connections, 3);
        for (const peer of peers) peer.say({ type: 'ping' });
        for (const peer of peers) await peer.next('pong');
      }),
    {},
    { limits: { connections: 2 } },
  ));

test('I-02 K-10 closes with 1001 on shutdown, and with 1012 for a restart', async () => {
  for (const [restart, code] of [
    [false, 1001],
    [true, 1012],
  ] as const) {
    await withBridge(({ url, bridge }) =>
      withPeers(url, async (open) => {
        const peer = open();
        await peer.next('welcome');
        await bridge.close({ restart });
        assert.is(await peer.closed(), code);
      }),
    );
  }
});

test('K-14 a flow survives the service if the store does', async () => {
  const store = memoryStore();
  const [state, key] = [newState(), newKey()];
  let flow = '';
  await withBridge(
    ({ url }) =>
      withPeers(url, async (open) => {
        const peer = open();
        await peer.next('welcome');
        peer.say({ type: 'begin', ref: 1, state, key });
        ({ flowId: flow } = await peer.next('begun'));
      }),
    { store },
  );
  await withBridge(
    ({ url, visit }) =>
      withPeers(url, async (open) => {
        assert.is((await visit(`/callback?code=c&state=${state}`)).status, 200);
        const peer = open();
        const { nonce } = await peer.next('welcome');
        peer.say({ type: 'resume', ref: 1, flowId: flow, state, proof: proofOf(key, nonce) });
        assert.is((await peer.next('result')).flowId, flow);
        assert.is((await visit(`/callback?code=c&state=${state}`)).status, 400);
      }),
    { store },
  );
});

test('K-02 a monitor sees all events, numbered and redacted, and resumes after the last one', () =>
  withBridge(({ url, visit, server }) =>
    withPeers(url, async (open) => {
      const monitor = open();
      await monitor.next('welcome');
      monitor.say({ type: 'watch' });
      const { epoch } = await monitor.next('watching');
      const flow = await server.begin();
      const response = firstValueFrom(flow.response);
      await visit(`/callback?code=CANARY&state=${flow.state}`);
      await response;
      const seen = [await monitor.next('event'), await monitor.next('event'), await monitor.next('event')];
      assert.equal(
        seen.map(({ n, event }) => [n - seen[0]!.n, event.type]),
        [
          [0, 'begun'],
          [1, 'redirect'],
          [2, 'answered'],
        ],
      );
      assert.not.match(JSON.stringify(seen), new RegExp(`CANARY|${flow.state}|${token}`));
      const again = open();
      await again.next('welcome');
      again.say({ type: 'watch', epoch, since: seen[1]!.n });
      assert.is((await again.next('watching')).next, seen[1]!.n);
      assert.equal(await again.next('event'), seen[1]);
    }),
  ));

test.run();
