import type { Clock } from '../base/clock.ts';
import type { HotStream } from '../base/hot-stream.ts';
import type { FlowIndex } from '../flows/flow-index.ts';
import type { PendingFlow } from '../flows/pending-flow.ts';
import { answeredEvent, type ServerEvent } from '../model/events.ts';
import type { Redirect } from '../model/redirect.ts';
import type { FirstResult } from './first-result.ts';
import { Rejections, type RejectionEvent } from './rejections.ts';

export interface PublisherOptions {
  redirects: HotStream<Redirect>;
  events: HotStream<ServerEvent>;
  flows: FlowIndex;
  firstResult: FirstResult;
  debug: (message: string) => void;
  clock: Clock;
}

/**
 * Publishes redirects: each first as events, then in `redirects`, then as the response of its flow.
 *
 * Subscribers may react synchronously, but they cannot undo an accepted redirect.
 */
export class Publisher {
  readonly #options: PublisherOptions;

  readonly #rejections: Rejections;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#rejections = new Rejections((event) => this.#reject(event), options.clock);
  }

  /** Emits what has not been emitted yet of a flood of rejected redirects. */
  flush(): void {
    this.#rejections.flush();
  }

  /** @param label Label of the flow that an accepted redirect belongs to. */
  publish(redirect: Redirect, flow?: PendingFlow, label?: string): void {
    const { redirects, events, flows, firstResult } = this.#options;
    const { disposition, response } = redirect;
    if (disposition !== 'accepted') this.#rejections.add(eventOf(redirect));
    else if (events.observed) for (const event of eventsOf(redirect, label)) events.next(event);
    if (redirects.observed) redirects.next(redirect);
    if (disposition !== 'accepted') return;
    if (flow) flows.deliver(flow);
    firstResult.fill(response);
  }

  #reject(event: RejectionEvent): void {
    const { disposition, reason, count } = event;
    const times = count === undefined ? '' : `, ${count} times`;
    this.#options.debug(`redirect ${disposition}${reason ? `: ${reason}` : ''}${times}`);
    this.#options.events.next(event);
  }
}

function eventOf({ disposition, reason, flowId, at, response }: Redirect): RejectionEvent {
  const { droppedParameters } = response;
  const dropped = droppedParameters > 0 && { droppedParameters };
  return { type: 'redirect', at, disposition, flowId, reason, ...dropped };
}

/** Returns the events of an accepted redirect. */
function eventsOf(redirect: Redirect, label: string | undefined): readonly ServerEvent[] {
  const { flowId, response, at } = redirect;
  const { error } = response;
  if (flowId === undefined) return [eventOf(redirect)];
  return [eventOf(redirect), answeredEvent(at, flowId, error, label === undefined ? undefined : { label })];
}
