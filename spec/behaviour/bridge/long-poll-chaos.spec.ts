/** `npm run chaos -- long-poll`: long polls over connections that are cut at random bytes, and a service that restarts. */
import { equal, ok } from '../../helpers/assert.ts';
import { chaosCount, chaosDeadline } from '../../helpers/chaos.ts';
import {
  ask,
  BrokenService,
  headersOf,
  hear,
  inLanes,
  newFate,
  reckoningOf,
  seed,
  turn,
} from '../../helpers/plain-chaos.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('long polls over a broken network');
const count = chaosCount(10_000);

test(
  `lose none of ${count.toLocaleString('en')} flows and double none (CHAOS_SEED=${seed})`,
  async () => {
    await using service = await BrokenService.open();
    const fates = Array.from({ length: count }, (_, n) => newFate(n));
    await inLanes(fates, 48, async (fate, n) => {
      if (n === Math.floor(count / 3) || n === Math.floor(count / 1.5)) await service.restart();
      await service.begin(fate);
      const headers = { ...headersOf(fate), Prefer: 'wait=20' };
      const returned = turn().then(() => service.signIn(fate));
      while (fate.heard.length === 0) {
        const { status, body } = await ask(service.port, 'GET', '/bridge/flow', headers);
        if (status === 200) {
          const { result } = JSON.parse(body) as { result: { response?: { code?: string } } };
          hear(fate, result.response?.code);
        } else if (status === 404) break;
        else await turn();
      }
      await returned;
      await service.drop(fate);
      const { status } = await ask(service.port, 'GET', '/bridge/flow', { ...headers, Prefer: 'wait=0' });
      if (status === 200) hear(fate, fate.code);
    });
    const { again, ...bad } = reckoningOf(fates);
    console.log(
      `  ${count} flows, ${service.proxy.counts.cut} cuts, ${service.restarts} restarts, ${again} again`,
    );
    equal(bad, { lost: 0, foreign: 0, doubled: 0 });
    ok(service.proxy.counts.cut > count / 4, 'the network is broken');
  },
  { deadline: chaosDeadline(60_000) },
);

test.run();
