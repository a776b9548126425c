/** Hosts that share a port: whose response it is, and what becomes of flows when the one that serves goes. */
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { firstValueFrom } from 'rxjs';
import {
  FlowCancelledError,
  InvalidOptionError,
  type CallbackResponse,
  type Flow,
  type ServerEvent,
} from '../../../src/index.ts';
import { PortHeldError, sharedCallbackHost, type PortHeldReason } from '../../../src/share.ts';
import * as assert from '../../helpers/assert.ts';
import { complains } from '../../helpers/complains.ts';
import { observe } from '../../helpers/endpoint.ts';
import { send, visit } from '../../helpers/http.ts';
import { freePort } from '../../helpers/redis-server.ts';
import { ClientSockets, SecretFolder, withSharers, type CreateShared } from '../../helpers/sharers.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('a shared port');

const responseOf = (flow: Flow): Promise<CallbackResponse> =>
  assert.deadline(firstValueFrom(flow.response), 'a response');

test('gives each host its own responses, whichever serves', () =>
  withSharers({}, 4, async ({ port, hosts }) => {
    assert.equal(
      hosts.map(({ serves }) => serves),
      [true, false, false, false],
    );
    assert.equal(
      new Set(hosts.map(({ redirectUri }) => redirectUri)),
      new Set([`http://127.0.0.1:${port}/callback`]),
    );
    const flows = await Promise.all(hosts.flatMap((host) => Array.from({ length: 10 }, () => host.begin())));
    const seen = flows.map(observe);
    for (const { state } of flows)
      assert.is((await visit(port, `/callback?code=of-${state}&state=${state}`)).status, 200);
    for (const flow of flows) assert.is((await responseOf(flow)).code, `of-${flow.state}`);
    assert.ok(seen.every(({ responses, errors }) => responses.length === 1 && errors.length === 0));
  }));

/** The one that serves closes. A flow of another one has the same state and verifier, and gets its response at the next one. */
async function goesOn(create?: CreateShared): Promise<void> {
  await withSharers(
    {},
    3,
    async ({ port, hosts }) => {
      const [first, second, third] = hosts as [(typeof hosts)[0], (typeof hosts)[0], (typeof hosts)[0]];
      const own = observe(await first.begin());
      const flow = await second.begin();
      const late = await third.begin();
      const { state, codeVerifier, redirectUri } = flow;
      const url = flow.authorizationUrl('https://as.example/authorize', { client_id: 'c' }).href;
      const seen = observe(flow);
      await first.close();
      assert.is((own.errors[0] as { code: string }).code, 'closed');
      // Held until its flow is registered anew.
      const page = visit(port, `/callback?code=after&state=${state}`, {}).catch(() => undefined);
      let answer = await page;
      for (let n = 0; answer === undefined && n < 100; n++) {
        await new Promise(setImmediate);
        answer = await visit(port, `/callback?code=after&state=${state}`).catch(() => undefined);
      }
      assert.is((await responseOf(flow)).code, 'after', 'the response after the change');
      assert.is(answer?.status, 200);
      assert.equal([flow.state, flow.codeVerifier, flow.redirectUri], [state, codeVerifier, redirectUri]);
      assert.is(flow.authorizationUrl('https://as.example/authorize', { client_id: 'c' }).href, url);
      assert.equal(seen.errors, []);
      assert.is(seen.responses.length, 1);
      assert.is([second, third].filter((host) => host.serves).length, 1);
      assert.is((await visit(port, `/callback?code=late&state=${late.state}`)).status, 200);
      // Whoever subscribes only now gets it too.
      assert.is((await responseOf(late)).code, 'late');
    },
    create,
  );
}

test('goes on at another host when the one that serves closes', () => goesOn());

test('is found out if flows that wait are not registered at the next one', async () => {
  const { sharedCallbackHost: twin } = (await weakenedModule(
    'share.ts',
    edit(
      'const waiting = [...this.#flows.keys()].filter((flow) => flow.pending);',
      'const waiting: SharedFlow[] = [];',
    ),
  )) as { sharedCallbackHost: CreateShared };
  await complains(() => goesOn(twin), /closed|connection|response/i);
});

test('ends what ended before as it did, and lets the others go on', () =>
  withSharers({}, 2, async ({ hosts }) => {
    const [first, second] = hosts as [(typeof hosts)[0], (typeof hosts)[0]];
    const cancelled = await second.begin();
    cancelled.cancel();
    const controller = new AbortController();
    const waiting = await second.begin({ signal: controller.signal });
    await first.close();
    const next = await second.begin();
    assert.ok(second.serves);
    await assert.rejects(firstValueFrom(cancelled.response), FlowCancelledError);
    const ended = assert.rejects(firstValueFrom(waiting.response), FlowCancelledError);
    controller.abort();
    await ended;
    next.cancel();
    await assert.rejects(firstValueFrom(next.response), FlowCancelledError);
  }));

