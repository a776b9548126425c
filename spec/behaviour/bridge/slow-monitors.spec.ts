/** Monitors that do not read, beside one that does. */
import { setImmediate } from 'node:timers/promises';
import * as assert from '../../helpers/assert.ts';
import { Peer, withBridge } from '../../helpers/bridge.ts';
import { suite } from '../../helpers/suite.ts';

const events = 100_000;
const megabyte = 2 ** 20;

const test = suite('slow monitors of the bridge');

test(
  'K-09 a hundred monitors that never read cost a bounded amount, are closed, and can reconnect; another one misses nothing',
  () =>
    withBridge(
      async ({ url, server, bridge }) => {
        const peers: Peer[] = [];
        try {
          const watching = async (message: object): Promise<[Peer, { epoch: string; next: number }]> => {
            const peer = new Peer(url);
            peers.push(peer);
            await peer.next('welcome');
            peer.say({ type: 'watch', ...message });
            return [peer, await peer.next('watching')];
          };
          const [reader, { epoch, next }] = await watching({});
          const numbers: number[] = [];
          reader.socket.on('message', (data) => {
            const { n } = JSON.parse((data as Buffer).toString()) as { n?: number };
            if (n !== undefined) numbers.push(n);
            reader.heard.length = 0;
          });
          for (let n = 0; n < 100; n++) {
            const [slow] = await watching({});
            slow.socket.pause();
          }
          const before = process.memoryUsage.rss();
          let most = before;
          for (let n = 0; n < events / 2; n++) {
            (await server.begin()).cancel();
            if (n % 50 === 0) await setImmediate();
            if (n % 5_000 === 0) most = Math.max(most, process.memoryUsage.rss());
          }
          const settled = async (): Promise<void> => {
            while (numbers.length < events || bridge.connections > 1) await setImmediate();
          };
          await assert.deadline(settled(), 'every event, and the end of those that do not read');
          assert.is(numbers.length, events);
          assert.ok(numbers.every((n, index) => n === next + index));
          // 100 × 64 KiB, the 1,000 events that are kept, and what the specs themselves use.
          assert.ok(most - before < 150 * megabyte, `${Math.round((most - before) / megabyte)} MiB more`);

          const [again, { next: resumed }] = await watching({ epoch, since: next + events - 500 });
          assert.is(resumed, next + events - 500);
          for (let n = 0; n < 500; n++) assert.is((await again.next('event')).n, resumed + n);
          const [, { next: late }] = await watching({ epoch, since: next });
          assert.is(late, next + events - 1_000);
        } finally {
          for (const peer of peers) peer.end();
        }
      },
      { limits: { queued: 65_536, events: 1_000, timeout: 500 } },
    ),
  { deadline: 300_000 },
);

test.run();
