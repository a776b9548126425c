/** A terminal of this process, and what a terminal shows. */
import { Writable } from 'node:stream';
import { deadline } from './assert.ts';

/** A terminal for a view of this process. */
export class Screen {
  readonly stdout: Writable & { isTTY: true; columns: number; rows: number };
  readonly #waiting = new Set<() => void>();
  #written = '';

  constructor(rows: number, columns: number) {
    const stdout = new Writable({
      write: (chunk, _encoding, done) => {
        // As terminals do it.
        this.#written += String(chunk).replaceAll('\n', '\r\n');
        for (const look of this.#waiting) look();
        done();
      },
    });
    this.stdout = Object.assign(stdout, { isTTY: true as const, columns, rows });
  }

  get lines(): string[] {
    return screenOf(this.#written);
  }

  /** Resolves once a line of it is like that. */
  async shows(pattern: RegExp): Promise<void> {
    const found = new Promise<void>((resolve) => {
      const look = (): void => {
        if (!this.lines.some((line) => pattern.test(line))) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    await deadline(found, `${String(pattern)} on the terminal`);
  }
}

/** The rows of a table of events, the latest first, each without its time and in single spaces. */
export function rowsOf(lines: readonly string[]): string[] {
  return lines
    .filter((line) => /^(?:\d\d:\d\d:\d\d(?:\.\d{3})?|--) /.test(line))
    .map((line) => line.replace(/^[\d:.]+ +/, '').replace(/ +/g, ' '));
}

/** Returns the lines that a terminal shows after all that was written to it. */
export function screenOf(output: string): string[] {
  const lines: string[] = [];
  let [row, column] = [0, 0];
  const lineTo = (end: number): string => (lines[row] ?? '').slice(0, end).padEnd(end);
  for (const [piece] of output.matchAll(/\x1b\[[\d;?]*[A-Za-z]|\n|\r|[^\x1b\r\n]+/g)) {
    const [, count = '', final = ''] = /^\x1b\[([\d;?]*)([A-Za-z])$/.exec(piece) ?? [];
    const n = Number(count || 1);
    if (piece === '\n') row++;
    else if (piece === '\r') column = 0;
    else if (final === 'A') row = Math.max(0, row - n);
    else if (final === 'B') row += n;
    else if (final === 'G') column = n - 1;
    else if (final === 'H') [row, column] = [0, 0];
    else if (final === 'J' && count === '2') lines.length = 0;
    else if (final === 'J') lines.splice(row, Infinity, lineTo(column));
    else if (final === 'K') lines[row] = count === '2' ? '' : lineTo(column);
    else if (final === '') {
      lines[row] = lineTo(column) + piece + (lines[row] ?? '').slice(column + piece.length);
      column += piece.length;
    }
  }
  return Array.from(lines, (line: string | undefined) => (line ?? '').trimEnd());
}
