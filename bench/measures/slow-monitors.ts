import { Child } from '../child.ts';
import type { Measure } from '../context.ts';
import type { Monitors } from '../programs/monitors.ts';
import type { PacedService } from '../service.ts';
import { median } from '../statistics.ts';
import { short } from '../table.ts';

const readers = 20;
const slow = 100;
// The first stretch is slow enough for 120 monitors, because the slow ones also get events until their buffers are full.
const stretches = [
  { events: 30_000, perSecond: 1_000 },
  { events: 70_000, perSecond: 4_000 },
];
const mostRounds = 2;
const megabyte = 2 ** 20;

interface Run {
  p99: number;
  rss: number;
  closed: number;
  resumed: number;
}

export const slowMonitors: Measure = async ({ rounds, tell }) => {
  const runs: { crowded: Run; alone: Run }[] = [];
  for (let round = 0; round < Math.min(rounds, mostRounds); round++) {
    const run = { crowded: await watched(slow), alone: await watched(0) };
    tell(`p99 ${short(run.crowded.p99)} µs with them, ${short(run.alone.p99)} µs without`);
    runs.push(run);
  }
  const typical = (whose: 'crowded' | 'alone', what: keyof Run): number =>
    median(runs.map((run) => run[whose][what]));
  const ratios = runs.map(({ crowded, alone }) => crowded.p99 / alone.p99);
  const least = (what: 'closed' | 'resumed'): number => Math.min(...runs.map(({ crowded }) => crowded[what]));
  const line = { measure: 'slow-monitors' };
  const rss = (whose: 'crowded' | 'alone'): string => `RSS ${short(typical(whose, 'rss') / megabyte)} MB`;
  return [
    {
      ...line,
      what: 'p99 of monitors beside 100 that never read ÷ without',
      value: median(ratios),
      reach: { most: 1.2 },
      ours: `p99 ${short(typical('crowded', 'p99'))} µs`,
      against: `p99 ${short(typical('alone', 'p99'))} µs`,
      rounds: ratios,
    },
    {
      ...line,
      what: 'memory that those 100 cost at most',
      value: (typical('crowded', 'rss') - typical('alone', 'rss')) / megabyte,
      unit: 'MB',
      // Default limit on queued bytes of all connections.
      reach: { most: 64 },
      ours: rss('crowded'),
      against: rss('alone'),
    },
    {
      ...line,
      what: 'of them closed with 1013 and resumed',
      value: Math.min(least('closed'), least('resumed')),
      reach: { least: slow },
      ours: `${least('closed')} closed, ${least('resumed')} resumed`,
      against: '',
    },
  ];
};

async function watched(unread: number): Promise<Run> {
  await using service = new Child<PacedService>('bridge');
  await using monitors = new Child<Monitors>('monitors');
  const port = await service.ask('listen');
  await monitors.ask('watch', port, readers);
  await monitors.ask('watchWithoutReading', port, unread);
  await monitors.ask(
    'note',
    stretches.reduce((sum, { events }) => sum + events, 0),
  );
  const sent: number[] = [];
  let most = 0;
  for (const { events, perSecond } of stretches) {
    const emitted = await service.ask('emitAtPace', events, perSecond);
    sent.push(...emitted.sent);
    most = Math.max(most, emitted.rss);
  }
  const p99 = await monitors.ask('p99', Float64Array.from(sent));
  return { p99, rss: most, ...(await monitors.ask('recover', port)) };
}
