import { byId, create, say } from './dom.ts';
import type { Totals } from '../totals.ts';

const shown: readonly [name: string, tone: string, of: (totals: Totals) => number][] = [
  ['Waiting', 'wait', ({ waiting }) => waiting],
  ['Accepted', 'good', (totals) => totals.of('accepted')],
  ['Refused', 'bad', ({ refused }) => refused],
];

/** Number of flows that wait now, and of redirects since the start. */
export class Tallies {
  readonly #numbers = shown.map(([name, tone, of]) => {
    const number = create('dd', '–');
    const group = create('div', '', tone);
    group.append(create('dt', name), number);
    byId('tallies').append(group);
    return { number, of };
  });

  show(totals: Totals): void {
    for (const { number, of } of this.#numbers) say(number, of(totals).toLocaleString('en'));
    const reasons = totals.refusedFor.map(([reason, count]) => `${count.toLocaleString('en')} ${reason}`);
    say(byId('refusals'), reasons.length === 0 ? '' : `Refused: ${reasons.join(', ')}`);
  }
}
