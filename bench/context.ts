import type { Line } from './line.ts';

/** What the command line says of a run. */
export interface Context {
  /** Rounds that count; a warm-up goes before. */
  readonly rounds: number;
  /** Minutes of the soak. */
  readonly minutes: number;
  /** Progress, for whoever watches. */
  tell(text: string): void;
}

export type Measure = (context: Context) => Promise<Line[]>;
