import type { Clock } from '../base/clock.ts';
import type { HotStream } from '../base/hot-stream.ts';
import type { Report } from '../base/isolated-observable.ts';
import type { Binding } from '../model/binding.ts';
import type { ServerEvent } from '../model/events.ts';
import type { HeldRedirect, HoldOptions } from './held-redirects.ts';

/** Settings and parts of the server that the index of flows uses. */
export interface FlowIndexOptions {
  clock: Clock;
  /** Returns the id of the next flow, which no other flow of the same events has. */
  nextId: () => string;
  flowTtl: number;
  maxFlows: number;
  events: HotStream<ServerEvent>;
  report: Report;
  /** Path of the redirect URI of a flow without a context. */
  callbackPath: string;
  /** Issuers of the authorization servers in use. With several, each `begin` must name its own. */
  issuers: readonly string[];
  unmatched: 'reject' | 'accept' | HoldOptions;
  finishUrls: readonly string[];
  /** Milliseconds that a page waits for the outcome of its sign-in; `false` if it does not wait. */
  settle: number | false;
  redirectUriFor: (path: string) => string;
  /** Returns the binding of flows that name none. */
  binding: () => Binding;
  /** Flows whose start URL asks the user first. */
  consent: 'remote' | 'always' | 'never';
  /** Builds the start URL of a flow that is bound to the browser. */
  startUrlOf: (startId: string) => string;
  /** Called when a program asks for the state of a held redirect. */
  onClaimed: (held: HeldRedirect) => void;
}
