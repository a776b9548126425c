import { setImmediate } from 'node:timers/promises';
import { inTurnByKey } from '../../../src/base/in-turn.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('steps in turn');

test('runs the steps of a key in the order of its calls, and those of other keys meanwhile', async () => {
  const inTurn = inTurnByKey();
  const steps: string[] = [];
  const step = (key: string, name: string, turns: number): Promise<string> =>
    inTurn(key, async () => {
      steps.push(`${name} begins`);
      for (let turn = 0; turn < turns; turn++) await setImmediate();
      steps.push(`${name} ends`);
      return name;
    });
  const results = await Promise.all([step('a', 'first', 3), step('a', 'second', 0), step('b', 'other', 0)]);
  assert.equal(results, ['first', 'second', 'other']);
  const expected = [
    'first begins',
    'other begins',
    'other ends',
    'first ends',
    'second begins',
    'second ends',
  ];
  assert.equal(steps, expected);
});

test('passes on the error of a step, and runs the next', async () => {
  const inTurn = inTurnByKey();
  const error = new Error('of the first');
  const first = inTurn('a', () => Promise.reject(error));
  const second = inTurn('a', () => Promise.resolve('second'));
  assert.is(await assert.rejects(first), error);
  assert.is(await second, 'second');
});

test.run();
