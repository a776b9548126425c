import { setImmediate } from 'node:timers/promises';
import type { McpStore } from '../../../src/mcp/store.ts';
import { complains } from '../../helpers/complains.ts';
import { suite } from '../../helpers/suite.ts';
import { storeChecks, storeContract } from './store-contract.ts';

/** A store as an app writes it over a keychain, which has texts only and answers later. */
function keychainStore(): McpStore {
  const passwords = new Map<string, string>();
  return {
    async get(key) {
      await setImmediate();
      const text = passwords.get(key);
      return text === undefined ? undefined : (JSON.parse(text) as unknown);
    },
    async set(key, value) {
      const text = JSON.stringify(value);
      await setImmediate();
      passwords.set(key, text);
    },
    async delete(key) {
      await setImmediate();
      passwords.delete(key);
    },
  };
}

storeContract('a keychain', (check) => check(keychainStore()));

/** A store with the mistakes that the contract must find. */
function objectStore(): McpStore {
  const values: Record<string, unknown> = {};
  return {
    get: (key) => values[key],
    set: (key, value) => void (values[key] = value),
    delete: (key) => Reflect.deleteProperty(values, key),
    lock: (_key, work) => work(),
  };
}

const test = suite('the contract of an McpStore');

for (const [sentence, complaint] of [
  ['keeps a value as it was when it was set, whatever becomes of the object', /after the given value/],
  ['keeps any value under any key', /the value of|Property failed/],
  ['runs work for a key one after the other, and for other keys meanwhile', /at the same time/],
] as const)
  test(`a plain object fails: ${sentence}`, () =>
    complains(() => storeChecks[sentence](objectStore()), complaint));

test('a store that deletes all fails', () =>
  complains(() => {
    const values = new Map<string, unknown>();
    return storeChecks['deletes one value and leaves the others']({
      get: (key) => values.get(key),
      set: (key, value) => void values.set(key, value),
      delete: () => {
        values.clear();
      },
    });
  }, /registration/));

test.run();
