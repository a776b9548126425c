import { Child } from '../child.ts';
import { now } from '../clock.ts';
import type { Measure } from '../context.ts';
import type { Load } from '../programs/load.ts';
import type { SignIns } from '../programs/sign-ins.ts';
import { compare, type Cost, type Pair } from '../rounds.ts';
import { throughput } from './redirects.ts';

/** Of a round: what slows the machine for a while slows both. */
const turns = 5;
/** On one server, their redirects in as many parts as there are turns. */
const ours = 5_000;
/** In each turn; each needs a port of its own. */
const theirs = 200;

export const signIns: Measure = async ({ rounds, tell }) => {
  await using load = new Child<Load>('load');
  await using one = new Child<SignIns>('sign-ins');
  await using many = new Child<SignIns>('sign-ins');
  await Promise.all([one.ask('listen'), many.ask('listen')]);
  await many.ask('reserve', theirs);

  const measure = async (): Promise<Pair> => {
    const whole = { ours: await stopwatch(one, ours), other: await stopwatch(many, theirs * turns) };
    await whole.ours.run(async () => {
      const { ports, states } = await one.ask('beginOurs', ours);
      await load.ask('open', ports[0]!, states);
    });
    for (let turn = 0; turn < turns; turn++) {
      await whole.ours.run(() => load.ask('send', ours / turns));
      await whole.other.run(async () => {
        const { ports, states } = await many.ask('beginTheirs', theirs);
        await load.ask('visits', ports, states);
        await many.ask('ended');
      });
    }
    await whole.ours.run(() => one.ask('ended'));
    return { ours: await whole.ours.cost(), other: await whole.other.cost() };
  };

  const comparison = await compare(rounds, measure, tell);
  return [throughput('sign-ins', 'sign-ins/s ÷ oauth-callback', 10, comparison)];
};

interface Stopwatch {
  /** By the clock, only what runs in here counts; a process that waits takes no processor time. */
  run(part: () => Promise<unknown>): Promise<void>;
  /** Of one sign-in. */
  cost(): Promise<Cost>;
}

async function stopwatch(child: Child<SignIns>, count: number): Promise<Stopwatch> {
  const before = await child.ask('cpu');
  let clock = 0;
  return {
    async run(part) {
      const start = now();
      await part();
      clock += now() - start;
    },
    async cost() {
      const cpu = (await child.ask('cpu')) - before;
      return { cpu: cpu / count, clock: clock / count };
    },
  };
}
