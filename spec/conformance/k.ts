import * as assert from '../helpers/assert.ts';
import { newKey, newState, proofOf, shake, withBridge, withPeers, type Peer } from '../helpers/bridge.ts';
import type { BridgeRow } from './row.ts';

/** Resolves when the peer is told something more. */
const hears = ({ socket }: Peer): Promise<string> =>
  new Promise((resolve) => socket.once('message', () => resolve('nothing, and is told more')));

/** The code that a peer is closed with for what it does. */
const closes = (breach: (peer: Peer) => void, expected: number, what: string): BridgeRow['check'] => {
  return (create) =>
    withBridge(
      ({ url }) =>
        withPeers(url, async (open) => {
          const peer = open();
          await peer.welcome();
          const answered = hears(peer);
          breach(peer);
          peer.say({ type: 'ping' });
          const code = await Promise.race([peer.closed(), answered]);
          assert.is(code, expected, `${what}: is closed with ${code}`);
        }),
      {},
      {},
      create,
    );
};

export const rows: readonly BridgeRow[] = [
  {
    id: 'K-01',
    title: 'gives a flow to who proves its secret',
    check: (create) =>
      withBridge(
        ({ url }) =>
          withPeers(url, async (open) => {
            const [owner, thief, state, key] = [open(), open(), newState(), newKey()];
            await owner.welcome();
            const flow = await owner.begin(state, key);
            const nonce = await thief.welcome();
            const ask = async (proof: string, of = flow): Promise<string> => {
              thief.say({ type: 'resume', ref: 1, flow: of, state, proof });
              await thief.heardAll();
              return JSON.stringify(thief.heard.splice(0));
            };
            const unknown = await ask(proofOf(key, nonce), 'no-such-flow');
            for (const wrong of [proofOf(newKey(), nonce), proofOf(key, 'of another connection')])
              assert.is(await ask(wrong), unknown, 'a wrong proof is not answered like an unknown flow');
            assert.match(await ask(proofOf(key, nonce)), '"resumed"');
          }),
        {},
        {},
        create,
      ),
  },
  {
    id: 'K-03',
    title: 'closes the listener whose flow is taken over',
    check: (create) =>
      withBridge(
        ({ url, visit }) =>
          withPeers(url, async (open) => {
            const [one, other, state, key] = [open(), open(), newState(), newKey()];
            await one.welcome();
            const flow = await one.begin(state, key);
            other.say({ type: 'resume', ref: 1, flow, state, proof: proofOf(key, await other.welcome()) });
            await other.next('resumed');
            const told = hears(one);
            await visit(`/callback?code=c&state=${state}`);
            await other.next('result');
            const code = await Promise.race([one.closed(), told]);
            assert.is(code, 4409, `the one before: is closed with ${code}`);
          }),
        {},
        {},
        create,
      ),
  },
  {
    id: 'K-04',
    title: 'takes text',
    check: closes(({ socket }) => socket.send(Buffer.from('{"type":"ping"}')), 1003, 'a binary message'),
  },
  {
    id: 'K-05',
    title: 'takes messages of 16 KiB',
    check: closes(
      (peer) => peer.say({ type: 'ping', more: 'x'.repeat(17 * 1024) }),
      1009,
      'a message of 17 KiB',
    ),
  },
  {
    id: 'K-13',
    title: 'takes so many messages a second',
    check: closes(
      (peer) => {
        for (let n = 0; n < 1_000; n++) peer.say({ type: 'ack', flows: ['x'] });
      },
      4429,
      '1,000 messages at once',
    ),
  },
  {
    id: 'K-12',
    title: 'has room for so many of a name',
    check: (create) =>
      withBridge(
        ({ url, port }) =>
          withPeers(url, async (open) => {
            await open().welcome();
            const { status } = await shake(port);
            assert.is(status, 429, `one more: is answered ${status}`);
          }),
        { limits: { connectionsPerName: 1 } },
        {},
        create,
      ),
  },
  {
    id: 'K-09',
    title: 'sends a monitor that answers no ping 64 events, and more with each answer',
    check: (create) =>
      withBridge(
        ({ url, server }) =>
          withPeers(url, async (open) => {
            const watching = async (autoPong: boolean): Promise<Peer> => {
              const peer = open({ autoPong });
              await peer.welcome();
              peer.say({ type: 'watch' });
              await peer.next('watching');
              await peer.next('pending');
              return peer;
            };
            const [silent, reader] = [await watching(false), await watching(true)];
            const asked: string[] = [];
            silent.socket.on('ping', (number) => void asked.push(String(number)));
            for (let n = 0; n < 500; n++) (await server.begin()).cancel();
            for (let n = 0; n < 1_000; n++) await reader.next('event');
            await silent.heardAll();
            assert.is(silent.heard.length, 64, `unanswered: is sent ${silent.heard.length}`);
            assert.equal(asked, ['32', '64']);
            // Numbers that it was not asked to say.
            for (const number of ['100000', 'NaN', '-1', '0']) silent.socket.pong(number);
            await silent.heardAll();
            assert.is(silent.heard.length, 64, `not asked: is sent ${silent.heard.length}`);
            // Twice as many with each answer, up to 512, beyond what it has read.
            for (const [answer, sent] of Object.entries({ 32: 160, 128: 384, 384: 896, 896: 1_000 })) {
              silent.socket.pong(answer);
              silent.socket.pong('32');
              await silent.heardAll();
              assert.is(silent.heard.length, sent, `after ${answer}`);
            }
            assert.equal(
              silent.heard.map((message) => message.type === 'event' && message.n),
              Array.from({ length: 1_000 }, (_, n) => n),
            );
          }),
        {},
        {},
        create,
      ),
  },
];
