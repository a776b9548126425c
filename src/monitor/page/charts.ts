import { Chart, type Line } from './chart.ts';
import { byId, say } from './dom.ts';
import { signInOutcomes, sumOf, type OutcomeCounts } from '../../model/sign-in-outcomes.ts';
import type { Points } from '../seconds.ts';
import { duration } from '../wording.ts';

// Integers, because sign-ins and redirects have no fractions.
const whole = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

/** Colours of the outcomes, the topmost first: each bar hides all but the top of the one before. */
const stack: readonly Line[] = [
  { label: 'cancelled', color: '--soft' },
  { label: 'expired', color: '--accent' },
  { label: 'failed', color: '--bad' },
  { label: 'denied', color: '--warn' },
  { label: 'succeeded', color: '--good' },
];

/** The charts. The text above each one summarizes it for screen readers; `Numbers` has all values. */
export class Charts {
  readonly #outcomes = new Chart('outcomes-chart', String, stack, whole, 'bars');
  readonly #rate = new Chart(
    'rate-chart',
    String,
    [
      { label: 'accepted', color: '--good', fill: true },
      { label: 'refused', color: '--bad' },
    ],
    whole,
  );
  readonly #wait = new Chart('wait-chart', (seconds) => (seconds === 0 ? '0' : duration(seconds * 1_000)), [
    { label: 'median', color: '--accent', dots: true },
    { label: 'longest', color: '--warn', dots: true },
  ]);

  show({ x, accepted, refused, median, longest, outcomes }: Points): void {
    this.#outcomes.show([outcomes.x, ...stacked(outcomes.counts)]);
    const ended = outcomes.counts.reduce((sum, counts) => sum + sumOf(counts), 0);
    const succeeded = outcomes.counts.reduce((sum, counts) => sum + counts.succeeded, 0);
    say(byId('outcomes-told'), ended === 0 ? 'none has ended' : `${succeeded} of ${ended} succeeded`);
    this.#rate.show([x, accepted, refused]);
    this.#wait.show([x, median, longest]);
    const all = accepted.map((count, index) => count + (refused[index] ?? 0));
    say(byId('rate'), `now ${all.at(-1) ?? 0}, peak ${Math.max(...all)}`);
    const known = longest.filter((wait) => wait !== null);
    const last = median.filter((wait) => wait !== null).at(-1);
    const told =
      last === undefined
        ? 'no flow has ended'
        : `median ${duration(last * 1_000)}, longest ${duration(Math.max(...known) * 1_000)}`;
    say(byId('wait'), told);
  }
}

/** Returns the heights of stacked bars, by outcome: the sums of all, of all but the topmost, and so on. */
function stacked(counts: readonly OutcomeCounts[]): number[][] {
  return stack.map((_, top) =>
    counts.map((each) =>
      signInOutcomes.slice(0, stack.length - top).reduce((sum, name) => sum + each[name], 0),
    ),
  );
}
