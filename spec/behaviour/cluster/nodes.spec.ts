/** Several nodes of a service, in one process, behind a balancer. */
import { firstValueFrom, skip, Subject } from 'rxjs';
import { connectCallbackHost, type RemoteCallbackHost } from '../../../src/client.ts';
import * as assert from '../../helpers/assert.ts';
import { Balancer } from '../../helpers/balancer.ts';
import { counts, newKey, proofOf, token, withPeers } from '../../helpers/bridge.ts';
import { hasty } from '../../helpers/clock.ts';
import { observe } from '../../helpers/endpoint.ts';
import { visit, type HttpAnswer } from '../../helpers/http.ts';
import type { ServerOptions } from '../../../src/index.ts';
import { EventSource } from '../../helpers/event-source.ts';
import { startNode, type Node } from '../../helpers/nodes.ts';
import { PlainProgram } from '../../helpers/plain-program.ts';
import { begun, newFlow, withRedis, type RedisBench } from '../../helpers/redis.ts';
import { hasRedis, noRedis } from '../../helpers/redis-server.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

interface Service extends RedisBench {
  balancer: Balancer;
  nodes: Node[];
  /** A browser that comes back, to this node or whichever the balancer takes. */
  come(state: string, port?: number): Promise<HttpAnswer>;
  connect(): Promise<RemoteCallbackHost>;
}

function withNodes(
  count: number,
  body: (service: Service) => Promise<void>,
  server: ServerOptions = {},
): Promise<void> {
  return withRedis(async (bench) => {
    const balancer = await Balancer.open();
    bench.defer(() => balancer[Symbol.asyncDispose]());
    const nodes: Node[] = [];
    bench.defer(() => Promise.all(nodes.map((node) => node.stop())));
    for (let n = 0; n < count; n++) nodes.push(await startNode(bench, balancer, { server }));
    await body({
      ...bench,
      balancer,
      nodes,
      come: (state, port = balancer.port) =>
        visit(port, `/callback?code=of-${state}&state=${state}`, { Host: `127.0.0.1:${balancer.port}` }),
      async connect() {
        const url = `ws://127.0.0.1:${balancer.port}/bridge`;
        const host = await connectCallbackHost(url, { token, scheduler: hasty });
        bench.defer(() => host.close());
        return host;
      },
    });
  });
}

interface BegunAtOne extends Pick<Service, 'come'> {
  /** Opens a peer at the node that began the flow, unless another URL is given. */
  open: Parameters<Parameters<typeof withPeers>[1]>[0];
  /** The bridge of the other node. */
  other: string;
  first: ReturnType<BegunAtOne['open']>;
  flow: string;
  state: string;
  key: string;
}

/** A flow that a listener of one of two nodes has begun. */
function withFlow(body: (begun: BegunAtOne) => Promise<void>): Promise<void> {
  return withNodes(2, async ({ nodes, come }) => {
    const [one, other] = nodes.map(({ port }) => `ws://127.0.0.1:${port}/bridge`);
    await withPeers(one!, async (open) => {
      const [first, state, key] = [open(), newState(), newKey()];
      await first.welcome();
      const flow = await first.begin(state, key);
      await body({ open, other: other!, first, flow, state, key, come });
    });
  });
}

const all = suite('nodes of a service');
const test = all.when(hasRedis, noRedis);

test('delivers a redirect from any node to the node of its listener', () =>
  withNodes(3, async ({ nodes, connect, come }) => {
    const hosts = [await connect(), await connect(), await connect()];
    for (const host of hosts)
      for (const { port } of nodes) {
        const flow = await host.begin();
        const seen = observe(flow);
        const { body, status } = await come(flow.state, port);
        assert.is(status, 200, body);
        await assert.deadline(new Promise((resolve) => flow.response.subscribe(resolve)), 'delivery');
        assert.equal([seen.responses[0]?.code, seen.responses.length], [`of-${flow.state}`, 1]);
        for (const other of nodes) assert.is((await come(flow.state, other.port)).status, 400);
      }
  }));

