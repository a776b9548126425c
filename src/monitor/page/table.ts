import { byId, clock, create, say } from './dom.ts';
import { matches, type Filter, type Journal, type Row } from '../journal.ts';
import { gapWords } from '../words.ts';

/** Rows in the document at a time: more would cost each frame, and nobody reads them. */
const mostShown = 200;

const kinds: readonly [kind: string, label: string][] = [
  ['', 'everything'],
  ['begun', 'begun'],
  ['accepted', 'accepted'],
  ['refused', 'refused'],
  ['settled', 'settled'],
  ['finished', 'finished'],
  ['expired', 'expired'],
  ['cancelled', 'cancelled'],
];

/** A phone has no room for the milliseconds. */
function timeOf(at: number): HTMLElement {
  const cell = create('td', clock.format(at));
  cell.append(create('span', `.${String(Math.trunc(at) % 1_000).padStart(3, '0')}`, 'ms'));
  return cell;
}

/** The events, the latest first, as far as they match the filter. */
export class Table {
  readonly #journal: Journal;
  readonly #body = byId('rows');
  readonly #kind = byId('kind', HTMLSelectElement);
  readonly #text = byId('filter', HTMLInputElement);
  readonly #pause = byId('pause');
  /** The rows as they were when it was paused. */
  #paused: readonly Row[] | undefined;
  /** Number of the last row that was looked at. */
  #last = -1;

  /** @param changed Called when it has to be shown anew. */
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

  /** The latest first. */
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

function rowOf({ n, event, missed, words }: Row): HTMLElement {
  const row = create('tr', '', words.tone);
  row.dataset['n'] = String(n);
  if (!event) {
    const cell = create('td', gapWords(missed));
    cell.colSpan = 4;
    row.classList.add('gap');
    row.append(cell);
    return row;
  }
  const { name, flow, detail } = words;
  const whose = create('td', flow);
  // It may be longer than there is room for.
  whose.title = flow;
  row.append(timeOf(event.at), create('td', name), whose, create('td', detail));
  return row;
}

/** Hands the rows over as a file, one JSON object a line. */
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
