import { duration } from '../../../src/cli/times.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('duration');

for (const [ms, text] of [
  [-1, '0 s'],
  [0, '0 s'],
  [999, '0 s'],
  [1_000, '1 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [599_999, '9 min 59 s'],
  [600_000, '10 min'],
  [3_600_000, '1 h'],
  [3_659_000, '1 h'],
  [5_400_000, '1 h 30 min'],
  [86_400_000, '1 d'],
  [90_000_000, '1 d 1 h'],
  [9.2e18, '106481481481 d 11 h'],
] as const)
  test(`of ${ms} ms is ${text}`, () => assert.is(duration(ms), text));

test.run();
