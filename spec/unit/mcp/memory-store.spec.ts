import { InvalidOptionError } from '../../../src/index.ts';
import { memoryStore } from '../../../src/mcp/memory-store.ts';
import * as assert from '../../helpers/assert.ts';
import { leaks } from '../../helpers/printers.ts';
import { suite } from '../../helpers/suite.ts';
import { storeContract } from './store-contract.ts';

storeContract('memoryStore', (check) => check(memoryStore()));

const test = suite('memoryStore');

test('shows no value when it is printed', async () => {
  const store = memoryStore();
  await store.set('server https://mcp.example', { access_token: 'canary-of-a-token' });
  assert.equal(leaks(store, { token: 'canary-of-a-token' }), []);
});

test('rejects a value that JSON cannot hold', () => {
  for (const value of [undefined, () => 1, Symbol('s')]) {
    const { message } = assert.throws(() => memoryStore().set('key', value), InvalidOptionError);
    assert.match(message, 'value must be JSON');
  }
});

test.run();
