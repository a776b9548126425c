/** Start links in the records of a store. */
import { clockFrom } from '../../../src/base/clock.ts';
import { StoreUnavailableError } from '../../../src/model/errors.ts';
import type { SharedRecords } from '../../../src/model/flow-store.ts';
import type { StartLink } from '../../../src/model/start-link.ts';
import { StoredStartLinks } from '../../../src/store/start-links.ts';
import * as assert from '../../helpers/assert.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('start links of a store');

test('fail if a record can be neither read nor replaced, as one that is sealed with a key of another node', async () => {
  const { scheduler } = virtualTime();
  let tries = 0;
  const records: SharedRecords = {
    read: () => Promise.resolve(undefined),
    replace: () => Promise.resolve(++tries > 1_000),
  };
  const clock = clockFrom(scheduler);
  const links = new StoredStartLinks({ records, clock, now: () => clock.now(), secret: () => 'secret' });
  const link: StartLink = {
    state: 'a-state',
    url: 'https://as.example/',
    responseMode: 'query',
    expiresAt: 60_000,
    asks: false,
    used: false,
  };
  await assert.rejects(() => links.set('an-id', link, 60_000), StoreUnavailableError);
  assert.ok(tries < 100, `${tries} tries`);
});

test.run();
