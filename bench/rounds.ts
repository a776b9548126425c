import { median } from './statistics.ts';

/** What one thing cost, in microseconds. */
export interface Cost {
  cpu: number;
  clock: number;
}

export interface Comparison {
  /** Cost of ours to cost of the other: medians of the rounds' ratios. */
  cpu: number;
  clock: number;
  rounds: { cpu: number; clock: number }[];
  ours: Cost;
  other: Cost;
}

/** What both cost in one round. */
export interface Pair {
  ours: Cost;
  other: Cost;
}

/** Measures one after the other, ours first. */
export function oneByOne(ours: () => Promise<Cost>, other: () => Promise<Cost>): () => Promise<Pair> {
  return async () => ({ ours: await ours(), other: await other() });
}

/** Measures both so many times: what slows the machine for a while slows both. One round goes before as a warm-up. */
export async function compare<P extends Pair>(
  count: number,
  measure: () => Promise<P>,
  tell: (round: string) => void,
): Promise<Comparison & { costs: P[] }> {
  const costs: P[] = [];
  for (let round = 0; round <= count; round++) {
    const pair = await measure();
    const [cpu, clock] = [ratioOf(pair, 'cpu').toFixed(2), ratioOf(pair, 'clock').toFixed(2)];
    tell(
      `${round === 0 ? 'warm-up' : `round ${round} of ${count}`}: cost ×${cpu} by processor, ×${clock} by clock`,
    );
    if (round > 0) costs.push(pair);
  }
  return { ...summary(costs), costs };
}

/** What rounds come to. */
export function summary(costs: readonly Pair[]): Comparison {
  const rounds = costs.map((pair) => ({ cpu: ratioOf(pair, 'cpu'), clock: ratioOf(pair, 'clock') }));
  const typical = (whose: 'ours' | 'other'): Cost => ({
    cpu: median(costs.map((pair) => pair[whose].cpu)),
    clock: median(costs.map((pair) => pair[whose].clock)),
  });
  return {
    cpu: median(rounds.map(({ cpu }) => cpu)),
    clock: median(rounds.map(({ clock }) => clock)),
    rounds,
    ours: typical('ours'),
    other: typical('other'),
  };
}

function ratioOf({ ours, other }: Pair, by: keyof Cost): number {
  return ours[by] / other[by];
}
