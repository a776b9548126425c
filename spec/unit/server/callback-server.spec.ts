import { defer, firstValueFrom, map, retry } from 'rxjs';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import {
  callbackServer,
  createOAuthCallbackServer,
  FlowExpiredError,
  NotListeningError,
  ofState,
  PortInUseError,
  ServerClosedError,
  type OAuthCallbackServer,
} from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { navigation, send, visit } from '../../helpers/http.ts';
import { RawSocket } from '../../helpers/raw.ts';
import { record } from '../../helpers/record.ts';
import { authorityOf, listening, newState, redirectTo } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const refused = (port: number) =>
  assert.rejects(RawSocket.open({ address: '127.0.0.1', port }), 'ECONNREFUSED');

/** A sign-in from begin to code, as the proof that a server works. */
async function signsIn(server: OAuthCallbackServer): Promise<void> {
  const flow = await server.begin();
  const code = newState();
  await visit(redirectTo(server.redirectUri, { code, state: flow.state }));
  assert.is((await firstValueFrom(flow.response)).code, code);
}

/** The sockets that this process listens on, once those that are closing have closed. */
async function listeners(): Promise<number> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
}

const lifecycle = suite('server.listen and server.close');

lifecycle('has address and redirectUri only while it listens', async () => {
  const server = createOAuthCallbackServer();
  for (const state of ['before', 'after'] as const) {
    assert.match(
      assert.throws(() => server.address, NotListeningError).message,
      /^address needs a running server/,
    );
    assert.throws(() => server.redirectUri, NotListeningError);
    await assert.rejects(server.begin(), NotListeningError);
    if (state === 'after') continue;
    await server.listen();
    const { address, port } = server.address;
    assert.is(server.redirectUri, `http://${address}:${port}/callback`);
    await server.close();
  }
});

lifecycle('I-03 listens once, however often it is asked', async () => {
  const before = await listeners();
  const server = createOAuthCallbackServer();
  const events = record(server.events);
  try {
    await Promise.all([server.listen(), server.listen(), server.listen()]);
    const { port } = server.address;
    await server.listen();
    assert.is(server.address.port, port);
    // A socket for each address family.
    assert.is((await listeners()) - before, 2);
    assert.is(events.values.filter(({ type }) => type === 'listening').length, 1);
    await signsIn(server);
  } finally {
    await server.close();
  }
  assert.is(await listeners(), before);
});

lifecycle('I-03 closes once, however often it is asked', async () => {
  const server = await listening();
  const { port } = server.address;
  const events = record(server.events);
  await Promise.all([server.close(), server.close()]);
  await server.close();
  await server[Symbol.asyncDispose]();
  await refused(port);
  assert.equal([events.values.filter(({ type }) => type === 'closed').length, events.endings], [1, 1]);
});

lifecycle('I-03 closes when its block ends', async () => {
  let port: number;
  {
    await using server = await listening();
    port = server.address.port;
  }
  await refused(port);
});

lifecycle('I-03 closes a server that never listened, and completes its streams', async () => {
  const server = createOAuthCallbackServer();
  const [redirects, events] = [record(server.redirects), record(server.events)];
  const waiting = record(server.redirects.pipe(ofState(newState())));
  await server.close();
  for (const { ending } of [redirects, events, waiting]) assert.equal(ending, { completed: true });
  await server.listen();
  await signsIn(server);
  await server.close();
});

for (const [order, run] of [
  ['listen, close', (server: OAuthCallbackServer) => [server.listen(), server.close()]],
  [
    'listen, close, close',
    (server: OAuthCallbackServer) => [server.listen(), server.close(), server.close()],
  ],
  [
    'listen, close, listen, close',
    (server: OAuthCallbackServer) => [server.listen(), server.close(), server.listen(), server.close()],
  ],
  [
    'close, listen, close',
    (server: OAuthCallbackServer) => [server.close(), server.listen(), server.close()],
  ],
] as const) {
  lifecycle(`I-03 holds nothing after ${order} at once`, async () => {
    const before = await listeners();
    const server = createOAuthCallbackServer();
    const events = record(server.events);
    await Promise.all(run(server));
    assert.throws(() => server.redirectUri, NotListeningError);
    assert.equal([await listeners(), events.ending], [before, { completed: true }]);
  });
}

