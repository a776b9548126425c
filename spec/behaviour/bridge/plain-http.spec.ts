/** Programs without WebSocket: they begin a flow, wait for its result and acknowledge it by plain HTTP. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { createBridge } from '../../../src/bridge.ts';
import type { ConnectionEvent } from '../../../src/bridge/audit.ts';
import { internalsOfBridge } from '../../../src/bridge/internals.ts';
import { createOAuthCallbackServer } from '../../../src/index.ts';
import { deadline, equal, is, match, not, ok } from '../../helpers/assert.ts';
import {
  counts,
  token,
  withBridge,
  withPeers,
  type Bridged,
  type CreateBridge,
} from '../../helpers/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { send } from '../../helpers/http.ts';
import { PlainProgram } from '../../helpers/plain-program.ts';
import { dial, RawSocket } from '../../helpers/raw.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('programs without WebSocket');

const signIn = ({ visit }: Bridged, { state }: PlainProgram, code = 'a-code') =>
  visit(`/callback?code=${code}&state=${state}`);

const unknown = { code: 'unknown_flow', message: 'unknown flow or wrong key' };

test('begin a flow, wait, get its response until they acknowledge it, and then no more', () =>
  withBridge(async (bridged) => {
    const { server, port } = bridged;
    const program = new PlainProgram(port);
    const begun = await program.begin({ label: 'nightly' });
    is(begun.status, 201, begun.raw);
    const { flowId, expiresAt, ...rest } = begun.json as { flowId: string; expiresAt: number };
    equal(rest, { redirectUri: server.redirectUri, state: program.state });
    ok(expiresAt > Date.now());
    const again = await program.begin();
    equal([again.status, again.json], [201, begun.json]);
    const pending = await program.wait(0);
    equal([pending.status, pending.body], [204, '']);
    const waiting = program.wait(50);
    await counts(bridged.bridge, 1);
    is((await signIn(bridged, program)).status, 200);
    const response = { code: 'a-code', state: program.state };
    const result = { flowId, result: { type: 'response', response } };
    for (const answer of [await waiting, await program.wait(50), await program.wait(0)]) {
      equal([answer.status, answer.json], [200, result]);
      is(answer.headers['cache-control'], 'no-store');
    }
    is((await program.drop()).status, 204);
    for (const answer of [await program.wait(50), await program.drop()])
      equal([answer.status, answer.json], [404, unknown]);
    equal((await program.begin()).json, {
      code: 'state_in_use',
      message: 'this state is in use or was used before',
    });
    is(server.pending, 0);
  }));

test('learn that a flow has expired, and cancel one by DELETE', () => {
  const { scheduler, advance } = virtualTime();
  return withBridge(
    async ({ port, bridge, events, server }) => {
      const program = new PlainProgram(port);
      await program.begin({ ttl: 1_000 });
      const waiting = program.wait(50);
      await counts(bridge, 1);
      advance(1_000);
      const answer = await waiting;
      equal([answer.status, (answer.json as { result: unknown }).result], [200, { type: 'expired' }]);
      const other = new PlainProgram(port);
      await other.begin();
      is(server.pending, 1);
      is((await other.drop()).status, 204);
      is(server.pending, 0);
      is((await other.wait(0)).status, 404);
      equal(
        events.map(({ type }) => type),
        ['begun', 'expired', 'begun', 'cancelled'],
      );
    },
    {},
    { scheduler },
  );
});

test('wait as long as they prefer, and 55 s at the most', () => {
  const { scheduler, advance } = virtualTime();
  return withBridge(
    async ({ port, bridge }) => {
      const program = new PlainProgram(port);
      await program.begin({ ttl: 86_400_000 });
      for (const [prefer, seconds] of [
        ['wait=7', 7],
        ['respond-async, wait=9;q=1', 9],
        ['WAIT="3"', 3],
        ['wait=9999', 55],
        ['await=3', 25],
        ['wait=-1', 25],
        [null, 25],
      ] as const) {
        const waiting = program.with({ Prefer: prefer }).ask('GET', '/flow');
        await counts(bridge, 1);
        advance(seconds * 1_000 - 1);
        await program.wait(0).then(({ status }) => is(status, 204));
        // That one has taken the flow over, as a reconnect does.
        is((await waiting).status, 409, `still waited before ${seconds} s`);
        const other = program.with({ Prefer: prefer }).ask('GET', '/flow');
        await counts(bridge, 1);
        advance(seconds * 1_000);
        const { status, headers } = await other;
        equal([status, headers['preference-applied']], [204, `wait=${seconds}`], prefer ?? 'no preference');
      }
    },
    {},
    { scheduler, flowTtl: 86_400_000 },
  );
});

async function ownership({ port, visit }: Bridged): Promise<void> {
  const owner = new PlainProgram(port);
  const thief = new PlainProgram(port, { state: owner.state });
  await owner.begin();
  await visit(`/callback?code=of-the-owner&state=${owner.state}`);
  for (const each of [thief, new PlainProgram(port)]) {
    for (const answer of [
      await each.wait(0),
      await each.drop(),
      await each.settle({ status: 'success' }),
      await each.start('https://as.example/authorize'),
      await each.confirm('WDJB-MJHT'),
    ])
      equal([answer.status, answer.json], [404, unknown]);
  }
  is((await thief.begin()).status, 409);
  match((await owner.wait(0)).body, 'of-the-owner');
}

test('get nothing of a flow whose key they do not have, and learn nothing of it', () =>
  withBridge(ownership));

for (const [what, change] of [
  ['the key', edit('return sameKey(flow?.key ?? randomToken(), key) ? flow : undefined;', 'return flow;')],
  [
    'the key of who settles',
    edit('if (!sameKey(owner?.key ?? randomToken(), key) || !owner || ', 'if (!owner || '),
  ],
] as const)
  test(`a bridge that does not compare ${what} is found out`, async () => {
    // A resume proves the key once more, by the nonce.
    const prove = edit('if (stored?.id !== flow || !proven ||', 'if (stored?.id !== flow ||');
    const twin = (await weakenedModule('bridge/server.ts', change, prove)) as { createBridge: CreateBridge };
    await complains(() => withBridge(ownership, {}, {}, twin.createBridge), /Assertion/);
  });

const agent = { name: 'agent', token: 'the-token-of-the-agent', roles: ['listener' as const] };

test('are rejected without a good credential, each with its status, and the operator learns why', () =>
  withBridge(
    async ({ port, bridge, send }) => {
      const heard: ConnectionEvent[] = [];
      internalsOfBridge(bridge).onConnection((event) => heard.push(event));
      const program = new PlainProgram(port, { changes: { Authorization: `Bearer ${agent.token}` } });
      for (const [changes, expected, cause] of [
        [{ Authorization: null }, 401, 'no_credential'],
        [{ Authorization: 'Bearer of-a-complete-stranger' }, 401, 'unknown_credential'],
        [{ Authorization: 'Basic YWdlbnQ6c2VjcmV0' }, 401, 'unknown_credential'],
        [{ Authorization: 'Bearer the-token-of-yesterday' }, 401, 'expired_credential'],
        [{ Authorization: 'Bearer the-token-of-a-monitor' }, 403, 'no_listener'],
        [{ Origin: 'https://evil.example' }, 403, 'wrong_origin'],
      ] as const) {
        const { status, body, headers } = await program.with(changes).begin();
        const event = heard.pop();
        equal([status, body, event?.type === 'rejected' && event.cause], [expected, '', cause]);
        is(headers['www-authenticate'], expected === 401 ? 'Bearer' : undefined);
      }
      const inUrl = await send({
        target: `/bridge/flow?access_token=${agent.token}`,
        headers: program.headers,
      });
      is(inUrl.status, 401);
      is((await program.with({ Host: 'evil.example' }).begin()).status, 421);
      is((await program.begin()).status, 201);
    },
    {
      token: undefined,
      tokens: [
        agent,
        { ...agent, name: 'old', token: 'the-token-of-yesterday', expiresAt: 1 },
        { name: 'watcher', token: 'the-token-of-a-monitor', roles: ['monitor'] },
      ],
    } as never,
  ));

test('are asked for the two secrets in headers, in two forms of the key', () =>
  withBridge(async (bridged) => {
    const { port } = bridged;
    const program = new PlainProgram(port);
    for (const [changes, option] of [
      [{ 'Flow-State': null }, 'Flow-State'],
      [{ 'Flow-State': 'with-ümlaut-in-its-middle' }, 'Flow-State'],
      [{ 'Flow-Key': null }, 'Flow-Key'],
      [{ 'Flow-Key': 'too-short' }, 'Flow-Key'],
      [{ 'Flow-Key': `${program.key}, ${program.key}` }, 'Flow-Key'],
      [{ 'Flow-State': 'short' }, 'state'],
      [{ 'Flow-State': 'a'.repeat(43) }, 'state'],
    ] as const) {
      const { status, json } = await program.with(changes).begin();
      equal([status, (json as { option: string }).option], [400, option]);
    }
    const bytes = Buffer.from(program.key, 'base64url');
    is((await program.with({ 'Flow-Key': bytes.toString('hex') }).begin()).status, 201);
    await signIn(bridged, program);
    is((await program.wait(0)).status, 200);
    is((await program.with({ 'Flow-Key': bytes.toString('hex').toUpperCase() }).drop()).status, 204);
  }));

test('learn what is wrong with a body', () =>
  withBridge(async ({ port, log }) => {
    const program = new PlainProgram(port);
    const json = { 'Content-Type': 'application/json' };
    for (const [status, body, changes] of [
      [400, '{', json],
      [400, '[]', json],
      [400, 'null', json],
      [400, '"text"', json],
      [400, '{"ttl":"long"}', json],
      [400, '{"ttl":0}', json],
      [400, '{"context":"../up"}', json],
      [400, '\xff\xfe', json],
      [413, `{"label":"${'x'.repeat(17_000)}"}`, json],
      [415, 'label=nightly', { 'Content-Type': 'application/x-www-form-urlencoded' }],
      [201, '{"unknown":"member","state":"another","key":1,"type":"leave"}', json],
    ] as const) {
      const answer = await program.with(changes).ask('POST', '/flow', body);
      is(answer.status, status, body.slice(0, 40));
      if (status === 201) continue;
      ok((answer.json as { message: string }).message.length > 5);
      not.match(answer.body, program.state.slice(8));
    }
    equal(log, []);
  }));

test('are answered 408 if a body does not arrive, and lose nothing if they disconnect within it', () =>
  withBridge(
    async ({ port, bridge, log }) => {
      const program = new PlainProgram(port);
      const head = Object.entries({ ...program.headers, 'Content-Length': '100', Host: `127.0.0.1:${port}` });
      const lines = head.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      const slow = await dial(port);
      slow.write(`POST /bridge/flow HTTP/1.1\r\n${lines}\r\n{"label"`);
      const [answer] = (await once(slow, 'data')) as [Buffer];
      match(answer.toString(), /^HTTP\/1.1 408 /);
      slow.destroy();
      const gone = await dial(port);
      gone.write(`POST /bridge/flow HTTP/1.1\r\n${lines}\r\n{"label"`);
      await new Promise((resolve) => setImmediate(resolve));
      gone.resetAndDestroy();
      is((await program.begin()).status, 201);
      await counts(bridge, 0);
      equal(log, []);
    },
    { limits: { timeout: 200 } },
  ));

test('are told the methods of each resource', () =>
  withBridge(async ({ port }) => {
    const program = new PlainProgram(port);
    for (const [path, method, allow] of [
      ['/flow', 'PUT', 'POST, GET, DELETE'],
      ['/flow', 'HEAD', 'POST, GET, DELETE'],
      ['/flow', 'OPTIONS', 'POST, GET, DELETE'],
      ['/flow', 'PATCH', 'POST, GET, DELETE'],
      ['/flow/confirmation', 'PUT', 'POST'],
      ['/flow/outcome', 'GET', 'PUT'],
      ['/flow/start', 'POST', 'PUT'],
    ] as const) {
      const { status, headers } = await program.ask(method, path);
      equal([status, headers['allow']], [405, allow]);
    }
    is((await program.ask('GET', '/flow/')).status, 404);
    is((await program.ask('GET', '/flow/elsewhere')).status, 404);
  }));

test('may be pages of listed origins, and of no other', () =>
  withBridge(
    async ({ port, send }) => {
      const origin = 'https://app.example';
      const ask = (from: string) =>
        send({
          method: 'OPTIONS',
          target: '/bridge/flow',
          headers: { Origin: from, 'Access-Control-Request-Method': 'POST' },
        });
      const { status, headers } = await ask(origin);
      equal(
        [status, headers['access-control-allow-origin'], headers['access-control-allow-methods']],
        [204, origin, 'POST, GET, DELETE'],
      );
      for (const from of ['https://evil.example', 'null']) {
        const other = await ask(from);
        equal([other.status, other.headers['access-control-allow-origin']], [405, undefined]);
      }
      const begun = await new PlainProgram(port).with({ Origin: origin }).begin();
      equal([begun.status, begun.headers['access-control-allow-origin']], [201, origin]);
      match(begun.headers['vary'] ?? '', 'Origin');
    },
    { origins: ['https://app.example'] },
  ));

test('take a flow over from another request and from a WebSocket, and give it up to one', () =>
  withBridge(async (bridged) => {
    const { port, url, bridge } = bridged;
    const program = new PlainProgram(port);
    await program.begin();
    const first = program.wait(50);
    await counts(bridge, 1);
    await withPeers(url, async (open) => {
      const peer = open();
      await peer.welcome();
      peer.say({ type: 'begin', ref: 1, state: program.state, key: program.key });
      const { flowId } = await peer.next('begun');
      const lost = await first;
      equal(
        [lost.status, (lost.json as { code: string }).code, lost.headers['retry-after']],
        [409, 'taken_over', '1'],
      );
      const second = program.wait(50);
      equal(await peer.next('lost'), { type: 'lost', flowId, reason: 'taken_over' });
      await signIn(bridged, program);
      is((await second).status, 200);
    });
  }));

async function brokenWait(bridged: Bridged): Promise<void> {
  const { port, bridge, server } = bridged;
  const program = new PlainProgram(port);
  await program.begin();
  const lines = Object.entries({ ...program.headers, Host: `127.0.0.1:${port}` });
  const request = `GET /bridge/flow HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  const socket = await dial(port);
  socket.write(request);
  await counts(bridge, 1);
  socket.resetAndDestroy();
  await counts(bridge, 0);
  is(server.pending, 1);
  await signIn(bridged, program);
  for (let n = 0; n < 3; n++) {
    // The answer is cut off.
    const cut = await dial(port);
    cut.write(request);
    await once(cut, 'data');
    cut.resetAndDestroy();
  }
  const { status, body } = await program.wait(0);
  is(status, 200, 'the result is lost');
  match(body, 'a-code');
}

test('lose nothing if the connection breaks while they wait, or within the answer', () =>
  withBridge(brokenWait));

test('a bridge that takes an answer for received is found out', async () => {
  const twin = (await weakenedModule(
    'bridge/server.ts',
    edit(
      "if (message.type === 'result') this.#answer(200,",
      "if (message.type === 'result') void this.#listener.receive({ type: 'ack', flowIds: [flowId] }), this.#answer(200,",
    ),
  )) as { createBridge: CreateBridge };
  await complains(() => withBridge(brokenWait, {}, {}, twin.createBridge), /the result is lost/);
});

test('are sent away with 503 by a bridge that closes, and let go of by one whose credential is revoked', () =>
  withBridge(
    async ({ port, bridge, server }) => {
      const program = new PlainProgram(port, { changes: { Authorization: `Bearer ${agent.token}` } });
      const events: ConnectionEvent[] = [];
      internalsOfBridge(bridge).onConnection((event) => events.push(event));
      await program.begin();
      const waiting = program.wait(50);
      await counts(bridge, 1);
      bridge.revoke('agent');
      is((await waiting).status, 401);
      await counts(bridge, 0);
      bridge.setTokens([agent]);
      const other = program.wait(50);
      await counts(bridge, 1);
      await bridge.drain();
      equal(
        (await new PlainProgram(port, { changes: { Authorization: `Bearer ${agent.token}` } }).begin())
          .status,
        503,
      );
      is((await program.wait(0)).status, 204, 'a flow that was begun before goes on');
      is((await other).status, 409);
      const last = program.wait(50);
      await counts(bridge, 1);
      const closed = bridge.close();
      const { status, headers } = await last;
      equal([status, headers['retry-after'], headers['connection']], [503, '1', 'close']);
      await closed;
      is(server.pending, 1);
      await bridge.listen();
      is((await program.wait(0)).status, 204);
      const kinds = events.map((event) =>
        event.type === 'closed' ? `closed ${event.code} ${event.by}` : event.type,
      );
      equal(kinds.slice(0, 3), ['connected', 'closed 4401 service', 'connected']);
      equal(kinds.at(-1), 'closed 1001 service');
    },
    { token: undefined, tokens: [agent] } as never,
  ));

test('are held to the limits of the bridge: connections, requests and flows', () =>
  withBridge(
    async ({ port, bridge }) => {
      const program = new PlainProgram(port);
      await program.begin();
      const other = new PlainProgram(port);
      await other.begin();
      const polls = [program.wait(50), other.wait(50)];
      await counts(bridge, 2);
      const third = await program.begin();
      equal([third.status, third.headers['retry-after']], [503, '5']);
      await bridge.close();
      await Promise.all(polls);
      await bridge.listen();
      const statuses = new Set<number>();
      for (let n = 0; n < 25 && !statuses.has(429); n++) statuses.add((await program.wait(0)).status);
      ok(statuses.has(429), [...statuses].join());
    },
    { limits: { connections: 2, burst: 1, perSecond: 1 } },
    { maxFlows: 2 },
  ));

test('are as many as the bridge takes, and push no browser out', () =>
  withBridge(
    async (bridged) => {
      const { port, bridge } = bridged;
      const programs = Array.from({ length: 8 }, () => new PlainProgram(port));
      await Promise.all(programs.map((program) => program.begin()));
      const polls = programs.map((program) => program.wait(50));
      await counts(bridge, 8);
      for (const program of programs) is((await signIn(bridged, program)).status, 200);
      for (const poll of polls) is((await poll).status, 200);
    },
    {},
    { limits: { connections: 4 } },
  ));

test('settle the page of a flow that has its result', () =>
  withBridge(
    async (bridged) => {
      const program = new PlainProgram(bridged.port);
      await program.begin();
      equal((await program.settle({ status: 'success' })).status, 409);
      const page = signIn(bridged, program);
      is((await program.wait(50)).status, 200);
      for (const [outcome, said] of [
        [{ status: 'done' }, /outcome\.status/],
        [{ status: 'failure' }, /outcome\.message/],
        [{ status: 'redirect', url: 'https://evil.example/' }, /finishUrls/],
      ] as const) {
        const { status, body } = await program.settle(outcome);
        is(status, 400);
        match(body, said);
      }
      is((await program.drop()).status, 204);
      is((await program.settle({ status: 'failure', message: 'no token for this code' })).status, 204);
      match((await page).body, 'no token for this code');
    },
    {},
    { settle: 20_000 },
  ));

test('reach a bridge on a port of its own, and one behind a framework that reads bodies', async () => {
  await withBridge(
    async ({ bridge, visit, send: sendToServer }) => {
      const { port } = bridge.address;
      const program = new PlainProgram(port);
      is((await program.begin({ label: 'x' })).status, 201);
      const waiting = program.wait(50);
      await counts(bridge, 1);
      await visit(`/callback?code=c&state=${program.state}`);
      is((await waiting).status, 200);
      is((await program.with({ Host: 'evil.example' }).wait(0)).status, 404);
      is((await sendToServer({ target: '/bridge/flow', headers: program.headers })).status, 404);
    },
    { port: 0 },
  );
  const server = createOAuthCallbackServer({ server: 'mounted', publicUrl: 'http://localhost:8123' });
  const bridge = createBridge(server, { token });
  const http = createServer((request, response) => {
    request.setEncoding('utf8');
    let text = '';
    request.on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      if (text !== '') Object.assign(request, { body: JSON.parse(text) as unknown });
      server.handler(request, response);
    });
  });
  try {
    await bridge.listen();
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    const program = new PlainProgram(port, { changes: { Host: 'localhost:8123' } });
    const { status, json } = await program.begin({ context: 'mine' });
    equal(
      [status, (json as { redirectUri: string }).redirectUri],
      [201, 'http://localhost:8123/callback/mine'],
    );
    await send(port, {
      target: `/callback/mine?code=c&state=${program.state}`,
      headers: { Host: 'localhost:8123' },
    });
    is((await program.wait(0)).status, 200);
  } finally {
    await server.close();
    http.close();
  }
});

/** The credential of a request is revoked before its body has come. */
async function rejectsTheRevoked(create?: CreateBridge): Promise<void> {
  await withBridge(
    async ({ port, server, bridge }) => {
      const program = new PlainProgram(port);
      const headers = { ...program.headers, Host: `127.0.0.1:${port}`, 'Content-Length': '2' };
      const lines = Object.entries({ ...headers, Expect: '100-continue' }).map((line) => line.join(': '));
      using socket = await RawSocket.open(server.address);
      await socket.write(['POST /bridge/flow HTTP/1.1', ...lines, '', ''].join('\r\n'));
      await deadline(socket.until('100 Continue'), 'the admission');
      bridge.revoke('token');
      await socket.write('{}');
      const answer = await deadline(socket.until(/HTTP\/1\.1 [2-5]0\d /), 'the answer');
      match(answer, /HTTP\/1\.1 401 /);
      is(server.pending, 0);
    },
    {},
    {},
    create,
  );
}

test('are rejected if their credential is revoked before their body has come', () => rejectsTheRevoked());

test('a bridge that does not look again after the body is found out', async () => {
  const change = edit('if (!this.#context.credentials.isValid(identity)) throw new RevokedError();', '');
  const twin = (await weakenedModule('bridge/server.ts', change)) as { createBridge: CreateBridge };
  await complains(() => rejectsTheRevoked(twin.createBridge), /401/);
});

test('may send members of any depth that the service does not know', () =>
  withBridge(async ({ port, log }) => {
    const deep = `${'['.repeat(8_000)}${']'.repeat(8_000)}`;
    const program = new PlainProgram(port);
    is((await program.ask('POST', '/flow', `{"unknown":${deep}}`)).status, 201);
    is((await program.ask('POST', '/flow', `{"label":${deep}}`)).status, 400);
    is((await program.ask('PUT', '/flow/outcome', deep)).status, 400);
    equal(log, []);
  }));

test.run();
