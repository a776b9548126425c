/** A bridge from `listen()` to `close()`, once and again, on whatever server and beside others. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { createBridge, type Bridge } from '../../../src/bridge/server.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import * as assert from '../../helpers/assert.ts';
import { newKey, proofOf, shake, token, withBridge, withPeers } from '../../helpers/bridge.ts';
import { withServer } from '../../helpers/endpoint.ts';
import { send, type HttpAnswer } from '../../helpers/http.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import { newState } from '../../helpers/server.ts';
import { isRefused } from '../../helpers/sockets.ts';
import { suite } from '../../helpers/suite.ts';
import { dial } from '../../helpers/raw.ts';

/** Returns the URL of a bridge with a port of its own. */
const at = (bridge: Bridge): string => `ws://127.0.0.1:${bridge.address.port}/bridge`;

const test = suite('life of the bridge');

for (const [name, options] of [
  ['on the port of its server', {}],
  ['on a port of its own', { port: 0 }],
] as const) {
  test(`K-14 ${name} takes connections again after close(), and its flows live on`, () =>
    withBridge(async ({ bridge, visit, server, port }) => {
      try {
        const [state, key] = [newState(), newKey()];
        let flow = '';
        await withPeers(at(bridge), async (open) => {
          const peer = open();
          await peer.welcome();
          flow = await peer.begin(state, key);
          await bridge.close({ restart: true });
          assert.is(await peer.closed(), 1012);
        });
        // As if there had never been a bridge.
        if (!('port' in options)) assert.is((await shake(port)).status, 404);
        // The redirect comes while nobody can be told.
        assert.is((await visit(`/callback?code=c&state=${state}`)).status, 200);
        await bridge.close();
        await bridge.listen();
        await bridge.listen();
        await withPeers(at(bridge), async (open) => {
          const [peer, monitor] = [open(), open()];
          peer.say({
            type: 'resume',
            ref: 1,
            flowId: flow,
            state,
            proof: proofOf(key, await peer.welcome()),
          });
          assert.is((await peer.next('result')).flowId, flow);
          await monitor.welcome();
          monitor.say({ type: 'watch' });
          await monitor.next('watching');
          await server.begin();
          assert.is((await monitor.next('event')).event.type, 'begun');
        });
      } finally {
        await bridge.close();
      }
    }, options));

  test(`${name} is closed with its server, and listens with it again`, () =>
    withBridge(async ({ bridge, server }) => {
      try {
        const before = bridge.address.port;
        await withPeers(at(bridge), async (open) => {
          const peer = open();
          await peer.welcome();
          await server.close();
          assert.is(await peer.closed(), 1001);
          assert.ok(await isRefused(before));
        });
        await bridge.listen();
        await server.listen();
        await withPeers(at(bridge), async (open) => {
          const monitor = open();
          await monitor.welcome();
          monitor.say({ type: 'watch' });
          await monitor.next('watching');
          await server.begin();
          assert.is((await monitor.next('event')).event.type, 'begun');
        });
      } finally {
        await server.close();
      }
    }, options));

  test(`K-11 ${name} closes although peers send nothing, or half a message`, () =>
    withBridge(async ({ bridge, server }) => {
      const { port } = bridge.address;
      const sockets: Socket[] = [];
      try {
        for (const bytes of ['', 'GET /bri', `GET /bridge HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`]) {
          const socket = await dial(port);
          sockets.push(socket);
          socket.write(bytes);
        }
        // Answered once those before it have been accepted.
        assert.is((await shake(port, { Authorization: null })).status, 401);
        await assert.deadline(Promise.all([bridge.close(), server.close()]), 'close()');
        assert.ok(await isRefused(port));
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    }, options));
}

test('leaves no port open when it is closed while it opens one', () =>
  withBridge(
    async ({ bridge }) => {
      const { port } = bridge.address;
      await bridge.close();
      const listening = [bridge.listen(), bridge.listen()];
      const closing = bridge.close();
      await Promise.all([...listening, closing]);
      assert.throws(() => bridge.address, 'not_listening');
      assert.ok(await isRefused(port));
      await Promise.all([bridge.listen(), bridge.listen()]);
      assert.is((await shake(bridge.address.port)).status, 101);
      await bridge.close();
    },
    { port: 0 },
  ));

test('J-09 answers upgrade requests alone on a port of its own, and for that port as Host', () =>
  withBridge(
    async ({ bridge, port }) => {
      try {
        const { port: own } = bridge.address;
        assert.is((await shake(own)).status, 101);
        assert.is((await shake(own, { Host: `[::1]:${own}` })).status, 101);
        for (const host of ['evil.example', `evil.example:${own}`, `127.0.0.1:${own + 1}`, '127.0.0.1', '']) {
          assert.is((await shake(own, { Host: host })).status, 403, host);
        }
        assert.is((await shake(own, {}, '/callback')).status, 404);
        const { status, body } = await send(own, { target: '/bridge' });
        assert.equal([status, body], [404, '']);
        // It is not to be had at the other port then.
        assert.is((await shake(port)).status, 404);
      } finally {
        await bridge.close();
      }
    },
    { port: 0 },
  ));

test('J-09 checks Host as its server does, and answers the same whatever the flow', () =>
  withBridge(async ({ port, server }) => {
    const { state } = await server.begin();
    for (const host of ['evil.example', `127.0.0.1.nip.io:${port}`, `127.0.0.1:${port}@evil.example`, '']) {
      assert.is((await shake(port, { Host: host })).status, 403, host);
    }
    const answers = await Promise.all(
      [state, newState()].map((each) => shake(port, { Authorization: null }, `/bridge?state=${each}`)),
    );
    assert.is(answers[0]!.status, 401);
    assert.is(answers[0]!.raw, answers[1]!.raw);
  }));

test('takes a path that no other bridge of the server has, and frees it on close()', () =>
  withBridge(async ({ server, bridge, url }) => {
    const path = (each: string): Bridge => createBridge(server, { token, path: each });
    assert.is(assert.throws(() => path('/bridge'), 'invalid_option').message, 'path is taken');
    const other = path('/other');
    try {
      await other.listen();
      await withPeers(url, async (open) => {
        const [one, two] = [open(), open({}, url.replace('/bridge', '/other'))];
        await one.welcome();
        await two.welcome();
        assert.equal([bridge.connections, other.connections], [1, 1]);
        await bridge.close();
        assert.is(await one.closed(), 1001);
        await two.heardAll();
        const heir = path('/bridge');
        await assert.rejects(bridge.listen(), 'invalid_option');
        await heir.close();
        await bridge.listen();
        await open().welcome();
      });
      // The flows of a server are in one store.
      const store = memoryStore();
      const error = assert.throws(
        () => createBridge(server, { token, path: '/third', store }),
        'invalid_option',
      );
      assert.match(error.message, /^store /);
    } finally {
      await other.close();
    }
  }));

test('K-03 has one listener for a flow, at whichever bridge of the server', () =>
  withBridge(async ({ server, visit, url }) => {
    const other = createBridge(server, { token, path: '/other' });
    try {
      await withPeers(url, async (open) => {
        const [one, two] = [open(), open({}, url.replace('/bridge', '/other'))];
        const [state, key] = [newState(), newKey()];
        await one.welcome();
        const flow = await one.begin(state, key);
        two.say({ type: 'resume', ref: 1, flowId: flow, state, proof: proofOf(key, await two.welcome()) });
        await two.next('resumed');
        assert.is((await one.next('lost')).reason, 'taken_over');
        await visit(`/callback?code=c&state=${state}`);
        await two.next('result');
        assert.equal(one.heard, []);
      });
    } finally {
      await other.close();
    }
  }));

/** An application's own server, which knows upgrades to `/own`. */
async function withApplication(
  body: (http: ReturnType<typeof createServer>, port: number, upgrades: string[]) => Promise<void>,
): Promise<void> {
  const upgrades: string[] = [];
  const http = createServer((_request, response) => response.writeHead(404).end());
  http.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    upgrades.push(request.url ?? '');
    socket.end('HTTP/1.1 418 Of The Application\r\nContent-Length: 0\r\n\r\n', () => socket.destroy());
  });
  await using application = await listenOnLoopback(http);
  await body(http, application.port, upgrades);
}

