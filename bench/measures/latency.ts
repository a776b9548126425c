import type { Context, Measure } from '../context.ts';
import type { Line } from '../line.ts';
import { fire, requireAll, withReceivers, type Pair, type Running } from '../receivers.ts';
import { compare, type Cost } from '../rounds.ts';
import { quantile } from '../statistics.ts';
import { short } from '../table.ts';

const each = 10_000;

export const latency: Measure = async (context) => [await latencyOf('callback-server', context)];

/** What half the load that a server can take does to those it tells, against a bare one. */
export function latencyOf(program: Pair[0], { rounds, tell }: Context): Promise<Line> {
  return withReceivers([program, 'bare-server'], { notes: 'latency', waiting: 1_000 }, async (receivers) => {
    const { load, file, ours, other } = receivers;
    await fire(receivers, ours, each);
    const full = 1e6 / (await fire(receivers, ours, each)).clock;
    const half = Math.round(full / 2);
    tell(`${half} redirects a second are half of what ours can do`);

    const typical: { ours: number[]; other: number[] } = { ours: [], other: [] };
    const run = async (whose: 'ours' | 'other', { child, port }: Running): Promise<Cost> => {
      await child.ask('prepare', each, file);
      const before = await child.ask('cpu');
      await load.ask('trickle', port, file, half);
      const cpu = ((await child.ask('cpu')) - before) / each;
      await requireAll(child);
      const latencies = await child.ask('latencies');
      typical[whose].push(quantile(latencies, 0.5));
      return { cpu, clock: quantile(latencies, 0.99) };
    };
    const { clock, ...comparison } = await compare(
      rounds,
      () => run('ours', ours),
      () => run('other', other),
      tell,
    );
    const absolute = (whose: 'ours' | 'other'): string =>
      `p99 ${short(comparison[whose].clock)} µs, p50 ${short(quantile(Float64Array.from(typical[whose]), 0.5))} µs`;
    return {
      measure: 'latency',
      what: 'p99 to next under half load ÷ bare node:http',
      value: clock,
      reach: { most: 1.3 },
      ours: absolute('ours'),
      against: absolute('other'),
      rounds: comparison.rounds.map((round) => round.clock),
    };
  });
}
