import type { StoredFlows } from '../stored-flows.ts';
import type { Session } from './session.ts';

const known = new WeakMap<StoredFlows, Map<string, Session>>();

/** Who listens for which flow, at whichever bridge of the server: one at the most. */
export class Listeners {
  readonly #byFlow: Map<string, Session>;

  constructor(flows: StoredFlows) {
    this.#byFlow = known.get(flows) ?? new Map<string, Session>();
    known.set(flows, this.#byFlow);
  }

  /** The later connection has the flow; the other one is told. Returns its undo; undefined where a later one has it. */
  attach(flow: string, session: Session): (() => void) | undefined {
    const before = this.#byFlow.get(flow);
    // What a dead connection has said still may come after its client has come back.
    if (before && before.order > session.order) {
      session.takenOver(flow);
      return undefined;
    }
    this.#byFlow.set(flow, session);
    before?.takenOver(flow);
    return () => {
      if (this.#byFlow.get(flow) === session) this.#byFlow.delete(flow);
    };
  }
}
