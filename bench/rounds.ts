import { median } from './statistics.ts';

/** Cost of an operation, in µs. */
export interface Cost {
  cpu: number;
  clock: number;
}

export interface Comparison {
  /** Ratio of our cost to the other's: the median of the rounds. */
  cpu: number;
  clock: number;
  rounds: { cpu: number; clock: number }[];
  ours: Cost;
  other: Cost;
}

/** Costs of both in a round. */
export interface Pair {
  ours: Cost;
  other: Cost;
}

/** Measures both, ours first. */
export function oneByOne(ours: () => Promise<Cost>, other: () => Promise<Cost>): () => Promise<Pair> {
  return async () => ({ ours: await ours(), other: await other() });
}

/** Measures both in `count` rounds after a warm-up, so that a slow moment of the machine affects both. */
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

/** Returns the medians of rounds. */
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
