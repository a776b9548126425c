import type { Clock } from '../base/clock.ts';
import type { HotStream } from '../base/hot-stream.ts';
import type { Report } from '../base/isolated-observable.ts';
import type { Binding } from '../model/binding.ts';
import type { ServerEvent } from '../model/events.ts';

/** Settings of the server that its stored flows read. */
export interface StoredFlowsOptions {
  readonly clock: Clock;
  readonly report: Report;
  readonly events: HotStream<ServerEvent>;
  /** Path of the redirect URI of a flow without a context. */
  readonly callbackPath: string;
  /** Issuers of the authorization servers in use. */
  readonly issuers: readonly string[];
  readonly flowTtl: number;
  readonly maxFlows: number;
  readonly finishUrls: readonly string[];
  /** Milliseconds that a page waits for the outcome of its sign-in. */
  readonly settle: number | false;
  readonly redirectUriFor: (path: string) => string;
  /** Returns the binding of flows that name none. */
  readonly binding: () => Binding;
  /** Flows whose start URL asks the user first. */
  readonly consent: 'remote' | 'always' | 'never';
  /** Builds the start URL of a flow that is bound to the browser. */
  readonly startUrlOf: (startId: string) => string;
}
