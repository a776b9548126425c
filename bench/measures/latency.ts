import type { Context, Measure } from '../context.ts';
import type { Line } from '../line.ts';
import { fire, requireAll, targets, withReceivers, type Programs, type Running } from '../receivers.ts';
import { compare, type Cost, type Pair } from '../rounds.ts';
import { quantile } from '../statistics.ts';
import { short } from '../table.ts';

const each = 10_000;

export const latency: Measure = async (context) => [
  await latencyOf(['callback-server', 'map-server'], context),
];

/** Compares the delays of two servers at half of the load that the first one can take. */
export function latencyOf(programs: Programs, { rounds, tell }: Context): Promise<Line> {
  return withReceivers(programs, { notes: 'latency', waiting: 1_000 }, async (receivers) => {
    const { load, ours, other } = receivers;
    await fire(receivers, each);
    const full = 1e6 / (await fire(receivers, each)).ours.clock;
    const half = Math.round(full / 2);
    tell(`${half} redirects a second are half of what ours can do`);

    const typical: { ours: number[]; other: number[] } = { ours: [], other: [] };
    const costOf = async (whose: 'ours' | 'other', { child }: Running, before: number): Promise<Cost> => {
      const cpu = ((await child.ask('cpu')) - before) / each;
      await requireAll(child);
      const latencies = await child.ask('latencies');
      typical[whose].push(quantile(latencies, 0.5));
      return { cpu, clock: quantile(latencies, 0.99) };
    };
    const measure = async (): Promise<Pair> => {
      for (const { child, file } of [ours, other]) await child.ask('prepare', each, file);
      const before = { ours: await ours.child.ask('cpu'), other: await other.child.ask('cpu') };
      await load.ask('trickle', targets([ours, other]), half);
      return {
        ours: await costOf('ours', ours, before.ours),
        other: await costOf('other', other, before.other),
      };
    };
    const { clock, ...comparison } = await compare(rounds, measure, tell);
    const absolute = (whose: 'ours' | 'other'): string =>
      `p99 ${short(comparison[whose].clock)} µs, p50 ${short(quantile(Float64Array.from(typical[whose]), 0.5))} µs`;
    return {
      measure: 'latency',
      what: 'p99 to next under half load ÷ a Map server',
      value: clock,
      reach: { most: 1.5 },
      ours: absolute('ours'),
      against: absolute('other'),
      rounds: comparison.rounds.map((round) => round.clock),
    };
  });
}
