/** Errors that `suite` itself throws; spec/package/run.spec.ts tests the rest from outside. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import * as assert from './assert.ts';
import { suite } from './suite.ts';

const GUARD = join(import.meta.dirname, '..', 'fixtures', 'guard');

const alone = (file: string) =>
  spawnSync(process.execPath, ['--import', 'tsx', join(GUARD, file)], {
    encoding: 'utf8',
    env: { ...process.env, CI: '' },
  });

const test = suite('suite');

test('refuses a test that comes after its run()', () => {
  const error = assert.throws(() => test('too late', () => undefined));
  assert.match(error.message, '"too late" comes after the run() of suite "suite"');
});

test('refuses a second run()', () => {
  assert.match(assert.throws(() => test.run()).message, 'suite "suite" is run twice');
});

test('keeps the path of the report from programs that a spec starts', () => {
  assert.is(process.env['SPEC_REPORT'], undefined);
});

test('offers no hooks and no only', () => {
  assert.equal(Object.keys(test).sort(), ['run', 'skip', 'when']);
});

for (const [file, message] of [
  ['never-run.spec.ts', 'suite "forgotten": its run() was never called\n    would fail\n'],
  ['early-exit.spec.ts', 'the process ended before these tests did:\n    exits\n    is never reached\n'],
] as const) {
  test(`fails ${file} also without the test command`, () => {
    const { status, stderr } = alone(file);
    assert.is(status, 1);
    assert.match(stderr, message);
  });
}

test.run();
