import type { Consumed } from '../model/flow-store.ts';
import type { ResponseFields } from '../model/callback-response.ts';
import type { Arrival } from '../model/redirect.ts';
import { systemClock } from '../base/clock.ts';
import { withTimeout } from '../base/timeout.ts';
import { StoreUnavailableError } from '../model/errors.ts';
import { MemoryStore } from '../store/memory.ts';

// A program acknowledges its response within 50 ms.
const patienceMs = 1_000;

/**
 * Store whose redirects are answered once the program of the flow has its response. If this process is killed before, the browser
 * has no answer, and the user or the browser loads the redirect once more.
 */
export class PatientStore extends MemoryStore {
  readonly #waits = new Map<string, () => void>();
  #isLeft = false;

  /**
   * Leaves each redirect of a flow that waits to the next process that serves, from now on: its page asks the user to reload. The
   * program of the flow is about to connect there, and would not get the response here.
   */
  leave(): void {
    this.#isLeft = true;
  }

  override async consume(response: ResponseFields & { state: string }, arrival: Arrival): Promise<Consumed> {
    if (this.#isLeft && (await this.read(response.state)))
      throw new StoreUnavailableError('another process takes over the shared port');
    const found = await super.consume(response, arrival);
    if (found.disposition !== 'accepted') return found;
    const { state } = response;
    const acknowledged = new Promise<void>((resolve) => this.#waits.set(state, resolve));
    await withTimeout(systemClock, patienceMs, acknowledged, () => undefined);
    this.#waits.delete(state);
    return found;
  }

  override acknowledge(state: string): Promise<boolean> {
    const done = super.acknowledge(state);
    this.#waits.get(state)?.();
    return done;
  }
}
