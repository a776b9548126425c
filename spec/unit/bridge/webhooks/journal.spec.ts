import { clockFrom } from '../../../../src/base/clock.ts';
import { Journal, type Job } from '../../../../src/bridge/webhooks/journal.ts';
import { StoreUnavailableError } from '../../../../src/model/errors.ts';
import type { SharedRecords } from '../../../../src/model/flow-store.ts';
import { MemoryRecords } from '../../../../src/store/memory-records.ts';
import { equal, is, rejects } from '../../../helpers/assert.ts';
import { virtualTime } from '../../../helpers/clock.ts';
import { suite } from '../../../helpers/suite.ts';

const test = suite('journal of webhooks');

const jobOf = (n: number): Job => ({
  flowId: `flow-${n}`,
  state: `state-of-flow-${n}`,
  url: 'https://target.example/',
  expiresAt: 600_000,
});

function nodes(count: number) {
  const { scheduler, advance } = virtualTime();
  const clock = clockFrom(scheduler);
  const records = new MemoryRecords(clock);
  const journals = Array.from({ length: count }, () => new Journal(records, () => clock.now()));
  return { journals, advance, records };
}

const idsOf = (jobs: readonly Job[]): string[] => jobs.map(({ flowId }) => flowId).sort();

test('has the jobs of a node that died, once it has not renewed its entry for 20 s', async () => {
  const { journals, advance } = nodes(2);
  const [dead, heir] = journals as [Journal, Journal];
  const jobs = Array.from({ length: 250 }, (_, n) => jobOf(n));
  await Promise.all(jobs.map((job) => dead.add(job)));
  for (const n of [3, 120, 249]) await dead.remove(`flow-${n}`);
  advance(20_000);
  equal(await heir.renew(), []);
  advance(1);
  const [found, ...more] = await heir.renew();
  is(more.length, 0);
  const taken = await heir.takeOver(found!);
  equal(idsOf(taken), idsOf(jobs.filter((_, n) => ![3, 120, 249].includes(n))));
  is(heir.size, 247);
  advance(1_000);
  equal(await heir.renew(), []);
});

test('leaves what a living node has, and what one has that renews', async () => {
  const { journals, advance } = nodes(2);
  const [one, other] = journals as [Journal, Journal];
  await one.add(jobOf(1));
  for (let n = 0; n < 20; n++) {
    advance(5_000);
    equal(await one.renew(), []);
    equal(await other.renew(), []);
  }
});

test('gives its jobs away at once if its node closes, and to one of two that ask', async () => {
  const { journals } = nodes(3);
  const [closed, first, second] = journals as [Journal, Journal, Journal];
  await closed.add(jobOf(1));
  await closed.leave();
  const [[found], [again]] = [await first.renew(), await second.renew()];
  equal(idsOf(await first.takeOver(found!)), ['flow-1']);
  equal(idsOf(await second.takeOver(again!)), []);
  await first.leave();
  equal(idsOf(await second.takeOver((await second.renew())[0]!)), ['flow-1']);
});

test('keeps the job of an heir that dies while it takes over', async () => {
  const { journals, advance, records } = nodes(2);
  const [dead, heir] = journals as [Journal, Journal];
  await dead.add(jobOf(1));
  advance(20_001);
  const [found] = await heir.renew();
  // It gets no further than to copy the job.
  const replace = records.replace.bind(records);
  let left = 2;
  records.replace = (...args) =>
    left-- > 0 ? replace(...args) : Promise.reject(new StoreUnavailableError('no'));
  await rejects(() => heir.takeOver(found!), StoreUnavailableError);
  records.replace = replace;
  advance(20_001);
  const last = new Journal(records, () => 40_002);
  const jobs = new Set<string>();
  for (const each of await last.renew()) for (const { flowId } of await last.takeOver(each)) jobs.add(flowId);
  equal([...jobs], ['flow-1']);
});

test('does not count a job as kept that the store did not take', async () => {
  const { records } = nodes(0);
  let fails = true;
  const flaky: SharedRecords = {
    read: (key) => records.read(key),
    replace: (...args) =>
      fails ? Promise.reject(new StoreUnavailableError('no store')) : records.replace(...args),
  };
  const journal = new Journal(flaky, () => 0);
  await rejects(() => journal.add(jobOf(1)), StoreUnavailableError);
  is(journal.size, 0);
  fails = false;
  await journal.add(jobOf(1));
  const heir = new Journal(records, () => 30_000);
  equal(idsOf(await heir.takeOver((await heir.renew())[0]!)), ['flow-1']);
});

test.run();
