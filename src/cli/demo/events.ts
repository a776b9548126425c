import type { ServerEvent } from '../../index.ts';

/** `signed_in`, the provider's `error`, the `code` of this package's error, or what else went wrong. */
export type Ending = string;

/** Row of the closing table: how one sign-in ended. */
export interface Row {
  readonly flow: string;
  readonly client: string;
  readonly user: string;
  readonly expected: Ending;
  readonly actual: Ending;
  /** Duration in milliseconds. */
  readonly ms: number;
}

/** Event of the demo itself; `at` and `flowId` mean the same as in `server.events`. */
export type Step =
  | { type: 'url'; at: number; flowId: string; client: string; url: string }
  | { type: 'opened'; at: number; flowId: string; client: string; user: string }
  | { type: 'forged'; at: number; forgery: string; status: number; headline: string }
  | { type: 'left'; at: number; flowId: string; user: string }
  | { type: 'page'; at: number; flowId: string; user: string; status: number; headline: string }
  | { type: 'exchanged'; at: number; flowId: string; client: string }
  | { type: 'verified'; at: number; flowId: string; subject: string }
  | { type: 'monitored'; at: number; event: ServerEvent }
  | ({ type: 'ended'; at: number } & Row);

export type DemoEvent = ServerEvent | Step;
