interface Cancellable {
  cancel(reason?: unknown): void;
}

/** Cancels flows when their signal aborts: one listener for a signal, since Node warns of a leak from the eleventh on. */
export class Signals {
  readonly #flows = new Map<AbortSignal, Set<Cancellable>>();

  /** Returns its undo. */
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
