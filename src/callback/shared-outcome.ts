import type { Outcome } from '../model/flow.ts';
import type { AwaitOutcome } from './handled.ts';

type Tell = (outcome: Outcome) => void;

/** Outcome of a sign-in that several pages await: that of the redirect, and that of the clean URL, each time it is loaded. */
export class SharedOutcome {
  /** Set once the outcome is awaited at a clean URL too, even if no page is open. */
  kept = false;
  readonly #tells = new Set<Tell>();
  readonly #stop: () => void;
  #outcome: Outcome | undefined;

  constructor(awaitOutcome: AwaitOutcome) {
    this.#stop = awaitOutcome((outcome) => {
      this.#outcome = outcome;
      for (const tell of this.#tells) tell(outcome);
    });
  }

  readonly await: AwaitOutcome = (tell) => {
    const outcome = this.#outcome;
    this.#tells.add(tell);
    // Later, so that the caller has the undo before.
    if (outcome) queueMicrotask(() => tell(outcome));
    return () => {
      this.#tells.delete(tell);
      if (!this.kept) this.#stop();
    };
  };
}