test("leaves the upgrades of the application on the application's server alone, and takes its own", () =>
  withApplication((http, port, upgrades) =>
    withServer({ server: http }, async ({ server }) => {
      const asks = (target: string): Promise<HttpAnswer> => shake(port, {}, target);
      assert.is((await asks('/bridge')).status, 418);
      const bridge = createBridge(server, { token });
      try {
        await bridge.listen();
        upgrades.length = 0;
        assert.is((await asks('/own')).status, 418);
        assert.equal(upgrades, ['/own']);
        await withPeers(`ws://127.0.0.1:${port}/bridge`, async (open) => {
          const peer = open();
          await peer.welcome();
          await peer.heardAll();
          assert.equal(upgrades, ['/own']);
          await bridge.close();
          assert.is(await peer.closed(), 1001);
        });
        assert.is((await asks('/bridge')).status, 418);
        assert.equal(upgrades, ['/own', '/bridge']);
        assert.is(http.listenerCount('upgrade'), 1);
        await bridge.listen();
        assert.is((await asks('/bridge')).status, 101);
        await server.close();
        assert.is((await asks('/bridge')).status, 418);
      } finally {
        await bridge.close();
      }
    }),
  ));

test("works beside another library's WebSocket server on the application's server", () =>
  withApplication((http, port) =>
    withServer({ server: http }, async ({ server }) => {
      http.removeAllListeners('upgrade');
      const own = new WebSocketServer({ server: http, path: '/own' });
      const bridge = createBridge(server, { token });
      try {
        await bridge.listen();
        await withPeers(`ws://127.0.0.1:${port}/bridge`, async (open) => {
          const peer = open();
          await peer.welcome();
          await peer.heardAll();
          const connected = once(own, 'connection');
          assert.is((await shake(port, {}, '/own')).status, 101);
          await connected;
        });
      } finally {
        await bridge.close();
        own.close();
      }
    }),
  ));

test('takes the upgrades that a framework hands to a mounted server', async () => {
  const options = { server: 'mounted', publicUrl: 'http://localhost:4000' } as const;
  await using app = await listenOnLoopback();
  const { http, port } = app;
  const { createOAuthCallbackServer } = await import('../../../src/index.ts');
  const server = createOAuthCallbackServer(options);
  http.on('request', server.handler);
  const bridge = createBridge(server, { token });
  http.on('upgrade', bridge.upgrade);
  try {
    await bridge.listen();
    assert.is((await shake(port, { Host: 'localhost:4000' })).status, 101);
    assert.is((await shake(port, { Host: 'evil.example' })).status, 403);
    assert.is((await shake(port, { Host: 'localhost:4000' }, '/other')).status, 404);
    await bridge.close();
    assert.is((await shake(port, { Host: 'localhost:4000' })).status, 503);
  } finally {
    await server.close();
  }
});

test.run();
