import { byId, clock, create, say } from './dom.ts';
import { matches, type Filter, type Journal, type Row } from '../journal.ts';
import { gapWording } from '../wording.ts';

/** Maximum number of rows in the document while rows come: each frame lays out and paints all of them. */
const mostLive = 50;
/** Maximum number of rows in the document while the table is paused. */
const mostPaused = 200;

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
  /** Numbers of the kept rows that match the filter, in order. Counted as they come, because to filter all takes long. */
  #matching: number[] = [];

  /** @param changed Called when the table must be shown again. */
  constructor(journal: Journal, changed: () => void) {
    this.#journal = journal;
    for (const [kind, label] of kinds) this.#kind.append(new Option(label, kind));
    const refilter = (): void => {
      this.#last = -1;
      this.#matching = [];
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
    const most = this.#paused ? mostPaused : mostLive;
    const added = [...this.#unseen()].filter((row) => matches(row, filter));
    this.#last = this.#journal.last;
    this.#count(added);
    this.#body.prepend(...added.slice(0, most).map(rowOf));
    while (this.#body.childElementCount > most) this.#body.lastElementChild?.remove();
    this.#summarize(filter, most);
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

  /** Counts rows, the latest first. Rows that are no longer kept do not count. */
  #count(added: readonly Row[]): void {
    this.#matching = [...this.#matching, ...added.map(({ n }) => n).reverse()];
    const first = this.#paused ? 0 : this.#journal.first;
    const kept = this.#matching.findIndex((n) => n >= first);
    this.#matching = kept < 0 ? [] : this.#matching.slice(kept);
  }

  #summarize(filter: Filter, most: number): void {
    const kept = this.#paused?.length ?? this.#journal.kept;
    const all = filter.kind === '' && filter.text === '';
    const matching = this.#matching.length;
    const number = (count: number): string => count.toLocaleString('en');
    const parts = [
      `${number(this.#journal.received)} received`,
      ...(all ? [] : [`${number(matching)} of ${number(kept)} kept match`]),
      ...(matching > most ? [`the latest ${most} shown`] : []),
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
