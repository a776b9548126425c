/** `npm run chaos -- webhook`: a target that fails, over connections that are cut at random bytes, and a service that restarts. */
import { randomBytes } from 'node:crypto';
import { equal, ok } from '../../helpers/assert.ts';
import { chaosCount, chaosDeadline } from '../../helpers/chaos.ts';
import {
  BrokenService,
  hear,
  inLanes,
  newFate,
  reckoningOf,
  seed,
  turn,
  type Fate,
} from '../../helpers/plain-chaos.ts';
import { suite } from '../../helpers/suite.ts';
import { TcpProxy } from '../../helpers/tcp-proxy.ts';
import { isSigned, WebhookTarget } from '../../helpers/webhook-target.ts';

const test = suite('webhooks over a broken network');
const count = chaosCount(10_000);

test(
  `lose none of ${count.toLocaleString('en')} flows and double none (CHAOS_SEED=${seed})`,
  async () => {
    await using target = await WebhookTarget.open();
    const way = await TcpProxy.open(target.port);
    const url = `http://127.0.0.1:${way.port}/hook`;
    const secret = randomBytes(32).toString('base64');
    try {
      await using service = await BrokenService.open({ webhooks: { targets: [url], secret } });
      const { random } = service;
      way.options.cut = () => ({
        toService: random() < 0.15 ? 1 + random() * 900 : Infinity,
        toClient: random() < 0.15 ? 1 + random() * 120 : Infinity,
      });
      const fates = Array.from({ length: count }, (_, n) => newFate(n));
      const byState = new Map<string, Fate>(fates.map((fate) => [fate.state, fate]));
      const ids = new Map<string, Set<string>>();
      let unsigned = 0;
      let left = count;
      let onAll: () => void = () => undefined;
      const all = new Promise<void>((resolve) => (onAll = resolve));
      target.answer = (response, hook) => {
        if (!isSigned(hook, secret)) unsigned++;
        // The receiver has not kept it, and says so.
        if (random() < 0.1) {
          response.writeHead(503).end();
          return;
        }
        const { state = '', code } = (hook.body.result.response ?? {}) as { state?: string; code?: string };
        const fate = byState.get(state);
        if (fate) {
          hear(fate, code);
          ids.set(state, (ids.get(state) ?? new Set()).add(String(hook.headers['webhook-id'])));
          if (fate.heard.length === 1 && --left === 0) onAll();
        }
        response.writeHead(204).end();
      };
      await inLanes(fates, 48, async (fate, n) => {
        if (n === Math.floor(count / 3) || n === Math.floor(count / 1.5)) await service.restart();
        await service.begin(fate, { webhook: url });
        await turn();
        await service.signIn(fate);
      });
      await all;
      const { again, ...bad } = reckoningOf(fates);
      console.log(
        `  ${count} flows, ${way.counts.cut} cuts of webhooks, ${service.proxy.counts.cut} others, ${again} again`,
      );
      equal({ ...bad, unsigned }, { lost: 0, foreign: 0, doubled: 0, unsigned: 0 });
      equal([...ids.values()].filter(({ size }) => size !== 1).length, 0, 'flows with two ids');
      ok(way.counts.cut > count / 20, 'the network is broken');
    } finally {
      await way.close();
    }
  },
  { deadline: chaosDeadline(60_000) },
);

test.run();
