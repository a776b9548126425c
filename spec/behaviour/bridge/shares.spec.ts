/** A full service: the largest holder of connections loses one to a smaller holder, by tenant, then by name, then by address. */
import { firstValueFrom } from 'rxjs';
import { WebSocket } from 'ws';
import { createBridge } from '../../../src/bridge/server.ts';
import { connectCallbackHost } from '../../../src/client.ts';
import { createTenants } from '../../../src/tenants.ts';
import * as assert from '../../helpers/assert.ts';
import {
  counts,
  newKey,
  shake,
  withBridge,
  withPeers,
  type Bridged,
  type CreateBridge,
  type Peer,
} from '../../helpers/bridge.ts';
import { hasty } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { EventSource } from '../../helpers/event-source.ts';
import { PlainProgram } from '../../helpers/plain-program.ts';
import { RawSocket } from '../../helpers/raw.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('shares of a full service');

const bearer = (name: string): string => `the-token-of-${name}`;
const token = (name: string, tenant?: string) => ({
  ...{ name, token: bearer(name), roles: ['listener', 'monitor'] as const },
  ...(tenant !== undefined && { tenant }),
});
const floodNames = Array.from({ length: 10 }, (_, n) => `flood-${n}`);
const tokens = [token('quiet', 'quiet'), ...floodNames.map((name) => token(name, 'flood'))];

/** A bridge with two tenants. */
const withTenants = (
  body: (bridged: Bridged) => Promise<void>,
  connections: number,
  create: CreateBridge = createBridge,
): Promise<void> =>
  withBridge(
    async (bridged) => {
      const tenants = { quiet: { callbackPath: '/quiet' }, flood: { callbackPath: '/flood' } };
      await createTenants(bridged.server, { tenants }).listen();
      await body(bridged);
    },
    { tokens, limits: { connections, timeout: 60_000 } },
    {},
    create,
  );

/** Tells if a handshake ends with a connection. */
const opened = (socket: WebSocket): Promise<string> =>
  assert.deadline(
    new Promise((resolve) => {
      socket.on('open', () => resolve('in'));
      socket.on('error', () => resolve('out'));
    }),
    'an answer',
  );

const outcomeOf = ({ socket }: Peer): Promise<string> => opened(socket);

/** A tenant with ten names asks for a hundred times its share of eight places; another one has its half. */
const leavesOthers = (create: CreateBridge): Promise<void> =>
  withTenants(
    ({ url, bridge }) =>
      withPeers(url, async (open) => {
        const first = open({ bearer: bearer('quiet') });
        await first.welcome();
        await first.begin();
        const flood: Peer[] = [];
        for (let n = 0; n < 400; n++) {
          const peer = open({ bearer: bearer(floodNames[n % 10] ?? '') });
          if ((await outcomeOf(peer)) === 'in') flood.push(peer);
        }
        assert.equal([flood.length, bridge.connections], [7, 8], 'places of the flood');
        for (let n = 0; n < 3; n++)
          assert.is(
            await outcomeOf(open({ bearer: bearer('quiet') })),
            'in',
            'a connection of the quiet tenant',
          );
        await counts(bridge, 8);
        for (const name of ['quiet', 'flood-0'])
          assert.is(await outcomeOf(open({ bearer: bearer(name) })), 'out', 'more than half');
        await first.heardAll();
        const closed = flood.filter(({ socket }) => socket.readyState === WebSocket.CLOSED);
        assert.equal(await Promise.all(closed.map((peer) => peer.closed())), [1013, 1013, 1013]);
      }),
    8,
    create,
  );

test('L-13 a flood of one tenant, with many names, costs another tenant no connection', () =>
  leavesOthers(createBridge));

for (const [what, change, complaint] of [
  [
    'evicts none',
    edit('return this.#size > this.#holders.tenants;', 'return false;'),
    /a connection of the quiet tenant/,
  ],
  [
    'compares names only',
    edit('return [tenant, name, address];', `return ['', name, address];`),
    /places of the flood|a connection of the quiet tenant/,
  ],
] as const)
  test(`L-13 rejects a bridge that ${what}`, async () => {
    const { createBridge: twin } = (await weakenedModule('bridge.ts', change)) as {
      createBridge: CreateBridge;
    };
    await complains(() => leavesOthers(twin), complaint);
  });

