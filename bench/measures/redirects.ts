import type { Context, Measure } from '../context.ts';
import type { Line } from '../line.ts';
import { fire, withReceivers, type Programs } from '../receivers.ts';
import { compare, type Comparison, type Cost } from '../rounds.ts';
import { short } from '../table.ts';

const each = 20_000;
const waiting = 100_000;

export const redirects: Measure = async (context) => [
  await redirectsOf(['callback-server', 'map-server'], context),
];

/** Compares two servers that answer redirects while 100,000 other flows are pending. */
export function redirectsOf(programs: Programs, { rounds, tell }: Context): Promise<Line> {
  return withReceivers(programs, { notes: 'arrival', waiting }, async (receivers) => {
    const comparison = await compare(rounds, () => fire(receivers, each), tell);
    return throughput('redirects', 'redirects/s ÷ a Map server', 0.8, comparison);
  });
}

/** Returns the line of a comparison by throughput: requests that our server answers while the other answers one. */
export function throughput(
  measure: string,
  what: string,
  least: number | undefined,
  { cpu, clock, rounds, ours, other }: Comparison,
): Line {
  const absolute = (cost: Cost): string => `${short(cost.cpu)} µs cpu, ${short(1e6 / cost.clock)}/s`;
  return {
    measure,
    what,
    value: 1 / cpu,
    clock: 1 / clock,
    reach: least === undefined ? undefined : { least },
    ours: absolute(ours),
    against: absolute(other),
    rounds: rounds.map((round) => 1 / round.cpu),
  };
}
