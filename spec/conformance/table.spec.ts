import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from '../helpers/assert.ts';
import { suite, type ReportLine } from '../helpers/suite.ts';
import { judge, table, type Listed } from './table.ts';

const REPORT = join(import.meta.dirname, 'report.ts');
const SUITE = join(import.meta.dirname, '..', 'helpers', 'suite.ts');

const line = (name: string, status: ReportLine['status'] = 'passed'): ReportLine => ({
  suite: 'any',
  name,
  status,
  ms: 1,
});

const a01: Listed = { id: 'A-01', demand: 'Do so.', source: 'RFC 1' };

const outcomes = (requirements: readonly Listed[], ...lines: ReportLine[]): string[] =>
  judge(requirements, lines).map(({ id, outcome, remark }) => `${id} ${outcome}: ${remark}`);

const listed: readonly Listed[] = [
  a01,
  { ...a01, id: 'A-02' },
  { ...a01, id: 'A-03', absent: 'comes later' },
];

/** Reports on a spec file of its own with these tests: a name, and whether it passes. */
function run(tests: readonly (readonly [name: string, passes: boolean])[], more = '') {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-spec-'));
  try {
    const source = [
      `import { suite } from ${JSON.stringify(SUITE)};`,
      "const test = suite('rows');",
      `for (const [name, passes] of ${JSON.stringify(tests)})`,
      "  test(name, () => { if (!passes) throw new Error('fails'); });",
      'test.run();',
      more,
    ];
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    mkdirSync(join(folder, 'conformance'));
    writeFileSync(join(folder, 'conformance', 'rows.spec.ts'), source.join('\n'));
    const program = `import { report } from ${JSON.stringify(REPORT)};
      process.exitCode = report(${JSON.stringify(listed)}, ['--dir', ${JSON.stringify(folder)}]);`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', program];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    return { status, last: stdout.trimEnd().split('\n').at(-1), stdout };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const all = listed
  .filter(({ absent }) => absent === undefined)
  .map(({ id }) => [`${id} holds`, true] as const);

// Each starts the test command, which starts a spec: three programs in a row.
const patient = { deadline: 300_000 };

const test = suite('the conformance table');

test('counts a row as passed when every test of it has passed', () => {
  assert.equal(outcomes([a01], line('A-01 one'), line('A-01 two')), ['A-01 passed: ']);
});

test('counts a test for each of the ids it begins with', () => {
  const both = [a01, { ...a01, id: 'K-02' }];
  assert.equal(outcomes(both, line('A-01 K-02 one')), ['A-01 passed: ', 'K-02 passed: ']);
});

test('leaves a row open that has no test', () => {
  assert.equal(outcomes([a01]), ['A-01 open: no test']);
});

test('leaves a row open when one of its tests has not passed', () => {
  for (const status of ['failed', 'skipped', 'registered'] as const) {
    assert.equal(outcomes([a01], line('A-01 one'), line('A-01 two', status)), [`A-01 open: ${status}: two`]);
  }
});

test('takes no other name for the id of a row', () => {
  const others = ['A-011 x', 'A-1 x', 'a-01 x', 'x A-01 x', 'A-01', 'A-01: x'].map((name) => line(name));
  assert.equal(outcomes([a01], ...others), ['A-01 open: no test']);
});

test('says why a row does not apply', () => {
  assert.equal(outcomes([{ ...a01, absent: 'comes later' }]), ['A-01 not applicable: comes later']);
});

test('believes a failed test more than the catalogue', () => {
  const away: Listed = { ...a01, absent: 'comes later' };
  assert.equal(outcomes([away], line('A-01 x', 'failed')), ['A-01 open: failed: x']);
});

test('prints each requirement with its demand and source, and the counts', () => {
  const standings = judge(
    [
      a01,
      { ...a01, id: 'A-02', note: 'decided: so' },
      { ...a01, id: 'A-03', absent: 'comes later' },
      { ...a01, id: 'A-04' },
    ],
    [line('A-01 x'), line('A-01 y'), line('A-02 x')],
  );
  assert.is(
    table(standings),
    [
      'A-01  passed            2  Do so. (RFC 1)',
      'A-02  passed            1  Do so. (RFC 1)',
      '                           decided: so',
      'A-03  not applicable       Do so. (RFC 1)',
      '                           comes later',
      'A-04  open                 Do so. (RFC 1)',
      '                           no test',
      '',
      '4 requirements: 2 passed, 1 not applicable, 1 open',
    ].join('\n'),
  );
});

test(
  'exits with 0 when every row that applies has passed',
  () => {
    const { status, last } = run(all);
    assert.is(last, '3 requirements: 2 passed, 1 not applicable, 0 open');
    assert.is(status, 0);
  },
  patient,
);

test(
  'exits with 1 when a row has no test',
  () => {
    const { status, last, stdout } = run(all.slice(1));
    assert.match(stdout, /^A-01 {2}open .*\n +no test$/m);
    assert.match(last!, /, 1 open$/);
    assert.is(status, 1);
  },
  patient,
);

test(
  'exits with 1 when a test of a row has failed',
  () => {
    const { status, stdout } = run([...all, ['A-01 holds here too', false]]);
    assert.match(stdout, /^A-01 {2}open +2 {2}.*\n +failed: holds here too$/m);
    assert.is(status, 1);
  },
  patient,
);

test(
  'exits with 1 when the runner is not content, though every row has passed',
  () => {
    const { status, last } = run(all, "process.on('exit', () => { process.exitCode = 1; });");
    assert.match(last!, /, 0 open$/);
    assert.is(status, 1);
  },
  patient,
);

test.run();
