/** The waiting times of flows: with many open flows an event takes no more work than with a few. */
import { WaitingTimes } from '../../../src/monitor/waiting-times.ts';
import * as assert from '../../helpers/assert.ts';
import { complains } from '../../helpers/complains.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('waiting times');

const begun = (flowId: string, at = 0) => ({ type: 'begun', flowId, at, redirectUri: '' }) as never;
const expired = (flowId: string, at: number) => ({ type: 'expired', flowId, at }) as never;

/** Counts the walks over maps during `body`: each passes the places of entries that were deleted. */
function walksOf(body: () => void): number {
  const real = { keys: Map.prototype.keys, values: Map.prototype.values, entries: Map.prototype.entries };
  let walks = 0;
  for (const name of ['keys', 'values', 'entries'] as const)
    Object.defineProperty(Map.prototype, name, {
      configurable: true,
      writable: true,
      value(this: Map<unknown, unknown>) {
        walks++;
        return real[name].call(this);
      },
    });
  try {
    body();
  } finally {
    Object.assign(Map.prototype, real);
  }
  return walks;
}

function crowded(make: typeof WaitingTimes = WaitingTimes): Promise<void> {
  const times = new make();
  // More than are remembered.
  for (let open = 0; open < 250_000; open++) times.waited(begun(`open ${open}`));
  const walks = walksOf(() => {
    for (let pair = 0; pair < 1_000; pair++) {
      times.waited(begun(`flow ${pair}`, 1));
      assert.is(times.waited(expired(`flow ${pair}`, 3)), 2);
    }
  });
  assert.is(walks, 0, `${walks} walks over the flows`);
  // The last ones are remembered, the first ones are not.
  assert.equal([times.waited(expired('open 249999', 7)), times.waited(expired('open 0', 7))], [7, undefined]);
  return Promise.resolve();
}

test('never walks over the open flows, however many there are', () => crowded());

test('rejects one that looks for the oldest flow', async () => {
  const first = 'this.#older.delete(key);\n    if (this.#newer.size';
  const walking = first.replace(
    'if',
    `const [oldest] = this.#newer.keys();
    if (this.#newer.size >= this.#min) this.#newer.delete(oldest as K);
    if`,
  );
  const weakened = await weakenedModule('monitor/waiting-times.ts', edit(first, walking));
  await complains(
    () => crowded((weakened as { WaitingTimes: typeof WaitingTimes }).WaitingTimes),
    /walks over/,
  );
});

test.run();
