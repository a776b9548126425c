/** The links between nodes and Redis: what happens when they break, are narrow, or are shared. */
import * as assert from '../../helpers/assert.ts';
import { newKey, token } from '../../helpers/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { createBridge } from '../../../src/bridge.ts';
import { createOAuthCallbackServer } from '../../../src/index.ts';
import { redisStore } from '../../../src/redis.ts';
import type { FlowStore } from '../../../src/model/flow-store.ts';
import { FaultProxy, type Point } from '../../helpers/fault-proxy.ts';
import { visit, type HttpAnswer } from '../../helpers/http.ts';
import { begun, ending, newFlow, withRedis, type RedisBench } from '../../helpers/redis.ts';
import { hasRedis, noRedis, RedisServer, freePort } from '../../helpers/redis-server.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';
import { certificate } from '../../helpers/tls.ts';

const arrival = { path: '/callback', mode: 'query' } as const;
const fresh = (): ReturnType<typeof newFlow> => newFlow('f', { state: newState(), key: newKey() });

const all = suite('links to Redis');
const test = all.when(hasRedis, noRedis);

/** A node of the service; gives what a browser gets that is sent back to it. */
async function node(
  { defer }: RedisBench,
  store: FlowStore,
): Promise<(state: string, code?: string) => Promise<HttpAnswer>> {
  const server = createOAuthCallbackServer({ logger: { warn: () => undefined } });
  const bridge = createBridge(server, { token, store });
  defer(() => server.close());
  await bridge.listen();
  const { port } = server.address;
  return (state, code = 'c') => visit(port, `/callback?code=${code}&state=${state}`);
}

test('L-08 learns of flows that ended while the link for messages was down, once it is back', () =>
  withRedis(async ({ admin, open }) => {
    const [one, other] = [await open({ poll: 600_000 }), await open()];
    const flow = await begun(one, fresh());
    const woken = ending(one, flow);
    const [redis] = admin.clients;
    await redis!.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
    await other.consume({ code: 'c', state: flow.state }, arrival);
    await assert.deadline(woken, 'the wake-up');
    assert.is(((await one.take(flow.state)) as { type: string }).type, 'response');
  }));

test('L-08 learns of ended flows within the time of a poll if no message ever comes', () =>
  withRedis(async ({ admin, client, open, server }) => {
    const rule = 'on >secret ~* resetchannels +@all';
    await admin.clients[0]!.sendCommand(['ACL', 'SETUSER', 'deaf', ...rule.split(' ')]);
    const deaf = await client(server.url, { username: 'deaf', password: 'secret' });
    const { scheduler, advance } = virtualTime();
    const [one, other] = [await open({ client: deaf, poll: 300, scheduler }), await open()];
    const flow = await begun(one, fresh());
    const woken = ending(one, flow);
    await other.consume({ code: 'c', state: flow.state }, arrival);
    advance(300);
    await assert.deadline(woken, 'the wake-up');
  }));

test('L-08 hears of endings again once Redis allows the channel', () =>
  withRedis(async ({ admin, client, open, server }) => {
    const [redis] = admin.clients;
    const rule = 'on >secret ~* resetchannels +@all';
    await redis!.sendCommand(['ACL', 'SETUSER', 'deaf', ...rule.split(' ')]);
    const deaf = await client(server.url, { username: 'deaf', password: 'secret' });
    const [one, other] = [await open({ client: deaf, poll: 600_000 }), await open()];
    const flow = await begun(one, fresh());
    const woken = ending(one, flow);
    await redis!.sendCommand(['ACL', 'SETUSER', 'deaf', 'allchannels']);
    await redis!.sendCommand(['CLIENT', 'KILL', 'USER', 'deaf']);
    const subscribed = async (): Promise<void> => {
      const channels = (await redis!.sendCommand(['PUBSUB', 'SHARDCHANNELS'])) as unknown as string[];
      if (!channels.some((channel) => channel.includes(':node:'))) throw new Error('not subscribed');
    };
    await assert.deadline(back(subscribed), 'the channel');
    await other.consume({ code: 'c', state: flow.state }, arrival);
    await assert.deadline(woken, 'the wake-up');
  }));

const point = (way: string, at: number): Point => (way === 'request' ? { toService: at } : { toClient: at });

