import { Observable } from 'rxjs';
import { type CallbackFields, type Disposition, type ServerEvent } from '../../src/index.ts';
import { clockFrom } from '../../src/base/clock.ts';
import { FlowIndex } from '../../src/flows/flow-index.ts';
import type { FlowIndexOptions } from '../../src/flows/flow-index-options.ts';
import { HotStream } from '../../src/base/hot-stream.ts';
import type { Arrival, Redirect } from '../../src/model/redirect.ts';
import { RedirectStream } from '../../src/flows/redirect-stream.ts';
import { virtualTime, type VirtualTime } from './clock.ts';
import { closeInTheEnd } from './suite.ts';

/** The index by itself, in virtual time. */
export interface FlowsBench {
  readonly flows: FlowIndex;
  readonly time: VirtualTime;
  readonly redirects: RedirectStream;
  /** Events that monitors would see. */
  readonly events: readonly ServerEvent[];
  /** Exceptions of subscribers, and errors that none of them handled. */
  readonly reported: readonly unknown[];
  /** Handles a well-formed redirect as the server does; returns its disposition. */
  readonly answer: (state: string, fields?: CallbackFields) => Disposition;
}

/** How a plain redirect comes in. */
export const arrival: Arrival = { path: '/callback', mode: 'query' };

export const redirectUri = 'http://127.0.0.1:53682/callback';

export function flowsBench(options: Partial<FlowIndexOptions> = {}): FlowsBench {
  const time = virtualTime();
  const hot = new HotStream<ServerEvent>();
  const events: ServerEvent[] = [];
  new Observable<ServerEvent>((subscriber) => hot.subscribe(subscriber)).subscribe((event) =>
    events.push(event),
  );
  const reported: unknown[] = [];
  let begun = 0;
  const flows = new FlowIndex({
    nextId: () => String(++begun),
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
    redirectUriFor: () => redirectUri,
    binding: () => 'none',
    consent: 'remote',
    startUrlOf: (startId) => new URL(`/start/${startId}`, redirectUri).href,
    onClaimed: () => undefined,
    ...options,
  });
  // A flow with a subscriber keeps the process alive.
  closeInTheEnd(() => flows.close());
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
