/** The flows of a client, over a real service and a network that can be cut. */
import { getEventListeners } from 'node:events';
import { filter, firstValueFrom, type SchedulerLike } from 'rxjs';
import { connectCallbackHost, type FeedStatus, type RemoteCallbackHost } from '../../../src/client.ts';
import {
  InvalidOptionError,
  type BeginOptions,
  type CallbackHost,
  type Outcome,
  type ServerEvent,
} from '../../../src/index.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import type { FlowStore } from '../../../src/model/flow-store.ts';
import * as assert from '../../helpers/assert.ts';
import { token, withBridge, withPeers, type Bridged } from '../../helpers/bridge.ts';
import { hasty, virtualTime } from '../../helpers/clock.ts';
import { observe } from '../../helpers/endpoint.ts';
import { suite } from '../../helpers/suite.ts';
import { TcpProxy } from '../../helpers/tcp-proxy.ts';

interface Remote extends Bridged {
  host: RemoteCallbackHost;
  proxy: TcpProxy;
  store: FlowStore;
  reported: unknown[];
}

interface Setup {
  store?: (store: FlowStore, proxy: TcpProxy) => FlowStore;
  settle?: number;
  events?: number;
  scheduler?: SchedulerLike;
  heartbeat?: number;
}

/** A client that reaches its service through a network of which every byte is seen. */
async function withRemote(body: (remote: Remote) => Promise<void>, setup: Setup = {}): Promise<void> {
  const { settle = false, events = 10_000, scheduler = hasty, heartbeat = 30_000 } = setup;
  const proxy = await TcpProxy.open(undefined, { records: true });
  const authority = `127.0.0.1:${proxy.port}`;
  const memory = memoryStore();
  const store = setup.store?.(memory, proxy) ?? memory;
  const attempt = async (bridged: Bridged): Promise<void> => {
    proxy.target = bridged.port;
    const reported: unknown[] = [];
    const host = await connectCallbackHost(`ws://${authority}/bridge`, {
      token,
      scheduler,
      report: (error) => reported.push(error),
    });
    const visit: Bridged['visit'] = (target) => bridged.visit(target, { Host: authority });
    try {
      await body({ ...bridged, visit, host, proxy, store, reported });
    } finally {
      await host.close();
    }
  };
  try {
    await withBridge(
      attempt,
      { store, limits: { events, heartbeat } },
      { publicUrl: `http://${authority}`, settle },
    );
  } finally {
    await proxy.close();
  }
}

function happens({ server }: Remote, type: ServerEvent['type']): Promise<ServerEvent> {
  const event = firstValueFrom(server.events.pipe(filter((each) => each.type === type)));
  return assert.deadline(event, `the event ${type}`);
}

/** Messages of one type among those that went over the wire. */
const ofType = (frames: readonly string[], type: string): string[] =>
  frames.filter((frame) => frame.startsWith(`{"type":"${type}"`));

async function until(what: string, met: () => boolean | Promise<boolean>): Promise<void> {
  const look = async (): Promise<void> => {
    while (!(await met())) await new Promise(setImmediate);
  };
  await assert.deadline(look(), what);
}

const test = suite('flows of the client');

test('K-14 cancels a flow at the service that was cancelled while the service was unavailable', () =>
  withRemote(async (remote) => {
    const { host, proxy, port, visit } = remote;
    const [gone, stays] = await Promise.all([host.begin(), host.begin()]);
    proxy.target = undefined;
    proxy.cutAll();
    await until('the loss', () => !host.connected);
    gone.cancel();
    await assert.rejects(firstValueFrom(gone.response), 'cancelled');
    const cancelled = happens(remote, 'cancelled');
    proxy.target = port;
    assert.is(((await cancelled) as { flowId: string }).flowId, gone.id);
    assert.is((await visit(`/callback?code=c&state=${gone.state}`)).status, 400);
    const response = firstValueFrom(stays.response);
    assert.is((await visit(`/callback?code=c&state=${stays.state}`)).status, 200);
    assert.is((await response).code, 'c');
  }));

