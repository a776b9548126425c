import { Child } from '../child.ts';
import { now } from '../clock.ts';
import type { Measure } from '../context.ts';
import type { Load } from '../programs/load.ts';
import type { SignIns } from '../programs/sign-ins.ts';
import { compare, oneByOne, type Cost } from '../rounds.ts';
import { throughput } from './redirects.ts';

/** On one server. */
const ours = { atOnce: 5_000, batches: 1 };
/** Each needs a port of its own. */
const theirs = { atOnce: 200, batches: 3 };

export const signIns: Measure = async ({ rounds, tell }) => {
  await using load = new Child<Load>('load');
  await using one = new Child<SignIns>('sign-ins');
  await using many = new Child<SignIns>('sign-ins');
  await Promise.all([one.ask('listen'), many.ask('listen')]);
  await many.ask('reserve', theirs.atOnce);

  const measure = async (
    child: Child<SignIns>,
    { atOnce, batches }: typeof ours,
    signIn: () => Promise<void>,
  ): Promise<Cost> => {
    const start = { cpu: await child.ask('cpu'), clock: now() };
    for (let batch = 0; batch < batches; batch++) {
      await signIn();
      await child.ask('ended');
    }
    const clock = now() - start.clock;
    const cpu = (await child.ask('cpu')) - start.cpu;
    return { cpu: cpu / (atOnce * batches), clock: clock / (atOnce * batches) };
  };

  const comparison = await compare(
    rounds,
    oneByOne(
      () =>
        measure(one, ours, async () => {
          const { ports, states } = await one.ask('beginOurs', ours.atOnce);
          await load.ask('redirects', ports[0]!, states);
        }),
      () =>
        measure(many, theirs, async () => {
          const { ports, states } = await many.ask('beginTheirs', theirs.atOnce);
          await load.ask('visits', ports, states);
        }),
    ),
    tell,
  );
  return [throughput('sign-ins', 'sign-ins/s ÷ oauth-callback', 10, comparison)];
};
