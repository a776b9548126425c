import fc from 'fast-check';
import type { McpStore } from '../../../src/mcp/store.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

type Check = (store: McpStore) => Promise<void>;

const key = 'server https://mcp.example/mcp';
const other = 'client https://as.example http://127.0.0.1/callback';
const value = { v: 1, tokens: { access_token: 'a', scope: null }, asked: ['b', 2, false] };

const keys = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', '', ' ', 'version', '\ud800', 'é', 'é'),
  fc.string({ unit: 'binary' }),
);
const values = fc.jsonValue({ stringUnit: 'binary' });

/** The demands on every store of tokens, by their sentences. */
export const storeChecks = {
  'returns what was set, and undefined for what was not': async (store) => {
    assert.is(await store.get(key), undefined);
    await store.set(key, value);
    assert.equal(await store.get(key), value);
    assert.is(await store.get(other), undefined);
    await store.set(key, { v: 2 });
    assert.equal(await store.get(key), { v: 2 });
  },

  'deletes one value and leaves the others': async (store) => {
    await store.set(key, value);
    await store.set(other, 'registration');
    await store.delete(key);
    await store.delete(key);
    assert.is(await store.get(key), undefined);
    assert.is(await store.get(other), 'registration');
  },

  'keeps a value as it was when it was set, whatever becomes of the object': async (store) => {
    const given = { tokens: ['a'] };
    const saved = store.set(key, given);
    given.tokens.push('of the caller');
    await saved;
    assert.equal(await store.get(key), { tokens: ['a'] }, 'after the given value was changed');
    const got = (await store.get(key)) as typeof given;
    got.tokens.push('of the reader');
    assert.equal(await store.get(key), { tokens: ['a'] }, 'after a value that was got was changed');
  },

  'saves all values that are set at once, and of one key the last': async (store) => {
    const names = Array.from({ length: 20 }, (_, n) => `server https://${n}.example`);
    await Promise.all(names.map((name) => store.set(name, name)));
    for (const name of names) assert.is(await store.get(name), name);
    await Promise.all(names.map((name) => store.set(key, name)));
    assert.is(await store.get(key), names.at(-1));
    await Promise.all([store.set(key, 'new'), store.delete(key), store.delete(other)]);
    assert.is(await store.get(key), undefined, 'what was deleted last');
  },

  'keeps any value under any key': (store) =>
    fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(keys, values), { selector: ([name]) => name }),
        async (all) => {
          await Promise.all(all.map(([name, each]) => store.set(name, each)));
          for (const [name, each] of all) {
            const got = JSON.stringify(await store.get(name));
            assert.is(got, JSON.stringify(each), `the value of ${JSON.stringify(name)}`);
          }
          await Promise.all(all.map(([name]) => store.delete(name)));
          for (const [name] of all) assert.is(await store.get(name), undefined);
        },
      ),
      { numRuns: 40 },
    ),

  'runs work for a key one after the other, and for other keys meanwhile': async (store) => {
    if (!store.lock) return;
    const lock = store.lock.bind(store);
    let running = 0;
    let count = 0;
    const work = async (): Promise<number> => {
      assert.is(++running, 1, 'work for the same key at the same time');
      await lock(other, () => Promise.resolve());
      running--;
      return ++count;
    };
    const counts = await Promise.all(Array.from({ length: 5 }, () => lock(key, work)));
    assert.equal(counts, [1, 2, 3, 4, 5]);
  },

  'passes on the error of work, and runs the next': async (store) => {
    if (!store.lock) return;
    const error = new Error('of the work');
    const failed = await assert.rejects(store.lock(key, () => Promise.reject(error)));
    assert.is(failed, error);
    assert.is(await store.lock(key, () => Promise.resolve('next')), 'next');
  },
} satisfies Readonly<Record<string, Check>>;

/** Contract of every store of tokens. */
export function storeContract(name: string, use: (check: Check) => Promise<void>): void {
  const test = suite(`${name} as an McpStore`);
  for (const [sentence, check] of Object.entries(storeChecks)) test(sentence, () => use(check));
  test.run();
}
