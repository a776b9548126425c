import { styleText } from 'node:util';
import type { DemoEvent, Row } from './events.ts';
import type { Summary } from './summary.ts';

/** Output of the demo: a line for each event, and the result at the end. */
export interface Report {
  event(event: DemoEvent): void;
  summary(summary: Summary): void;
}

/** Stream that may be a terminal. */
export interface Out {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  hasColors?(): boolean;
}

/** Creates a report of JSON lines, for programs. */
export function jsonReport(out: Out): Report {
  const print = (value: object): void => void out.write(`${JSON.stringify(value)}\n`);
  return { event: print, summary: print };
}

/** Creates a report in aligned columns, coloured on a terminal. */
export function textReport(out: Out): Report {
  let start: number | undefined;
  const paint = out.isTTY && out.hasColors?.() ? styleText : plain;
  const print = (line: string): void => void out.write(`${line}\n`);
  return {
    event: (event) => {
      // These repeat events that are printed already; the summary counts them.
      if (event.type === 'monitored') return;
      start ??= performance.now();
      const time = `${Math.round(performance.now() - start)} ms`.padStart(8);
      print(
        `${paint('dim', time)}  ${sourceOf(event).padEnd(8)}  ${paint(colourOf(event), sentence(event))}`,
      );
    },
    summary: (summary) => print(`\n${closing(summary, paint)}`),
  };
}

type Colour = 'dim' | 'green' | 'red' | 'yellow' | 'reset';
type Paint = (colour: Colour, text: string) => string;

const plain: Paint = (_colour, text) => text;

function sourceOf(event: DemoEvent): string {
  if (event.type === 'forged') return 'attacker';
  if (event.type === 'ended') return nameOf(event.flow);
  return 'flowId' in event && event.flowId !== undefined ? nameOf(event.flowId) : 'server';
}

/** Shortens the id of a remote flow, which is too long for a column. */
function nameOf(flow: string): string {
  return isRemote(flow) ? 'remote' : `flow ${flow}`;
}

function isRemote(flow: string): boolean {
  return !/^\d+$/.test(flow);
}

function sentence(event: Exclude<DemoEvent, { type: 'monitored' }>): string {
  switch (event.type) {
    case 'listening':
      return `listening at ${event.redirectUri}`;
    case 'begun':
      return `begun, expires in ${(event.expiresAt ?? Infinity) - event.at} ms`;
    case 'url':
      return `${event.client} waits for you at ${event.url}`;
    case 'opened':
      return `${event.client} has opened the browser: ${event.user} sees the login form`;
    case 'left':
      return `${event.user} walks away`;
    case 'redirect':
      return `redirect ${event.disposition}${event.reason ? `: ${event.reason}` : ''}`;
    case 'answered':
      return `answered with ${event.outcome === 'code' ? 'a code' : String(event.error)}`;
    case 'settled':
      return `settled: ${event.outcome}`;
    case 'page':
      return `${event.user} reads “${event.headline}”`;
    case 'forged':
      return `forged redirect, ${event.forgery}: answered ${event.status} “${event.headline}”`;
    case 'exchanged':
      return `${event.client} has exchanged the code for tokens`;
    case 'verified':
      return `ID token verified, its subject is ${event.subject}`;
    case 'ended':
      return `ended: ${event.actual}`;
    case 'expired':
      return 'expired';
    case 'cancelled':
      return `cancelled: ${event.reason}`;
    case 'closed':
      return 'closed';
  }
}

function colourOf(event: DemoEvent): Colour {
  if (event.type === 'ended') return event.expected === event.actual ? 'green' : 'red';
  if (event.type === 'forged') return 'yellow';
  return event.type === 'redirect' && event.disposition !== 'accepted' ? 'yellow' : 'reset';
}

function closing({ ok, flows, monitor, forged }: Summary, paint: Paint): string {
  const { unmatched, malformed } = forged;
  const verdict = ok ? paint('green', 'Every sign-in ended as it should.') : paint('red', 'The demo failed.');
  const touched = ok ? 'touched nobody' : 'were sent while all were pending';
  return [
    ...table(
      flows.map((row) => (isRemote(row.flow) ? { ...row, flow: 'remote' } : row)),
      paint,
    ),
    '',
    `The monitor saw over the bridge: ${list(monitor.counts)}; it missed ${monitor.missed}.`,
    `The forged redirects ${touched}: ${unmatched} unmatched, ${malformed} malformed.`,
    verdict,
  ].join('\n');
}

function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([type, count]) => `${count} ${type}`)
    .join(', ');
}

const columns: readonly (keyof Row)[] = ['flow', 'client', 'user', 'expected', 'actual', 'ms'];

function table(rows: readonly Row[], paint: Paint): string[] {
  const widths = columns.map((column) =>
    Math.max(column.length, ...rows.map((row) => String(row[column]).length)),
  );
  const line = (cells: readonly (string | number)[]): string =>
    cells
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [
    paint('dim', line(columns)),
    ...rows.map((row) =>
      paint(row.expected === row.actual ? 'green' : 'red', line(columns.map((column) => row[column]))),
    ),
  ];
}
