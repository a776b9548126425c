import { Child } from '../child.ts';
import { now } from '../clock.ts';
import type { Measure } from '../context.ts';
import type { Load } from '../programs/load.ts';
import type { SignIns } from '../programs/sign-ins.ts';
import { compare, type Cost } from '../rounds.ts';
import { throughput } from './redirects.ts';

const atOnce = 200;
const batches = 3;

export const signIns: Measure = async ({ rounds, tell }) => {
  await using load = new Child<Load>('load');
  await using ours = new Child<SignIns>('sign-ins');
  await using theirs = new Child<SignIns>('sign-ins');
  await Promise.all([ours.ask('listen'), theirs.ask('listen')]);
  await theirs.ask('reserve', atOnce);

  const run = async (child: Child<SignIns>, begin: 'beginOurs' | 'beginTheirs'): Promise<Cost> => {
    const start = { cpu: await child.ask('cpu'), clock: now() };
    for (let batch = 0; batch < batches; batch++) {
      const { ports, states } = await child.ask(begin, atOnce);
      await load.ask('visits', ports, states);
      await child.ask('ended');
    }
    const clock = now() - start.clock;
    const cpu = (await child.ask('cpu')) - start.cpu;
    return { cpu: cpu / (atOnce * batches), clock: clock / (atOnce * batches) };
  };

  const comparison = await compare(
    rounds,
    () => run(ours, 'beginOurs'),
    () => run(theirs, 'beginTheirs'),
    tell,
  );
  return [throughput('sign-ins', 'sign-ins/s ÷ oauth-callback', 10, comparison)];
};