for (const [order, run] of [
  [
    'listen, close, listen',
    (server: OAuthCallbackServer) => [server.listen(), server.close(), server.listen()],
  ],
  ['close, listen', (server: OAuthCallbackServer) => [server.close(), server.listen()]],
] as const) {
  lifecycle(`I-03 listens after ${order} at once`, async () => {
    const server = createOAuthCallbackServer();
    try {
      await Promise.all(run(server));
      await signsIn(server);
    } finally {
      await server.close();
    }
  });
}

lifecycle('I-03 listens anew while it is still closing', async () => {
  const server = await listening();
  try {
    // A socket that keeps it closing for a while.
    using socket = await RawSocket.open(server.address);
    await socket.write('GET /callback HTTP/1.1\r\n');
    const flow = record((await server.begin()).response);
    const closing = server.close();
    await server.listen();
    await closing;
    assert.instance(await flow.ended, ServerClosedError);
    await signsIn(server);
  } finally {
    await server.close();
  }
});

lifecycle('I-03 starts and stops 100 times on one port, and leaves nothing behind', async () => {
  const warnings: Error[] = [];
  const heard = (warning: Error) => warnings.push(warning);
  process.on('warning', heard);
  const before = await listeners();
  try {
    const free = await listening();
    const { port } = free.address;
    await free.close();
    const server = createOAuthCallbackServer({ port });
    for (let run = 0; run < 100; run++) {
      await server.listen();
      assert.is(server.address.port, port);
      if (run % 10 === 0) await signsIn(server);
      await server.close();
    }
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(warnings, []);
    assert.is(await listeners(), before);
  } finally {
    process.off('warning', heard);
  }
});

lifecycle('has working streams on every run', async () => {
  const server = createOAuthCallbackServer();
  for (let run = 0; run < 3; run++) {
    const early = record(server.redirects);
    await server.listen();
    const [redirects, events] = [record(server.redirects), record(server.events)];
    await signsIn(server);
    await server.close();
    // A subscriber between a close and the next listen has come too late.
    assert.is(early.values.length, run === 0 ? 1 : 0);
    assert.equal(early.ending, { completed: true });
    assert.equal(
      [redirects.values.map(({ disposition }) => disposition), redirects.ending],
      [['accepted'], { completed: true }],
    );
    assert.equal(
      [events.values.map(({ type }) => type), events.ending],
      [['begun', 'redirect', 'answered', 'closed'], { completed: true }],
    );
  }
});

lifecycle('completes redirects, events and ofState on close, and later subscribers at once', async () => {
  const server = await listening();
  const streams = () => [server.redirects, server.events, server.redirects.pipe(ofState(newState()))];
  const before = streams().map((stream) => record<unknown>(stream));
  await server.close();
  const after = streams().map((stream) => record<unknown>(stream));
  for (const { ending, endings } of [...before, ...after]) {
    assert.equal([ending, endings], [{ completed: true }, 1]);
  }
  assert.ok(after.every(({ values }) => values.length === 0));
});

lifecycle('rejects a begin while it closes', async () => {
  const server = await listening();
  const attempts: Promise<unknown>[] = [];
  // A caller that begins again as soon as it fails must not wait for ever.
  const again = defer(() => {
    const begun = server.begin();
    attempts.push(begun);
    return begun.then((flow) => firstValueFrom(flow.response));
  });
  const sign = record(again.pipe(retry(3)));
  await attempts[0];
  await server.close();
  const error = await sign.ended;
  assert.ok(error instanceof ServerClosedError || error instanceof NotListeningError);
  assert.is(attempts.length, 4);
});

