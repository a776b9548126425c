import fc from 'fast-check';
import { UnmatchedLimits } from '../../../src/http/unmatched-limits.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const address = '192.0.2.1';

/** How many of `count` hits at one time are not too many. */
function passes(limits: UnmatchedLimits, count: number, now: number, from = address): number {
  return Array.from({ length: count }, () => limits.exceeds(from, now)).filter((exceeded) => !exceeded)
    .length;
}

const test = suite('unmatched limits');

test('passes as many at a time as it may, and not one more', () => {
  const limits = new UnmatchedLimits(5, 1);
  assert.equal(
    Array.from({ length: 7 }, () => limits.exceeds(address, 1_000)),
    [false, false, false, false, false, true, true],
  );
});

test('regains its rate each second, up to the burst', () => {
  const limits = new UnmatchedLimits(5, 2);
  passes(limits, 10, 0);
  assert.is(passes(limits, 10, 499), 0);
  assert.is(passes(limits, 10, 1_000), 2);
  assert.is(passes(limits, 10, 2_000), 2);
  assert.is(passes(limits, 10, 1_000_000), 5);
});

test('counts each address for itself', () => {
  const limits = new UnmatchedLimits(2, 1);
  assert.is(passes(limits, 5, 0), 2);
  assert.is(passes(limits, 5, 0, '192.0.2.2'), 2);
  assert.is(passes(limits, 5, 0, ''), 2);
});

test('gains nothing from a clock that is set back', () => {
  const limits = new UnmatchedLimits(2, 1);
  passes(limits, 2, 10_000);
  assert.is(passes(limits, 5, 0), 0);
});

test('passes no more than its burst and what time gives back, in any order of events', () => {
  const hits = fc.array(fc.record({ wait: fc.nat(2_000), count: fc.nat(20) }), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(
      hits,
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 1, max: 5 }),
      (steps, most, perSecond) => {
        const limits = new UnmatchedLimits(most, perSecond);
        let now = 0;
        let passed = 0;
        for (const { wait, count } of steps) {
          now += wait;
          const one = passes(limits, count, now);
          passed += one;
          assert.ok(one <= most);
          // Half a hit for what is lost in fractions.
          assert.ok(passed <= most + (now / 1_000) * perSecond + 0.5, `${passed} in ${now} ms`);
        }
      },
    ),
  );
});

test('remembers an address among thousands of others, and not for ever', () => {
  const limits = new UnmatchedLimits(1, 1);
  const others = (name: string, count: number): void => {
    for (let index = 0; index < count; index++) limits.exceeds(`${name} ${index}`, 0);
  };
  limits.exceeds(address, 0);
  others('a', 5_000);
  assert.is(limits.exceeds(address, 0), true);
  // Bounded: what came before so many addresses is forgotten.
  others('b', 10_000);
  assert.is(limits.exceeds(address, 0), false);
});

test('one flooding address does not evict the others', () => {
  const limits = new UnmatchedLimits(1, 1);
  limits.exceeds(address, 0);
  passes(limits, 50_000, 0, '192.0.2.2');
  assert.is(limits.exceeds(address, 0), true);
});

test.run();
