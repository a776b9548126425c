/**
 * `npm run conformance`: runs spec/conformance, spec/bridge and spec/client, and prints where each requirement stands.
 *
 * Exits with 1 when a requirement is open, or when the test command is not content with a spec. Arguments go to the
 * test command.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { catalogue } from './conformance/catalogue.ts';
import { judge, table } from './conformance/table.ts';
import type { ReportLine } from './helpers/suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
try {
  const report = join(folder, 'report.jsonl');
  const runner = join(import.meta.dirname, 'run.ts');
  const more = process.argv.slice(2);
  // In another directory there may be those of the endpoint alone.
  const filters = more.includes('--dir') ? ['conformance/'] : ['conformance/', 'bridge/', 'client/'];
  const args = ['--import', 'tsx', runner, ...filters, '--report', report, ...more];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  const standings = judge(catalogue, existsSync(report) ? read(report) : []);
  console.log(`\n${table(standings)}`);
  process.exitCode = status === 0 && standings.every(({ outcome }) => outcome !== 'open') ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}

function read(report: string): ReportLine[] {
  return readFileSync(report, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ReportLine);
}