for (const [reason, code] of [
  ['taken_over', 'taken_over'],
  ['unknown_flow', 'closed'],
] as const) {
  test(`W2 a flow that is lost as ${reason} ends with ${code}, and the others of its host go on, also after a break`, () =>
    withRemote(async (remote) => {
      const { host, proxy, port, store, url, visit } = remote;
      const [lost, stays] = await Promise.all([host.begin(), host.begin()]);
      const ended = assert.rejects(firstValueFrom(lost.response), code);
      if (reason === 'taken_over')
        await withPeers(url, async (open) => {
          // Its key is in the first message.
          const [sent = ''] = ofType(proxy.said, 'begin').filter((frame) => frame.includes(lost.state));
          const other = open();
          await other.welcome();
          assert.is(await other.begin(lost.state, (JSON.parse(sent) as { key: string }).key), lost.id);
          await ended;
          proxy.cutAll();
          await until('a new connection', () => ofType(proxy.said, 'resume').length === 1);
          assert.match(ofType(proxy.said, 'resume')[0]!, stays.state);
          assert.equal(other.heard, []);
        });
      else {
        const { take } = store;
        store.take = (state) => (state === lost.state ? Promise.resolve('gone') : take.call(store, state));
        await store.cancel(lost.state);
        await ended;
      }
      proxy.target = port;
      const response = firstValueFrom(stays.response);
      assert.is((await visit(`/callback?code=c&state=${stays.state}`)).status, 200);
      assert.is((await response).code, 'c');
    }));
}

test('K-14 frees a flow at the service that was aborted before it was begun', () =>
  withRemote(async (remote) => {
    const { host, proxy, port, events } = remote;
    proxy.target = undefined;
    proxy.cutAll();
    await until('the loss', () => !host.connected);
    const controller = new AbortController();
    const begun = host.begin({ signal: controller.signal });
    controller.abort();
    await assert.rejects(begun, 'cancelled');
    const other = host.begin();
    proxy.target = port;
    await other;
    await until('the end of all but one', () => {
      const count = (type: string): number => events.filter((event) => event.type === type).length;
      return count('begun') - count('cancelled') === 1;
    });
  }));

for (const connected of [false, true]) {
  test(`W10 settles the page of a flow that was acknowledged before a break, while ${connected ? 'connected again' : 'disconnected'}`, () =>
    withRemote(
      async (remote) => {
        const { host, proxy, port, visit, store } = remote;
        const flow = await host.begin();
        const page = visit(`/callback?code=c&state=${flow.state}`);
        await firstValueFrom(flow.response);
        await until('the acknowledgement', async () => (await store.read(flow.state)) === undefined);
        await until('its arrival', () => ofType(proxy.heard, 'acknowledged').length === 1);
        proxy.target = undefined;
        proxy.cutAll();
        await until('the loss', () => !host.connected);
        if (!connected) flow.settle({ status: 'failure', message: 'no token' });
        proxy.target = port;
        await until('a new connection', () => host.connected);
        if (connected) flow.settle({ status: 'failure', message: 'no token' });
        assert.match((await page).body, 'no token');
        assert.not.match(ofType(proxy.said, 'settle').join(), flow.codeVerifier);
      },
      { settle: 10_000 },
    ));
}

test('K-15 settles the page and emits once if the connection breaks while the result is sent', () =>
  withRemote(
    async (remote) => {
      const { host, proxy, visit, store } = remote;
      const flow = await host.begin();
      const seen = observe(flow);
      flow.response.subscribe(() => {
        // Before the result is acknowledged.
        proxy.cutAll();
        flow.settle({ status: 'failure', message: 'no token' });
        flow.settle({ status: 'success' });
      });
      const { body } = await visit(`/callback?code=c&state=${flow.state}`);
      assert.match(body, 'no token');
      await until('the acknowledgement', async () => (await store.read(flow.state)) === undefined);
      assert.is(ofType(proxy.heard, 'result').length, 2);
      assert.is(remote.events.filter(({ type }) => type === 'settled').length, 1);
      assert.equal([seen.responses.length, seen.errors, seen.completed], [1, [], true]);
    },
    { settle: 10_000 },
  ));