// Parts of the command, and of its answer, that go through.
for (const [way, parts] of [
  ['request', [0, 0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 0.999]],
  ['answer', [0, 0.06, 0.12, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.97]],
] as const)
  for (const stays of [false, true])
    test(`L-14 cut in the ${way} of a consumption, at ten points, ${stays ? 'for a while' : 'for a moment'}`, () =>
      withRedis(async (bench) => {
        const proxy = await FaultProxy.open(bench.server.port);
        bench.defer(() => proxy[Symbol.asyncDispose]());
        const client = await bench.client(`redis://127.0.0.1:${proxy.port}`);
        const { scheduler, advance } = virtualTime();
        const store = await bench.open({ client, ...(stays ? { scheduler } : { timeout: 20_000 }) });
        const faulty = await node(bench, store);
        const keeper = await bench.open();
        const sound = await node(bench, keeper);
        const consume = async (): Promise<{ toService: number; toClient: number }> => {
          const { state } = await begun(keeper, fresh());
          proxy.count();
          assert.is((await faulty(state)).status, 200);
          return { ...proxy.counted };
        };
        // Once for the script to be known.
        await consume();
        const whole = await consume();
        let away = 0;
        for (const part of parts) {
          const { state } = await begun(keeper, fresh());
          const at = Math.floor(part * whole[way === 'request' ? 'toService' : 'toClient']);
          const { cuts } = proxy;
          proxy.arm(point(way, at), stays);
          const answer = faulty(state, 'first');
          // The time of the store passes only while the link is away.
          const first = stays ? await passing(answer, () => proxy.cuts > cuts && advance(100)) : await answer;
          assert.is(proxy.cuts, cuts + 1, `no cut at ${at}`);
          const kept = await keeper.take(state);
          const second = await sound(state, 'second');
          const ended = await keeper.take(state);
          const said = `at ${at}: ${first.status}, then ${second.status}`;
          if (first.status === 503) {
            away++;
            assert.match(first.headers['retry-after'] ?? '', /^\d+$/);
            assert.match(first.body, 'Sign-in is not available right now');
          } else {
            assert.is(first.status, 200, said);
          }
          // Redis accepted one of the two redirects, and that response is the one to deliver.
          assert.is(second.status, kept ? 400 : 200, said);
          const code = kept ? 'first' : 'second';
          assert.equal(ended, { type: 'response', response: { code, state } }, said);
          if (first.status === 200) assert.ok(kept, said);
          proxy.heal();
          // The faulty node is itself again.
          const healed = back(consume);
          await assert.deadline(stays ? passing(healed, () => advance(1)) : healed, 'the link');
        }
        // An answer that lacks only its last bytes is one all the same.
        assert.ok(stays ? away >= 8 : away === 0, `${away} were answered 503`);
      }));

/** Loses the answer to one step, which is then asked for again; meanwhile `body` runs. */
async function again<T>(
  bench: RedisBench,
  step: (store: FlowStore) => Promise<T>,
  meanwhile: () => Promise<unknown> = () => Promise.resolve(),
): Promise<T> {
  const proxy = await FaultProxy.open(bench.server.port);
  bench.defer(() => proxy[Symbol.asyncDispose]());
  const client = await bench.client(`redis://127.0.0.1:${proxy.port}`);
  const faulty = await bench.open({ client, timeout: 60_000 });
  // For the script to be known.
  await faulty.consume({ code: 'c', state: newState() }, arrival);
  await begun(faulty, fresh());
  proxy.arm({ toClient: 0 }, true);
  const { cuts } = proxy;
  const answer = step(faulty);
  const cut = async (): Promise<void> => {
    while (proxy.cuts === cuts) await new Promise(setImmediate);
  };
  await assert.deadline(cut(), 'the cut');
  await meanwhile();
  proxy.heal();
  return assert.deadline(answer, 'the answer');
}

test('L-14 a begin whose answer was lost has begun its own flow, and not joined another', () =>
  withRedis(async (bench) => {
    const flow = fresh();
    const got = await again(bench, (store) => store.begin(flow, 60_000));
    assert.is(typeof got === 'object' && got.again, false);
    const other = await bench.open();
    const found = await other.begin(flow, 60_000);
    assert.is(typeof found === 'object' && found.again, true);
  }));

