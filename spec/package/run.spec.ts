/** Broken spec files for the test command: each hides its failure from uvu or from somebody in a hurry. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as assert from '../helpers/assert.ts';
import { suite, type ReportLine } from '../helpers/suite.ts';

const RUNNER = join(import.meta.dirname, '..', 'run.ts');
const BROKEN = join(import.meta.dirname, '..', 'fixtures', 'guard');
const STRAYS = join(import.meta.dirname, '..', 'fixtures', 'strays');

interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly last: string | undefined;
}

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, ['--import', 'tsx', ...args], {
    // CI is set by every test for itself.
    env: { ...process.env, CI: '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const outcome = async (): Promise<Outcome> => {
    const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return { code: child.exitCode, output, last: output.trimEnd().split('\n').at(-1) };
  };
  return { child, outcome: outcome() };
}

const run = (args: readonly string[], env?: NodeJS.ProcessEnv) =>
  start([RUNNER, '--dir', BROKEN, ...args], env).outcome;

/** The reasons below the FAIL line of a file, or undefined without such a line. */
function reasons(output: string, file: string): string | undefined {
  const name = file.replaceAll('.', '\\.');
  return new RegExp(`^FAIL  ${name}.*\\n((?: {6}.*\\n)*)`, 'm').exec(output)?.[1];
}

/** [file, passed, failed, what its reasons and its output must name] */
const broken: readonly (readonly [
  file: string,
  passed: number,
  failed: number,
  ...named: (string | RegExp)[],
])[] = [
  ['assertion.spec.ts', 1, 1, 'exit code 1', 'uvu passed 1 of 2', /Expected values to be strictly equal/],
  ['import-throws.spec.ts', 0, 1, 'exit code 1', 'never ended: import ›', /thrown at import/],
  ['no-test.spec.ts', 0, 1, 'no test ran', "uvu's closing lines are missing"],
  ['empty-suite.spec.ts', 0, 1, 'exit code 1', 'no test ran', /suite "empty" has no tests/],
  [
    'never-run.spec.ts',
    1,
    1,
    'exit code 1',
    'never ended: forgotten › would fail',
    /its run\(\) was never called/,
  ],
  ['never-settles.spec.ts', 1, 2, 'uvu passed 1 of 3', /not settled within 20 ms/, /took \d+ ms of 20 ms/],
  ['raw-before.spec.ts', 0, 1, 'imports uvu itself', 'uvu passed 0 of 1', 'no test ran'],
  ['raw-after-each.spec.ts', 0, 1, 'imports uvu itself', 'uvu passed 0 of 1', 'no test ran'],
  ['smuggled-uvu.spec.ts', 1, 1, 'uvu ran 2 tests, the report has 1'],
  ['runs-apart.spec.ts', 1, 1, 'uvu ran more than once'],
  [
    'early-exit.spec.ts',
    1,
    2,
    'early exit › exits',
    'early exit › is never reached',
    'closing lines are missing',
  ],
  [
    'exit-at-import.spec.ts',
    0,
    1,
    'never ended: exit at import › is never reached',
    'still holds its output',
  ],
  ['late-rejection.spec.ts', 1, 1, 'exit code 1', /rejected late/],
  ['thrown-string.spec.ts', 1, 3, 'uvu passed 1 of 4', /threw 'not an Error'/, /threw undefined/, /big: 2n/],
  [
    'open-handle.spec.ts',
    1,
    1,
    'killed: 3000 ms after the tests ended something left open keeps it alive',
    /still open: .*TCPServerWrap/,
  ],
  ['orphan.spec.ts', 1, 1, 'after the tests ended a process that it started still holds its output'],
];

const test = suite('the test command');

// Shared by all tests, because starting a runner costs more than what it runs.
let shared: Promise<Outcome> | undefined;
const runBroken = () => (shared ??= run([...broken.map(([file]) => file)], { SPEC_LINGER: '3000' }));

for (const [file, , , ...named] of broken) {
  test(
    `fails ${file}`,
    async () => {
      const { code, output } = await runBroken();
      const why = reasons(output, file);
      assert.is(code, 1);
      assert.type(why, 'string');
      for (const name of named) assert.match(typeof name === 'string' ? (why ?? '') : output, name);
    },
    { deadline: 300_000 },
  );
}

test('counts what each of them adds to the last line', async () => {
  const sum = (column: 1 | 2) => broken.reduce((total, row) => total + row[column], 0);
  assert.is((await runBroken()).last, `${sum(1)} passed, ${sum(2)} failed`);
});

for (const file of ['raw-before.spec.ts', 'raw-after-each.spec.ts', 'runs-apart.spec.ts']) {
  test(`is needed: uvu alone ends ${file} with exit code 0`, async () => {
    assert.is((await start([join(BROKEN, file)]).outcome).code, 0);
  });
}

test('passes a good file in one line and exits with 0', async () => {
  const { code, output } = await run(['good.spec']);
  assert.is(code, 0);
  assert.match(output, /^ok {4}good\.spec\.ts {2}2 passed {2}\d+ ms\n2 passed, 0 failed\n$/);
});

