import { signInOutcomes } from '../../model/sign-in-outcomes.ts';
import type { Seconds } from '../seconds.ts';
import { duration } from '../wording.ts';
import { byId, clock, create, say } from './dom.ts';

const columns = 5 + signInOutcomes.length;

/** Table with the numbers of the charts, for users who cannot see them. Updated only while it is open. */
export class Numbers {
  readonly #seconds: Seconds;
  readonly #details = byId('numbers', HTMLDetailsElement);
  readonly #body = byId('spans');
  /** Rows by time. A row element is kept and updated, so that a screen reader does not lose its place. */
  readonly #rows = new Map<number, HTMLElement>();

  constructor(seconds: Seconds) {
    this.#seconds = seconds;
    this.#details.addEventListener('toggle', () => this.show());
  }

  show(): void {
    if (!this.#details.open) return;
    const spans = this.#seconds.spans(Date.now());
    byId('no-spans').hidden = spans.length > 0;
    const shown = new Set(spans.map(({ from }) => from));
    for (const [from, row] of this.#rows) {
      if (shown.has(from)) continue;
      row.remove();
      this.#rows.delete(from);
    }
    // Oldest first, because each new row is inserted at the top.
    for (const { from, accepted, refused, median, longest, outcomes } of [...spans].reverse()) {
      const counts = [...signInOutcomes.map((outcome) => outcomes[outcome]), accepted, refused];
      const texts = counts.map((count) => count.toLocaleString('en'));
      const waits = [median, longest].map((wait) => (wait === null ? '–' : duration(wait)));
      const row = this.#rows.get(from) ?? this.#add(from);
      [...texts, ...waits].forEach((text, index) => say(row.children[index + 1] as HTMLElement, text));
    }
  }

  #add(from: number): HTMLElement {
    const row = create('tr');
    const time = create('th', clock.format(from * 1_000));
    time.scope = 'row';
    row.append(time, ...Array.from({ length: columns - 1 }, () => create('td')));
    this.#rows.set(from, row);
    this.#body.prepend(row);
    return row;
  }
}