test('K-14 notices a network that loses everything, and gets the response over another connection', () =>
  withRemote(
    async ({ host, proxy, visit }) => {
      const flow = await host.begin();
      const response = firstValueFrom(flow.response);
      const kept = proxy.counts.opened;
      proxy.freeze();
      await visit(`/callback?code=c&state=${flow.state}`);
      assert.is((await assert.deadline(response, 'the response')).code, 'c');
      assert.is(proxy.counts.opened, kept + 1);
    },
    { heartbeat: 1_500 },
  ));

test('K-15 treats unknown_flow after a reconnect as acknowledged', () => {
  let cuts = 0;
  const store = (inner: FlowStore, proxy: TcpProxy): FlowStore => ({
    ...bound(inner),
    acknowledge: async (id) => {
      const done = await inner.acknowledge(id);
      if (++cuts === 1) proxy.cutAll();
      return done;
    },
  });
  return withRemote(
    async ({ host, proxy, visit, reported }) => {
      const flow = await host.begin();
      const seen = observe(flow);
      await visit(`/callback?code=c&state=${flow.state}`);
      await until('the answer', () => ofType(proxy.heard, 'failed').length === 1);
      // A message after it: the client has read it by then.
      await host.begin();
      assert.equal([seen.responses.length, seen.errors, seen.completed, reported], [1, [], true, []]);
      assert.equal([ofType(proxy.said, 'ack').length, ofType(proxy.heard, 'acknowledged').length], [1, 0]);
      proxy.cutAll();
      await host.begin();
      assert.is(ofType(proxy.said, 'resume').filter((frame) => frame.includes(flow.id)).length, 1);
    },
    { store },
  );
});

test('K-15 acknowledges consecutive results together, each of them once', () => {
  const { scheduler, advance } = virtualTime();
  return withRemote(
    async ({ host, proxy, visit, store }) => {
      const flows = await Promise.all(Array.from({ length: 250 }, () => host.begin()));
      await Promise.all(flows.map(({ state }) => visit(`/callback?code=c&state=${state}`)));
      await Promise.all(flows.map(({ response }) => firstValueFrom(response)));
      assert.is(ofType(proxy.said, 'ack').length, 0);
      advance(50);
      for (const { state } of flows)
        await until('the acknowledgement', async () => (await store.read(state)) === undefined);
      const acks = ofType(proxy.said, 'ack').map(
        (frame) => (JSON.parse(frame) as { flowIds: string[] }).flowIds,
      );
      assert.equal(
        acks.map(({ length }) => length),
        [200, 50],
      );
      assert.equal(acks.flat().sort(), flows.map(({ id }) => id).sort());
      assert.is(ofType(proxy.heard, 'result').length, 250);
    },
    { scheduler },
  );
});

function bound(store: FlowStore): FlowStore {
  return {
    secret: 'secret',
    epoch: store.epoch,
    shared: store.shared,
    now: () => store.now(),
    begin: (...args) => store.begin(...args),
    read: (...args) => store.read(...args),
    adopt: (...args) => store.adopt(...args),
    consume: (...args) => store.consume(...args),
    confirm: (...args) => store.confirm(...args),
    cancel: (...args) => store.cancel(...args),
    take: (...args) => store.take(...args),
    announce: (...args) => store.announce(...args),
    acknowledge: (...args) => store.acknowledge(...args),
    owner: (...args) => store.owner(...args),
    settle: (...args) => store.settle(...args),
    onOutcome: (...args) => store.onOutcome(...args),
    watch: (...args) => store.watch(...args),
    unwatch: (...args) => store.unwatch(...args),
    check: () => store.check(),
  };
}

