import type { ServerEvent } from '../../src/index.ts';

/** `signed_in`, the provider's `error`, the `code` of this package's error, or what else went wrong. */
export type Ending = string;

/** How one sign-in ended: its row in the closing table. */
export interface Row {
  readonly flow: string;
  readonly client: string;
  readonly user: string;
  readonly expected: Ending;
  readonly actual: Ending;
  /** Milliseconds from its beginning. */
  readonly ms: number;
}

/** What the demo does itself; `at` and `flow` are those of `server.events`. */
export type Step =
  | { type: 'url'; at: number; flow: string; client: string; url: string }
  | { type: 'opened'; at: number; flow: string; client: string; user: string }
  | { type: 'forged'; at: number; forgery: string; status: number; headline: string }
  | { type: 'left'; at: number; flow: string; user: string }
  | { type: 'page'; at: number; flow: string; user: string; status: number; headline: string }
  | { type: 'exchanged'; at: number; flow: string; client: string }
  | { type: 'verified'; at: number; flow: string; subject: string }
  | { type: 'monitored'; at: number; event: ServerEvent }
  | ({ type: 'ended'; at: number } & Row);

export type DemoEvent = ServerEvent | Step;
