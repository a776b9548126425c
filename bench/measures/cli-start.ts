import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { built } from '../build.ts';
import type { Measure } from '../context.ts';
import { compare, oneByOne, type Cost } from '../rounds.ts';
import { ensureBuild, root } from '../../spec/helpers/consumer.ts';
import { median } from '../statistics.ts';
import { short } from '../table.ts';

// Starts in each round. A start takes only about 0.1 s, so another process can easily disturb one.
const starts = 7;

export const cliStart: Measure = async ({ rounds, tell }) => {
  ensureBuild();
  const ours = [join(root, 'dist', 'cli.cjs'), 'serve'];
  const bare = [join(built, 'programs', 'bare-start.js')];
  const comparison = await compare(
    rounds,
    oneByOne(
      () => startOf(ours),
      () => startOf(bare),
    ),
    tell,
  );
  return [
    {
      measure: 'cli-start',
      what: 'start of serve to listening ÷ bare node:http',
      value: comparison.clock,
      reach: { most: 1.6 },
      ours: `${short(comparison.ours.clock / 1_000)} ms`,
      against: `${short(comparison.other.clock / 1_000)} ms`,
      rounds: comparison.rounds.map(({ clock }) => clock),
    },
  ];
};

/** Returns the median of several starts, which other processes disturb least. */
async function startOf(args: readonly string[]): Promise<Cost> {
  const times: number[] = [];
  for (let each = 0; each < starts; each++) times.push(await timeToFirstLine(args));
  const clock = median(times);
  return { cpu: clock, clock };
}

/** Returns microseconds from the start of a process to its first line. */
async function timeToFirstLine(args: readonly string[]): Promise<number> {
  const since = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(child, 'exit');
  try {
    await once(child.stdout, 'data');
    return (performance.now() - since) * 1_000;
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}
