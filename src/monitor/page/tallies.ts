import { byId, create, say } from './dom.ts';
import type { Ledger } from '../ledger.ts';

const shown: readonly [name: string, tone: string, of: (ledger: Ledger) => number][] = [
  ['Waiting', 'wait', ({ waiting }) => waiting],
  ['Accepted', 'good', (ledger) => ledger.of('accepted')],
  ['Refused', 'bad', ({ refused }) => refused],
  ['Expired', 'warn', (ledger) => ledger.of('expired')],
  ['Cancelled', 'warn', (ledger) => ledger.of('cancelled')],
];

/** The numbers at the top. */
export class Tallies {
  readonly #numbers = shown.map(([name, tone, of]) => {
    const number = create('dd', '–');
    const group = create('div', '', tone);
    group.append(create('dt', name), number);
    byId('tallies').append(group);
    return { number, of };
  });

  show(ledger: Ledger): void {
    for (const { number, of } of this.#numbers) say(number, of(ledger).toLocaleString('en'));
    const reasons = ledger.refusedFor.map(([reason, count]) => `${count.toLocaleString('en')} ${reason}`);
    say(byId('refusals'), reasons.length === 0 ? '' : `Refused: ${reasons.join(', ')}`);
  }
}
