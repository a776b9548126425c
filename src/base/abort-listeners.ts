interface Cancellable {
  cancel(reason?: unknown): void;
}

/**
 * Cancels flows when their signal aborts.
 *
 * A signal gets one listener for all its flows: Node warns of a leak when a signal has more than ten.
 */
export class AbortListeners {
  readonly #flows = new Map<AbortSignal, Set<Cancellable>>();

  /** Cancels the flow when the signal aborts. Returns a function that stops following the signal. */
  follow(signal: AbortSignal, flow: Cancellable): () => void {
    const flows = this.#flows.get(signal) ?? new Set();
    if (flows.size === 0) {
      this.#flows.set(signal, flows);
      signal.addEventListener('abort', this.#abort);
    }
    flows.add(flow);
    return () => {
      if (!flows.delete(flow) || flows.size > 0) return;
      this.#flows.delete(signal);
      signal.removeEventListener('abort', this.#abort);
    };
  }

  readonly #abort = ({ target }: Event): void => {
    const signal = target as AbortSignal;
    for (const flow of [...(this.#flows.get(signal) ?? [])]) flow.cancel(signal.reason);
  };
}
