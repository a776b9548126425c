/** A sign-in that waits for its turn. */
interface Waiting {
  readonly issuer: string;
  readonly start: () => void;
  readonly moved: (position: number) => void;
}

/** Lets a bounded number of sign-ins ask the person at a time. */
export class Turns {
  readonly #max: number;
  #running = 0;
  #waiting: readonly Waiting[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Waits for the turn. Resolves with a function that ends it. Rejects once the signal aborts.
   *
   * @param moved Called with the number of sign-ins before this one, at once and whenever it changes.
   */
  async take(issuer: string, moved: (position: number) => void, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#running === this.#max) await this.#wait(issuer, moved, signal);
    else {
      this.#running++;
      moved(0);
    }
    return () => this.#end(issuer);
  }

  #wait(issuer: string, moved: (position: number) => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { issuer, moved, start: resolve };
      signal.addEventListener('abort', () => {
        this.#without(waiting);
        reject(signal.reason as Error);
      });
      this.#waiting = [...this.#waiting, waiting];
      moved(this.#waiting.length);
    });
  }

  #end(issuer: string): void {
    // The browser has a session at the same issuer.
    const next = this.#waiting.find((each) => each.issuer === issuer) ?? this.#waiting[0];
    if (!next) {
      this.#running--;
      return;
    }
    this.#without(next);
    next.moved(0);
    next.start();
  }

  #without(gone: Waiting): void {
    const before = this.#waiting;
    this.#waiting = before.filter((each) => each !== gone);
    this.#waiting.forEach((each, index) => {
      if (before[index] !== each) each.moved(index + 1);
    });
  }
}
