import { byId, clock, create, say } from './dom.ts';
import { matches, type Filter, type Journal, type Row } from '../journal.ts';
import { gapWording } from '../wording.ts';

/** Maximum number of rows in the document; more would slow down each frame. */
const mostShown = 200;

const kinds: readonly [kind: string, label: string][] = [
  ['', 'everything'],
  ['begun', 'begun'],
  ['accepted', 'accepted'],
  ['refused', 'refused'],
  ['answered', 'answered'],
  ['settled', 'settled'],
  ['expired', 'expired'],
  ['cancelled', 'cancelled'],
];

/** Creates the cell of a time. The milliseconds have a class, so that the style sheet can hide them on a phone. */
function timeOf(at: number): HTMLElement {
  const cell = create('td', clock.format(at));
  cell.append(create('span', `.${String(Math.trunc(at) % 1_000).padStart(3, '0')}`, 'ms'));
  return cell;
}

/** Table of the events that match the filter, the latest first. */
export class Table {
  readonly #journal: Journal;
  readonly #body = byId('rows');
  readonly #kind = byId('kind', HTMLSelectElement);
  readonly #text = byId('filter', HTMLInputElement);
  readonly #pause = byId('pause');
  /** Rows at the time of the pause; undefined if the table is not paused. */
  #paused: readonly Row[] | undefined;
  /** Number of the last row that `show` has processed. */
  #last = -1;

  /** @param changed Called when the table must be shown again. */
  constructor(journal: Journal, changed: () => void) {
    this.#journal = journal;
    for (const [kind, label] of kinds) this.#kind.append(new Option(label, kind));
    const refilter = (): void => {
      this.#last = -1;
      this.#body.replaceChildren();
      changed();
    };
    this.#kind.addEventListener('change', refilter);
    this.#text.addEventListener('input', refilter);
    this.#pause.addEventListener('click', () => {
      this.#paused = this.#paused ? undefined : this.#journal.rows;
      this.#pause.setAttribute('aria-pressed', String(this.#paused !== undefined));
      refilter();
    });
    byId('save').addEventListener('click', () =>
      save(this.#rows.filter((row) => matches(row, this.#filter))),
    );
  }

  show(): void {
    const filter = this.#filter;
    const added: HTMLElement[] = [];
    for (const row of this.#unseen()) {
      if (added.length === mostShown) break;
      if (matches(row, filter)) added.push(rowOf(row));
    }
    this.#last = this.#rows.at(-1)?.n ?? -1;
    this.#body.prepend(...added);
    while (this.#body.childElementCount > mostShown) this.#body.lastElementChild?.remove();
    this.#summarize(filter);
  }

  get #filter(): Filter {
    return { kind: this.#kind.value, text: this.#text.value.trim() };
  }

  get #rows(): readonly Row[] {
    return this.#paused ?? this.#journal.rows;
  }

  /** Yields the rows that `show` has not processed, the latest first. */
  *#unseen(): Iterable<Row> {
    if (!this.#paused) yield* this.#journal.since(this.#last);
    else if (this.#last < 0) yield* [...this.#paused].reverse();
  }

  #summarize(filter: Filter): void {
    const kept = this.#rows;
    const all = filter.kind === '' && filter.text === '';
    const matching = all ? kept.length : kept.filter((row) => matches(row, filter)).length;
    const number = (count: number): string => count.toLocaleString('en');
    const parts = [
      `${number(this.#journal.received)} received`,
      ...(all ? [] : [`${number(matching)} of ${number(kept.length)} kept match`]),
      ...(matching > mostShown ? [`the latest ${mostShown} shown`] : []),
      ...(this.#paused ? ['paused'] : []),
    ];
    say(byId('shown'), parts.join(', '));
  }
}

function rowOf({ n, event, missed, wording }: Row): HTMLElement {
  const row = create('tr', '', wording.tone);
  row.dataset['n'] = String(n);
  if (!event) {
    const cell = create('td', gapWording(missed));
    cell.colSpan = 4;
    row.classList.add('gap');
    row.append(cell);
    return row;
  }
  const { name, flow, detail } = wording;
  const whose = create('td');
  if (flow) whose.append(openerOf(flow));
  row.append(timeOf(event.at), create('td', name), whose, create('td', detail));
  return row;
}

/** Creates the button that opens a flow. */
function openerOf(flow: string): HTMLElement {
  const opener = create('button', flow, 'link');
  opener.type = 'button';
  opener.dataset['flow'] = flow;
  // The full text as a tooltip, because the column may be too narrow.
  opener.title = flow;
  return opener;
}

/** Downloads the rows as a file with one JSON object a line. */
function save(rows: readonly Row[]): void {
  const lines = rows.map(({ event, missed }) => {
    const value = event ?? { type: 'missed', ...(missed === undefined ? {} : { count: missed }) };
    return `${JSON.stringify(value)}\n`;
  });
  const link = create('a');
  link.href = URL.createObjectURL(new Blob(lines, { type: 'application/x-ndjson' }));
  link.download = 'sign-ins.jsonl';
  link.click();
  URL.revokeObjectURL(link.href);
}