test('frees every flow at the service when it closes', () =>
  withRemote(async (remote) => {
    const { host, events, store } = remote;
    const flows = await Promise.all(Array.from({ length: 50 }, () => host.begin()));
    const under = host.begin().catch((error: unknown) => error as Error & { code: string });
    await host.close();
    const freed = async (): Promise<boolean> => {
      const kept = await Promise.all(flows.map(({ state }) => store.read(state)));
      return kept.every((flow) => flow === undefined);
    };
    await until('the end of all', freed);
    await until('as many ends as beginnings', () => {
      const count = (type: string): number => events.filter((event) => event.type === type).length;
      return count('begun') === count('cancelled') && count('begun') >= 50;
    });
    const last = await under;
    assert.is('code' in last && last.code, 'closed');
  }));

const wrong: readonly (readonly [name: string, options: unknown])[] = [
  ['a ttl of -1', { ttl: -1 }],
  ['a ttl of 1.5', { ttl: 1.5 }],
  ['a ttl that is text', { ttl: 'x' }],
  ['a ttl that is no number', { ttl: NaN }],
  ['a responseMode of another kind', { responseMode: 'fragment' }],
  ['a context of 9,000 characters', { context: 'x'.repeat(9_000) }],
  ['a state that is weak', { state: 'weak' }],
  ['a state that is a number', { state: 5 }],
  ['advertised without an issuer', { issuerAdvertised: true }],
  ['an option that is none', { timeout: 5 }],
  ['no object', null],
];

for (const [name, options] of wrong) {
  test(`rejects ${name} as a server of this process does, without effect on other flows`, () =>
    withRemote(async ({ host, server, visit }) => {
      const other = await host.begin();
      const refusal = async (at: CallbackHost): Promise<unknown> => {
        const error = await assert.rejects(at.begin(options as BeginOptions), InvalidOptionError);
        const { name: kind, code, option } = error;
        return { kind, code, option };
      };
      assert.equal(await refusal(host), await refusal(server));
      const response = firstValueFrom(other.response);
      await visit(`/callback?code=c&state=${other.state}`);
      assert.is((await response).code, 'c');
    }));
}

test('rejects options that are too large for a message, for which the service would close the connection', () =>
  withRemote(async ({ host, proxy }) => {
    const flow = await host.begin();
    await assert.rejects(host.begin({ issuer: 'x'.repeat(20_000) }), 'invalid_option');
    const long = { status: 'failure', message: '€'.repeat(6_000) } as const;
    assert.is(assert.throws(() => flow.settle(long), InvalidOptionError).option, 'message');
    for (const [outcome, option] of [
      [{ status: 'done' }, 'status'],
      [{ status: 'failure' }, 'message'],
      [{ status: 'redirect', url: 5 }, 'url'],
    ] as const) {
      const error = assert.throws(() => flow.settle(outcome as unknown as Outcome), InvalidOptionError);
      assert.is(error.option, option);
    }
    // The longest there can be: 16 KiB with what goes around it.
    flow.settle({ status: 'failure', message: 'x'.repeat(16_200) });
    await host.begin();
    assert.equal([host.connected, proxy.counts.opened], [true, 1]);
  }));

test('begins no flow for a state that is in use at the service or over the bridge', () =>
  withRemote(async ({ host, server }) => {
    for (const at of [host, server]) {
      const { state } = await at.begin();
      await assert.rejects(host.begin({ state }), 'state_in_use');
    }
  }));

test('adds one listener to a signal, however many flows it cancels, and removes it when they have ended', () =>
  withRemote(async ({ host }) => {
    const { signal, abort } = controllerOf();
    const flows = await Promise.all(Array.from({ length: 20 }, () => host.begin({ signal })));
    assert.is(getEventListeners(signal, 'abort').length, 1);
    const ends = flows.map(({ response }) => assert.rejects(firstValueFrom(response), 'cancelled'));
    abort();
    await Promise.all(ends);
    assert.is(getEventListeners(signal, 'abort').length, 0);
  }));

