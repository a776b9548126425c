/** All flows that a service may have are pending: the largest holder gives one up to a smaller one, by name, then by address. */
import { TooManyFlowsError, type ServerEvent } from '../../../src/index.ts';
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

for (const [where, withStore, test] of stores) {
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
