import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReportLine } from '../helpers/suite.ts';
import type { Requirement } from './requirement.ts';
import { judge, table, type Listed } from './table.ts';

const runner = join(import.meta.dirname, '..', 'run.ts');

/**
 * Runs the specs that prove these requirements, prints each requirement with its outcome, and returns an exit code: 1 if a
 * requirement is open, or if the test command rejects a spec.
 *
 * @param more Further arguments of the test command. With `--dir`, only its folder `conformance` is run.
 */
export function report(
  catalogue: readonly (Listed & Pick<Requirement, 'provenIn'>)[],
  more: readonly string[],
): number {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  try {
    const file = join(folder, 'report.jsonl');
    const elsewhere = new Set(catalogue.flatMap(({ provenIn = [] }) => provenIn));
    const filters = ['conformance/', ...(more.includes('--dir') ? [] : elsewhere)];
    const args = ['--import', 'tsx', runner, ...filters, '--report', file, ...more];
    const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
    const standings = judge(catalogue, existsSync(file) ? read(file) : []);
    console.log(`\n${table(standings)}`);
    return status === 0 && standings.every(({ outcome }) => outcome !== 'open') ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function read(file: string): ReportLine[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ReportLine);
}
