import { Observable } from 'rxjs';
import { HotStream } from '../../../src/base/hot-stream.ts';
import * as assert from '../../helpers/assert.ts';
import { record } from '../../helpers/record.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('HotStream');

const observe = (hot: HotStream<number>) =>
  record(new Observable<number>((subscriber) => hot.subscribe(subscriber)));

test('gives every subscriber the values that come while it is subscribed', () => {
  const hot = new HotStream<number>();
  hot.next(1);
  const early = observe(hot);
  hot.next(2);
  const late = observe(hot);
  early.unsubscribe();
  hot.next(3);
  assert.equal([early.values, late.values], [[2], [3]]);
});

test('knows if there are subscribers', () => {
  const hot = new HotStream<number>();
  assert.is(hot.observed, false);
  const one = observe(hot);
  assert.is(hot.observed, true);
  one.unsubscribe();
  assert.is(hot.observed, false);
});

test('completes a subscriber that comes after its end at once', () => {
  const hot = new HotStream<number>();
  hot.complete();
  hot.next(1);
  const late = observe(hot);
  assert.equal([late.values, late.ending], [[], { completed: true }]);
});

test('starts anew once it has completed', () => {
  const hot = new HotStream<number>();
  const before = observe(hot);
  hot.complete();
  hot.restart();
  const after = observe(hot);
  hot.next(1);
  assert.equal([before.values, after.values, after.ending], [[], [1], undefined]);
});

test('keeps its subscribers if it has not ended before it starts anew', () => {
  const hot = new HotStream<number>();
  const early = observe(hot);
  hot.restart();
  hot.next(1);
  assert.equal(early.values, [1]);
});

test.run();