test('delivers to a program without WebSocket at whichever node it asks', () =>
  withNodes(2, async ({ nodes, come }) => {
    const [one, other] = nodes as [Node, Node];
    const here = new PlainProgram(one.port);
    const there = here.at(other.port);
    assert.is((await here.begin()).status, 201);
    const waiting = there.wait(50);
    await counts(other.bridge, 1);
    assert.is((await come(here.state, one.port)).status, 200);
    for (const answer of [await waiting, await here.wait(0), await there.wait(0)]) {
      const { result } = answer.json as { result: { response: { code: string } } };
      assert.equal([answer.status, result.response.code], [200, `of-${here.state}`]);
    }
    const streamAt = ({ port }: Node, lastId?: string): EventSource =>
      new EventSource(
        `http://127.0.0.1:${port}/bridge/flows`,
        here.with({ 'Flow-State': null }).headers,
        lastId,
      );
    using first = streamAt(other);
    const { id, data } = await first.next();
    assert.is(data.result?.response?.code, `of-${here.state}`);
    // Begun at one node with the same key, while the stream is at the other one.
    const later = new PlainProgram(one.port, { key: here.key });
    assert.is((await later.begin()).status, 201);
    assert.is((await come(later.state, one.port)).status, 200);
    using second = streamAt(one, id);
    assert.is((await second.next()).data.result?.response?.code, `of-${later.state}`);
    assert.is((await there.drop()).status, 204);
    assert.equal([(await here.wait(0)).status, (await there.wait(0)).status], [404, 404]);
    assert.is((await later.at(other.port).drop()).status, 204);
  }));

test(
  'L-06 accepts one of five equal redirects at five nodes at once, 1,000 times, while nodes go and come',
  () =>
    withNodes(5, async (service) => {
      const { nodes, come, balancer, admin } = service;
      const keeper = await service.open();
      let refused = 0;
      for (let round = 0; round < 1_000; round++) {
        const { state } = await begun(keeper, newFlow('r', { state: newState(), key: newKey() }));
        if (round % 100 === 50) await admin.clients[0]!.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal']);
        const came = nodes.map(({ port }) =>
          come(state, port).then(
            ({ status }) => status,
            () => 0,
          ),
        );
        if (round % 100 === 0) {
          const [gone] = nodes.splice(round % nodes.length, 1);
          const [node] = await Promise.all([startNode(service, balancer), gone?.stop()]);
          nodes.push(node);
        }
        const statuses = await Promise.all(came);
        const accepted = statuses.filter((status) => status === 200).length;
        assert.is(accepted, 1, `round ${round}: ${String(statuses)}`);
        refused += statuses.filter((status) => status === 400).length;
        assert.is(((await keeper.take(state)) as { type: string }).type, 'response');
      }
      assert.ok(refused > 3_900, `${refused} refused`);
    }),
  { deadline: 300_000 },
);

test('K-03 W2 W4 has one listener for a flow among all nodes: the last that proved its key', () =>
  withFlow(async ({ open, other, first, flow, state, key, come }) => {
    const second = open({}, other);
    const nonce = await second.welcome();
    const kept = newState();
    const left = await first.begin(kept);
    // A peer that knows only the state changes nothing.
    second.say({ type: 'resume', ref: 1, flowId: flow, state, proof: proofOf(newKey(), nonce) });
    assert.is((await second.next('failed')).code, 'unknown_flow');
    second.say({ type: 'resume', ref: 2, flowId: flow, state, proof: proofOf(key, nonce) });
    await second.next('resumed');
    assert.is((await first.next('lost')).reason, 'taken_over');
    assert.is((await come(state)).status, 200);
    assert.is((await second.next('result')).flowId, flow);
    second.say({ type: 'ack', flowIds: [flow] });
    await second.next('acknowledged');
    // The connection before goes on with its other flows.
    assert.is((await come(kept)).status, 200);
    assert.is((await first.next('result')).flowId, left);
    assert.equal(first.heard, []);
  }));

