import type { Line } from './line.ts';

/** Options of a run from the command line. */
export interface Context {
  /** Number of rounds after the warm-up. */
  readonly rounds: number;
  /** Length of the soak in minutes. */
  readonly minutes: number;
  /** Reports progress to the user. */
  tell(text: string): void;
}

export type Measure = (context: Context) => Promise<Line[]>;