/** Resolves once one of the hosts serves. */
const served = (...hosts: readonly { readonly serves: boolean }[]): Promise<void> =>
  assert.deadline(
    (async () => {
      while (!hosts.some(({ serves }) => serves)) await new Promise(setImmediate);
    })(),
    'a host that serves',
  );

/** Two calls with one key have one flow, also if the server has changed between them. */
async function joins(create?: CreateShared): Promise<void> {
  await withSharers(
    {},
    2,
    async ({ port, hosts }) => {
      const [first, second] = hosts as [(typeof hosts)[0], (typeof hosts)[0]];
      const flow = await second.begin({ key: 'k' });
      const { id, state } = flow;
      assert.is(await second.begin({ key: 'k' }), flow);
      await first.close();
      await served(second);
      assert.is(await second.begin({ key: 'k' }), flow, 'the flow of the key');
      assert.is.not(flow.id, id);
      const events: ServerEvent[] = [];
      second.events.subscribe((event) => events.push(event));
      assert.is((await visit(port, `/callback?code=c&state=${state}`)).status, 200);
      assert.ok(
        events.some((event) => event.type === 'answered' && event.flowId === flow.id),
        'the id is that of its events',
      );
    },
    create,
  );
}

test('joins calls with one key, also at another host', () => joins());

test('is found out if a flow has another verifier at another host', async () => {
  const { sharedCallbackHost: twin } = (await weakenedModule(
    'share.ts',
    edit('this.#byPlace.set(place, flow);\n      flow.move(place);', 'flow.move(place);'),
  )) as { sharedCallbackHost: CreateShared };
  await complains(() => joins(twin), /the flow of the key/);
});

/** The connection to the server is cut, and the server lives on. The flow goes on there. */
async function survivesCut(create?: CreateShared): Promise<void> {
  using sockets = new ClientSockets();
  await withSharers(
    {},
    2,
    async ({ port, hosts: [first, second] }) => {
      const flow = await second!.begin();
      const seen = observe(flow);
      sockets.cut();
      // Registered behind the flow that was cut off.
      await second!.begin();
      assert.equal([first!.serves, second!.serves], [true, false]);
      assert.equal(seen.errors, [], 'the flow goes on');
      assert.is((await visit(port, `/callback?code=c&state=${flow.state}`)).status, 200);
      assert.is((await responseOf(flow)).code, 'c');
    },
    create,
  );
}

test('goes on at the same host after its connection was cut', () => survivesCut());

test('is found out if a flow that was cut off is only begun anew', async () => {
  const { sharedCallbackHost: twin } = (await weakenedModule(
    'share.ts',
    edit(
      'if (!(error instanceof StateInUseError) || !before || !isResumable(before)) throw',
      'if (!before || isResumable(before)) throw',
    ),
  )) as { sharedCallbackHost: CreateShared };
  await complains(() => survivesCut(twin), /the flow goes on|state_in_use|in use/);
});

/** The one that serves closes while a thousand flows wait. The last of them is known at the next one before its redirect is too old. */
async function bringsAll(create?: CreateShared): Promise<void> {
  await withSharers(
    {},
    3,
    async ({ port, hosts: [first, second, third] }) => {
      const flows = await Promise.all(Array.from({ length: 1_000 }, () => third!.begin()));
      await first!.close();
      await served(second!, third!);
      const { state } = flows.at(-1)!;
      assert.is((await visit(port, `/callback?code=c&state=${state}`)).status, 200, 'the page');
    },
    create,
  );
}

test('brings a thousand flows to the next host in time', () => bringsAll());

test('is found out if its flows come at the pace of strangers', async () => {
  const { sharedCallbackHost: twin } = (await weakenedModule(
    'share.ts',
    edit('path: sharePath, store, limits });', 'path: sharePath, store });'),
  )) as { sharedCallbackHost: CreateShared };
  await complains(() => bringsAll(twin), /the page/);
});

test('completes its events once it is closed, also for a late subscriber', () =>
  withSharers({}, 2, async ({ hosts }) => {
    for (const host of hosts.toReversed()) {
      let completed = 0;
      host.events.subscribe({ complete: () => completed++ });
      await host.close();
      host.events.subscribe({ complete: () => completed++ });
      assert.is(completed, 2);
    }
  }));

test('is served by another host though no flow waits, and by none once all are closed', () =>
  withSharers({}, 3, async ({ port, hosts }) => {
    await hosts[0]!.close();
    await served(hosts[1]!, hosts[2]!);
    await Promise.all(hosts.map((host) => host.close()));
    assert.ok(hosts.every(({ serves }) => !serves));
    assert.match((await assert.rejects(visit(port, '/callback'), Error)).message, 'ECONNREFUSED');
  }));

test('answers a browser once the program has its response', () =>
  withSharers({}, 2, async ({ port, hosts }) => {
    const flow = await hosts[1]!.begin();
    const order: string[] = [];
    flow.response.subscribe(() => order.push('response'));
    await visit(port, `/callback?code=c&state=${flow.state}`).then(() => order.push('page'));
    assert.equal(order, ['response', 'page']);
  }));

