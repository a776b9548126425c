import { createColors } from 'picocolors';
import type { Account } from '../../monitor/account.ts';
import type { Row } from '../../monitor/journal.ts';
import type { Words } from '../../monitor/words.ts';

export interface Screen {
  columns: number;
  rows: number;
  colors: boolean;
}

/** Widths of time, event and flow; the detail has the rest. A narrow terminal has no room for milliseconds and long ids. */
const widthsOf = (columns: number): readonly number[] => {
  if (columns < 70) return [8, 14, 6];
  return columns < 100 ? [12, 20, 10] : [12, 20, 22];
};

/** One picture of the terminal: counts, rate, and the last events, the latest first. No line is wider than the screen. */
export function frame(
  { ledger, seconds, journal }: Account,
  { columns, rows, colors }: Screen,
  title: { url: string; connected: boolean },
): string {
  const paint = createColors(colors);
  const tones: Readonly<Record<Words['tone'], (text: string) => string>> = {
    good: paint.green,
    bad: paint.red,
    warn: paint.yellow,
    wait: paint.blue,
    '': String,
  };
  const cut = (text: string): string => harmless(text).slice(0, Math.max(1, columns - 1));
  const { accepted, refused } = seconds.points(Date.now());
  const rate = (accepted.at(-1) ?? 0) + (refused.at(-1) ?? 0);
  const counts = [
    ['waiting', ledger.waiting],
    ['accepted', ledger.of('accepted')],
    ['refused', ledger.refused],
    ['expired', ledger.of('expired')],
    ['cancelled', ledger.of('cancelled')],
    ['per second', rate],
  ] as const;
  const reasons = ledger.refusedFor.map(([reason, count]) => `${count} ${reason}`);
  const widths = widthsOf(columns);
  const state = title.connected ? 'live' : 'connection lost, coming back';
  // A long URL must not take the room of what the connection does.
  const url = title.url.slice(0, Math.max(1, columns - state.length - 3));
  const head = [
    paint.bold(cut(`${url}  ${state}`)),
    ...filled(
      counts.map(([name, count]) => `${name} ${count}`),
      columns - 1,
    ).map(cut),
    paint.dim(cut(reasons.length > 0 ? `refused: ${reasons.join(', ')}` : '')),
    paint.dim(cut(cells(widths, 'TIME', 'EVENT', 'FLOW', 'DETAIL'))),
  ];
  const line = ({ event, words }: Row): string => {
    const { name, flow, detail } = words;
    const text = event ? cells(widths, timeOf(event.at), name, flow, detail) : `-- ${detail}`;
    return tones[words.tone](cut(text));
  };
  // One row is the cursor's.
  const room = Math.max(1, rows - 1);
  const latest = [...take(journal.since(-1), room - head.length)].map(line);
  return [...head, ...latest].slice(0, room).join('\n');
}

/** As many on a line as it has room for. */
function filled(parts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 2 + part.length <= width)
      lines[lines.length - 1] = `${last}  ${part}`;
    else lines.push(part);
  }
  return lines;
}

function cells(
  widths: readonly number[],
  ...texts: [time: string, event: string, flow: string, detail: string]
): string {
  return texts
    .map((text, index) => {
      const width = widths[index];
      return width === undefined ? text : `${text.slice(0, width).padEnd(width)}  `;
    })
    .join('')
    .trimEnd();
}

function timeOf(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** What another program has said must not steer the terminal. */
function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?');
}

function* take<T>(values: Iterable<T>, most: number): Generator<T> {
  let left = most;
  for (const value of values) {
    if (left-- <= 0) return;
    yield value;
  }
}
