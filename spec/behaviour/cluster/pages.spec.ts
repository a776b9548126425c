/** Tickets and the monitor page of a service with several nodes. */
import { createMonitor, type Monitor } from '../../../src/monitor.ts';
import * as assert from '../../helpers/assert.ts';
import { Balancer } from '../../helpers/balancer.ts';
import { newKey, shake, token, withPeers, withTicket } from '../../helpers/bridge.ts';
import { send, type HttpAnswer } from '../../helpers/http.ts';
import { startNode, type Node } from '../../helpers/nodes.ts';
import { withRedis, type RedisBench } from '../../helpers/redis.ts';
import { hasRedis, noRedis } from '../../helpers/redis-server.ts';
import { suite } from '../../helpers/suite.ts';
import { newPass, passOf, ticketOf } from '../monitor/monitored.ts';

interface Service extends RedisBench {
  balancer: Balancer;
  nodes: (Node & { monitor: Monitor })[];
  start(): Promise<Node & { monitor: Monitor }>;
  /** Asks a node for a ticket as the page does. */
  ask(port: number, credential: string, next?: string, more?: Record<string, string>): Promise<HttpAnswer>;
}

function withPages(body: (service: Service) => Promise<void>): Promise<void> {
  return withRedis(async (bench) => {
    const balancer = await Balancer.open();
    bench.defer(() => balancer[Symbol.asyncDispose]());
    const nodes: Service['nodes'] = [];
    bench.defer(() => Promise.all(nodes.map((node) => node.stop())));
    const start = async (): Promise<Service['nodes'][number]> => {
      const node = await startNode(bench, balancer, {
        bridge: { origins: [balancer.url] },
        store: { timeout: 1_000 },
      });
      const started = { ...node, monitor: createMonitor(node.server, node.bridge) };
      nodes.push(started);
      return started;
    };
    for (let n = 0; n < 3; n++) await start();
    await body({
      ...bench,
      balancer,
      nodes,
      start,
      ask: (port, credential, next = newPass(), more = {}) =>
        send(port, {
          method: 'POST',
          target: '/monitor/ticket',
          headers: {
            Host: `127.0.0.1:${balancer.port}`,
            Authorization: `Bearer ${credential}`,
            'Next-Pass': next,
            Origin: balancer.url,
            ...more,
          },
        }),
    });
  });
}

const all = suite('the monitor page of several nodes');
const test = all.when(hasRedis, noRedis);

test('B4 a ticket of any node is taken once, at any node', () =>
  withPages(async ({ nodes, balancer, ask }) => {
    const headers = { Host: `127.0.0.1:${balancer.port}` };
    for (const [index, { bridge, monitor, port }] of nodes.entries())
      for (const ticket of [
        bridge.issueTicket({ origin: balancer.url }),
        ticketOf(await ask(port, token)),
        ticketOf(await ask(port, passOf(monitor.url()))),
      ]) {
        const uses = Array.from({ length: 12 }, (_, n) =>
          shake(nodes[(index + n) % 3]!.port, { ...withTicket(ticket, balancer.url), ...headers }),
        );
        const statuses = (await Promise.all(uses)).map(({ status }) => status).sort();
        assert.equal(statuses, [101, ...Array.from({ length: 11 }, () => 401)]);
      }
  }));

test('B4 a page goes from node to node, and one that copies its pass ends it at all of them', () =>
  withPages(({ nodes, balancer, ask }) =>
    withPeers(`${balancer.url.replace('http', 'ws')}/bridge`, async (open) => {
      const [one, two, three] = nodes.map(({ port }) => port) as [number, number, number];
      const link = passOf(nodes[0]!.monitor.url());
      assert.is((await ask(one, newPass())).status, 401);
      const [first, second, third] = [newPass(), newPass(), newPass()];
      const origin = balancer.url;
      assert.is((await ask(two, link, first)).status, 200);
      // A lost answer is asked for at another node.
      assert.is((await ask(three, link, first)).status, 200);
      const peer = open({ ticket: ticketOf(await ask(three, first, second)), origin });
      assert.equal((await peer.next('welcome')).roles, ['monitor']);
      assert.is((await ask(one, second, third)).status, 200);
      // An old request that arrives again does not end it.
      assert.is((await ask(two, first, second)).status, 401);
      await peer.heardAll();
      const copied = await ask(one, first, newPass());
      assert.is(copied.status, 401);
      for (const port of [one, two, three]) assert.is((await ask(port, third)).status, 401);
      // Wherever it is connected.
      assert.is(await peer.closed(), 4401);
    }),
  ));

