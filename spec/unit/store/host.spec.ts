/** Flows of one process in a store: what spec/behaviour/callback-host.spec.ts does not ask of every host. */
import { firstValueFrom } from 'rxjs';
import { memoryStore } from '../../../src/bridge.ts';
import { clockFrom } from '../../../src/base/clock.ts';
import type { ServerOptions } from '../../../src/index.ts';
import { createStoredHost, type StoredHost } from '../../../src/redis.ts';
import type { FlowStore } from '../../../src/model/flow-store.ts';
import * as assert from '../../helpers/assert.ts';
import { virtualTime, type VirtualTime } from '../../helpers/clock.ts';
import { observe, withServer, type Endpoint } from '../../helpers/endpoint.ts';
import { withRedis } from '../../helpers/redis.ts';
import { hasRedis, noRedis } from '../../helpers/redis-server.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

interface Hosted extends Endpoint {
  host: StoredHost;
  store: FlowStore;
  time: VirtualTime;
}

/** A host over a store in memory, in virtual time. @param change What is another in the store. */
function withHost(
  body: (hosted: Hosted) => Promise<void>,
  options: ServerOptions = {},
  change: Partial<FlowStore> = {},
): Promise<void> {
  const time = virtualTime();
  const store = Object.assign(memoryStore({ clock: clockFrom(time.scheduler) }), change);
  return withServer({ scheduler: time.scheduler, ...options }, async (endpoint) => {
    await using host = createStoredHost(endpoint.server, store);
    await body({ ...endpoint, host, store, time });
  });
}

const never = <T>(): Promise<T> => new Promise(() => undefined);

const all = suite('a host over a store');
const test = all;

test('B-09 rejects a state that is pending or used, weak states, and flows beyond maxFlows', () =>
  withHost(
    async ({ host, visit }) => {
      const { state } = await host.begin();
      await assert.rejects(host.begin({ state }), 'state_in_use');
      await assert.rejects(host.begin({ state: 'weak' }), 'invalid_option');
      await assert.rejects(host.begin({ stat: newState() } as object), 'invalid_option');
      await host.begin();
      await assert.rejects(host.begin(), 'too_many_flows');
      await visit(`/callback?code=c&state=${state}`);
      await assert.rejects(host.begin({ state }), 'state_in_use');
    },
    { maxFlows: 2 },
  ));

test('B-10 keeps a response for late subscribers until its time is over, and frees the store at once', () =>
  withHost(async ({ host, store, time, visit }) => {
    const flow = await host.begin({ ttl: 60_000 });
    assert.is((await visit(`/callback?code=c&state=${flow.state}`)).status, 200);
    assert.is(await store.read(flow.state), undefined);
    time.advance(59_000);
    assert.is((await firstValueFrom(flow.response)).code, 'c');
    const other = await host.begin({ ttl: 60_000 });
    await visit(`/callback?code=c&state=${other.state}`);
    time.advance(60_000);
    await assert.rejects(firstValueFrom(other.response), 'expired');
  }));

test('B-06 expires a flow when the store says so, and after a further minute if it says nothing', () =>
  withHost(async ({ host, time, events }) => {
    const flow = await host.begin({ ttl: 1_000 });
    const seen = observe(flow);
    const expired = assert.rejects(firstValueFrom(flow.response), 'expired');
    time.advance(1_000);
    await expired;
    assert.is(seen.errors.length, 1);
    assert.equal(
      events.map(({ type }) => type),
      ['begun', 'expired'],
    );
  }));

test('ends a flow a minute after its time if the store is silent', () =>
  withHost(
    async ({ host, time }) => {
      const flow = await host.begin({ ttl: 1_000 });
      const seen = observe(flow);
      time.advance(60_000);
      assert.equal(seen.errors, []);
      time.advance(1_000);
      assert.equal(
        seen.errors.map((error) => (error as { code: string }).code),
        ['expired'],
      );
      const closed = host.close();
      time.advance(1_500);
      await closed;
    },
    {},
    { watch: () => () => undefined, take: never },
  ));

test('ends a flow that the store has lost, and says so', () =>
  withHost(
    async ({ host, server, store, events }) => {
      const flow = await host.begin({ ttl: 1_000 });
      const lost = assert.rejects(firstValueFrom(flow.response), 'closed');
      // Which wakes the host.
      await store.cancel(flow.state);
      assert.is((await lost).message, 'the store lost the flow');
      assert.is(server.pending, 0);
      assert.equal(events.map((event) => ('flowId' in event ? { ...event, at: 0 } : event)).slice(1), [
        { type: 'cancelled', at: 0, flowId: flow.id, reason: 'lost' },
      ]);
    },
    {},
    { take: () => Promise.resolve('gone') },
  ));

