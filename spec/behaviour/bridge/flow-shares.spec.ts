/** All flows that a service may have are pending: the largest holder gives one up to a smaller one, by name, then by address. */
import { TooManyFlowsError, type ServerEvent } from '../../../src/index.ts';
import { StoreUnavailableError } from '../../../src/model/errors.ts';
import type { FlowStore } from '../../../src/model/flow-store.ts';
import { createStoredHost } from '../../../src/store/host.ts';
import { createBridge } from '../../../src/bridge/server.ts';
import { memoryStore } from '../../../src/bridge.ts';
import * as assert from '../../helpers/assert.ts';
import {
  newKey,
  withBridge,
  withPeers,
  type Bridged,
  type CreateBridge,
  type Peer,
} from '../../helpers/bridge.ts';
import { complains } from '../../helpers/complains.ts';
import { observe } from '../../helpers/endpoint.ts';
import { PlainProgram } from '../../helpers/plain-program.ts';
import { withRedis } from '../../helpers/redis.ts';
import { hasRedis, noRedis } from '../../helpers/redis-server.ts';
import { newState } from '../../helpers/server.ts';
import { suite, type Test } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const all = suite('shares of flows');
const test = all;

const bearer = (name: string): string => `the-token-of-${name}`;
const tokenOf = (name: string) => ({ name, token: bearer(name), roles: ['listener'] as const });

type WithStore = (body: (store: FlowStore) => Promise<void>) => Promise<void>;

const stores: readonly (readonly [string, WithStore, Test])[] = [
  ['of this process', (body) => body(memoryStore()), all],
  [
    'in Redis',
    (body) => withRedis(async ({ open }) => body(await open({ poll: 600_000 }))),
    all.when(hasRedis, noRedis),
  ],
];

interface Full extends Bridged {
  readonly events: ServerEvent[];
  readonly evicted: () => string[];
}

/** A bridge with room for so many flows. */
const withRoom = (
  maxFlows: number,
  names: readonly string[],
  store: FlowStore,
  body: (full: Full) => Promise<void>,
  create: CreateBridge = createBridge,
): Promise<void> =>
  withBridge(
    (bridged) =>
      body({
        ...bridged,
        evicted: () =>
          bridged.events.flatMap((event) =>
            event.type === 'cancelled' && event.reason === 'evicted' ? [event.flowId] : [],
          ),
      }),
    { store, tokens: names.map(tokenOf) },
    { maxFlows, trustedProxies: ['127.0.0.1'], binding: 'none' },
    create,
  );

/** Begins a flow, or learns why there is none. */
async function attempt(peer: Peer): Promise<string> {
  peer.say({ type: 'begin', ref: 1, state: newState(), key: newKey() });
  for (;;) {
    await peer.heardAll();
    const at = peer.heard.findIndex(({ type }) => type === 'begun' || type === 'failed');
    const [answer] = at < 0 ? [] : peer.heard.splice(at, 1);
    if (answer?.type === 'begun') return answer.flowId;
    if (answer?.type === 'failed') return answer.code;
  }
}

/** Two names have half of the flows each. A third one gets its part from both. */
const sharesByName = (store: FlowStore, create?: CreateBridge): Promise<void> =>
  withRoom(
    8,
    ['one', 'two', 'three'],
    store,
    ({ url, evicted, bridge, server }) =>
      withPeers(url, async (open) => {
        const [one, two, three] = ['one', 'two', 'three'].map((name) => open({ bearer: bearer(name) })) as [
          Peer,
          Peer,
          Peer,
        ];
        for (const peer of [one, two, three]) await peer.welcome();
        const ofOne: string[] = [];
        const ofTwo: string[] = [];
        for (let n = 0; n < 4; n++) ofOne.push(await one.begin());
        for (let n = 0; n < 4; n++) ofTwo.push(await two.begin());
        assert.is(await attempt(one), 'too_many_flows', 'more than its half');
        const ofThree = [await attempt(three), await attempt(three)];
        assert.not.ok(ofThree.includes('too_many_flows'), 'a flow of the smaller holder');
        assert.is(await attempt(three), 'too_many_flows', 'as many as the others');
        // The oldest of each.
        const gone = [ofOne[0], ofTwo[0]];
        const heard = [await one.next('result'), await two.next('result')];
        assert.equal(
          heard.map(({ flowId, result }) => [flowId, result.type]),
          gone.map((flowId) => [flowId, 'cancelled']),
        );
        assert.equal(evicted(), gone);
        assert.equal([server.pending, bridge.connections], [8, 3]);
      }),
    create,
  );

