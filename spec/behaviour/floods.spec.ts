/** A flood of redirects that reach no flow: each is published, but logs, events and the feed stay readable. */
import { createMetrics } from '../../src/telemetry.ts';
import * as assert from '../helpers/assert.ts';
import { withBridge } from '../helpers/bridge.ts';
import { suite } from '../helpers/suite.ts';

const each = 300;

const test = suite('floods');

test('D-15 publishes every redirect, and sums up events, log lines and history', async () => {
  const lines: string[] = [];
  const logger = {
    debug: (line: string) => void lines.push(line),
    warn: (line: unknown) => void lines.push(String(line)),
  };
  await withBridge(
    async ({ server, events, send, visit, bridge }) => {
      const metrics = createMetrics(server, { process: false, bridge });
      const redirects = new Map<string, number>();
      server.redirects.subscribe(({ disposition }) =>
        redirects.set(disposition, (redirects.get(disposition) ?? 0) + 1),
      );
      const flow = await server.begin();
      for (let n = 0; n < each; n++) {
        await visit(`/callback?code=c&state=stray-${n}-of-nobody-at-all`);
        await visit('/callback?code=c');
        await visit('/callback?code=c&state=x', { Origin: 'https://evil.example' });
        await send({ target: '/callback?code=c&state=x', headers: { Host: 'evil.example' } });
      }
      const malformedAndUnmatched = { unmatched: each, malformed: each, refused: 2 * each };
      assert.equal(Object.fromEntries(redirects), malformedAndUnmatched);
      await server.close();
      const rejected = events.filter((event) => event.type === 'redirect');
      assert.ok(rejected.length < each, `${rejected.length} events`);
      assert.ok(lines.length < each, `${lines.length} lines`);
      const counted: Record<string, number> = {};
      for (const { disposition, count = 1 } of rejected)
        counted[disposition] = (counted[disposition] ?? 0) + count;
      assert.equal(counted, malformedAndUnmatched);
      // The history of a monitor still has the sign-in.
      assert.ok(events.some((event) => event.type === 'begun' && event.flowId === flow.id));
      assert.match(await metrics.text(), `redirects_total{disposition="unmatched",reason=""} ${each}`);
      metrics.close();
    },
    {},
    { logger },
  );
});

test.run();
