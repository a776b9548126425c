import { Observable } from 'rxjs';
import { type CallbackFields, type Disposition, type ServerEvent } from '../../src/index.ts';
import { clockFrom } from '../../src/clock.ts';
import { Flows, type FlowsOptions } from '../../src/flows.ts';
import { HotStream } from '../../src/hot-stream.ts';
import type { Arrival, Redirect } from '../../src/redirect.ts';
import { RedirectStream } from '../../src/redirect-stream.ts';
import { virtualTime, type VirtualTime } from './clock.ts';

/** The index by itself, in virtual time. */
export interface FlowsBench {
  readonly flows: Flows;
  readonly time: VirtualTime;
  readonly redirects: RedirectStream;
  /** What monitors would see. */
  readonly events: readonly ServerEvent[];
  /** Exceptions of subscribers, and errors that none of them handled. */
  readonly reported: readonly unknown[];
  /** What the server does with a well-formed redirect; says what became of it. */
  readonly answer: (state: string, fields?: CallbackFields) => Disposition;
}

/** How a plain redirect comes in. */
export const arrival: Arrival = { path: '/callback', mode: 'query' };

export const redirectUri = 'http://127.0.0.1:53682/callback';

export function flowsBench(options: Partial<FlowsOptions> = {}): FlowsBench {
  const time = virtualTime();
  const hot = new HotStream<ServerEvent>();
  const events: ServerEvent[] = [];
  new Observable<ServerEvent>((subscriber) => hot.subscribe(subscriber)).subscribe((event) =>
    events.push(event),
  );
  const reported: unknown[] = [];
  const flows = new Flows({
    clock: clockFrom(time.scheduler),
    flowTtl: 600_000,
    maxFlows: 100_000,
    events: hot,
    report: (error) => void reported.push(error),
    callbackPath: '/callback',
    issuers: [],
    unmatched: 'reject',
    finishUrls: [],
    settle: false,
    closeTimeout: 1_500,
    redirectUriFor: () => redirectUri,
    onClaimed: () => undefined,
    ...options,
  });
  return {
    flows,
    time,
    events,
    reported,
    redirects: new RedirectStream(flows, new HotStream<Redirect>()),
    answer(state, fields = { code: 'code' }) {
      const match = flows.match({ state, ...fields }, arrival);
      if (match.disposition === 'accepted') flows.deliver(match.flow);
      return match.disposition;
    },
  };
}
