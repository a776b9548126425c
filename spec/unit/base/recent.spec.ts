import { Recent } from '../../../src/base/recent.ts';
import { equal, is, ok } from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('recent');

const min = 10;

/** A memory of the keys `0` to `count - 1`, set in that order; `each` runs after each of them. */
function filled(count: number, each: (recent: Recent<number>) => void = () => undefined): Recent<number> {
  const recent = new Recent<number>(min);
  for (let key = 0; key < count; key++) {
    recent.set(String(key), key);
    each(recent);
  }
  return recent;
}

for (const [when, each] of [
  ['keys are only set', undefined],
  ['an old key is read each time', (recent: Recent<number>) => recent.get('0')],
] as const) {
  test(`keeps the newest ${min} to ${2 * min} entries if ${when}`, () => {
    for (let count = 0; count <= 7 * min; count++) {
      const recent = filled(count, each);
      const kept = [...recent.values()];
      ok(
        kept.length >= Math.min(count, min) && kept.length <= 2 * min,
        `${kept.length} of ${count} are kept`,
      );
      // The newest ones, without a gap.
      equal(
        kept,
        Array.from({ length: kept.length }, (_, index) => count - kept.length + index),
      );
      for (let key = 0; key < count; key++)
        is(recent.get(String(key)), kept.includes(key) ? key : undefined, `key ${key} of ${count}`);
    }
  });
}

test('has the value that a key was given last', () => {
  const recent = new Recent<number>(min);
  recent.set('a', 1);
  recent.set('a', 2);
  is(recent.get('a'), 2);
  recent.set('a', 3);
  is(recent.get('a'), 3);
  is(recent.get('b'), undefined);
});

test('keeps a key for as long as it is set again, once', () => {
  const recent = new Recent<number>(min);
  for (let time = 0; time < 7 * min; time++) {
    recent.set('again', -time);
    recent.set(`other ${time}`, time);
    is(recent.get('again'), -time);
    equal(
      [...recent.values()].filter((value) => value <= 0 && Object.is(value, -time)),
      [-time],
    );
  }
});

test('forgets a deleted key, in whichever generation it is', () => {
  for (let count = 1; count <= 2 * min; count++) {
    for (let key = 0; key < count; key++) {
      const recent = filled(count);
      recent.set(String(key), -1);
      recent.delete(String(key));
      is(recent.get(String(key)), undefined, `key ${key} of ${count}`);
    }
  }
});

test('does not evict an entry for one that was deleted', () => {
  const recent = new Recent<number>(min);
  recent.set('stays', 1);
  for (let time = 0; time < 7 * min; time++) {
    recent.set('passes', time);
    recent.delete('passes');
  }
  is(recent.get('stays'), 1);
});

test('reports each evicted entry once, and no other', () => {
  const evicted: number[] = [];
  const recent = new Recent<number, number>(min, (value, key) => {
    is(value, key);
    evicted.push(value);
  });
  const count = 7 * min + 3;
  for (let key = 0; key < count; key++) {
    recent.set(key, key);
    if (key % 3 === 0) recent.delete(key);
  }
  const kept = [...recent.values()];
  const stored = Array.from({ length: count }, (_, key) => key).filter((key) => key % 3 !== 0);
  equal([...evicted, ...kept], stored);
});

test('never walks its entries to set, get or delete one', () => {
  const names = ['keys', 'values', 'entries', 'forEach', Symbol.iterator] as const;
  const originals = names.map((name) => [name, Map.prototype[name]] as const);
  const recent = new Recent<number>(min);
  const walks: string[] = [];
  try {
    for (const [name] of originals) Object.assign(Map.prototype, { [name]: () => walks.push(String(name)) });
    for (let time = 0; time < 7 * min; time++) {
      recent.set(`new ${time}`, time);
      recent.get('new 0');
      recent.get('unknown');
      recent.delete(`new ${time - 3}`);
    }
  } finally {
    for (const [name, original] of originals) Object.assign(Map.prototype, { [name]: original });
  }
  equal(walks, []);
});

test.run();