const from = (port: number, name: string, address: string): PlainProgram =>
  new PlainProgram(port, {
    changes: { Authorization: `Bearer ${bearer(name)}`, 'X-Forwarded-For': address },
  });

/** One address has all flows of its credential. Another address gets its part, and none of another credential. */
const sharesByAddress = (store: FlowStore, create?: CreateBridge): Promise<void> =>
  withRoom(
    8,
    ['one', 'two'],
    store,
    async ({ port, evicted }) => {
      const begin = async (name: string, address: string): Promise<number> =>
        (await from(port, name, address).begin()).status;
      for (let n = 0; n < 3; n++) assert.is(await begin('two', '192.0.2.9'), 201);
      const first: PlainProgram[] = [];
      for (let n = 0; n < 4; n++) {
        const program = from(port, 'one', '192.0.2.1');
        first.push(program);
        assert.is((await program.begin()).status, 201);
      }
      assert.is(await begin('one', '192.0.2.1'), 429, 'more than the half of its name');
      const other = [await begin('one', '192.0.2.2'), await begin('one', '192.0.2.2')];
      assert.equal(other, [201, 201], 'a flow from another address');
      assert.is(await begin('one', '192.0.2.2'), 429, 'more than the other address');
      const left = await Promise.all(first.map(async (program) => (await program.wait(0)).status));
      assert.equal(left, [404, 404, 204, 204]);
      assert.is(evicted().length, 2);
    },
    create,
  );

/** One name takes all flows up that there is room for at another server. A smaller holder gets its part there too. */
const sharesWhatIsTakenUp = (store: FlowStore, create?: CreateBridge): Promise<void> =>
  withRoom(
    8,
    ['one', 'two'],
    store,
    (here) =>
      withRoom(
        4,
        ['one', 'two'],
        store,
        async (there) => {
          const moved: PlainProgram[] = [];
          for (let n = 0; n < 4; n++) {
            const program = from(here.port, 'one', '192.0.2.1');
            assert.is((await program.begin()).status, 201);
            moved.push(program.at(there.port));
          }
          for (const program of moved) assert.is((await program.wait(0)).status, 204);
          const begun = [0, 1].map(() => from(there.port, 'two', '192.0.2.2'));
          for (const program of begun)
            assert.is((await program.begin()).status, 201, 'a flow beside those that were taken up');
          const left = await Promise.all(moved.map(async (program) => (await program.wait(0)).status));
          assert.equal(left, [200, 200, 204, 204]);
        },
        create,
      ),
    create,
  );

/** The store fails while flows are given up: they count on, and are given up once it is back. */
const keepsCounting = async (store: FlowStore, create?: CreateBridge): Promise<void> => {
  const cancel = store.cancel.bind(store);
  await withRoom(
    4,
    ['one', 'two', 'three'],
    store,
    async ({ port, evicted }) => {
      for (const name of ['one', 'one', 'two', 'two'])
        assert.is((await from(port, name, '192.0.2.1').begin()).status, 201);
      store.cancel = () => Promise.reject(new StoreUnavailableError('the store of the spec fails'));
      for (let n = 0; n < 2; n++) assert.is((await from(port, 'three', '192.0.2.3').begin()).status, 503);
      store.cancel = cancel;
      const { status } = await from(port, 'three', '192.0.2.3').begin();
      assert.is(status, 201, 'a flow once the store is back');
      assert.is(evicted().length, 1);
    },
    create,
  );
};

/** A name asks for many flows in one moment, of a store that counts no shares. */
const countsWhatBegins = (store: FlowStore, create?: CreateBridge): Promise<void> => {
  const begin = store.begin.bind(store);
  store.begin = async (flow, ttl) => {
    await new Promise(setImmediate);
    return begin(flow, ttl);
  };
  return withRoom(
    8,
    ['one', 'two'],
    store,
    ({ url, server }) =>
      withPeers(url, async (open) => {
        const peer = open({ bearer: bearer('one') });
        await peer.welcome();
        for (let ref = 0; ref < 20; ref++) peer.say({ type: 'begin', ref, state: newState(), key: newKey() });
        for (let n = 0; n < 16; n++)
          assert.is((await peer.next('failed')).code, 'too_many_flows', 'more than its half');
        await peer.heardAll();
        assert.is(server.pending, 4, 'more than its half');
      }),
    create,
  );
};

