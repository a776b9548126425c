import type { StoredFlows } from '../store/stored-flows.ts';

/** A flow that a connection listens for. */
export interface RegisteredListener {
  /** The flow's id. */
  readonly id: string;
  /** Called when another connection listens for the flow. */
  onTakenOver(): void;
}

const registries = new WeakMap<StoredFlows, ListenerRegistry>();

/** Returns the registry that all bridges of a server share. */
export function listenerRegistryOf(flows: StoredFlows): ListenerRegistry {
  const registry = registries.get(flows) ?? new ListenerRegistry();
  registries.set(flows, registry);
  return registry;
}

/** The listener of each flow: at most one, at one of the server's bridges. */
export class ListenerRegistry {
  readonly #byFlow = new Map<string, RegisteredListener>();

  /** Registers a flow's listener in place of the one before. */
  attach(listener: RegisteredListener): void {
    const before = this.#byFlow.get(listener.id);
    this.#byFlow.set(listener.id, listener);
    before?.onTakenOver();
  }

  /** Tells if a flow has a listener. */
  has(id: string): boolean {
    return this.#byFlow.has(id);
  }

  detach(listener: RegisteredListener): void {
    if (this.#byFlow.get(listener.id) === listener) this.#byFlow.delete(listener.id);
  }
}
