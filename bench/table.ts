import { isReached, type Line } from './line.ts';

const heads = ['measure', 'figure', 'value', 'by clock', 'reach', '', 'ours', 'against'];
const rightAligned: ReadonlySet<number> = new Set([2, 3]);

export function table(lines: readonly Line[]): string {
  const rows = [heads, ...lines.map(row)];
  const widths = heads.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const pad = (cell: string, column: number): string =>
    rightAligned.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  return rows.map((cells) => cells.map(pad).join('  ').trimEnd()).join('\n');
}

function row(line: Line): string[] {
  const { measure, what, value, unit, clock, reach, ours, against } = line;
  const number = (of: number): string => `${short(of)}${unit ? ` ${unit}` : ''}`;
  return [
    measure,
    what,
    number(value),
    clock === undefined ? '' : short(clock),
    !reach ? '' : 'least' in reach ? `≥ ${number(reach.least)}` : `≤ ${number(reach.most)}`,
    !reach ? '' : isReached(line) ? 'ok' : 'not',
    ours,
    against,
  ];
}

/** Formats a number with about three significant digits. */
export function short(value: number): string {
  if (value !== 0 && Math.abs(value) < 10) return String(Number(value.toPrecision(3)));
  return Math.abs(value) < 100 ? String(Number(value.toFixed(1))) : Math.round(value).toLocaleString('en');
}
