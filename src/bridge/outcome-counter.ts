import { Recent } from '../base/recent.ts';
import type { ServerEvent } from '../model/events.ts';
import {
  addOutcomes,
  countOutcome,
  noOutcomes,
  OutcomesOfFlows,
  type OutcomeCounts,
} from '../model/sign-in-outcomes.ts';

/** Seconds that count as recent. */
const recentSeconds = 300;

/** Counts the outcomes of sign-ins since the start, and in the last five minutes. */
export class OutcomeCounter {
  readonly #total = noOutcomes();
  readonly #bySecond = new Recent<{ second: number; counts: ReturnType<typeof noOutcomes> }, number>(
    recentSeconds,
  );
  readonly #flows = new OutcomesOfFlows();

  add(event: ServerEvent): void {
    const decided = this.#flows.add(event);
    if (!decided) return;
    countOutcome(this.#total, decided);
    const second = Math.floor(decided.at / 1_000);
    const { counts } = this.#bySecond.get(second) ?? { counts: noOutcomes() };
    countOutcome(counts, decided);
    this.#bySecond.set(second, { second, counts });
  }

  /** Copy of the counts since the start. */
  get total(): OutcomeCounts {
    return { ...this.#total };
  }

  /** Returns the counts of the last five minutes. @param now Milliseconds by the clock of the events. */
  recent(now: number): OutcomeCounts {
    const oldest = Math.floor(now / 1_000) - recentSeconds + 1;
    const sum = noOutcomes();
    for (const { second, counts } of this.#bySecond.values()) if (second >= oldest) addOutcomes(sum, counts);
    return sum;
  }
}
