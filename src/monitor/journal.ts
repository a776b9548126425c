import { Recent } from '../base/recent.ts';
import type { ServerEvent } from '../model/events.ts';
import { gapWording, wordingOf, type Wording } from './wording.ts';

/** Row of the table: an event, or a gap between two events. */
export interface Row {
  /** Number of the row, counted from 0. */
  readonly n: number;
  /** The event; undefined for a gap. */
  readonly event: ServerEvent | undefined;
  /** Number of events that are missing here; undefined if it is not known. */
  readonly missed: number | undefined;
  readonly wording: Wording;
  /** Text that a filter searches, in lower case. */
  readonly text: string;
}

/** Selects rows. Gaps are always shown. */
export interface Filter {
  /** Name of an event or disposition, or `refused`; empty for all. */
  kind: string;
  /** Words that a row must contain, all of them. */
  text: string;
}

/** Number of rows that are kept; older rows are only counted. */
export const maxKept = 5_000;

/** Keeps the latest received events as rows, the newest last. */
export class Journal {
  readonly #rows = new Recent<Row, number>(maxKept);
  /** Number of events received in all. */
  received = 0;
  #next = 0;

  /** Adds a row for events that are missing before the next one. */
  gap(missed: number | undefined): void {
    const detail = gapWording(missed);
    this.#push({ event: undefined, missed, wording: { name: '', tone: 'warn', flow: '', detail } });
  }

  add(event: ServerEvent, waited: number | undefined): void {
    this.received++;
    this.#push({ event, missed: undefined, wording: wordingOf(event, waited) });
  }

  /** Number of the latest row; -1 if there is none. */
  get last(): number {
    return this.#next - 1;
  }

  /** Number of the oldest row that is kept. */
  get first(): number {
    return Math.max(0, this.#next - maxKept);
  }

  /** Number of rows that are kept. */
  get kept(): number {
    return this.#next - this.first;
  }

  /** Copy of the rows, which does not change when more are added. */
  get rows(): readonly Row[] {
    return [...this.#rows.values()].slice(-maxKept);
  }

  /** Yields the rows that were added after number `n`, the latest first. */
  *since(n: number): Generator<Row> {
    for (let index = this.last; index > n; index--) {
      const row = this.#rows.get(index);
      if (!row) return;
      yield row;
    }
  }

  #push(row: Omit<Row, 'n' | 'text'>): void {
    const { name, flow, detail } = row.wording;
    const text = `${name} ${flow} ${detail} ${row.event?.type ?? ''}`.toLowerCase();
    const n = this.#next++;
    this.#rows.set(n, { ...row, n, text });
  }
}

/** Tells if a row passes the filter. */
export function matches({ event, text }: Row, { kind, text: sought }: Filter): boolean {
  if (!event) return true;
  if (kind !== '' && !isOfKind(event, kind)) return false;
  return sought
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function isOfKind(event: ServerEvent, kind: string): boolean {
  if (event.type !== 'redirect') return event.type === kind;
  const { disposition } = event;
  return kind === 'refused' ? disposition !== 'accepted' && disposition !== 'held' : disposition === kind;
}
