import fc from 'fast-check';
import { clockFrom } from '../../../src/base/clock.ts';
import { Deadlines, type Timed } from '../../../src/base/deadlines.ts';
import * as assert from '../../helpers/assert.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { suite } from '../../helpers/suite.ts';

interface Item extends Timed {
  readonly id: number;
}

function bench() {
  const time = virtualTime();
  const fired: { item: Item; at: number }[] = [];
  const deadlines = new Deadlines<Item>(clockFrom(time.scheduler), (item) => {
    fired.push({ item, at: time.scheduler.now() });
  });
  return { ...time, deadlines, fired, timers: () => time.scheduler.actions.length };
}

const at = (id: number, expiresAt: number): Item => ({ id, expiresAt, slot: -1 });

const test = suite('Deadlines');

test('fires each item at its deadline', () => {
  const { deadlines, fired, advance } = bench();
  for (const ms of [300, 100, 200, 100]) deadlines.add(at(ms, ms));
  advance(99);
  assert.is(fired.length, 0);
  advance(1_000);
  assert.equal(
    fired.map(({ item, at }) => [item.id, at]),
    [
      [100, 100],
      [100, 100],
      [200, 200],
      [300, 300],
    ],
  );
  assert.is(deadlines.size, 0);
});

test('fires no item that was removed', () => {
  const { deadlines, fired, advance, timers } = bench();
  const [first, second] = [at(1, 100), at(2, 200)];
  deadlines.add(first);
  deadlines.add(second);
  deadlines.remove(first);
  deadlines.remove(first);
  advance(150);
  assert.is(fired.length, 0);
  deadlines.remove(second);
  assert.equal([deadlines.size, timers()], [0, 0]);
  advance(1_000);
  assert.is(fired.length, 0);
});

test('holds no timer for an item that never ends', () => {
  const { deadlines, timers, advance } = bench();
  deadlines.add(at(1, Infinity));
  assert.is(timers(), 0);
  deadlines.add(at(2, 100));
  assert.is(timers(), 1);
  advance(100);
  assert.equal([deadlines.size, timers()], [1, 0]);
});

test('fires an item that is overdue when it is added', () => {
  const { deadlines, fired, advance } = bench();
  advance(1_000);
  deadlines.add(at(1, 10));
  advance(0);
  assert.is(fired.length, 1);
});

test('waits for a deadline that no single timer can hold', () => {
  const { deadlines, fired, advance, timers } = bench();
  const far = 2 ** 31 + 5_000;
  deadlines.add(at(1, far));
  advance(far - 1);
  assert.equal([fired.length, timers()], [0, 1]);
  advance(1);
  assert.is(fired.length, 1);
});

test('takes items that are added and removed while others fire', () => {
  const time = virtualTime();
  const fired: number[] = [];
  const other = at(9, 100);
  const deadlines: Deadlines<Item> = new Deadlines(clockFrom(time.scheduler), (item) => {
    fired.push(item.id);
    deadlines.remove(other);
    if (item.id < 3) deadlines.add(at(item.id + 1, item.expiresAt + 10));
  });
  deadlines.add(at(1, 50));
  deadlines.add(other);
  time.advance(1_000);
  assert.equal([fired, deadlines.size], [[1, 2, 3], 0]);
});

test('holds one timer for 100,000 items and fires them in order', () => {
  const { deadlines, fired, advance, timers } = bench();
  const count = 100_000;
  // 48,271 generates the numbers below the prime 2^31 - 1: every run has the same unordered deadlines.
  let seed = 1;
  const items = Array.from({ length: count }, (_, id) => at(id, (seed = (seed * 48_271) % 2_147_483_647)));
  let most = 0;
  for (const item of items) {
    deadlines.add(item);
    most = Math.max(most, timers());
  }
  const removed = items.filter(({ id }) => id % 10 === 0);
  for (const item of removed) {
    deadlines.remove(item);
    most = Math.max(most, timers());
  }
  assert.equal([most, deadlines.size], [1, count - removed.length]);
  advance(2 ** 31);
  assert.is(fired.length, count - removed.length);
  assert.ok(
    fired.every(({ item }, index) => index === 0 || fired[index - 1]!.item.expiresAt <= item.expiresAt),
  );
  assert.equal([deadlines.size, timers()], [0, 0]);
});

type Step = { do: 'add'; in: number } | { do: 'remove'; nth: number } | { do: 'advance'; ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('add' as const), in: fc.nat(50) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), nth: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.nat(20) }) },
);

test('fires what is due, at its time and in order, whatever was added and removed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { deadlines, fired, advance, timers, scheduler } = bench();
      let waiting: Item[] = [];
      let id = 0;
      for (const taken of steps) {
        if (taken.do === 'add') {
          const item = at(id++, scheduler.now() + taken.in);
          waiting.push(item);
          deadlines.add(item);
        } else if (taken.do === 'remove' && waiting.length > 0) {
          const [item] = waiting.splice(taken.nth % waiting.length, 1);
          deadlines.remove(item!);
        } else if (taken.do === 'advance') {
          const before = fired.length;
          advance(taken.ms);
          const due = waiting.filter(({ expiresAt }) => expiresAt <= scheduler.now());
          waiting = waiting.filter((item) => !due.includes(item));
          const news = fired.slice(before);
          assert.equal(news.map(({ item }) => item.id).sort(), due.map(({ id }) => id).sort());
          for (const { item, at } of news) assert.is(at, item.expiresAt);
        }
        assert.is(deadlines.size, waiting.length);
        assert.ok(timers() <= 1, `${timers()} timers`);
        assert.equal(
          deadlines
            .values()
            .map(({ id }) => id)
            .sort(),
          waiting.map(({ id }) => id).sort(),
        );
        for (const [slot, item] of deadlines.values().entries()) assert.is(item.slot, slot);
      }
    }),
    { numRuns: 300 },
  );
});

test.run();