lifecycle('keeps the redirect URI of a flow after it has closed', async () => {
  const server = await listening();
  const { redirectUri } = server;
  const flow = await server.begin();
  await server.close();
  assert.is(flow.redirectUri, redirectUri);
});

lifecycle('B-06 ends a flow in virtual time, and answers a late redirect with the neutral page', async () => {
  const { scheduler, advance } = virtualTime();
  await using server = await listening({ scheduler });
  const redirects = record(server.redirects);
  const [flow, other] = [await server.begin(), await server.begin({ ttl: 20 * 60_000 })];
  const [response, still] = [record(flow.response), record(other.response)];
  advance(10 * 60_000);
  assert.instance(await response.ended, FlowExpiredError);
  assert.is(still.ending, undefined);
  const { status, body } = await visit(redirectTo(server.redirectUri, { code: 'a', state: flow.state }));
  assert.is(status, 400);
  assert.match(body, 'This sign-in link is not active');
  const late = await redirects.next();
  assert.equal([late.disposition, late.response.code], ['late', undefined]);
});

lifecycle('H-02 shows no state, code or verifier when it is printed', async () => {
  await using server = await listening();
  const [flow, kept] = [await server.begin({ key: 'k' }), await server.begin()];
  record(flow.response);
  const waiting = server.redirects.pipe(ofState(newState()));
  record(waiting);
  await visit(redirectTo(server.redirectUri, { code: 'CANARY-code', state: kept.state }));
  const printed = inspect({ server, flow, kept, waiting }, { depth: Infinity, showHidden: true });
  for (const secret of ['CANARY-code', flow.state, kept.state, flow.codeVerifier, 'zyxwvutsrqponmlk']) {
    assert.not.match(printed, secret);
  }
});

const cold = suite('callbackServer');

cold('listens when it is subscribed, and closes when it is unsubscribed', async () => {
  const before = await listeners();
  const servers = callbackServer();
  assert.is(await listeners(), before);
  const one = record(servers);
  const other = record(servers);
  const [first, second] = [await one.next(), await other.next()];
  assert.is.not(first.address.port, second.address.port);
  await signsIn(first);
  const flow = record((await first.begin()).response);
  const { port } = first.address;
  one.unsubscribe();
  assert.instance(await flow.ended, ServerClosedError);
  await first.close();
  await refused(port);
  await signsIn(second);
  other.unsubscribe();
  await second.close();
  assert.is(await listeners(), before);
});

cold('errors if it cannot listen', async () => {
  await using holder = await listening();
  const server = record(callbackServer({ port: holder.address.port }));
  assert.instance(await server.ended, PortInUseError);
});

