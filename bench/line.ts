/** Bound that a figure should reach. */
export type Reach = { readonly least: number } | { readonly most: number };

/** A figure: a ratio of ours to something else, or a value with a unit. */
export interface Line {
  /** Name of the measure that the figure belongs to. */
  readonly measure: string;
  readonly what: string;
  readonly value: number;
  readonly unit?: string;
  /** The same ratio by the clock, if `value` is a ratio of processor times. */
  readonly clock?: number;
  /** Left out for a figure that only helps to read others. */
  readonly reach?: Reach | undefined;
  /** Absolute numbers of both sides, ours first. They mean little on another machine. */
  readonly ours: string;
  readonly against: string;
  /** Value of each round. */
  readonly rounds?: readonly number[];
}

export function isReached({ value, reach }: Line): boolean {
  if (!reach) return true;
  return 'least' in reach ? value >= reach.least : value <= reach.most;
}