test('prints a good file beside a failing one and exits with 1', async () => {
  const { code, output, last } = await run(['good.spec', 'assertion.spec']);
  assert.is(code, 1);
  assert.match(output, /^ok {4}good\.spec\.ts /m);
  assert.is(last, '3 passed, 1 failed');
});

test('kills a file that does not end, and names the test', async () => {
  const { code, output, last } = await run(['hangs.spec'], { SPEC_DEADLINE: '8000' });
  assert.is(code, 1);
  assert.match(reasons(output, 'hangs.spec.ts') ?? '', 'killed: not finished within 8000 ms');
  assert.match(reasons(output, 'hangs.spec.ts') ?? '', 'never ended: hangs › waits for ever');
  assert.is(last, '0 passed, 1 failed');
});

test('ends with a file that it kills what that has started', async () => {
  const server = createServer();
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const env = { SPEC_DEADLINE: '8000', GUARD_PORT: String(port) };
    const { outcome } = start([RUNNER, '--dir', BROKEN, 'hangs-with-a-child'], env);
    const [child] = (await once(server, 'connection')) as [Socket];
    child.on('error', () => undefined).resume();
    await once(child, 'close');
    assert.is((await outcome).code, 1);
  } finally {
    server.close();
  }
});

test('takes its children along when it is interrupted', async () => {
  const server = createServer();
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const runner = start([RUNNER, '--dir', BROKEN, 'hangs.spec'], { GUARD_PORT: String(port) });
    const [spec] = (await once(server, 'connection')) as [Socket];
    // A killed process may end its connection with a reset.
    spec.on('error', () => undefined).resume();
    runner.child.kill('SIGTERM');
    await once(spec, 'close');
    const { code, last } = await runner.outcome;
    assert.is(code, 143);
    assert.is(last, '0 passed, 1 failed');
  } finally {
    server.close();
  }
});

test('counts skipped tests', async () => {
  const { code, output, last } = await run(['skipped.spec']);
  assert.is(code, 0);
  assert.match(output, /^ok {4}skipped\.spec\.ts {2}2 passed, 2 skipped {2}\d+ ms$/m);
  assert.is(last, '2 passed, 0 failed, 2 skipped');
});

test('fails skipped tests with CI=true', async () => {
  const { code, output, last } = await run(['skipped.spec'], { CI: 'true' });
  assert.is(code, 1);
  assert.match(output, 'skipped (no redis-server here), but with CI=true every test must run');
  assert.is(last, '2 passed, 2 failed');
});

test('fails also a skip that only uvu knows of with CI=true', async () => {
  const { output } = await run(['smuggled'], { CI: 'true' });
  assert.match(reasons(output, 'smuggled-uvu.spec.ts') ?? '', '1 skipped, and with CI=true none may be');
});

test('fails when nothing but skips is left', async () => {
  const { code, last } = await run(['nothing-but-skips']);
  assert.is(code, 1);
  assert.is(last, '0 passed, 1 failed, 1 skipped');
});

test('fails a filter that matches no file, also beside one that does', async () => {
  const { code, output, last } = await run(['good.spec', 'god.spec']);
  assert.is(code, 1);
  assert.is(reasons(output, 'filter "god.spec"'), '      matches no spec file\n');
  assert.is(last, '2 passed, 1 failed');
});

test('fails files that would never run, or that bring their own uvu', async () => {
  const { code, output, last } = await start([RUNNER, '--dir', STRAYS]).outcome;
  assert.is(code, 1);
  assert.is(reasons(output, 'old.test.ts'), '      is not named *.spec.ts, so it would never run\n');
  assert.is(reasons(output, 'contract.ts'), '      imports uvu itself\n');
  assert.is(last, '1 passed, 2 failed');
});

for (const [what, args, env] of [
  ['an unknown option', ['--silent'], {}],
  ['a folder that is not there', ['--dir', join(BROKEN, 'nowhere')], {}],
  ['a deadline that is not a number', [], { SPEC_DEADLINE: '3 minutes' }],
] as const) {
  test(`fails ${what}`, async () => {
    const { code, last } = await run(args, env);
    assert.is(code, 1);
    assert.is(last, '0 passed, 1 failed');
  });
}

test('keeps the results of every registered test in the report', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-spec-'));
  try {
    const report = join(folder, 'new', 'report.jsonl');
    await run(['good.spec', 'never-run', '--report', report]);
    const kept = readFileSync(report, 'utf8').trimEnd().split('\n');
    const lines = kept.map((line) => JSON.parse(line) as ReportLine);
    assert.equal(lines.map(({ suite, name, status }) => `${status} ${suite} › ${name}`).sort(), [
      'failed forgotten › would fail',
      'passed good › B-04 adds',
      'passed good › awaits',
      'passed run › passes',
    ]);
    assert.ok(lines.every(({ ms }) => Number.isInteger(ms)));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('empties an old report before anything runs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-spec-'));
  try {
    const report = join(folder, 'report.jsonl');
    writeFileSync(report, '{"suite":"old","name":"B-04","status":"passed","ms":1}\n');
    await run(['--report', report, '--dir', join(BROKEN, 'nowhere')]);
    assert.is(readFileSync(report, 'utf8'), '');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
