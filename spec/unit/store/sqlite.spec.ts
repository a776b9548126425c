import { join } from 'node:path';
import Database from 'libsql';
import type { FlowShare, FlowStore, StoredFlow } from '../../../src/model/flow-store.ts';
import { sqliteStore, type SqliteFlowStore } from '../../../src/sqlite.ts';
import * as assert from '../../helpers/assert.ts';
import { newKey } from '../../helpers/bridge.ts';
import { Folder } from '../../helpers/cli.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { begun, newFlow } from '../../helpers/redis.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule, type Change } from '../../helpers/weakened.ts';
import { storeContract } from './contract.ts';

type Making = typeof sqliteStore;

/** A file, and the stores of the processes that have it one after the other. */
interface Bench {
  readonly store: SqliteFlowStore;
  readonly path: string;
  advance(ms: number): void;
  /** Closes the store, lets time pass, and opens the file again. */
  restart(ms?: number): Promise<SqliteFlowStore>;
}

async function withFile(body: (bench: Bench) => Promise<void>, make: Making = sqliteStore): Promise<void> {
  using folder = new Folder();
  const { scheduler, advance } = virtualTime();
  const path = join(folder.path, 'flows.db');
  const open = (): Promise<SqliteFlowStore> => make({ file: path, scheduler });
  let current = await open();
  try {
    await body({
      store: current,
      path,
      advance,
      async restart(ms = 0) {
        await current.close();
        advance(ms);
        return (current = await open());
      },
    });
  } finally {
    await current.close();
  }
}

storeContract('sqliteStore', (body) =>
  withFile(({ store, advance }) =>
    body({
      store,
      pass: (ms) => {
        advance(ms);
        return Promise.resolve();
      },
      quiet: () => Promise.resolve(),
    }),
  ),
);

const test = suite('sqliteStore after a restart');

const arrival = { path: '/callback', mode: 'query' } as const;
const fresh = (): ReturnType<typeof newFlow> => newFlow('f', { state: newState(), key: newKey() });

test('has each flow as it was: pending, answered, unconfirmed, cancelled, used', () =>
  withFile(async ({ store, restart }) => {
    const expectation = { ...fresh().expectation, byCode: true } as const;
    const pending = {
      ...fresh(),
      description: { label: 'GitHub', serverUrl: 'https://mcp.example' },
      startId: 'start',
    };
    const [answered, cancelled, used, unconfirmed] = [fresh(), fresh(), fresh(), { ...fresh(), expectation }];
    const { expiresAt, id } = await begun(store, pending);
    for (const flow of [answered, cancelled, used, unconfirmed]) await begun(store, flow);
    await store.consume({ code: 'of the answered', state: answered.state }, arrival);
    await store.cancel(cancelled.state);
    await store.consume({ code: 'of the used', state: used.state }, arrival);
    await store.acknowledge(used.state);
    const { code = '' } = await store.consume({ code: 'late', state: unconfirmed.state }, arrival);
    for (let wrong = 0; wrong < 4; wrong++) await store.confirm(unconfirmed.state, 'BBBBBBBB');

    const again = await restart();
    assert.equal(await again.read(pending.state), { ...pending, id, expiresAt });
    assert.equal(await again.begin(pending, 60_000), { flow: { ...pending, id, expiresAt }, again: true });
    assert.is(await again.take(pending.state), undefined);
    const response = { code: 'of the answered', state: answered.state };
    assert.equal(await again.take(answered.state), { type: 'response', response });
    assert.equal(await again.take(cancelled.state), { type: 'cancelled' });
    assert.is((await again.consume({ code: 'x', state: used.state }, arrival)).disposition, 'duplicate');
    assert.is(await again.confirm(unconfirmed.state, code), 'confirmed');
    assert.is(((await again.take(unconfirmed.state)) as { type: string }).type, 'response');
    assert.is((await again.consume({ code: 'c', state: pending.state }, arrival)).flowId, id);
  }));

test('has its epoch, its secrets and its records', () =>
  withFile(async ({ store, restart }) => {
    const known = [store.epoch, store.secret, store.forTenant!('acme').secret];
    await store.records!.replace('key', undefined, 'text', 60_000);
    const again = await restart();
    assert.equal([again.epoch, again.secret, again.forTenant!('acme').secret], known);
    assert.is((await again.records!.read('key'))?.text, 'text');
  }));

test('has no flow whose time was over meanwhile, and tells whoever takes it up', () =>
  withFile(async ({ store, restart, advance }) => {
    const [first, second] = [fresh(), fresh()];
    await begun(store, first, 5_000);
    const { expiresAt } = await begun(store, second, 30_000);
    const again = await restart(6_000);
    assert.equal(await again.take(first.state), { type: 'expired' });
    let woken = 0;
    const kept = (await again.read(second.state)) as StoredFlow;
    assert.is(kept.expiresAt, expiresAt);
    again.watch(kept, { wake: () => woken++ });
    advance(24_000);
    assert.ok(woken > 0);
    assert.equal(await again.take(second.state), { type: 'expired' });
    const last = await restart(120_000);
    assert.is(await last.take(second.state), 'gone');
  }));

async function removesInBatches(make: Making): Promise<void> {
  await withFile(async ({ store, restart, advance, path }) => {
    const flow = fresh();
    await begun(store, flow);
    await store.cancel(flow.state);
    await store.acknowledge(flow.state);
    await store.close();
    addUsedStates(path, 1_200);
    const again = await restart(120_000);
    const left = async (after: SqliteFlowStore): Promise<number> => {
      await after.close();
      const database = new Database(path);
      const { rows } = database.prepare('SELECT count(*) AS rows FROM flow').get() as { rows: number };
      database.close();
      return rows;
    };
    assert.is(await left(again), 701, 'rows after the first batch');
    const last = await restart();
    for (let n = 0; n < 3; n++) {
      await new Promise(setImmediate);
      advance(20);
    }
    assert.is(await left(last), 0);
  }, make);
}

