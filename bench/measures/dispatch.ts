import { Child } from '../child.ts';
import type { Context, Measure } from '../context.ts';
import type { Line } from '../line.ts';
import type { Load } from '../programs/load.ts';
import type { Waiting, WaitingOrders } from '../programs/waiting.ts';
import { fire } from '../receivers.ts';
import { compare, type Cost } from '../rounds.ts';
import { StatesFile } from '../states.ts';
import { short } from '../table.ts';

const few = 100;
const many = 1_000_000;
const each = 20_000;

export const dispatch: Measure = (context) =>
  manyBesideFew(context, 'dispatch', 'flow', 'cost of a redirect, 1,000,000 flows ÷ 100');

export const ofState: Measure = (context) =>
  manyBesideFew(context, 'of-state', 'ofState', 'cost of a redirect, 1,000,000 ofState ÷ 100');

async function manyBesideFew(
  { rounds, tell }: Context,
  measure: string,
  how: Waiting,
  what: string,
): Promise<Line[]> {
  using states = new StatesFile();
  using otherStates = new StatesFile();
  await using load = new Child<Load>('load');
  await using crowd = new Child<WaitingOrders>('waiting', '--max-old-space-size=8192');
  await using handful = new Child<WaitingOrders>('waiting', '--max-old-space-size=8192');
  const ours = { child: crowd, port: await crowd.ask('listen', many, how), file: states.path };
  const other = { child: handful, port: await handful.ask('listen', few, how), file: otherStates.path };
  const { cpu, clock, ...comparison } = await compare(rounds, () => fire({ load, ours, other }, each), tell);
  const absolute = (cost: Cost): string => `${short(cost.cpu)} µs cpu, ${short(cost.clock)} µs`;
  return [
    {
      measure,
      what,
      value: cpu,
      clock,
      reach: { most: 1.5 },
      ours: absolute(comparison.ours),
      against: absolute(comparison.other),
      rounds: comparison.rounds.map((round) => round.cpu),
    },
  ];
}
