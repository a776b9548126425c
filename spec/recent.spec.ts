import { Recent } from '../src/recent.ts';
import { equal, is } from './helpers/assert.ts';
import { suite } from './helpers/suite.ts';

const test = suite('recent');

const least = 10;

/** Those of the keys `0` to `count - 1`, given in that order, that are still there. */
function kept(recent: Recent<number>, count: number): number[] {
  return Array.from({ length: count }, (_, key) => key).filter(
    (key) => recent.get(String(key)) !== undefined,
  );
}

/** Gives so many keys, and after each has `asks` asked for. */
function given(count: number, asks: (recent: Recent<number>) => void = () => undefined): Recent<number> {
  const recent = new Recent<number>(least);
  for (let key = 0; key < count; key++) {
    recent.set(String(key), key);
    asks(recent);
  }
  return recent;
}

const rarely = [
  ['nobody asks', undefined],
  ['somebody asks each time', (recent: Recent<number>) => recent.get('0')],
] as const;

for (const [when, asks] of rarely) {
  test(`keeps the last ${least} at least and ${2 * least} at most where ${when}`, () => {
    for (let count = 0; count <= 7 * least; count++) {
      const keys = kept(given(count, asks), count);
      is(
        keys.length >= Math.min(count, least) && keys.length <= 2 * least,
        true,
        `${keys.length} of ${count}`,
      );
      // The last ones, without a gap.
      equal(
        keys,
        Array.from({ length: keys.length }, (_, index) => count - keys.length + index),
      );
    }
  });
}

test('has the value that a key was given last, asked for between or not', () => {
  const recent = new Recent<number>(least);
  recent.set('a', 1);
  recent.set('a', 2);
  is(recent.get('a'), 2);
  recent.set('a', 3);
  is(recent.get('a'), 3);
  is(recent.get('b'), undefined);
});

test('keeps a key for as long as it is given again', () => {
  const recent = new Recent<number>(least);
  for (let time = 0; time < 7 * least; time++) {
    recent.set('again', time);
    recent.set(`other ${time}`, time);
    is(recent.get('again'), time);
  }
});

test.run();