test('reports a lost flow as expired if its time was over by then', () =>
  withHost(
    async ({ host, time, events }) => {
      const flow = await host.begin({ ttl: 1_000 });
      const ended = assert.rejects(firstValueFrom(flow.response));
      time.advance(1_000);
      await ended;
      assert.is(events.at(-1)?.type, 'expired');
    },
    {},
    { take: () => Promise.resolve('gone') },
  ));

test('frees a cancelled flow at the store', () =>
  withHost(async ({ host, store, events }) => {
    const flow = await host.begin();
    const ended = firstValueFrom(host.events);
    flow.cancel();
    assert.is((await ended).type, 'cancelled');
    assert.is(events.at(-1)?.type, 'cancelled');
    await host.close();
    assert.is(await store.read(flow.state), undefined);
    const consumed = await store.consume(
      { code: 'c', state: flow.state },
      { path: '/callback', mode: 'query' },
    );
    assert.is(consumed.disposition, 'duplicate');
    flow.cancel();
  }));

test('begins no flow if the signal aborts or the host closes meanwhile', () =>
  withHost(async ({ host, store }) => {
    const controller = new AbortController();
    const states = [newState(), newState()] as const;
    const aborted = assert.rejects(host.begin({ state: states[0], signal: controller.signal }), 'cancelled');
    controller.abort();
    await aborted;
    const closed = assert.rejects(host.begin({ state: states[1] }), 'closed');
    await host.close();
    await closed;
    for (const state of states) assert.is(await store.read(state), undefined);
  }));

test('joins the flow of the same key while it is pending, and then begins another', () =>
  withHost(async ({ host, visit }) => {
    const one = await host.begin({ key: 'k' });
    assert.is(await host.begin({ key: 'k' }), one);
    await visit(`/callback?code=c&state=${one.state}`);
    const [other, same] = await Promise.all([host.begin({ key: 'k' }), host.begin({ key: 'k' })]);
    assert.is.not(other, one);
    assert.is(same, other);
    await assert.rejects(host.begin({ key: 'l', state: 'weak' }), 'invalid_option');
    await host.begin({ key: 'l' });
  }));

test('takes a redirect that was held for its state', () =>
  withHost(
    async ({ host, visit }) => {
      const state = newState();
      const page = visit(`/callback?code=c&state=${state}`);
      await firstValueFrom(host.events);
      const flow = await host.begin({ state });
      assert.is((await firstValueFrom(flow.response)).code, 'c');
      assert.is((await page).status, 200);
    },
    { unmatched: { holdFor: 60_000, max: 1 } },
  ));

test('closes with its server, in time even if the store does not answer', () =>
  withHost(
    async ({ host, server, time }) => {
      const flow = await host.begin();
      const seen = observe(flow);
      let completed = false;
      host.events.subscribe({ complete: () => (completed = true) });
      const closed = server.close();
      // Its closing begins a turn later.
      await Promise.resolve();
      assert.equal(
        seen.errors.map((error) => (error as { code: string }).code),
        ['closed'],
      );
      time.advance(500);
      await closed;
      assert.ok(completed);
      await assert.rejects(host.begin(), 'closed');
      await host.close();
    },
    { closeTimeout: 500 },
    { cancel: never },
  ));

test('settles pages only with a valid outcome, and each flow once', () =>
  withHost(
    async ({ host, visit }) => {
      const flow = await host.begin();
      const page = visit(`/callback?code=c&state=${flow.state}`);
      await firstValueFrom(flow.response);
      for (const wrong of [{ status: 'maybe' }, { status: 'redirect', url: 'https://evil.example/' }])
        assert.throws(() => flow.settle(wrong as never), 'invalid_option');
      flow.settle({ status: 'failure', message: 'no token' });
      flow.settle({ status: 'success' });
      assert.match((await page).body, 'no token');
    },
    { settle: 60_000 },
  ));

test('shares a store with the bridge of its server, and no other one', () =>
  withHost(({ server, store }) => {
    assert.throws(() => createStoredHost(server, memoryStore()), 'invalid_option');
    createStoredHost(server, store);
    return Promise.resolve();
  }));

all.when(hasRedis, noRedis)(
  'L-14 begins no flow while the store is unavailable, and then gets the responses that came meanwhile',
  () =>
    withRedis(
      async ({ server: redis, open }) =>
        withServer({}, async ({ server, visit }) => {
          await using host = createStoredHost(server, await open({ timeout: 1_500 }));
          const flow = await host.begin();
          const response = firstValueFrom(flow.response);
          await redis.stop();
          await assert.rejects(host.begin(), 'store_unavailable');
          assert.is((await visit(`/callback?code=c&state=${flow.state}`)).status, 503);
          await redis.start();
          while ((await visit(`/callback?code=c&state=${flow.state}`)).status === 503);
          assert.is((await assert.deadline(response, 'the response')).code, 'c');
        }),
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
    ),
);

all.run();