test('L-14 a redirect whose answer was lost is accepted, though its listener has acknowledged it meanwhile', () =>
  withRedis(async (bench) => {
    const keeper = await bench.open();
    const { state } = await begun(keeper, fresh());
    const accepted = await again(
      bench,
      (store) => store.consume({ code: 'c', state }, arrival),
      async () => {
        assert.equal(await keeper.take(state), { type: 'response', response: { code: 'c', state } });
        assert.is(await keeper.acknowledge(state), true);
      },
    );
    assert.is(accepted.disposition, 'accepted');
    assert.is((await keeper.consume({ code: 'c', state }, arrival)).disposition, 'duplicate');
  }));

test('L-14 an unavailable store begins no flow, and says so', () =>
  withRedis(async (bench) => {
    const { scheduler, advance } = virtualTime();
    const store = await bench.open({ scheduler });
    const { state } = await begun(store, fresh());
    const asked = await node(bench, store);
    await bench.server.stop('SIGKILL');
    for (const step of [
      () => store.begin(fresh(), 1_000),
      () => store.read(state),
      () => store.take(state),
      () => store.check(),
    ])
      await passing(assert.rejects(step, 'store_unavailable'), () => advance(100));
    const answer = await passing(asked(state), () => advance(100));
    assert.equal([answer.status, answer.headers['retry-after']], [503, '2']);
    const client = bench.admin.clients[0]!;
    await assert.rejects(() => redisStore({ client, timeout: 100 }), 'store_unavailable');
  }));

test('L-07 a failover loses only flows that the replica had not received', () =>
  withRedis(async (bench) => {
    const { server, client, defer, admin } = bench;
    const replica = await RedisServer.start('--replicaof', '127.0.0.1', String(server.port));
    defer(() => replica[Symbol.asyncDispose]());
    const [before, behind] = [await bench.open(), await client(replica.url)];
    const [heard, unheard] = [await begun(before, fresh()), await begun(before, fresh())];
    const redis = admin.clients[0]!;
    const replicated = async (): Promise<number> => Number(await redis.sendCommand(['WAIT', '1', '5000']));
    const inSync = async (): Promise<void> => {
      while ((await replicated()) < 1) await new Promise(setImmediate);
    };
    await before.consume({ code: 'first', state: heard.state }, arrival);
    await redis.set('rxoc:marker', '1');
    await assert.deadline(inSync(), 'the replica');
    await assert.deadline(
      back(async () => assert.is(await behind.get('rxoc:marker'), '1')),
      'the replica',
    );
    // From here on it hears nothing.
    await behind.sendCommand(['REPLICAOF', 'NO', 'ONE']);
    assert.is(
      (await before.consume({ code: 'first', state: unheard.state }, arrival)).disposition,
      'accepted',
    );
    await server.stop('SIGKILL');
    const after = await bench.open({ client: behind });
    const again = (state: string) => after.consume({ code: 'second', state }, arrival);
    assert.is((await again(heard.state)).disposition, 'duplicate');
    // The documented bound: it is accepted once more. Its listener emits the first it gets.
    assert.is((await again(unheard.state)).disposition, 'accepted');
    assert.is((await again(unheard.state)).disposition, 'duplicate');
  }));

const allowed =
  'eval evalsha hget hmget hset hdel hincrby del set get pexpire pexpireat pttl time zadd zrem zcard zscore zremrangebyscore ' +
  'spublish ssubscribe sunsubscribe hello auth ping';

test('L-12 works with minimal rights in Redis, which reach nothing else', () =>
  withRedis(async ({ admin, client, open, server }) => {
    const commands = allowed.split(' ').map((command) => `+${command}`);
    const rule = ['on', '>secret', 'resetkeys', '~rxoc:*', 'resetchannels', '&rxoc:*', '-@all', ...commands];
    await admin.clients[0]!.sendCommand(['ACL', 'SETUSER', 'node', ...rule]);
    const own = await client(server.url, {
      username: 'node',
      password: 'secret',
      maintNotifications: 'disabled',
    });
    const options = { client: own, quota: {}, tenant: 't', poll: 600_000 };
    const [one, other] = [await open(options), await open(options)];
    const [flow, second] = [await begun(one, fresh()), await begun(one, fresh())];
    const woken = [ending(one, flow), ending(one, second)];
    await other.consume({ code: 'c', state: flow.state }, arrival);
    await other.cancel(second.state);
    await assert.deadline(Promise.all(woken), 'the messages');
    const byCode = fresh();
    await begun(one, { ...byCode, expectation: { ...byCode.expectation, byCode: true } });
    const shown = await other.consume({ code: 'c', state: byCode.state }, arrival);
    assert.is(await one.confirm(byCode.state, 'BCDFGHJK'), 'wrong');
    assert.is(await one.confirm(byCode.state, shown.code ?? ''), 'confirmed');
    await one.take(flow.state);
    await one.acknowledge(flow.state);
    await other.adopt(second.state);
    assert.equal(await other.take(second.state), { type: 'cancelled' });
    for (const command of [
      ['GET', 'other:key'],
      ['SSUBSCRIBE', 'other:channel'],
      ['KEYS', '*'],
      ['FLUSHALL'],
      ['CONFIG', 'GET', '*'],
      ['EVAL', "return redis.call('GET', 'other:key')", '0'],
    ])
      await assert.rejects(own.sendCommand(command), (error: Error) =>
        /NOPERM|can't access/.test(error.message),
      );
  }));