cold('composes with other streams', async () => {
  const redirectUri = await firstValueFrom(callbackServer().pipe(map((server) => server.redirectUri)));
  assert.match(redirectUri, /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
});

const isolation = suite('subscribers of a server');

const failure = new Error('my mistake');
const fail = (): never => {
  throw failure;
};

isolation('I-01 that throw keep no other subscriber from page, redirects, events or response', async () => {
  const warned: unknown[] = [];
  await using server = await listening({ logger: { warn: (problem) => void warned.push(problem) } });
  server.redirects.subscribe(fail);
  server.redirects.pipe(map(fail)).subscribe();
  server.events.subscribe(fail);
  const [redirects, events] = [record(server.redirects), record(server.events)];
  // 1: events
  const flow = await server.begin();
  flow.response.subscribe({ next: fail, complete: fail });
  server.redirects.pipe(ofState(flow.state)).subscribe(fail);
  const response = record(flow.response);
  // 2 to 4: response and ofState; 5 and 6: redirects; 7 and 8: events
  const page = await visit(redirectTo(server.redirectUri, { code: 'a', state: flow.state }));
  assert.is(page.status, 200);
  await response.ended;
  assert.equal([response.values.length, redirects.values.length], [1, 1]);
  assert.equal(
    events.values.map(({ type }) => type),
    ['begun', 'redirect', 'answered'],
  );
  assert.is(warned.length, 8);
  assert.ok(warned.every((problem) => problem === failure));
  // The second redirect reaches them all the same.
  await signsIn(server);
  assert.is(redirects.values.length, 2);
});

isolation('I-01 that do not handle an ending are reported', async () => {
  const warned: unknown[] = [];
  const server = await listening({ logger: { warn: (problem) => void warned.push(problem) } });
  (await server.begin()).response.subscribe();
  await server.close();
  assert.is(warned.length, 1);
  assert.instance(warned[0], ServerClosedError);
});

isolation('I-01 are reported as process warnings without a logger', async () => {
  for (const logger of [undefined, {}, { warn: fail, debug: fail }]) {
    const warning = new Promise<Error>((resolve) => process.once('warning', resolve));
    await using server = await listening(logger && { logger });
    server.redirects.subscribe(fail);
    const page = await visit(server.redirectUri);
    assert.equal([page.status, await warning], [400, failure]);
    await signsIn(server);
  }
});

isolation('I-01 may throw a value that is no Error', async () => {
  const warned: unknown[] = [];
  await using server = await listening({ logger: { warn: (problem) => void warned.push(problem) } });
  server.redirects.subscribe(() => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    throw 'a string';
  });
  await visit(server.redirectUri);
  assert.instance(warned[0], Error);
  assert.is((warned[0] as Error).message, 'a string');
});

/** A browser in a thread of its own: sets the flag to 1 when it has the whole page. */
const browser = `
const { workerData: { port, request, flag } } = require('node:worker_threads');
const socket = require('node:net').connect(port, '127.0.0.1', () => socket.write(request));
let received = '';
socket.setEncoding('latin1').on('data', (chunk) => {
  received += chunk;
  const [head, body] = received.split('\\r\\n\\r\\n');
  if (body === undefined || body.length < Number(/content-length: (\\d+)/i.exec(head)[1])) return;
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
  socket.destroy();
});`;

for (const [what, subscribe] of [
  ['redirects', (server: OAuthCallbackServer, block: () => void) => server.redirects.subscribe(block)],
  [
    'flow.response',
    (server: OAuthCallbackServer, block: () => void, state: string) =>
      server.redirects.pipe(ofState(state)).subscribe(block),
  ],
] as const) {
  isolation(`I-01 that block on ${what} do not keep the page from the browser`, async () => {
    await using server = await listening();
    const { state } = await server.begin();
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const blocked = new Promise<string>((resolve) => {
      // The whole process stands still until the page has arrived, as it would for a subscriber that computes.
      subscribe(server, () => resolve(Atomics.wait(flag, 0, 0, 10_000)), state);
    });
    const request = `GET /callback?code=a&state=${state} HTTP/1.1\r\nHost: ${authorityOf(server.address)}\r\n\r\n`;
    const worker = new Worker(browser, {
      eval: true,
      workerData: { port: server.address.port, request, flag },
    });
    try {
      // The signal may have arrived already: "not-equal".
      assert.is.not(await blocked, 'timed-out');
      assert.is(flag[0], 1);
    } finally {
      await worker.terminate();
    }
  });
}

isolation('see rejected redirects in their log, without a code or a state', async () => {
  const heard: string[] = [];
  await using server = await listening({
    logger: { debug: (message) => void heard.push(message), warn: fail },
  });
  const { state } = await server.begin();
  await visit(redirectTo(server.redirectUri, { code: 'CANARY', state: 'CANARY' }));
  await send(redirectTo(server.redirectUri, { code: 'CANARY', state }), {
    headers: { ...navigation, 'Sec-Fetch-Dest': 'image' },
  });
  await visit(redirectTo(server.redirectUri, { code: 'CANARY', state }));
  assert.equal(heard, ['redirect unmatched', 'redirect refused: not_navigation']);
});

lifecycle.run();
cold.run();
isolation.run();
