import { clockFrom } from '../../../src/base/clock.ts';
import type { FlowStore, NewFlow, FlowShare } from '../../../src/model/flow-store.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import * as assert from '../../helpers/assert.ts';
import { newKey } from '../../helpers/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { newFlow } from '../../helpers/redis.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule, type Change } from '../../helpers/weakened.ts';
import { storeContract } from './contract.ts';

storeContract('memoryStore', (body) => {
  const time = virtualTime();
  const store = memoryStore({ clock: clockFrom(time.scheduler) });
  return body({
    store,
    pass: (ms) => {
      time.advance(ms);
      return Promise.resolve();
    },
    quiet: () => Promise.resolve(),
  });
});

const test = suite('shares of memoryStore');

const arrival = { path: '/callback', mode: 'query' } as const;
const fresh = (): NewFlow => newFlow('f', { state: newState(), key: newKey() });

/** Begins a flow, and returns its state. */
async function beginOf(store: FlowStore, share: FlowShare): Promise<string> {
  const flow = fresh();
  const begun = await store.begin(flow, 60_000, share);
  return typeof begun === 'string' ? begun : flow.state;
}

test('B1 counts flows of a name until they are acknowledged, and no other name pays for them', async () => {
  const { scheduler, advance } = virtualTime();
  const store = memoryStore({ clock: clockFrom(scheduler) });
  const greedy = { name: 'greedy', flows: 3 };
  const states = [await beginOf(store, greedy), await beginOf(store, greedy), await beginOf(store, greedy)];
  await store.cancel(states[0]!);
  assert.is(await beginOf(store, greedy), 'too_many_flows');
  assert.is((await beginOf(store, { name: 'modest', flows: 3 })).length, 43);
  await store.acknowledge(states[0]!);
  assert.is((await beginOf(store, greedy)).length, 43);
  assert.is(await beginOf(store, greedy), 'too_many_flows');
  // Two are pending and expire; all are kept for another minute.
  advance(60_000);
  assert.is(await beginOf(store, greedy), 'too_many_flows');
  advance(60_000);
  assert.is((await beginOf(store, greedy)).length, 43);
});

test('B1 drops the oldest results of a name that are not acknowledged once they fill its share of bytes', async () => {
  const store = memoryStore();
  const [greedy, modest] = [
    { name: 'greedy', flows: 300 },
    { name: 'modest', flows: 300 },
  ];
  const accepted = async (share: FlowShare): Promise<string> => {
    const state = await beginOf(store, share);
    await store.consume({ code: 'c'.repeat(16_384), state }, arrival);
    return state;
  };
  const kept = await accepted(modest);
  const states: string[] = [];
  for (let n = 0; n < 100; n++) states.push(await accepted(greedy));
  const left: string[] = [];
  for (const state of states) if ((await store.take(state)) !== 'gone') left.push(state);
  // 300 flows of 4 KiB each.
  assert.ok(left.length > 60 && left.length <= 75, `${left.length} are left`);
  assert.equal(left, states.slice(-left.length));
  assert.is((await store.consume({ code: 'c', state: states[0]! }, arrival)).disposition, 'duplicate');
  assert.is(((await store.take(kept)) as { type: string }).type, 'response');
});

test('B1 keeps of an acknowledged flow that its state was used, until the flow would have been forgotten', async () => {
  const { scheduler, advance } = virtualTime();
  const store = memoryStore({ clock: clockFrom(scheduler) });
  const flow = fresh();
  await store.begin(flow, 60_000);
  await store.cancel(flow.state);
  await store.acknowledge(flow.state);
  advance(119_999);
  assert.is(await store.begin(flow, 60_000), 'state_in_use');
  advance(1);
  assert.is(typeof (await store.begin(flow, 60_000)), 'object');
});

type Making = typeof memoryStore;

/** Begins a flow, cancels and acknowledges it; returns its state. */
async function acknowledgedOf(store: FlowStore, share: FlowShare, ttl = 60_000): Promise<string> {
  const flow = fresh();
  assert.type(await store.begin(flow, ttl, share), 'object', 'what begins after acknowledged flows');
  await store.cancel(flow.state);
  await store.acknowledge(flow.state);
  return flow.state;
}