test('L-12 works over TLS', async () => {
  const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
  const { tmpdir } = await import('node:os');
  const { join } = await import('node:path');
  const folder = mkdtempSync(join(tmpdir(), 'redis-tls-'));
  try {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    writeFileSync(cert, certificate.cert);
    writeFileSync(key, certificate.key);
    const tls = [
      '--tls-cert-file',
      cert,
      '--tls-key-file',
      key,
      '--tls-ca-cert-file',
      cert,
      '--tls-auth-clients',
      'no',
    ];
    await withRedis(
      async ({ client, open, admin }) => {
        // The port in the clear must be there for the helper.
        const port = await freePort();
        await admin.clients[0]!.sendCommand(['CONFIG', 'SET', 'tls-port', String(port)]);
        const secure = await client(`rediss://127.0.0.1:${port}`, {
          socket: { ca: certificate.cert },
        });
        const store = await open({ client: secure });
        const flow = await begun(store, fresh());
        const woken = ending(store, flow);
        await store.consume({ code: 'c', state: flow.state }, arrival);
        await assert.deadline(woken, 'the message');
      },
      ...tls,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('L-13 rejects a tenant beyond its quota, and no other tenant', () =>
  withRedis(async ({ open }) => {
    const flood = await open({ tenant: 'flood', quota: { flows: 10, perSecond: 1_000_000 } });
    const other = await open({ tenant: 'other', quota: { flows: 10 } });
    const flows = Array.from({ length: 1_000 }, fresh);
    const outcomes = await Promise.all(flows.map((flow) => flood.begin(flow, 60_000)));
    assert.is(outcomes.filter((outcome) => outcome === 'too_many_flows').length, 990);
    const flow = await begun(other, fresh());
    assert.is((await other.consume({ code: 'c', state: flow.state }, arrival)).disposition, 'accepted');
    // An acknowledged flow makes room again, and flows begun earlier still belong to the tenant.
    const begunFlow = outcomes.find((outcome) => typeof outcome !== 'string')!;
    assert.ok(typeof begunFlow === 'object');
    await flood.cancel(begunFlow.flow.state);
    assert.ok(await flood.acknowledge(begunFlow.flow.state));
    await assert.deadline(
      back(() => begun(flood, fresh())),
      'room',
    );
    assert.is(await flood.begin(fresh(), 60_000), 'too_many_flows');
  }));

test('L-13 rejects a tenant that begins too fast for a moment', () =>
  withRedis(async ({ open }) => {
    const store = await open({ quota: { perSecond: 20 } });
    const began = performance.now();
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => store.begin(fresh(), 60_000)));
    const seconds = (performance.now() - began) / 1_000;
    const admitted = outcomes.filter((outcome) => typeof outcome === 'object').length;
    assert.ok(
      admitted >= 20 && admitted <= 20 + Math.ceil(20 * seconds),
      `${admitted} begun in ${seconds} s`,
    );
    await assert.deadline(
      back(() => begun(store, fresh())),
      'a new allowance',
    );
  }));

all.run();

/** Has virtual time pass until a promise is settled. */
async function passing<T>(promise: Promise<T>, pass: () => unknown): Promise<T> {
  const waiting = { done: false };
  const end = (): void => void (waiting.done = true);
  promise.then(end, end);
  while (!waiting.done) {
    await new Promise(setImmediate);
    pass();
  }
  return promise;
}

/** Tries until it works. */
async function back(attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await attempt();
      return;
    } catch {
      await new Promise(setImmediate);
    }
  }
}
