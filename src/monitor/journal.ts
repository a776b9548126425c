import type { ServerEvent } from '../events.ts';
import { gapWords, wordsFor, type Words } from './words.ts';

/** One row of the table: an event, or what is missing between two of them. */
export interface Row {
  /** Grows by one with each row. */
  readonly n: number;
  /** Undefined for a gap. */
  readonly event: ServerEvent | undefined;
  /** Events that are missing here; undefined where that is not known. */
  readonly missed: number | undefined;
  readonly words: Words;
  /** All that a filter looks at, in lower case. */
  readonly text: string;
}

/** Which rows to show. A gap is shown always. */
export interface Filter {
  /** The name of an event or disposition, or `refused`; empty for all. */
  kind: string;
  /** Words that must all be in a row. */
  text: string;
}

/** Rows that are kept; of the older ones only the numbers are. */
export const mostKept = 5_000;

/** The events that have come, as rows, the latest last. */
export class Journal {
  #rows: Row[] = [];
  /** How many events have come in all. */
  received = 0;
  #next = 0;

  /** Events that a status says are missing before the next one. */
  gap(missed: number | undefined): void {
    const detail = gapWords(missed);
    this.#push({ event: undefined, missed, words: { name: '', tone: 'warn', flow: '', detail } });
  }

  add(event: ServerEvent, waited: number | undefined): void {
    this.received++;
    this.#push({ event, missed: undefined, words: wordsFor(event, waited) });
  }

  /** As they are now: the list does not change with what comes. */
  get rows(): readonly Row[] {
    return this.#rows.slice(-mostKept);
  }

  /** Those that were added after number `n`, the latest first. */
  *since(n: number): Generator<Row> {
    for (let index = this.#rows.length - 1; index >= 0; index--) {
      const row = this.#rows[index] as Row;
      if (row.n <= n) return;
      yield row;
    }
  }

  #push(row: Omit<Row, 'n' | 'text'>): void {
    const { name, flow, detail } = row.words;
    const text = `${name} ${flow} ${detail} ${row.event?.type ?? ''}`.toLowerCase();
    this.#rows.push({ ...row, n: this.#next++, text });
    // Not one by one, which would copy the list each time.
    if (this.#rows.length >= 2 * mostKept) this.#rows = this.#rows.slice(-mostKept);
  }
}

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
