/** Events of rejected redirects: singly, unless there are many. */
import { Rejections, type RejectionEvent } from '../../../src/server/rejections.ts';
import { clockFrom } from '../../../src/base/clock.ts';
import * as assert from '../../helpers/assert.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { suite } from '../../helpers/suite.ts';

const event = (at: number, more: Partial<RejectionEvent> = {}): RejectionEvent => ({
  type: 'redirect',
  at,
  disposition: 'unmatched',
  flowId: undefined,
  reason: undefined,
  ...more,
});

function bench() {
  const { scheduler, advance } = virtualTime();
  const emitted: RejectionEvent[] = [];
  const rejections = new Rejections((each) => emitted.push(each), clockFrom(scheduler));
  const add = (times: number, more?: Partial<RejectionEvent>) => {
    for (let n = 0; n < times; n++) rejections.add(event(n, more));
  };
  const counts = () => emitted.splice(0).map(({ count }) => count ?? 1);
  return { rejections, add, advance, counts, emitted };
}

const singly = (times: number): number[] => Array.from({ length: times }, () => 1);

const test = suite('rejections');

test('emits a few singly, and the rest of a second as one summary', () => {
  const { add, advance, counts } = bench();
  add(3);
  assert.equal(counts(), singly(3));
  add(10_000);
  assert.equal(counts(), singly(7));
  advance(1_000);
  assert.equal(counts(), [9_993]);
});

test('emits only summaries while the flood goes on, and single events after a quiet second', () => {
  const { add, advance, counts } = bench();
  add(100);
  advance(1_000);
  counts();
  for (let second = 0; second < 5; second++) {
    add(100);
    assert.equal(counts(), []);
    advance(1_000);
    assert.equal(counts(), [100]);
  }
  advance(1_000);
  assert.equal(counts(), []);
  add(2);
  assert.equal(counts(), singly(2));
});

test('keeps dispositions and reasons apart, and never sums up the events of a known flow', () => {
  const { add, advance, counts, emitted } = bench();
  add(50);
  add(50, { disposition: 'malformed', reason: 'missing_code' });
  add(50, { disposition: 'malformed', reason: 'missing_state' });
  assert.equal(counts(), singly(30));
  add(50, { disposition: 'wrong_issuer', flowId: '7' });
  assert.equal(counts(), singly(50));
  advance(1_000);
  assert.equal(
    emitted.map(({ disposition, reason, count }) => [disposition, reason, count]),
    [
      ['unmatched', undefined, 40],
      ['malformed', 'missing_code', 40],
      ['malformed', 'missing_state', 40],
    ],
  );
});

test('emits what is left when the server closes, and keeps no timer', () => {
  const { rejections, add, advance, counts } = bench();
  add(25);
  counts();
  rejections.flush();
  assert.equal(counts(), [15]);
  advance(5_000);
  assert.equal(counts(), []);
});

test('a summary of one event is that event', () => {
  const { add, advance, emitted } = bench();
  add(11);
  advance(1_000);
  assert.equal(emitted.at(-1), event(10));
});

test.run();