test('B4 a pass that two pages show at two nodes in the same tick ends the page session', () =>
  withPages(async ({ nodes, ask }) => {
    for (let round = 0; round < 5; round++) {
      const link = passOf(nodes[round % 3]!.monitor.url());
      // Answered once its node has written the link.
      assert.is((await ask(nodes[round % 3]!.port, newPass())).status, 401);
      const nexts = [newPass(), newPass(), newPass()];
      const answers = await Promise.all(nexts.map((next, n) => ask(nodes[n]!.port, link, next)));
      const statuses = answers.map(({ status }) => status).sort();
      assert.ok(statuses.filter((status) => status === 200).length <= 1, String(statuses));
      for (const next of nexts) assert.is((await ask(nodes[0]!.port, next)).status, 401);
    }
  }));

test('B21 page sessions survive a restart of the service, those of links and those of tokens', () =>
  withPages(async ({ nodes, balancer, ask, start }) => {
    const [old] = nodes as [Service['nodes'][number]];
    const unopened = passOf(old.monitor.url());
    const [ofLink, ofToken] = [newPass(), newPass()];
    assert.is((await ask(old.port, passOf(old.monitor.url()), ofLink)).status, 200);
    assert.is((await ask(old.port, token, ofToken)).status, 200);
    const unused = ticketOf(await ask(old.port, token));
    for (const node of nodes) {
      node.monitor.close();
      await node.stop();
    }
    const { port } = await start();
    for (const pass of [unopened, ofLink, ofToken]) assert.is((await ask(port, pass)).status, 200);
    const headers = { ...withTicket(unused, balancer.url), Host: `127.0.0.1:${balancer.port}` };
    assert.is((await shake(port, headers)).status, 101);
  }));

test('B21 a page session ends at a node that does not have its token any more', () =>
  withPages(async ({ nodes, ask }) => {
    const [one, two] = nodes as [Service['nodes'][number], Service['nodes'][number]];
    const [pass, next] = [newPass(), newPass()];
    assert.is((await ask(one.port, token, pass)).status, 200);
    two.bridge.setTokens([{ name: 'listener', token: 'another-token-of-the-name', roles: ['monitor'] }]);
    assert.is((await ask(two.port, pass, next)).status, 401);
    assert.is((await ask(one.port, pass, next)).status, 200);
  }));

test('page sessions and tickets that were sealed with a key that is gone are unknown', () =>
  withRedis(async (bench) => {
    const [old, key] = [newKey(), newKey()];
    const keys = (...ids: string[]) => ids.map((id) => ({ id, key: id === 'old' ? old : key }));
    const before = await bench.open({ keys: keys('old') });
    assert.ok(await before.records!.replace('a key', undefined, 'text', 60_000));
    const both = await bench.open({ keys: keys('new', 'old') });
    assert.is((await both.records!.read('a key'))?.text, 'text');
    const after = await bench.open({ keys: keys('new') });
    assert.is(await after.records!.read('a key'), undefined);
    assert.is(await after.records!.replace('a key', undefined, 'another', 60_000), false);
  }));

test('L-11 Redis is shown no pass, ticket, token or name of an operator', () =>
  withPages(async ({ nodes, ask, admin }) => {
    const [{ monitor, bridge, port }] = nodes as [Service['nodes'][number]];
    const link = passOf(monitor.url());
    const [next, tab] = [newPass(), newPass()];
    const ticket = ticketOf(await ask(port, link, next, { 'New-Tab-Pass': tab }));
    const other = bridge.issueTicket({
      origin: new URL(nodes[0]!.server.redirectUri).origin,
      name: 'CANARY',
    });
    await ask(port, token, newKey());
    const kept: string[] = [];
    for (const { key, client } of await admin.keys('rxoc:'))
      if (key.includes(':record:')) kept.push(key, (await client.get(key)) ?? '');
    assert.ok(kept.length >= 12, 'nothing was kept');
    for (const secret of [link, next, tab, ticket, other, token, 'CANARY', 'monitor'])
      assert.not.match(kept.join('\n'), secret);
  }));

test('without its store a node gives and takes no ticket, says so, and does again once the store is back', () =>
  withPages(async ({ nodes, balancer, ask, server }) => {
    const [{ bridge, port }] = nodes as [Service['nodes'][number]];
    const ticket = bridge.issueTicket({ origin: balancer.url });
    const headers = { ...withTicket(ticket, balancer.url), Host: `127.0.0.1:${balancer.port}` };
    const pass = newPass();
    assert.is((await ask(port, token, pass)).status, 200);
    await server.stop();
    const [answer, shaken] = [await ask(port, pass), await shake(port, headers)];
    assert.equal([answer.status, answer.headers['retry-after']], [503, '5']);
    assert.equal([shaken.status, shaken.headers['retry-after']], [503, '5']);
    await server.start();
    // It has lost all that it had.
    const again = async (): Promise<void> => {
      while ((await ask(port, token)).status !== 200);
    };
    await assert.deadline(again(), 'a ticket after the outage');
  }));

all.run();
