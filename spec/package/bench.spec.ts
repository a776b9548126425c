import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isReached, type Line } from '../../bench/line.ts';
import { compare, oneByOne } from '../../bench/rounds.ts';
import { median, quantile, slope } from '../../bench/statistics.ts';
import { short, table } from '../../bench/table.ts';
import * as assert from '../helpers/assert.ts';
import { coreBudget } from '../helpers/bundle.ts';
import { suite } from '../helpers/suite.ts';

const root = join(import.meta.dirname, '..', '..');

const line: Line = {
  measure: 'redirects',
  what: 'redirects/s ÷ bare node:http',
  value: 0.9,
  clock: 0.87654,
  reach: { least: 0.85 },
  ours: '50 µs',
  against: '45 µs',
};

function bench(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, ['--import', 'tsx', 'bench/run.ts', ...args], { cwd: root });
}

const test = suite('bench');

test('takes the middle value, or the mean of the two', () => {
  assert.equal([median([3, 1, 2]), median([10, 9, 1, 2])], [2, 5.5]);
  assert.throws(() => median([]), RangeError);
});

test('takes a quantile that is one of the values', () => {
  const hundred = Float64Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.equal([quantile(hundred, 0.99), quantile(hundred, 0.5), quantile(hundred, 0)], [99, 50, 1]);
  assert.throws(() => quantile(new Float64Array(), 0.5), RangeError);
});

test('finds the slope of a line', () => {
  assert.equal(
    slope([
      [0, 5],
      [1, 7],
      [2, 9],
    ]),
    2,
  );
});

test('pairs the rounds, and leaves the first out', async () => {
  const cpu = [1_000, 1, 6, 1, 2, 4, 3, 1];
  const next = () => Promise.resolve({ cpu: cpu.shift()!, clock: 1 });
  const told: string[] = [];
  const comparison = await compare(3, oneByOne(next, next), (text) => told.push(text));
  assert.equal(
    comparison.rounds.map((round) => round.cpu),
    [6, 0.5, 3],
  );
  assert.equal([comparison.cpu, comparison.clock, comparison.ours.cpu, told.length], [3, 1, 3, 4]);
});

test('says which goals are reached', () => {
  assert.equal(
    [line, { ...line, value: 0.8 }, { ...line, reach: { most: 0.8 } }, { ...line, reach: { most: 0.9 } }].map(
      isReached,
    ),
    [true, false, false, true],
  );
});

test('shows three significant digits', () => {
  assert.equal([0, 0.8765, 12.345, 234.5, 19888.2].map(short), ['0', '0.876', '12.3', '235', '19,888']);
});

test('prints each line whole', () => {
  const size: Line = { ...line, measure: 'size', value: 9_000, unit: 'B', reach: { most: 8_192 } };
  const [head, first, second] = table([line, size]).split('\n');
  assert.match(head!, /^measure +figure +value +by clock +reach +ours +against$/);
  assert.match(first!, /^redirects +redirects\/s ÷ bare node:http +0\.9 +0\.877 +≥ 0\.85 +ok +50 µs +45 µs$/);
  assert.match(second!, /^size .* 9,000 B .* ≤ 8,192 B +not /);
});

test(
  'measures what it is asked for',
  async () => {
    const { stdout, stderr } = await bench('size', '--no-results');
    assert.match(stdout, new RegExp(`^size +core, .* ≤ ${short(coreBudget)} B `, 'm'));
    assert.is(stdout.trim().split('\n').length, 2);
    assert.is(stderr, '');
  },
  { deadline: 300_000 },
);

test('names the measures if an unknown one is asked for', async () => {
  const { stderr, code } = (await assert.rejects(bench('speed'))) as Error & { stderr: string; code: number };
  assert.is(code, 2);
  assert.match(stderr, 'There is no measure "speed"; there are redirects, express');
});

test.run();