function controllerOf(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

test('frees the key of an aborted flow for the next one, which can be joined', () =>
  withRemote(async ({ host }) => {
    const { signal, abort } = controllerOf();
    const first = host.begin({ key: 'k', signal });
    abort();
    const second = host.begin({ key: 'k' });
    await assert.rejects(first, 'cancelled');
    const third = await host.begin({ key: 'k' });
    assert.is(third, await second);
    third.cancel();
    assert.is.not((await host.begin({ key: 'k' })).state, third.state);
  }));

test('K-14 a monitor hears each event once across a break, and how many it has missed', () =>
  withRemote(
    async ({ host, proxy, server, port }) => {
      const heard: ServerEvent[] = [];
      const stands: FeedStatus[] = [];
      host.feed.subscribe((status) => stands.push(status));
      host.events.subscribe((event) => heard.push(event));
      await until('the feed', () => stands.length === 1);
      for (let n = 0; n < 5; n++) await server.begin();
      await until('five events', () => heard.length === 5);
      proxy.target = undefined;
      proxy.cutAll();
      await until('the loss', () => !host.connected);
      for (let n = 0; n < 30; n++) await server.begin();
      proxy.target = port;
      await until('what is kept of thirty', () => heard.length === 15);
      await server.begin();
      await until('the next', () => heard.length === 16);
      assert.equal(
        stands.map(({ missed, repeated }) => [missed, repeated]),
        [
          [0, 0],
          [20, 10],
        ],
      );
      assert.equal(
        heard.map((event) => (event as { flowId: string }).flowId),
        [1, 2, 3, 4, 5, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36].map(String),
      );
    },
    { events: 10 },
  ));

test('a monitor with a history begins with the kept events, and learns which are counted already', () =>
  withRemote(
    async ({ server, visit, proxy, host }) => {
      const { state } = await server.begin();
      await visit(`/callback?code=c&state=${state}`);
      await visit('/callback?code=c');
      await visit('/callback?state=s');
      const url = `ws://127.0.0.1:${proxy.port}/bridge`;
      await using late = await connectCallbackHost(url, { token, history: true });
      const stands: FeedStatus[] = [];
      const heard: ServerEvent[] = [];
      late.feed.subscribe((status) => stands.push(status));
      late.events.subscribe((event) => heard.push(event));
      await until('the history', () => heard.length === 3);
      await server.begin();
      await until('the next', () => heard.length === 4);
      const counts = { begun: 1, accepted: 1, answered: 1, malformed: 2 };
      const reasons = { missing_state: 1, missing_code: 1 };
      assert.equal(stands, [{ counts, reasons, repeated: 3, missed: 0 }]);
      assert.equal(
        heard.map(({ type }) => type),
        ['answered', 'redirect', 'redirect', 'begun'],
      );
      // The control: without it, only what comes next.
      assert.equal(await firstValueFrom(host.feed), {
        counts: { ...counts, begun: 2 },
        reasons,
        repeated: 0,
        missed: 0,
      });
    },
    { events: 3 },
  ));

test('K-01 sends no verifier of a flow over the wire, and its key in begin only', () =>
  withRemote(
    async ({ host, proxy, visit }) => {
      const flow = await host.begin();
      flow.response.subscribe(() => flow.settle({ status: 'success' }));
      await visit(`/callback?code=c&state=${flow.state}`);
      const pending = await host.begin();
      proxy.cutAll();
      // The first flow may have been acknowledged by now, and needs no resumption then; the second does.
      await until('the resumption', () =>
        ofType(proxy.said, 'resume').some((frame) => frame.includes(pending.id)),
      );
      const said = [...proxy.said, ...proxy.heard];
      const [{ key }] = ofType(said, 'begin').map((frame) => JSON.parse(frame) as { key: string }) as [
        { key: string },
      ];
      assert.match(key, /^[\w-]{43}$/);
      assert.equal(
        said.filter((text) => text.includes(key)),
        ofType(said, 'begin').slice(0, 1),
      );
      const words = said.flatMap((text) => text.match(/[\w-]{22,}/g) ?? []);
      assert.ok(words.includes(flow.state), 'the wire was seen');
      assert.not.ok(words.includes(flow.codeVerifier));
    },
    { settle: 5_000 },
  ));

test.run();
