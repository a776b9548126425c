import type { KeyRecord } from '../../../../src/bridge/http/key-flows.ts';
import { OrderedResults } from '../../../../src/bridge/http/ordered-results.ts';
import { equal } from '../../../helpers/assert.ts';
import { suite } from '../../../helpers/suite.ts';

const test = suite('order of the results of a key');

/** A record whose flows have these numbers; 0 for none. */
const recordOf = (numbers: Readonly<Record<string, number>>, epoch = 'e'): KeyRecord => ({
  epoch,
  reader: '',
  next: Math.max(...Object.values(numbers)) + 1,
  flows: Object.entries(numbers).map(([state, number]) => ({ state, expiresAt: 1, number })),
});

function ordered(lastId = '') {
  const sent: string[] = [];
  const results = new OrderedResults(lastId, ({ flowId }, id) => sent.push(`${flowId} ${id}`));
  const hold = (...states: string[]): void => {
    for (const state of states) results.hold(state, { flowId: state, result: { type: 'expired' } });
  };
  return { results, hold, sent };
}

test('sends no result before one with a lower number', () => {
  const { results, hold, sent } = ordered();
  hold('c', 'b');
  results.know(recordOf({ a: 1, b: 2, c: 3, d: 0 }));
  equal(sent, []);
  hold('a');
  results.know(recordOf({ a: 1, b: 2, c: 3, d: 0 }));
  equal(sent, ['a e-1', 'b e-2', 'c e-3']);
});

test('does not wait for a flow that is gone, and not for one that is acknowledged', () => {
  const { results, hold, sent } = ordered();
  hold('c');
  results.know(recordOf({ a: 1, b: 2, c: 3 }));
  results.dismiss('a');
  equal(sent, []);
  results.know(recordOf({ c: 3 }));
  equal(sent, ['c e-3']);
});

test('sends what comes after the last id, once', () => {
  const { results, hold, sent } = ordered('e-2');
  hold('a', 'b', 'c');
  results.know(recordOf({ a: 1, b: 2, c: 3 }));
  results.know(recordOf({ a: 1, b: 2, c: 3 }));
  equal(sent, ['c e-3']);
});

test('begins anew with another epoch, and ignores an older record', () => {
  const { results, hold, sent } = ordered('e-2');
  hold('a');
  results.know(recordOf({ a: 1 }, 'f'));
  hold('b');
  results.know(recordOf({ a: 1, b: 2 }, 'f'));
  results.know(recordOf({ a: 1 }, 'f'));
  hold('c');
  results.know(recordOf({ a: 1, b: 2, c: 3 }, 'f'));
  equal(sent, ['a f-1', 'b f-2', 'c f-3']);
});

for (const lastId of ['2', 'e-', '-2', 'e-2x', 'e--2', 'e-99999999999999999999', 'x'.repeat(9_000)])
  test(`sends everything after an id that is none: ${lastId.slice(0, 30)}`, () => {
    const { results, hold, sent } = ordered(lastId);
    hold('a');
    results.know(recordOf({ a: 1 }));
    equal(sent, ['a e-1']);
  });

test.run();
