/** Terminal state that a command leaves and restores around Ctrl-Z. */
export interface Suspendable {
  /** Leaves the terminal as a shell expects it. */
  readonly leave: () => void;
  /** Takes the terminal up again. May be called without `leave` before it, after a SIGSTOP. */
  readonly resume: () => void;
}

/**
 * Suspends a command by Ctrl-Z. While there is something to restore, SIGTSTP has a handler; otherwise the system stops the
 * process by itself.
 */
export class Suspension {
  readonly #suspendables = new Set<Suspendable>();

  /** Adds what is restored around a suspension. Returns a function that removes it. */
  add(suspendable: Suspendable): () => void {
    if (this.#suspendables.size === 0) process.on('SIGTSTP', this.#stop).on('SIGCONT', this.#resume);
    this.#suspendables.add(suspendable);
    return () => {
      if (!this.#suspendables.delete(suspendable) || this.#suspendables.size > 0) return;
      process.off('SIGTSTP', this.#stop).off('SIGCONT', this.#resume);
    };
  }

  /** Suspends the job, as a terminal does that is not read key by key: also `npx` and the programs of a pipeline. */
  suspend(): void {
    process.kill(0, 'SIGTSTP');
  }

  readonly #stop = (): void => {
    for (const { leave } of this.#suspendables) leave();
    // The system must stop the process: it does not stop one that no shell could continue.
    process.off('SIGTSTP', this.#stop);
    process.kill(process.pid, 'SIGTSTP');
    process.on('SIGTSTP', this.#stop);
    this.#resume();
  };

  readonly #resume = (): void => {
    for (const { resume } of this.#suspendables) resume();
  };
}
