import { issuerOf } from '../model/expectation.ts';
import type { FlowDescription } from '../model/flow-description.ts';
import type { FlowWatcher, StoredFlow } from '../model/flow-store.ts';
import type { WaitingSignIn } from '../model/waiting-sign-in.ts';
import type { HolderPath } from './holders.ts';

/** A pending flow for which the store wakes this node. */
export class WaitingFlow implements FlowWatcher {
  readonly id: string;
  readonly state: string;
  readonly expiresAt: number;
  readonly description: FlowDescription | undefined;
  readonly #issuer: string | undefined;
  /** Watcher to wake; without one, this node only emits the event of the flow's end. */
  listener: FlowWatcher | undefined = undefined;
  /** Name of the identity that listens. */
  listenerName: string | undefined = undefined;
  /** True once it has to give its place to another holder's. */
  evicted = false;
  readonly #onUnheard: (flow: WaitingFlow) => void;

  /**
   * @param onUnheard Called if the store wakes a flow that has no listener.
   * @param holder Remote program that has begun the flow at this node, or was the first to take it up here.
   * @param begunAt Time at which this node has begun the flow; undefined if another one has.
   */
  constructor(
    { id, state, expiresAt, expectation, description }: StoredFlow,
    onUnheard: (flow: WaitingFlow) => void,
    readonly holder: HolderPath | undefined,
    readonly begunAt: number | undefined,
  ) {
    this.id = id;
    this.state = state;
    this.expiresAt = expiresAt;
    this.description = description;
    this.#issuer = issuerOf(expectation);
    this.#onUnheard = onUnheard;
  }

  /** Describes the flow to people who watch. */
  get shown(): WaitingSignIn {
    const { id: flowId, begunAt, expiresAt, description, listenerName: listener } = this;
    return { flowId, begunAt, expiresAt, label: description?.label, issuer: this.#issuer, listener };
  }

  wake(): void {
    if (this.listener) this.listener.wake();
    else this.#onUnheard(this);
  }
}
