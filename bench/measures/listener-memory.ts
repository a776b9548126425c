import { Child } from '../child.ts';
import type { Measure } from '../context.ts';
import type { Monitors } from '../programs/monitors.ts';
import type { Service } from '../service.ts';
import { median } from '../statistics.ts';
import { short } from '../table.ts';

const count = 5_000;
const most = 3;

interface Weight {
  heap: number;
  rss: number;
}

export const listenerMemory: Measure = async ({ rounds, tell }) => {
  const pairs: { ours: Weight; other: Weight }[] = [];
  for (let round = 0; round < Math.min(rounds, most); round++) {
    const pair = { ours: await weigh('bridge'), other: await weigh('bare-bridge') };
    tell(`${short(pair.ours.heap)} B beside ${short(pair.other.heap)} B`);
    pairs.push(pair);
  }
  const ratios = pairs.map(({ ours, other }) => ours.heap / other.heap);
  const absolute = (whose: 'ours' | 'other'): string =>
    `${short(median(pairs.map((pair) => pair[whose].heap)))} B, RSS ${short(median(pairs.map((pair) => pair[whose].rss)))} B`;
  return [
    {
      measure: 'listener-memory',
      what: 'memory of an idle listener ÷ bare ws',
      value: median(ratios),
      reach: { most: 1.2 },
      ours: absolute('ours'),
      against: absolute('other'),
      rounds: ratios,
    },
  ];
};

/** Returns the bytes of each of many idle connections. */
async function weigh(program: 'bridge' | 'bare-bridge'): Promise<Weight> {
  await using service = new Child<Service>(program);
  await using clients = new Child<Monitors>('monitors');
  const port = await service.ask('listen');
  // The first connections load code, which is no cost of later ones.
  await clients.ask('idle', port, 100);
  const before = await service.ask('memory');
  await clients.ask('idle', port, count);
  const after = await service.ask('memory');
  return { heap: (after.heap - before.heap) / count, rss: (after.rss - before.rss) / count };
}
