/** What is to be reached. */
export type Reach = { readonly least: number } | { readonly most: number };

/** One figure: a ratio of ours to something else, unless it has a unit. */
export interface Line {
  /** The measure it belongs to. */
  readonly measure: string;
  readonly what: string;
  readonly value: number;
  readonly unit?: string;
  /** The same ratio by the clock, where `value` goes by processor time. */
  readonly clock?: number;
  /** None, where the figure is there to read others by. */
  readonly reach?: Reach | undefined;
  /** What the ratio is made of, ours first; they mean little on another machine. */
  readonly ours: string;
  readonly against: string;
  /** The value of each round. */
  readonly rounds?: readonly number[];
}

export function isReached({ value, reach }: Line): boolean {
  if (!reach) return true;
  return 'least' in reach ? value >= reach.least : value <= reach.most;
}