test('L-13 flows that the store could not give up count on', () => keepsCounting(memoryStore()));

for (const [where, withStore, test] of stores) {
  test(`L-13 ${where}: a name has no more than its share if it asks for all in one moment`, () =>
    withStore((store) => countsWhatBegins(store)));

  test(`L-13 ${where}: a program holds the flows that it takes up at another server`, () =>
    withStore((store) => sharesWhatIsTakenUp(store)));

  test(`L-13 ${where}: the name with the most flows gives up its oldest to one with fewer`, () =>
    withStore((store) => sharesByName(store)));

  test(`L-13 ${where}: so does the address with the most flows of a name`, () =>
    withStore((store) => sharesByAddress(store)));

  test(`${where}: never gives up a flow that was answered`, () =>
    withStore((store) =>
      withRoom(3, ['one', 'two'], store, async ({ port, visit, evicted }) => {
        const programs = [0, 1].map(() => from(port, 'one', '192.0.2.1'));
        for (const program of programs) assert.is((await program.begin()).status, 201);
        const [answered, waiting] = programs as [PlainProgram, PlainProgram];
        assert.is((await visit(`/callback?code=c&state=${answered.state}`)).status, 200);
        const others = [0, 1].map(() => from(port, 'two', '192.0.2.2'));
        for (const other of others) assert.is((await other.begin()).status, 201);
        // The place of the flow that was answered is free, so nobody has to go.
        assert.equal(evicted(), []);
        const { status, json } = await answered.wait(0);
        assert.is(status, 200);
        assert.is((json as { result: { type: string } }).result.type, 'response');
        assert.is((await waiting.wait(0)).status, 204);
      }),
    ));

  test(`${where}: the program itself gets places of remote ones, and gives up none`, () =>
    withStore((store) =>
      withRoom(3, ['one', 'two'], store, async ({ port, server, evicted }) => {
        const host = createStoredHost(server, store);
        const remote = [0, 1].map(() => from(port, 'one', '192.0.2.1'));
        for (const program of remote) assert.is((await program.begin()).status, 201);
        const own = [observe(await host.begin()), observe(await host.begin())];
        assert.is(evicted().length, 1);
        // One of each name is left, and as many as the largest has would be no smaller.
        await assert.rejects(() => host.begin(), TooManyFlowsError);
        assert.is((await from(port, 'two', '192.0.2.2').begin()).status, 429);
        assert.equal(
          own.flatMap(({ errors }) => errors),
          [],
        );
      }),
    ));
}

const twins: readonly (readonly [string, ReturnType<typeof edit>, typeof sharesByName, RegExp])[] = [
  [
    'gives up none',
    edit(
      'for (const flow of this.#holders.largestFor(path, within) ?? []) {',
      'for (const flow of [] as WaitingFlow[]) {',
    ),
    sharesByName,
    /a flow of the smaller holder/,
  ],
  [
    'does not know addresses',
    edit('const holder = { ...identity, address };', "const holder = { ...identity, address: '' };"),
    sharesByAddress,
    /a flow from another address/,
  ],
  [
    'keeps what it gave up in the account of the name',
    edit("if (within === 'name' && result !== 'elsewhere') await this.#forgetEvicted(flow);", ''),
    sharesByAddress,
    /a flow from another address/,
  ],
  [
    'does not count what is being begun',
    edit('if (after > 0) this.#beginningOf.set(account, after);', 'if (after > 0) return;'),
    countsWhatBegins,
    /a message failed|more than its half/,
  ],
  [
    'does not count what is taken up',
    edit('this.#wait(flow, holder && pathOf(holder));', 'this.#wait(flow);'),
    sharesWhatIsTakenUp,
    /a flow beside those that were taken up/,
  ],
  [
    'counts no longer what the store could not give up',
    edit('if (holder && this.#waiting.get(state) === flow) this.#holders.add(holder, flow);', ''),
    keepsCounting,
    /a flow once the store is back/,
  ],
];

for (const [what, change, check, complaint] of twins)
  all(`L-13 rejects a bridge that ${what}`, async () => {
    const twin = (await weakenedModule('bridge.ts', change)) as {
      createBridge: CreateBridge;
      memoryStore: typeof memoryStore;
    };
    await complains(() => check(twin.memoryStore(), twin.createBridge), complaint);
  });

all.run();