const connectFrom = (url: string, address: string): WebSocket =>
  new WebSocket(url, 'rx-oauth-callback.v1', {
    headers: { Authorization: `Bearer ${bearer('one')}`, 'X-Forwarded-For': address },
  });

/** Floods four places from one address of a credential. Another address of that credential keeps its half. */
const leavesOtherAddresses = (create: CreateBridge): Promise<void> =>
  withBridge(
    async ({ url, bridge }) => {
      const sockets: WebSocket[] = [];
      const closes: string[] = [];
      const from = async (address: string): Promise<string> => {
        const socket = connectFrom(url, address);
        const n = sockets.push(socket);
        const outcome = await opened(socket);
        if (outcome === 'in')
          socket.on('close', (code, reason) => closes.push(`${n} ${code} ${reason.toString()}`));
        return outcome;
      };
      try {
        let inside = 0;
        for (let n = 0; n < 200; n++) if ((await from('192.0.2.1')) === 'in') inside++;
        assert.is(inside, 4);
        for (let n = 0; n < 2; n++) assert.is(await from('192.0.2.2'), 'in', 'another address');
        await counts(bridge, 4);
        assert.equal(
          [await from('192.0.2.1'), await from('192.0.2.2')],
          ['out', 'out'],
          'more than half of one address',
        );
        const reason = '1013 the service is full, and this credential has the most connections';
        // Its newest first.
        assert.equal(closes, [`4 ${reason}`, `3 ${reason}`]);
      } finally {
        for (const socket of sockets) socket.terminate();
      }
    },
    { tokens: [token('one')], limits: { connections: 4, connectionsPerName: 5 } },
    { trustedProxies: ['127.0.0.1'] },
    create,
  );

test('L-13 a flood from one address costs another address of the same credential no connection', () =>
  leavesOtherAddresses(createBridge));

test('L-13 rejects a bridge that compares no addresses', async () => {
  const change = edit('return [tenant, name, address];', `return [tenant, name, ''];`);
  const { createBridge: twin } = (await weakenedModule('bridge.ts', change)) as {
    createBridge: CreateBridge;
  };
  await complains(() => leavesOtherAddresses(twin), /another address/);
});

const flood = { bearer: bearer('flood-0') };

test('evicts a connection that waits for no flow first', () =>
  withTenants(
    ({ url }) =>
      withPeers(url, async (open) => {
        const [waits, idle, waitsToo] = [open(flood), open(flood), open(flood)] as const;
        for (const peer of [waits, idle, waitsToo]) await peer.welcome();
        await waits.begin();
        await waitsToo.begin();
        assert.is(await outcomeOf(open({ bearer: bearer('quiet') })), 'in');
        assert.is(await idle.closed(), 1013);
        for (const peer of [waits, waitsToo]) await peer.heardAll();
      }),
    3,
  ));

test('an evicted client connects again as soon as there is room, and gets the result that came meanwhile', () =>
  withTenants(
    ({ url, visit, bridge }) =>
      withPeers(url, async (open) => {
        const held = open(flood);
        await held.welcome();
        await held.begin();
        await using host = await connectCallbackHost(url, { token: flood.bearer, scheduler: hasty });
        const state = newState();
        const flow = await host.begin({ state });
        const response = firstValueFrom(flow.response);
        const quiet = open({ bearer: bearer('quiet') });
        await quiet.welcome();
        await assert.deadline(
          (async () => {
            while (host.connected) await new Promise(setImmediate);
          })(),
          'the eviction',
        );
        assert.is((await visit(`/flood?code=late&state=${state}`)).status, 200);
        await counts(bridge, 2);
        quiet.end();
        assert.is((await assert.deadline(response, 'the response')).code, 'late');
        await held.heardAll();
      }),
    2,
  ));

const programOf = (port: number, name: string): PlainProgram =>
  new PlainProgram(port, { changes: { Authorization: `Bearer ${bearer(name)}` } });

test('a request that waits is evicted with 503, and one of a smaller holder gets its place', () =>
  withTenants(async ({ port, bridge }: Bridged) => {
    const programs = [programOf(port, 'flood-0'), programOf(port, 'flood-0')];
    for (const program of programs) assert.is((await program.begin()).status, 201);
    const answers: Promise<unknown>[] = [];
    for (const [n, program] of programs.entries()) {
      answers.push(program.wait(50).then(({ status, headers }) => [n, status, headers['retry-after']]));
      await counts(bridge, n + 1);
    }
    assert.is((await programOf(port, 'flood-0').begin()).status, 503);
    const quiet = programOf(port, 'quiet');
    assert.is((await quiet.begin()).status, 201);
    assert.equal(await assert.deadline(Promise.race(answers), 'an answer'), [1, 503, '5']);
    // The flow is not lost.
    assert.is((await programs[1]!.wait(0)).status, 204);
    for (const program of programs) await program.drop();
  }, 2));

