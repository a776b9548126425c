import { Recent } from '../base/recent.ts';
import type { FeedStatus, ServiceStatus } from '../client/remote-feed.ts';
import type { ServerEvent } from '../model/events.ts';
import type { WaitingSignIn } from '../model/waiting-sign-in.ts';
import { OutcomesOfFlows } from '../model/sign-in-outcomes.ts';
import { Journal, maxKept } from './journal.ts';
import { Totals } from './totals.ts';
import { Seconds } from './seconds.ts';
import { WaitingTimes } from './waiting-times.ts';

/** State of a service as its feed reports it. Used by the monitor page and by the command `watch`. */
export class FeedModel {
  readonly totals = new Totals();
  readonly seconds = new Seconds();
  readonly journal = new Journal();
  /** Status that the service has sent last. */
  service: ServiceStatus | undefined;
  /** Flows that have been listed, by their ids. */
  #listed = new Recent<WaitingSignIn>(maxKept);
  #waiting: readonly WaitingSignIn[] | undefined;
  readonly #waitingTimes = new WaitingTimes();
  #outcomes = new OutcomesOfFlows();

  setStatus(status: FeedStatus): void {
    this.totals.setStatus(status);
    if (status.missed === undefined) {
      // After a restart, a service may use the same ids for other flows.
      this.#waitingTimes.clear();
      this.#outcomes = new OutcomesOfFlows();
      this.#listed = new Recent(maxKept);
    }
    if (status.missed !== 0) this.journal.gap(status.missed);
  }

  /** Flows that wait, as the service has listed them last. */
  get waiting(): readonly WaitingSignIn[] | undefined {
    return this.#waiting;
  }

  list(waiting: readonly WaitingSignIn[]): void {
    this.#waiting = waiting;
    for (const flow of waiting) this.#listed.set(flow.flowId, flow);
  }

  /** Returns a flow as the service has listed it last, also if it waits no longer. */
  waitedOf(flowId: string): WaitingSignIn | undefined {
    return this.#listed.get(flowId);
  }

  /** @param listed If false, the event is counted but does not appear in the journal. @default true */
  add(event: ServerEvent, listed = true): void {
    const isNew = this.totals.add(event);
    const waited = this.#waitingTimes.waited(event);
    this.seconds.add(event, waited, isNew ? Date.now() : undefined);
    const decided = this.#outcomes.add(event);
    if (decided) this.seconds.decide(decided);
    if (listed) this.journal.add(event, waited);
  }
}