test('refuses a binding, since its redirect URI is on loopback', () =>
  withSharers({}, 1, async ({ hosts }) => {
    await assert.rejects(hosts[0]!.begin({ binding: 'cookie' }), InvalidOptionError);
    await assert.rejects(hosts[0]!.begin({ binding: 'code' }), InvalidOptionError);
    await hosts[0]!.begin({ binding: 'none' });
  }));

for (const [option, value] of [
  ['port', 0],
  ['port', 65_536],
  ['port', '8080'],
  ['folder', 7],
  ['callbackPath', 'callback'],
  ['callbackPath', '/share'],
  ['callbackPath', '/share/proof'],
  ['flowTtl', 0],
  ['host', '0.0.0.0'],
  ['publicUrl', 'https://sign-in.example'],
] as const)
  test(`rejects the ${option} ${JSON.stringify(value)}`, async () => {
    using secret = new SecretFolder();
    const given = { port: 1, folder: secret.path, [option]: value };
    const error = await assert.rejects(sharedCallbackHost(given as { port: number }), InvalidOptionError);
    assert.is(error.option, option);
  });

test('names the redirect URI that another process has', () =>
  withSharers({}, 1, async ({ open }) => {
    const error = await assert.rejects(open({ callbackPath: '/oauth/callback' }), PortHeldError);
    assert.is(error.reason, 'other_redirect_uri');
  }));

test('says so if the process that serves speaks another version', async () => {
  const { sharedCallbackHost: later } = (await weakenedModule(
    'share.ts',
    edit('export const protocol = 1;', 'export const protocol = 2;'),
  )) as { sharedCallbackHost: CreateShared };
  await withSharers(
    {},
    1,
    async ({ port, folder }) => {
      const error = await assert.rejects(sharedCallbackHost({ port, folder }), PortHeldError);
      assert.is(error.reason, 'other_version');
    },
    later,
  );
});

/** Listens on the port as a program of a stranger does. */
async function withStranger(
  onSocket: (socket: Socket, heard: () => string) => void,
  body: (port: number, heard: () => string) => Promise<void>,
): Promise<void> {
  const sockets: Socket[] = [];
  let heard = '';
  const server: Server = createTcpServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined).on('data', (data) => (heard += data.toString()));
    onSocket(socket, () => heard);
  });
  const port = await freePort();
  await once(server.listen(port, '127.0.0.1'), 'listening');
  try {
    await body(port, () => heard);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

const answering =
  (head: string, body = '') =>
  (socket: Socket): void => {
    socket.once('data', () => socket.write(`${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
  };

const forged = JSON.stringify({
  protocol: 1,
  version: '0.1.0',
  redirectUri: 'http://127.0.0.1:1/callback',
  proof: 'A'.repeat(43),
});

for (const [what, onSocket, reason] of [
  ['answers like a web server', answering('HTTP/1.1 200 OK', '<html></html>'), 'stranger'],
  ['forges a proof', answering('HTTP/1.1 200 OK', forged), 'stranger'],
  ['speaks no HTTP', (socket: Socket) => void socket.write('SSH-2.0-OpenSSH_9.2\r\n'), 'stranger'],
  ['accepts at once', answering('HTTP/1.1 101 Switching Protocols'), 'stranger'],
  ['has no such page', answering('HTTP/1.1 404 Not Found'), 'stranger'],
  ['redirects', answering('HTTP/1.1 302 Found\r\nLocation: http://evil.example/'), 'stranger'],
  [
    'sends without end',
    (socket: Socket) => void socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(10_000)}`),
    'stranger',
  ],
  ['says nothing', () => undefined, 'silent'],
] as readonly (readonly [string, (socket: Socket) => void, PortHeldReason])[])
  test(`tells a stranger on the port nothing: one that ${what}`, () =>
    withStranger(onSocket, async (port, heard) => {
      using secret = new SecretFolder();
      const error = await assert.rejects(sharedCallbackHost({ port, folder: secret.path }), PortHeldError);
      assert.equal([error.code, error.port, error.reason], ['port_held', port, reason]);
      assert.match(error.message, String(port));
      if (process.platform === 'linux') assert.is(error.holder?.pid, process.pid);
      assert.match(heard(), 'GET /share/proof HTTP/1.1\r\n');
      assert.not.match(heard(), /authorization|upgrade|state/i);
    }));

test('tells processes with another secret nothing, and lets them in nowhere', () =>
  withSharers({}, 1, async ({ port, hosts }) => {
    using other = new SecretFolder();
    const error = await assert.rejects(sharedCallbackHost({ port, folder: other.path }), PortHeldError);
    assert.is(error.reason, 'stranger');
    for (const target of ['/share', '/share/flow', '/share/flows'])
      assert.ok(
        (await send(port, { target, headers: { Authorization: 'Bearer no-such-token-at-all' } })).status >=
          400,
      );
    assert.is((await send(port, { target: '/share/proof' })).status, 400);
    const flow = await hosts[0]!.begin();
    assert.is((await visit(port, `/callback?code=c&state=${flow.state}`)).status, 200);
  }));

test.run();