/** All places are taken by requests of one tenant whose bodies never come. */
const leavesThoseWhoSpeak = (create?: CreateBridge): Promise<void> =>
  withTenants(
    async ({ port, server }) => {
      using first = await RawSocket.open(server.address);
      using second = await RawSocket.open(server.address);
      const { headers } = programOf(port, 'flood-0');
      const lines = Object.entries({ ...headers, Host: `127.0.0.1:${port}`, 'Content-Length': '9' });
      for (const socket of [first, second])
        await socket.write(
          `POST /bridge/flow HTTP/1.1\r\n${lines.map((line) => `${line.join(': ')}\r\n`).join('')}\r\n`,
        );
      const full = async (): Promise<void> => {
        while ((await programOf(port, 'flood-0').begin()).status !== 503);
      };
      await assert.deadline(full(), 'a full service');
      assert.is((await programOf(port, 'quiet').begin()).status, 201, 'a request of the quiet tenant');
      await assert.deadline(Promise.race([first.closed, second.closed]), 'the end of one of them');
      assert.match(first.received + second.received, /^HTTP\/1\.1 503 [^]*\r\nRetry-After: 5\r\n/);
    },
    2,
    create,
  );

test('L-13 a request whose body does not come gives its place to a smaller holder', () =>
  leavesThoseWhoSpeak());

test('L-13 rejects a bridge that keeps the places of such requests', async () => {
  const change = edit(
    'return exchange.request.complete ? undefined : () =>',
    'return true ? undefined : () =>',
  );
  const { createBridge: twin } = (await weakenedModule('bridge.ts', change)) as {
    createBridge: CreateBridge;
  };
  await complains(() => leavesThoseWhoSpeak(twin), /a request of the quiet tenant/);
});

test('an event stream that was evicted comes back with its last id, and has the results that came meanwhile', () =>
  withTenants(async ({ port, visit, bridge }: Bridged) => {
    const key = newKey();
    const changes = { Authorization: `Bearer ${bearer('flood-0')}` };
    const programs = [0, 1].map(() => new PlainProgram(port, { key, changes }));
    for (const program of programs) assert.is((await program.begin()).status, 201);
    const [before, meanwhile] = programs as [PlainProgram, PlainProgram];
    const streamFrom = (lastId?: string): EventSource =>
      new EventSource(
        `http://127.0.0.1:${port}/bridge/flows`,
        before.with({ 'Flow-State': null }).headers,
        lastId,
      );
    const held = programOf(port, 'flood-0');
    assert.is((await held.begin()).status, 201);
    const waiting = held.wait(50);
    await counts(bridge, 1);
    using first = streamFrom();
    await counts(bridge, 2);
    assert.is((await visit(`/flood?code=one&state=${before.state}`)).status, 200);
    const { id } = await first.next();
    // It takes the place of the newest one of the largest holder.
    assert.is((await programOf(port, 'quiet').begin()).status, 201);
    await assert.deadline(first.over, 'the eviction');
    await counts(bridge, 1);
    assert.is((await visit(`/flood?code=two&state=${meanwhile.state}`)).status, 200);
    {
      using second = streamFrom(id);
      const { data } = await second.next();
      assert.equal([data.result?.response?.code, second.heard.length], ['two', 1]);
    }
    await counts(bridge, 1);
    await held.drop();
    await waiting;
  }, 2));

test('a handshake that fails after all costs nobody a connection', () =>
  withTenants(
    ({ url, port, bridge }) =>
      withPeers(url, async (open) => {
        const peers = [open(flood), open(flood)];
        for (const peer of peers) await peer.welcome();
        const change = { Authorization: `Bearer ${bearer('quiet')}`, 'Sec-WebSocket-Key': 'short' };
        assert.is((await shake(port, change)).status, 400);
        for (const peer of peers) await peer.heardAll();
        assert.is(bridge.connections, 2);
      }),
    2,
  ));

test.run();