test('removes what is gone in batches, so that redirects are answered between them', () =>
  removesInBatches(sqliteStore));

test('rejects a store that removes all at once', async () => {
  const twin = (await weakenedModule(
    'sqlite.ts',
    edit(`const batch = 500;`, `const batch = 1e6;`, 'store/sqlite/file.ts'),
  )) as {
    sqliteStore: Making;
  };
  await complains(() => removesInBatches(twin.sqliteStore), /rows after the first batch/);
});

/** Begins a flow of an account, and returns its state; `too_many_flows` if there is no room. */
async function beginOf(store: FlowStore, share: FlowShare): Promise<string> {
  const flow = fresh();
  const result = await store.begin(flow, 60_000, share);
  return typeof result === 'string' ? result : flow.state;
}

const greedy = { name: 'greedy', flows: 1 };

async function countsFlows(make: Making): Promise<void> {
  await withFile(async ({ store, restart }) => {
    const state = await beginOf(store, greedy);
    const again = await restart();
    assert.is(await beginOf(again, greedy), 'too_many_flows', 'a second flow of one');
    assert.is((await beginOf(again, { name: 'modest', flows: 1 })).length, 43);
    await again.cancel(state);
    assert.is(await beginOf(again, greedy), 'too_many_flows', 'one that is not acknowledged');
    await again.acknowledge(state);
    assert.is((await beginOf(again, greedy)).length, 43);
  }, make);
}

async function boundsBytes(make: Making): Promise<void> {
  await withFile(async ({ store, restart }) => {
    const [hoarder, modest] = [
      { name: 'hoarder', flows: 300 },
      { name: 'modest', flows: 300 },
    ];
    const accepted = async (into: FlowStore, share: FlowShare): Promise<string> => {
      const state = await beginOf(into, share);
      await into.consume({ code: 'c'.repeat(15_000), state }, arrival);
      return state;
    };
    const other = await accepted(store, modest);
    const states: string[] = [];
    for (let n = 0; n < 40; n++) states.push(await accepted(store, hoarder));
    const again = await restart();
    for (let n = 0; n < 40; n++) states.push(await accepted(again, hoarder));
    const left: string[] = [];
    for (const state of states) if ((await again.take(state)) !== 'gone') left.push(state);
    // 300 flows of 4 KiB each; a sealed response has a third more.
    assert.ok(left.length > 50 && left.length <= 58, `${left.length} are left`);
    assert.equal(left, states.slice(-left.length), 'the oldest go');
    assert.is((await again.consume({ code: 'c', state: states[0]! }, arrival)).disposition, 'duplicate');
    assert.is(((await again.take(other)) as { type: string }).type, 'response');
  }, make);
}

/** Puts more used states of the same account into a closed file: a used state is a row whose flow is forgotten. */
function addUsedStates(path: string, count: number): void {
  const database = new Database(path);
  database.exec('BEGIN');
  const added =
    database.prepare(`INSERT INTO flow (id, tenant, account, share, bytes, expires, ending, acknowledged)
    SELECT ?, tenant, account, share, bytes, expires, ending, acknowledged FROM flow ORDER BY number LIMIT 1`);
  for (let n = 0; n < count; n++) added.run(`used-${n}`);
  database.exec('COMMIT');
  database.close();
}

async function boundsUsedStates(make: Making): Promise<void> {
  await withFile(async ({ store, restart, path }) => {
    const acknowledged = async (share: FlowShare): Promise<string> => {
      const flow = fresh();
      await store.begin(flow, 600_000, share);
      await store.cancel(flow.state);
      await store.acknowledge(flow.state);
      return flow.state;
    };
    const [first, second] = [await acknowledged(greedy), await acknowledged(greedy)];
    const other = await acknowledged({ name: 'modest', flows: 1 });
    await store.close();
    addUsedStates(path, 4_095);
    const again = await restart();
    const told = async (state: string): Promise<string> =>
      (await again.consume({ code: 'c', state }, arrival)).disposition;
    assert.is(await told(first), 'unmatched', 'the oldest of 4,097');
    assert.is(await told(second), 'duplicate');
    assert.is(await told(other), 'duplicate', 'of another name');
  }, make);
}

const shares: readonly (readonly [
  title: string,
  proof: (make: Making) => Promise<void>,
  weakness: string,
  change: Change,
  complaint: RegExp,
])[] = [
  [
    'counts the flows of a name that it had before',
    countsFlows,
    'counts none',
    edit(`use.flows >= share.flows || `, ``),
    /a second flow of one/,
  ],
  [
    'drops the oldest results of a name once they fill its share of bytes',
    boundsBytes,
    'drops none',
    edit(`bytes > row.share`, `bytes < 0`),
    /59 are left/,
  ],
  [
    'remembers so many used states of a name, and no other name pays for them',
    boundsUsedStates,
    'remembers all',
    edit(`this.#prepare(sql.removeSurplus).run();`, ``),
    /the oldest of 4,097/,
  ],
];

for (const [title, proof, weakness, change, complaint] of shares) {
  test(`B1 ${title}`, () => proof(sqliteStore));

  test(`B1 rejects a store that ${weakness}`, async () => {
    const twin = (await weakenedModule('sqlite.ts', change)) as { sqliteStore: Making };
    await complains(() => proof(twin.sqliteStore), complaint);
  });
}

test.run();
