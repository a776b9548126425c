/** What flows in Redis must do, each as a check of one module: of the real one, and of weakened twins. */
import * as assert from './helpers/assert.ts';
import { newKey, newState, token } from './helpers/bridge.ts';
import { begun, connected, ending, newFlow, quiet, withRedis, type RedisBench } from './helpers/redis.ts';
import { createBridge } from '../src/bridge/server.ts';
import type { RedisFlowStore, RedisStoreOptions } from '../src/redis.ts';
import { redisStore } from '../src/redis.ts';
import type { NewFlow } from '../src/store/store.ts';
import { visit } from './helpers/wire.ts';

/** A check of a module of `src`, given what that exports. */
export interface ClusterRow<M = never> {
  readonly title: string;
  /** As `redis.ts`. */
  readonly module: string;
  readonly check: (exported: M) => Promise<void>;
}

type Redis = Pick<typeof import('../src/redis.ts'), 'redisStore'>;

interface Opened extends Omit<RedisBench, 'open'> {
  open(options?: Partial<RedisStoreOptions>): Promise<RedisFlowStore>;
}

const arrival = { path: '/callback', mode: 'query' } as const;

const fresh = (): NewFlow => newFlow('f', { state: newState(), key: newKey() });

/** A check of the stores that a module makes. */
function ofStores(title: string, check: (opened: Opened) => Promise<void>): ClusterRow<Redis> {
  return {
    title,
    module: 'redis.ts',
    check: ({ redisStore: make }) =>
      withRedis(async (bench) => {
        const open: Opened['open'] = async (options = {}) => {
          const client = options.client ?? (await bench.client());
          const store = await make({ client, ...options });
          bench.defer(() => store.close());
          return store;
        };
        await check({ ...bench, open });
      }),
  };
}

const acceptsOnce = ofStores(
  'L-06 accepts one of the redirects that come to all nodes in the same tick',
  async ({ open }) => {
    const nodes = [await open(), await open(), await open()];
    for (let round = 0; round < 5; round++) {
      const { state } = await begun(nodes[0]!, fresh());
      const consumed = await Promise.all(
        Array.from({ length: 30 }, (_, n) => nodes[n % 3]!.consume({ code: String(n), state }, arrival)),
      );
      const accepted = consumed.filter(({ disposition }) => disposition === 'accepted').length;
      assert.is(accepted, 1, 'accepted in the same tick');
      const again = await nodes[0]!.consume({ code: 'again', state }, arrival);
      assert.is(again.disposition, 'duplicate', 'one after the other');
    }
  },
);

const everyKeyEnds = ofStores(
  'L-10 gives every key a time to live, at each step',
  async ({ open, admin }) => {
    const store = await open({ quota: {} });
    const flow = fresh();
    const lives = async (step: string): Promise<void> => {
      const keys = await admin.keys('rxoc:');
      assert.ok(keys.length > 0);
      for (const { key, client } of keys)
        assert.is.not(await client.pTTL(key), -1, `${step}: a key lives for ever`);
    };
    await begun(store, flow);
    await lives('begun');
    const stop = await store.onOutcome(flow.state, 60_000, () => undefined);
    await store.consume({ code: 'c', state: flow.state }, arrival);
    await lives('consumed');
    await store.acknowledge(flow.state);
    await lives('acknowledged');
    stop();
  },
);

const showsNothing = ofStores(
  'L-05 L-11 shows Redis no state, code, key or outcome',
  async ({ open, client, admin }) => {
    const told: string[] = [];
    const monitor = await client();
    await monitor.monitor((line) => told.push(line));
    const listens = await client();
    await listens.pSubscribe('*', (message) => told.push(message));
    const store = await open();
    const flow = fresh();
    const { id } = await begun(store, flow);
    const stop = await store.onOutcome(flow.state, 60_000, () => undefined);
    await store.consume({ code: 'CANARY-CODE', state: flow.state }, arrival);
    for (const { key, client: at } of await admin.keys('rxoc:'))
      if (key.includes(':flow:')) told.push(JSON.stringify(await at.hGetAll(key)));
    await store.settle(flow.state, { status: 'failure', message: 'CANARY-OUTCOME' });
    await quiet(store);
    stop();
    const all = told.join('\n');
    assert.ok(all.includes(id), 'nothing was heard');
    for (const [what, canary] of [
      ['a code', 'CANARY-CODE'],
      ['a state', flow.state],
      ['a key', flow.key],
      ['an outcome', 'CANARY-OUTCOME'],
    ] as const)
      assert.not.ok(all.includes(canary), `${what} is shown`);
  },
);

const tenantsApart = ofStores('L-05 keeps the same state of two tenants apart', async ({ open }) => {
  const [one, other] = [await open({ tenant: 'one' }), await open({ tenant: 'other' })];
  const flow = fresh();
  await begun(one, flow);
  const { disposition } = await other.consume({ code: 'c', state: flow.state }, arrival);
  assert.is(disposition, 'unmatched', 'at the other tenant');
});

