import { createColors } from 'picocolors';
import type { ServiceStatus } from '../../client.ts';
import { printable } from '../../base/printable.ts';
import { signInOutcomes } from '../../model/sign-in-outcomes.ts';
import type { FeedModel } from '../../monitor/feed-model.ts';
import { matches, type Filter, type Row } from '../../monitor/journal.ts';
import { successWording, type Wording } from '../../monitor/wording.ts';

export interface Screen {
  columns: number;
  rows: number;
  colors: boolean;
}

/** Rows that a paused table shows. */
export interface Paused {
  /** The latest first. */
  readonly rows: readonly Row[];
  /** Number of events received until then. */
  readonly received: number;
}

/** State of the table that its user controls by keys. */
export interface Controlled {
  readonly filter: string;
  readonly isEditing: boolean;
  readonly paused: Paused | undefined;
}

/** Gives the widths of time, event and flow. A narrow terminal has no room for milliseconds and long ids. */
const widthsOf = (columns: number): readonly number[] => {
  if (columns < 70) return [8, 14, 6];
  return columns < 100 ? [12, 20, 10] : [12, 20, 22];
};

const minRowsForOutcomes = 12;

/** Renders counts, rate and the last events, the latest first. No line is wider than the screen. */
export function frame(
  { totals, seconds, journal, service }: FeedModel,
  { columns, rows, colors }: Screen,
  title: { url: string; connected: boolean },
  controlled?: Controlled,
): string {
  const paint = createColors(colors);
  const tones: Readonly<Record<Wording['tone'], (text: string) => string>> = {
    good: paint.green,
    bad: paint.red,
    warn: paint.yellow,
    wait: paint.blue,
    '': String,
  };
  const cut = (text: string): string => printable(text).slice(0, Math.max(1, columns - 1));
  const { accepted, refused } = seconds.points(Date.now());
  const rate = (accepted.at(-1) ?? 0) + (refused.at(-1) ?? 0);
  const counts = [
    ['waiting', totals.waiting],
    ['accepted', totals.of('accepted')],
    ['refused', totals.refused],
    ['per second', rate],
  ] as const;
  const width = columns - 1;
  const reasons = totals.refusedFor.map(([reason, count]) => `${count} ${reason}`);
  const widths = widthsOf(columns);
  const { paused, filter = '' } = controlled ?? {};
  const live = paused ? 'paused' : 'live';
  const state = title.connected ? live : 'connection lost, reconnecting';
  // A long URL is cut, so that the state of the connection is always visible.
  const url = title.url.slice(0, Math.max(1, columns - state.length - 3));
  const head = [
    paint.bold(cut(`${url}  ${state}`)),
    ...filled(counts.map(named), width).map(cut),
    ...(service ? filled(outcomesOf(service, rows), width).map(cut) : []),
    paint.dim(cut(reasons.length > 0 ? `refused: ${reasons.join(', ')}` : '')),
    ...(controlled ? [hint(controlled, journal.received)].map(cut).map(paint.cyan) : []),
    paint.dim(cut(cells(widths, 'TIME', 'EVENT', 'FLOW', 'DETAIL'))),
  ];
  const line = ({ event, wording }: Row): string => {
    const { name, flow, detail } = wording;
    const text = event ? cells(widths, timeOf(event.at), name, flow, detail) : `-- ${detail}`;
    return tones[wording.tone](cut(text));
  };
  // The last row is for the cursor.
  const room = Math.max(1, rows - 1);
  const wanted = only(paused?.rows ?? journal.since(-1), { kind: '', text: filter });
  const latest = [...take(wanted, room - head.length)].map(line);
  return [...head, ...latest].slice(0, room).join('\n');
}

const named = ([name, count]: readonly [name: string, count: number]): string => `${name} ${count}`;

/** Says how sign-ins have ended since the start, and how many of the latest have succeeded. A low terminal has room for that only. */
function outcomesOf({ outcomes, recent }: ServiceStatus, rows: number): string[] {
  const rate = successWording(recent, 'in five minutes');
  if (rows < minRowsForOutcomes) return [rate];
  return [...signInOutcomes.map((outcome) => named([outcome, outcomes[outcome]])), rate];
}

/** Says what the keys do now. */
function hint({ filter, isEditing, paused }: Controlled, received: number): string {
  if (isEditing) return `/${filter}_  Enter keeps the filter, Esc clears it`;
  const missed = paused ? received - paused.received : 0;
  return [
    'q quits',
    filter === '' ? '/ filters' : `/ filters: ${filter}`,
    paused ? `p goes on: ${missed} new` : 'p pauses',
  ].join('  ');
}

function* only(rows: Iterable<Row>, filter: Filter): Generator<Row> {
  for (const row of rows) if (matches(row, filter)) yield row;
}

/** Joins parts into lines of at most `width` characters. */
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

function* take<T>(values: Iterable<T>, max: number): Generator<T> {
  let left = max;
  for (const value of values) {
    if (left-- <= 0) return;
    yield value;
  }
}