test('tells the page how the sign-in ended, whichever node has it', () =>
  withNodes(
    3,
    async ({ nodes, connect, come }) => {
      const host = await connect();
      for (const { port } of nodes) {
        const flow = await host.begin();
        const page = come(flow.state, port);
        await firstValueFrom(flow.response);
        // As a browser does whose user is impatient.
        assert.is((await come(flow.state, port)).status, 400);
        flow.settle({ status: 'failure', message: 'no token from it' });
        assert.match((await page).body, 'no token from it');
      }
    },
    { settle: 60_000 },
  ));

test(
  'L-15 loses no flow and doubles none in a rolling restart of three nodes under 100 flows a second',
  () =>
    withNodes(3, async (service) => {
      const { nodes, balancer, connect, come } = service;
      const hosts = await Promise.all(Array.from({ length: 6 }, connect));
      const seen: { state: string; codes: (string | undefined)[]; ends: string[]; ended: Promise<void> }[] =
        [];
      const endings = new Subject<void>();
      let over = 0;
      endings.subscribe(() => over++);
      const rolling = { done: false };
      const restarts = (async () => {
        for (let n = 0; n < 3; n++) {
          const [old] = nodes.splice(0, 1);
          nodes.push(await startNode(service, balancer));
          await old!.stop();
          // The next one goes in the midst of sign-ins, too.
          await firstValueFrom(endings.pipe(skip(70)));
        }
        rolling.done = true;
      })();
      const began = performance.now();
      const signIns: Promise<void>[] = [];
      for (let n = 0; !rolling.done || n < 300; n++) {
        const due = began + n * 10 - performance.now();
        if (due > 0) await new Promise((resolve) => void setTimeout(resolve, due));
        // A machine that is slower than that has no more sign-ins at once than a fast one.
        while (signIns.length - over > 100) await firstValueFrom(endings);
        signIns.push(
          (async () => {
            const flow = await hosts[n % hosts.length]!.begin();
            const codes: (string | undefined)[] = [];
            const ends: string[] = [];
            const ended = new Promise<void>((resolve) => {
              const end = (how: string): void => {
                ends.push(how);
                resolve();
              };
              flow.response.subscribe({
                next: ({ code }) => codes.push(code),
                error: (error: unknown) => end(String(error)),
                complete: () => end('completed'),
              });
            });
            seen.push({ state: flow.state, codes, ends, ended });
            // As a browser does that gets no answer.
            for (let status = 0; status !== 200 && status !== 400;)
              ({ status } = await come(flow.state).catch(() => ({ status: 0 })));
            await assert.deadline(ended, 'an end');
            endings.next();
          })(),
        );
      }
      await restarts;
      await Promise.all(signIns);
      for (const { state, codes, ends } of seen)
        assert.equal([codes, ends], [[`of-${state}`], ['completed']]);
      assert.ok(seen.length >= 300);
    }),
  { deadline: 300_000 },
);

test('K-14 gives a listener its flow when it resumes at another node', () =>
  withFlow(async ({ open, other, first, flow, state, key, come }) => {
    const second = open({}, other);
    await second.welcome();
    // As if `begun` had been lost with the first connection, which lives for all that this node can tell.
    assert.is(await second.begin(state, key), flow);
    assert.is((await first.next('lost')).reason, 'taken_over');
    assert.is((await come(state)).status, 200);
    assert.is((await second.next('result')).flowId, flow);
    // And once more, after the end.
    assert.is(await second.begin(state, key), flow);
    const third = open();
    await third.welcome();
    assert.is(await third.begin(state, key), flow);
    assert.is((await third.next('result')).flowId, flow);
  }));

test('W4 says nothing to a connection that has had the result when another node takes the flow up', () =>
  withFlow(async ({ open, other, first, flow, state, key, come }) => {
    assert.is((await come(state)).status, 200);
    await first.next('result');
    const second = open({}, other);
    const nonce = await second.welcome();
    second.say({ type: 'resume', ref: 1, flowId: flow, state, proof: proofOf(key, nonce) });
    await second.next('result');
    for (const peer of [second, first]) {
      peer.say({ type: 'ack', flowIds: [flow] });
      assert.equal((await peer.next('acknowledged')).flowIds, [flow]);
    }
  }));

