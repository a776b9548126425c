import fc from 'fast-check';
import { Strays } from '../src/strays.ts';
import * as assert from './helpers/assert.ts';
import { suite } from './helpers/suite.ts';

const address = '192.0.2.1';

/** How many of `count` hits at one time are not too many. */
function passes(strays: Strays, count: number, now: number, from = address): number {
  return Array.from({ length: count }, () => strays.exceeds(from, now)).filter((exceeded) => !exceeded)
    .length;
}

const test = suite('strays');

test('passes as many at a time as it may, and not one more', () => {
  const strays = new Strays(5, 1);
  assert.equal(
    Array.from({ length: 7 }, () => strays.exceeds(address, 1_000)),
    [false, false, false, false, false, true, true],
  );
});

test('regains so many a second, up to the whole', () => {
  const strays = new Strays(5, 2);
  passes(strays, 10, 0);
  assert.is(passes(strays, 10, 499), 0);
  assert.is(passes(strays, 10, 1_000), 1);
  assert.is(passes(strays, 10, 2_000), 2);
  assert.is(passes(strays, 10, 1_000_000), 5);
});

test('counts each address for itself', () => {
  const strays = new Strays(2, 1);
  assert.is(passes(strays, 5, 0), 2);
  assert.is(passes(strays, 5, 0, '192.0.2.2'), 2);
  assert.is(passes(strays, 5, 0, ''), 2);
});

test('gains nothing from a clock that is set back', () => {
  const strays = new Strays(2, 1);
  passes(strays, 2, 10_000);
  assert.is(passes(strays, 5, 0), 0);
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
        const strays = new Strays(most, perSecond);
        let now = 0;
        let passed = 0;
        for (const { wait, count } of steps) {
          now += wait;
          const one = passes(strays, count, now);
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
  const strays = new Strays(1, 1);
  const others = (name: string, count: number): void => {
    for (let index = 0; index < count; index++) strays.exceeds(`${name} ${index}`, 0);
  };
  strays.exceeds(address, 0);
  others('a', 5_000);
  assert.is(strays.exceeds(address, 0), true);
  // Bounded: what came before so many addresses is forgotten.
  others('b', 10_000);
  assert.is(strays.exceeds(address, 0), false);
});

test('forgets nobody for the many that one other address sends', () => {
  const strays = new Strays(1, 1);
  strays.exceeds(address, 0);
  passes(strays, 50_000, 0, '192.0.2.2');
  assert.is(strays.exceeds(address, 0), true);
});

test.run();