const opensItsOwn = ofStores(
  'L-11 opens what was sealed for this tenant, flow and purpose, with a key it has, and nothing else',
  async ({ open, admin }) => {
    const key = (byte: number) => [{ id: 'k', key: Buffer.alloc(32, byte) }];
    const [one, other] = [
      await open({ tenant: 'one', keys: key(1) }),
      await open({ tenant: 'other', keys: key(1) }),
    ];
    const flow = fresh();
    for (const store of [one, other]) {
      await begun(store, flow);
      await store.consume({ code: 'c', state: flow.state }, arrival);
      assert.is(((await store.take(flow.state)) as { type: string }).type, 'response');
    }
    const stranger = await open({ tenant: 'one', keys: key(2) });
    await assert.rejects(stranger.read(flow.state), 'stored_flow_unreadable');
    const flows = (await admin.keys('rxoc:')).filter((each) => each.key.includes(':flow:'));
    const [first, second] = flows.map((each) => each.key);
    const [redis] = admin.clients;
    await redis!.hSet(first!, 'r', (await redis!.hGet(second!, 'r'))!);
    const opened = await Promise.allSettled([one, other].map((store) => store.take(flow.state)));
    assert.is(
      opened.filter(({ status }) => status === 'fulfilled').length,
      1,
      "one has the other tenant's response",
    );
  },
);

const keepsUnread = ofStores('K-14 keeps a result until it is acknowledged', async ({ open }) => {
  const store = await open();
  const flow = fresh();
  await begun(store, flow);
  assert.is(await store.acknowledge(flow.state), false, 'before it has ended');
  const response = { code: 'c', state: flow.state };
  const { disposition } = await store.consume(response, arrival);
  assert.is(disposition, 'accepted', 'after an acknowledgement that came too early');
  for (const time of ['first', 'second'])
    assert.equal(
      await store.take(flow.state),
      { type: 'response', response },
      `the ${time} time it is taken`,
    );
  assert.is(await store.acknowledge(flow.state), true);
  assert.is(await store.take(flow.state), 'gone');
});

const findsUntold = ofStores(
  'L-08 finds out what ended though no message comes',
  async ({ open, client, server, admin }) => {
    const rule = 'on >secret ~* resetchannels +@all';
    await admin.clients[0]!.sendCommand(['ACL', 'SETUSER', 'deaf', ...rule.split(' ')]);
    const deaf = await client(server.url, { username: 'deaf', password: 'secret' });
    const [one, other] = [await open({ client: deaf, poll: 300 }), await open()];
    const flow = await begun(one, fresh());
    const woken = ending(one, flow);
    await other.consume({ code: 'c', state: flow.state }, arrival);
    await assert.deadline(woken, 2_000, 'the wake-up');
  },
);

const tellsOnceOfWhatIsLost = ofStores(
  'a flow that Redis has lost is told of by one node, and one that was acknowledged by none',
  async ({ open, admin }) => {
    const nodes = [await open(), await open(), await open()];
    const flow = await begun(nodes[0]!, fresh());
    for (const node of nodes) await node.adopt(flow.state);
    const telling = async (of: typeof flow): Promise<number> =>
      (await Promise.all(nodes.map((node) => node.announce(of)))).filter(Boolean).length;
    await admin.clients[0]!.flushAll();
    for (const node of nodes) assert.is(await node.take(flow.state), 'gone');
    assert.is(await telling(flow), 1, 'of one that was lost');
    for (const { key, client } of await admin.keys('rxoc:'))
      assert.is.not(await client.pTTL(key), -1, 'it is remembered for ever');
    // Its program may begin it again, as if nothing had been.
    const again = await begun(nodes[1]!, flow);
    assert.is(await telling(again), 1, 'of one that was begun again');
    const other = await begun(nodes[0]!, fresh());
    await nodes[0]!.cancel(other.state);
    await nodes[0]!.acknowledge(other.state);
    assert.is(await nodes[1]!.take(other.state), 'gone');
    assert.is(await telling(other), 0, 'of one that was acknowledged');
  },
);

const failsClosed: ClusterRow<Pick<typeof import('../src/server.ts'), 'createOAuthCallbackServer'>> = {
  title: 'L-14 answers 503 with Retry-After while the store is away, and accepts nothing',
  module: 'server.ts',
  check: ({ createOAuthCallbackServer }) =>
    withRedis(async ({ server: redis, defer }) => {
      const client = await connected(redis.url);
      defer(() => client.destroy());
      const store = await redisStore({ client, timeout: 200 });
      defer(() => store.close());
      const server = createOAuthCallbackServer({ logger: { warn: () => undefined } });
      defer(() => server.close());
      await createBridge(server, { token, store }).listen();
      const { state } = await begun(store, fresh());
      const seen: string[] = [];
      server.redirects.subscribe(({ disposition }) => seen.push(disposition));
      await redis.stop('SIGKILL');
      const { status, headers } = await visit(server.address.port, `/callback?code=c&state=${state}`);
      assert.is(status, 503, 'the status');
      assert.ok(headers['retry-after'], 'nothing says when to come again');
      assert.equal(seen, [], 'what became of the redirect');
    }),
};

export const clusterRows = {
  acceptsOnce,
  everyKeyEnds,
  showsNothing,
  tenantsApart,
  opensItsOwn,
  keepsUnread,
  findsUntold,
  tellsOnceOfWhatIsLost,
  failsClosed,
} as const;