test('K-14 gives a listener its flow at another node, although that node begins no more flows', () =>
  withNodes(
    2,
    async ({ nodes, come }) => {
      const [one, other] = nodes.map(({ port }) => `ws://127.0.0.1:${port}/bridge`);
      await withPeers(one!, async (open) => {
        const [first, second, state, key] = [open(), open({}, other), newState(), newKey()];
        await Promise.all([first.welcome(), second.welcome()]);
        await second.begin();
        const flow = await first.begin(state, key);
        assert.is(await second.begin(state, key), flow);
        assert.is((await first.next('lost')).reason, 'taken_over');
        await come(state);
        assert.is((await second.next('result')).flowId, flow);
        second.say({ type: 'begin', ref: 9, state: newState(), key: newKey() });
        assert.is((await second.next('failed')).code, 'too_many_flows');
      });
    },
    { maxFlows: 1 },
  ));

test('L-08 ends a flow that Redis has lost, for its listener and at the node', () =>
  withNodes(1, async ({ nodes, admin, connect }) => {
    const host = await connect();
    const flow = await host.begin({ ttl: 300_000 });
    const ended = assert.rejects(firstValueFrom(flow.response), 'closed');
    for (const { key, client } of await admin.keys('rxoc:'))
      if (key.includes(':flow:')) await client.del(key);
    // Redis does this by itself every so often.
    await admin.clients[0]!.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
    await assert.deadline(ended, 'the end');
    assert.is(nodes[0]!.server.pending, 0);
  }));

test('waits no longer for a flow that is resumed and acknowledged in one message', () =>
  withNodes(1, ({ nodes }) =>
    withPeers(`ws://127.0.0.1:${nodes[0]!.port}/bridge`, async (open) => {
      for (let n = 0; n < 20; n++) {
        const [peer, state, key] = [open(), newState(), newKey()];
        const nonce = await peer.welcome();
        const flow = await peer.begin(state, key);
        peer.say({ type: 'cancel', flowId: flow });
        await peer.next('result');
        peer.say({ type: 'resume', ref: 2, flowId: flow, state, proof: proofOf(key, nonce) });
        peer.say({ type: 'ack', flowIds: [flow] });
        await peer.next('acknowledged');
        await peer.heardAll();
        peer.say({ type: 'leave' });
        await peer.closed();
      }
      assert.is(nodes[0]!.server.pending, 0);
    }),
  ));

test('forgets an acknowledged flow at every node', () =>
  withNodes(2, async ({ nodes, connect, come }) => {
    const host = await connect();
    const flow = await host.begin();
    const seen = observe(flow);
    await come(flow.state);
    const gone = async (): Promise<void> => {
      while (await nodes[0]!.store.read(flow.state)) await new Promise(setImmediate);
    };
    await assert.deadline(gone(), 'the acknowledgement');
    assert.is(seen.responses.length, 1);
    await host.close();
    await counts(nodes[0]!.bridge, 0);
    await counts(nodes[1]!.bridge, 0);
  }));

test('G-04 shows the page of a clean URL at any node', () =>
  withNodes(
    3,
    async ({ nodes, connect, come }) => {
      const host = await connect();
      for (const [n, { port }] of nodes.entries()) {
        const { state } = await host.begin();
        const moved = await come(state, port);
        assert.is(moved.status, 303);
        const clean = `/callback${moved.headers['location']}`;
        for (const node of nodes) {
          const page = await visit(node.port, clean, { Host: new URL(host.redirectUri).host });
          assert.is(page.status, 200, `of node ${n}`);
          assert.match(page.body, 'Authentication successful');
        }
      }
    },
    { cleanUrl: 'redirect' },
  ));

all.run();
