import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureBuild } from '../../spec/helpers/consumer.ts';
import { built } from '../build.ts';
import type { Measure } from '../context.ts';
import { compare, oneByOne, type Cost } from '../rounds.ts';
import { median } from '../statistics.ts';
import { short } from '../table.ts';

// Processes started in each round; the median leaves out those that another process disturbed.
const starts = 7;

export const firstListen: Measure = async ({ rounds, tell }) => {
  ensureBuild();
  const comparison = await compare(
    rounds,
    oneByOne(
      () => costOf('first-listen'),
      () => costOf('bare-listen'),
    ),
    tell,
  );
  return [
    {
      measure: 'first-listen',
      what: 'import, listen and begin ÷ rxjs and a bare listen',
      value: comparison.cpu,
      clock: comparison.clock,
      reach: { most: 1.1 },
      ours: `${short(comparison.ours.cpu / 1_000)} ms cpu`,
      against: `${short(comparison.other.cpu / 1_000)} ms cpu`,
      rounds: comparison.rounds.map(({ cpu }) => cpu),
    },
  ];
};

async function costOf(program: string): Promise<Cost> {
  const costs: Cost[] = [];
  for (let each = 0; each < starts; each++) {
    const since = performance.now();
    const { stdout } = await promisify(execFile)(process.execPath, [
      join(built, 'programs', `${program}.js`),
    ]);
    costs.push({ cpu: Number(stdout), clock: (performance.now() - since) * 1_000 });
  }
  return { cpu: median(costs.map(({ cpu }) => cpu)), clock: median(costs.map(({ clock }) => clock)) };
}