/** The used state of a flow expires while its name has others. */
async function countsAllFlows(make: Making): Promise<void> {
  const { scheduler, advance } = virtualTime();
  const store = make({ clock: clockFrom(scheduler) });
  const share = { name: 'greedy', flows: 2 };
  await acknowledgedOf(store, share, 1_000);
  await store.begin(fresh(), 600_000, share);
  await store.begin(fresh(), 600_000, share);
  advance(120_000);
  assert.is(await beginOf(store, share), 'too_many_flows', 'a third flow of two');
}

/** Bytes of 4,096 used states are more than those of a pending flow. */
async function countsNoAcknowledgedFlows(make: Making): Promise<void> {
  const store = make();
  const share = { name: 'greedy', flows: 100 };
  await store.begin(fresh(), 60_000, share);
  for (let n = 0; n < 4_200; n++) await acknowledgedOf(store, share);
}

async function boundsUsedStates(make: Making): Promise<void> {
  const store = make();
  const [greedy, modest] = [
    { name: 'greedy', flows: 1 },
    { name: 'modest', flows: 1 },
  ];
  const told = async (state: string): Promise<string> =>
    (await store.consume({ code: 'c', state }, arrival)).disposition;
  const other = await acknowledgedOf(store, modest);
  const states: string[] = [];
  for (let n = 0; n < 4_097; n++) states.push(await acknowledgedOf(store, greedy));
  assert.is(await told(states[0]!), 'unmatched', 'the oldest of 4,097');
  assert.is(await told(states[1]!), 'duplicate');
  assert.is(await told(other), 'duplicate', 'of another name');
}

/** A part of a text keeps the whole text in memory, as V8 has it. */
async function keepsNoRequests(make: Making): Promise<void> {
  const store = make();
  const heap = (): number => {
    globalThis.gc!();
    return process.memoryUsage().heapUsed;
  };
  const count = 300;
  const before = heap();
  for (let n = 0; n < count; n++) {
    const body = Buffer.alloc(65_536, 'x').toString('latin1');
    const state = await beginOf(store, { name: 'greedy', flows: count });
    await store.consume({ code: body.slice(0, 1_000), state }, arrival);
  }
  const each = (heap() - before) / count;
  assert.ok(each < 16_384, `a code of 1,000 characters keeps ${Math.round(each / 1_024)} KiB`);
}

const shares: readonly (readonly [
  title: string,
  proof: (make: Making) => Promise<void>,
  weakness: string,
  changes: readonly Change[],
  complaint: RegExp,
])[] = [
  [
    'takes no more flows of a name than its share after a used state of it has expired',
    countsAllFlows,
    'closes an account that another one has followed',
    [
      edit(
        `    const { state, flow, account } = entry;\n`,
        `    const { state, flow, account } = entry;\n    this.#remove(entry);\n`,
      ),
      edit(`forget(surplus);\n    this.#remove(entry);`, `forget(surplus);`),
      edit(` && this.#byName.get(name) === account`, ``),
    ],
    /a third flow of two/,
  ],
  [
    'takes nothing of a share for flows that were acknowledged',
    countsNoAcknowledgedFlows,
    'counts used states as flows',
    [edit(`account.bytes + bytes > maxBytes`, `account.bytes + account.used.size * 256 + bytes > maxBytes`)],
    /what begins after acknowledged flows/,
  ],
  [
    'remembers so many used states of a name, and no other name pays for them',
    boundsUsedStates,
    'remembers all used states',
    [edit(`if (surplus) this.#forget(surplus);`, ``)],
    /the oldest of 4,097/,
  ],
  [
    'keeps the texts of a response, and not the request that they are parts of',
    keepsNoRequests,
    'keeps whole requests',
    [edit(`const copy = structuredClone(response)`, `const copy = response`)],
    /a code of 1,000 characters keeps 6\d KiB/,
  ],
];

for (const [title, proof, weakness, changes, complaint] of shares) {
  test(`B1 ${title}`, () => proof(memoryStore));

  test(`B1 rejects a store that ${weakness}`, async () => {
    const twin = (await weakenedModule('store/memory.ts', ...changes)) as { memoryStore: Making };
    await complains(() => proof(twin.memoryStore), complaint);
  });
}

test.run();
