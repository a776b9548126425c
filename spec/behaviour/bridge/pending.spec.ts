/** How many flows wait, as those who watch are told. */
import { firstValueFrom, take, toArray } from 'rxjs';
import { Feed, type FeedReader } from '../../../src/bridge/feed.ts';
import { connectCallbackHost } from '../../../src/client.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import * as assert from '../../helpers/assert.ts';
import { withBridge, withPeers, type Peer } from '../../helpers/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('pending flows in the feed');

/** Returns the numbers that the peer has heard and the spec has not yet taken. */
async function toldTo(peer: Peer): Promise<number[]> {
  await peer.heardAll();
  const told = peer.heard.flatMap((message) => (message.type === 'pending' ? [message.pending] : []));
  peer.heard.length = 0;
  return told;
}

test('are sent at most once a second, and only if the number has changed', () => {
  const { scheduler, advance } = virtualTime();
  return withBridge(
    ({ url, server }) =>
      withPeers(url, async (open) => {
        const watching = async (): Promise<[Peer, number]> => {
          const peer = open();
          await peer.welcome();
          peer.say({ type: 'watch' });
          return [peer, (await peer.next('pending')).pending];
        };
        const [early, none] = await watching();
        const flows = [await server.begin(), await server.begin(), await server.begin()];
        advance(999);
        assert.equal([none, await toldTo(early)], [0, []]);
        advance(1);
        assert.equal(await toldTo(early), [3]);
        advance(5_000);
        (await server.begin()).cancel();
        advance(5_000);
        assert.equal(await toldTo(early), []);

        // Each knows what it was told itself.
        const fourth = await server.begin();
        const [late, four] = await watching();
        fourth.cancel();
        advance(1_000);
        assert.equal([four, await toldTo(late), await toldTo(early)], [4, [3], []]);
        for (const flow of flows) {
          flow.cancel();
          advance(1_000);
        }
        assert.equal(
          [await toldTo(late), await toldTo(early)],
          [
            [2, 1, 0],
            [2, 1, 0],
          ],
        );
      }),
    {},
    { scheduler },
  );
});

test('are those of the node, although other nodes report begins and ends too', async () => {
  const { scheduler, advance } = virtualTime();
  const shared = [{ store: memoryStore() }, { scheduler }] as const;
  await withBridge(
    (here) =>
      withBridge(
        (there) =>
          withPeers(here.url, async (open) => {
            const monitors = [open(), open(undefined, there.url)];
            for (const monitor of monitors) {
              await monitor.welcome();
              monitor.say({ type: 'watch' });
              assert.is((await monitor.next('pending')).pending, 0);
            }
            const told = async (): Promise<number[][]> => {
              advance(1_000);
              return Promise.all(monitors.map(toldTo));
            };
            const listener = open();
            await listener.welcome();
            const states = [newState(), newState()];
            for (const state of states) await listener.begin(state);
            assert.equal(await told(), [[2], []]);
            assert.is((await there.visit(`/callback?code=c&state=${states[0]}`)).status, 200);
            await listener.next('result');
            assert.equal(await told(), [[1], []]);
            // The changes added up to two here, and to one less than none there.
            assert.equal(
              [here.events, there.events].map((events) => events.map(({ type }) => type)),
              [
                ['begun', 'begun'],
                ['redirect', 'answered'],
              ],
            );
          }),
        ...shared,
      ),
    ...shared,
  );
});

test('reach a monitor of the client when the feed begins and when they change', () => {
  const { scheduler, advance } = virtualTime();
  return withBridge(
    async ({ url, server }) => {
      await using host = await connectCallbackHost(url, { token: 'token-of-a-monitor' });
      await using listener = await connectCallbackHost(url, { token: 'token-of-a-listener' });
      const flow = await server.begin();
      const heard = firstValueFrom(host.pending.pipe(take(2), toArray()));
      // Nothing else is asked for; once the feed has begun, time may pass.
      await firstValueFrom(host.feed);
      flow.cancel();
      advance(1_000);
      assert.equal(await assert.deadline(heard, 'two numbers'), [1, 0]);
      assert.is(await firstValueFrom(listener.pending, { defaultValue: 'none' }), 'none');
    },
    {
      tokens: (['monitor', 'listener'] as const).map((role) => ({
        name: role,
        token: `token-of-a-${role}`,
        roles: [role],
      })),
    },
    { scheduler },
  );
});

test('are serialised once for all monitors, and only if there are monitors', () => {
  let [ticks, pending] = [0, 0];
  let tick: (() => void) | undefined;
  const clock = {
    now: () => 0,
    after(_ms: number, run: () => void) {
      ticks++;
      tick = run;
      return () => (tick = undefined);
    },
  };
  const zero = { connections: 0, listeners: 0, monitors: 0 };
  const facts = { version: '1', startedAt: 0, store: 'memory' as const, ...zero };
  const feed = new Feed(10, { clock, pending: () => pending, service: () => facts, waiting: () => [] });
  assert.is(ticks, 0);
  const watchers = [0, 1, 2].map(() => {
    const frames: Buffer[] = [];
    const watcher: FeedReader = {
      ready: true,
      filling: false,
      sendBytes(frame) {
        if (frame.includes('"pending"')) frames.push(frame);
      },
      requestAnswer: () => undefined,
      onMissed: () => undefined,
    };
    return { frames, watcher };
  });
  for (const { watcher } of watchers) feed.add(watcher, 0);
  const [{ watcher: slow, frames: none }] = watchers as [(typeof watchers)[0]];
  Object.assign(slow, { ready: false });
  for (pending of [0, 7, 7]) tick?.();
  const [first, second] = watchers.slice(1).map(({ frames }) => frames);
  const told = (...numbers: number[]): string[] =>
    numbers.map((number) => `{"type":"pending","pending":${number}}`);
  assert.equal(first?.map(String), told(0, 7));
  assert.is(first?.[1], second?.[1]);
  assert.equal([none.map(String), ticks], [told(0), 4]);
  // Once it reads again, it is told what is so then.
  pending = 8;
  Object.assign(slow, { ready: true });
  tick?.();
  assert.equal(none.map(String), told(0, 8));
  for (const { watcher } of watchers) feed.remove(watcher);
  assert.is(tick, undefined);
});

test.run();
