/** Cost of one tenant's flood to the others, counted as work: time says nothing on a shared machine. */
import { createBridge } from '../../../src/bridge.ts';
import { createOAuthCallbackServer } from '../../../src/index.ts';
import type { FlowStore } from '../../../src/model/flow-store.ts';
import * as assert from '../../helpers/assert.ts';
import { newKey, shake, withPeers } from '../../helpers/bridge.ts';
import { begun, ending, newFlow, withRedis, type Admin } from '../../helpers/redis.ts';
import { hasRedis, noRedis } from '../../helpers/redis-server.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const arrival = { path: '/callback', mode: 'query' } as const;
const fresh = (): ReturnType<typeof newFlow> => newFlow('f', { state: newState(), key: newKey() });

/** No look for lost messages comes between. */
const poll = 600_000;

const tokens = ['flood', 'quiet'].map((name) => ({
  name,
  token: `the-token-of-${name}`,
  roles: ['listener'] as const,
}));

const all = suite('tenants');
const test = all.when(hasRedis, noRedis);

async function signIn(store: FlowStore): Promise<void> {
  const flow = await begun(store, fresh());
  const woken = ending(store, flow);
  const { disposition } = await store.consume({ code: 'c', state: flow.state }, arrival);
  assert.is(disposition, 'accepted');
  await assert.deadline(woken, 'the wake-up');
  assert.is(((await store.take(flow.state)) as { type: string }).type, 'response');
  assert.ok(await store.acknowledge(flow.state));
}

/** Scripts that Redis runs for everybody while `work` lasts. */
async function scriptsOf({ clients }: Admin, work: () => Promise<unknown>): Promise<number> {
  const count = async (): Promise<number> => {
    const { calls } =
      /cmdstat_evalsha:calls=(?<calls>\d+)/.exec(await clients[0]!.info('commandstats'))?.groups ?? {};
    return Number(calls ?? 0);
  };
  const before = await count();
  await work();
  return (await count()) - before;
}

const signIns = 20;
const each = 4;

test('L-13 K-12 rejects a tenant with a hundred times its connections with 429, and another signs in for the same work', () =>
  withRedis(async ({ admin, open, defer }) => {
    const store = await open({ poll });
    const server = createOAuthCallbackServer();
    defer(() => server.close());
    const bridge = createBridge(server, { store, tokens, limits: { connectionsPerName: 5 } });
    await bridge.listen();
    const { port } = server.address;
    // Once for the scripts to be known.
    await signIn(store);
    await withPeers(`ws://127.0.0.1:${port}/bridge`, async (connect) => {
      for (let n = 0; n < 5; n++) await connect({ bearer: 'the-token-of-flood' }).welcome();
      const flood = async (): Promise<void> => {
        for (let n = 0; n < 50; n++) {
          const asked = Array.from({ length: 10 }, () =>
            shake(port, { Authorization: 'Bearer the-token-of-flood' }),
          );
          for (const { status, headers } of await Promise.all(asked)) {
            assert.is(status, 429);
            assert.match(headers['retry-after'] ?? '', /^[1-9]\d*$/);
          }
        }
      };
      const quiet = async (): Promise<void> => {
        for (let n = 0; n < signIns; n++) await signIn(store);
        await connect({ bearer: 'the-token-of-quiet' }).welcome();
      };
      assert.is(await scriptsOf(admin, () => Promise.all([flood(), quiet()])), signIns * each);
    });
  }));

test('L-13 rejects a flow beyond the quota of a tenant in one step that leaves nothing, and another tenant signs in for the same work', () =>
  withRedis(async ({ admin, open }) => {
    const flood = await open({ tenant: 'flood', quota: { flows: 10, perSecond: 1_000_000 }, poll });
    const quiet = await open({ tenant: 'quiet', poll });
    await signIn(quiet);
    for (let n = 0; n < 10; n++) await begun(flood, fresh());
    const before = (await admin.keys()).length;
    const refused = 1_000;
    const floods = async (): Promise<void> => {
      for (let n = 0; n < refused; n += 50) {
        const begins = Array.from({ length: 50 }, () => flood.begin(fresh(), 60_000));
        for (const begin of await Promise.all(begins)) assert.is(begin, 'too_many_flows');
      }
    };
    const signsIn = async (): Promise<void> => {
      for (let n = 0; n < signIns; n++) await signIn(quiet);
    };
    const scripts = await scriptsOf(admin, () => Promise.all([floods(), signsIn()]));
    assert.is(scripts, refused + signIns * each);
    assert.is((await admin.keys()).length, before + signIns);
  }));

all.run();
