/** `npm run bench -- [NAME…] [--rounds N] [--minutes N] [--no-results]`; see README.md. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compile } from './build.ts';
import { isReached, type Line } from './line.ts';
import { measures, onDemand } from './measures/index.ts';
import { table } from './table.ts';

interface Results {
  node: string;
  processor: string;
  lines: (Line & { ok: boolean; at: string })[];
}

const file = join(import.meta.dirname, 'results.json');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    minutes: { type: 'string', default: '10' },
    'no-results': { type: 'boolean', default: false },
  },
});
const unknown = positionals.find((name) => !Object.hasOwn(measures, name));
if (unknown !== undefined) {
  console.error(`There is no measure "${unknown}"; there are ${Object.keys(measures).join(', ')}`);
  process.exit(2);
}
const names =
  positionals.length > 0 ? positionals : Object.keys(measures).filter((name) => !onDemand.has(name));
const rounds = positive('rounds', values.rounds);
const minutes = positive('minutes', values.minutes);

await compile();
const lines: Line[] = [];
for (const name of names) {
  const tell = (text: string): void => console.error(`${name}: ${text}`);
  try {
    lines.push(...(await measures[name]!({ rounds, minutes, tell })));
  } catch (error) {
    // The other measures still run.
    console.error(`${name}:`, error);
    process.exitCode = 1;
  }
}
console.log(table(lines));
// These are checks, which must hold on any machine.
if (lines.some((line) => onDemand.has(line.measure) && !isReached(line))) process.exitCode = 1;
if (!values['no-results']) keep(lines);

/** Replaces the lines that earlier runs have kept of the same measures. */
function keep(lines: readonly Line[]): void {
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results).lines : [];
  const at = new Date().toISOString();
  const fresh = lines.map((line) => ({ ...line, ok: isReached(line), at }));
  const all = [...before.filter(({ measure }) => !lines.some((line) => line.measure === measure)), ...fresh];
  const order = Object.keys(measures);
  all.sort((one, other) => order.indexOf(one.measure) - order.indexOf(other.measure));
  const results: Results = { node: process.version, processor: cpus()[0]?.model ?? '', lines: all };
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  console.error(`--${option} must be a positive number, got "${text}"`);
  process.exit(2);
}
