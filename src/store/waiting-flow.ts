import type { FlowDescription } from '../model/flow-description.ts';
import type { FlowWatcher, StoredFlow } from '../model/flow-store.ts';

/** A pending flow for which the store wakes this node. */
export class WaitingFlow implements FlowWatcher {
  readonly id: string;
  readonly state: string;
  readonly expiresAt: number;
  readonly description: FlowDescription | undefined;
  /** Watcher to wake; without one, this node only emits the event of the flow's end. */
  listener: FlowWatcher | undefined = undefined;
  readonly #onUnheard: (flow: WaitingFlow) => void;

  /**
   * @param onUnheard Called if the store wakes a flow that has no listener.
   * @param name Identity of a bridge that has begun the flow at this node.
   */
  constructor(
    { id, state, expiresAt, description }: StoredFlow,
    onUnheard: (flow: WaitingFlow) => void,
    readonly name: string | undefined,
  ) {
    this.id = id;
    this.state = state;
    this.expiresAt = expiresAt;
    this.description = description;
    this.#onUnheard = onUnheard;
  }

  wake(): void {
    if (this.listener) this.listener.wake();
    else this.#onUnheard(this);
  }
}
