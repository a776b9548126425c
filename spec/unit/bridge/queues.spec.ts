/** Bytes that are queued for all connections: whose connection goes if there are too many. */
import { Queues, type Queue } from '../../../src/bridge/queues.ts';
import { clockFrom } from '../../../src/base/clock.ts';
import * as assert from '../../helpers/assert.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('bytes queued for all connections');

class Reader implements Queue {
  readonly identity: Queue['identity'];
  readonly address: string;
  readonly client = '';
  queued: number;
  readonly dropped: string[] = [];

  constructor(holder: string, queued: number) {
    const [tenant, name = '', address = ''] = holder.split('/');
    this.identity = { name, roles: ['monitor'], ...(tenant && { tenant }) };
    this.address = address;
    this.queued = queued;
  }

  drop(reason: string): void {
    this.dropped.push(reason);
    this.queued = 0;
  }
}

type QueuesClass = typeof Queues;

/** Returns which of the readers are dropped when the last one writes, and whether it may. */
function outcomeOf(
  readers: readonly Reader[],
  max: number,
  Class: QueuesClass = Queues,
): [number[], boolean] {
  const { scheduler } = virtualTime();
  const queues = new Class(clockFrom(scheduler), max, () => readers);
  const may = queues.hasRoomFor(readers.at(-1)!);
  return [readers.flatMap(({ dropped }, index) => (dropped.length > 0 ? [index] : [])), may];
}

const of = (...readers: readonly (readonly [holder: string, queued: number])[]): Reader[] =>
  readers.map(([holder, queued]) => new Reader(holder, queued));

/** Many names of one tenant have more together than any name of another one. */
function sparesOthers(Class: QueuesClass): void {
  const readers = of(['a/one/1', 40], ['a/two/1', 30], ['a/three/1', 30], ['b/quiet/1', 50]);
  assert.equal(outcomeOf(readers, 149, Class), [[0], true], 'what is dropped for the quiet tenant');
}

test('drop nothing while there is room', () => {
  assert.equal(outcomeOf(of(['a/one/1', 60], ['b/two/1', 40]), 100), [[], true]);
});

test('L-13 drop the connection with most of the largest tenant', () => sparesOthers(Queues));

test('L-13 rejects queues that compare names only', async () => {
  const twin = (await weakenedModule(
    'bridge/queues.ts',
    edit(`  ({ identity }) => identity.tenant ?? '',\n`, ''),
  )) as { Queues: QueuesClass };
  await complains(
    () => Promise.resolve().then(() => sparesOthers(twin.Queues)),
    /what is dropped for the quiet tenant/,
  );
});

test('L-13 compare names within a tenant, and addresses within a name', () => {
  const names = of(['a/one/1', 30], ['a/one/2', 30], ['a/two/1', 50], ['a/three/1', 1]);
  assert.equal(outcomeOf(names, 110), [[0], true]);
  const addresses = of(['a/one/1', 30], ['a/one/1', 29], ['a/one/2', 40], ['a/one/3', 1]);
  assert.equal(outcomeOf(addresses, 99), [[0], true]);
});

test('drop several until the rest has room', () => {
  const readers = of(['a/one/1', 40], ['a/one/1', 30], ['a/one/1', 20], ['b/two/1', 10]);
  assert.equal(outcomeOf(readers, 30), [[0, 1], true]);
});

test('refuse the one that writes if it is of the largest holder itself', () => {
  assert.equal(outcomeOf(of(['a/one/1', 40], ['b/two/1', 60]), 99), [[], false]);
});

test('look at each connection a few times, however many names there are', () => {
  let looks = 0;
  const counted = (holder: string): Reader =>
    Object.defineProperty(new Reader(holder, 1), 'queued', {
      get() {
        looks++;
        return 1;
      },
      set: () => undefined,
    });
  const readers = [
    ...Array.from({ length: 500 }, () => counted('a/large/1')),
    ...Array.from({ length: 500 }, (_, n) => counted(`a/small-${n}/1`)),
  ];
  assert.equal(outcomeOf(readers, 999), [[0], true]);
  assert.ok(looks < 10 * readers.length, `${looks} looks`);
});

test('add all up ten times a second only', () => {
  const { scheduler, advance } = virtualTime();
  const readers = of(['a/one/1', 10], ['b/two/1', 5]);
  let sums = 0;
  const queues = new Queues(clockFrom(scheduler), 100, () => {
    sums++;
    return readers;
  });
  for (let n = 0; n < 100; n++) assert.ok(queues.hasRoomFor(readers[1]!));
  assert.is(sums, 1);
  readers[0]!.queued = 200;
  advance(101);
  assert.ok(queues.hasRoomFor(readers[1]!));
  assert.is(readers[0]!.dropped.length, 1);
});

test.run();
