import type { StoredFlows } from '../stored-flows.ts';
import type { Listening } from './listener.ts';

const known = new WeakMap<StoredFlows, Map<string, Listening>>();

/** Who listens for which flow, at whichever bridge of the server: one at the most. */
export class Listeners {
  readonly #byFlow: Map<string, Listening>;

  constructor(flows: StoredFlows) {
    this.#byFlow = known.get(flows) ?? new Map<string, Listening>();
    known.set(flows, this.#byFlow);
  }

  /** The later connection has the flow; the other one is told. False where a later one has it. */
  attach(listening: Listening): boolean {
    const before = this.#byFlow.get(listening.id);
    // What a dead connection has said still may come after its client has come back.
    if (before && before.order > listening.order) {
      listening.takenOver();
      return false;
    }
    this.#byFlow.set(listening.id, listening);
    before?.takenOver();
    return true;
  }

  detach(listening: Listening): void {
    if (this.#byFlow.get(listening.id) === listening) this.#byFlow.delete(listening.id);
  }
}
