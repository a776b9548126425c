import { ofState, ServerClosedError, type OAuthCallbackServer } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { holdTimers } from '../helpers/clock.ts';
import { send } from '../helpers/http.ts';
import { runProgram } from '../helpers/program.ts';
import { RawSocket, sendRaw, statuses } from '../helpers/raw.ts';
import { record } from '../helpers/record.ts';
import { authorityOf, listening, newState, redirectTo } from '../helpers/server.ts';
import { suite } from '../helpers/suite.ts';

const test = suite('server.close');

/** Begins to close a server; `done` turns true once it is closed. */
function startClosing(server: OAuthCallbackServer): { readonly ended: Promise<void>; done: boolean } {
  const closing = { ended: server.close().then(() => void (closing.done = true)), done: false };
  return closing;
}

/** Lets the event loop turn a few times, so that whatever is due can happen. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
}

/** A page that no connection takes at once. */
const bigPage = { serverUrl: 'x'.repeat(32 * 1_024 * 1_024) };

/** A browser that has asked for the big page, and reads none of it. */
async function neverReading(server: OAuthCallbackServer): Promise<RawSocket> {
  const { state } = await server.begin();
  const answered = record(server.redirects.pipe(ofState(state)));
  const socket = await RawSocket.open(server.address);
  socket.stopReading();
  const host = authorityOf(server.address);
  await socket.write(`GET /callback?code=a&state=${state} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await answered.ended;
  return socket;
}

test('I-02 ends pending flows with ServerClosedError, and half-open connections, within 2 s', async () => {
  const server = await listening(bigPage);
  const { address } = server;
  const host = `Host: ${authorityOf(address)}`;
  const responses = [];
  for (let count = 0; count < 3; count++) responses.push(record((await server.begin()).response));
  using silent = await RawSocket.open(address);
  using half = await RawSocket.open(address);
  await half.write(`GET /callback?code=a HTTP/1.1\r\n${host}\r\n`);
  using slowBody = await RawSocket.open(address);
  await slowBody.write(`GET /callback HTTP/1.1\r\n${host}\r\nContent-Length: 10\r\n\r\n12`);
  using idle = await RawSocket.open(address);
  await idle.write(`GET /callback HTTP/1.1\r\n${host}\r\n\r\n`);
  await idle.until('</html>');
  using deaf = await neverReading(server);

  using timers = holdTimers();
  const closing = startClosing(server);
  for (const response of responses) assert.instance(await response.ended, ServerClosedError);
  await Promise.all([silent, half, slowBody, idle].map(({ closed }) => closed));
  assert.is(closing.done, false, 'a page in flight is waited for');
  timers.advance(2_000);
  await closing.ended;
  assert.is(deaf.received, '');
  await assert.rejects(RawSocket.open(address), 'ECONNREFUSED');
});

test('I-02 waits only for pages in flight, and not for other sockets of either family', async () => {
  const server = await listening({ closeTimeout: 60_000 });
  const sockets = [];
  try {
    for (const address of ['127.0.0.1', '::1']) {
      const host = `Host: ${address === '::1' ? '[::1]' : address}:${server.address.port}`;
      for (const [bytes, until] of [
        ['', ''],
        ['GET /callback?code=a HTTP/1.1\r\n', ''],
        [`GET /callback HTTP/1.1\r\n${host}\r\n\r\n`, '</html>'],
        [`GET /callback HTTP/1.1\r\n${host}\r\n\r\nGET /callback`, '</html>'],
      ] as const) {
        const socket = await RawSocket.open({ address, port: server.address.port });
        sockets.push(socket);
        await socket.write(bytes);
        await socket.until(until);
      }
    }
    // No time passes, so that a close that waited for closeTimeout would never end.
    using timers = holdTimers();
    await server.close();
    await Promise.all(sockets.map(({ closed }) => closed));
    assert.is(timers.pending, 0, 'the timer of closeTimeout is cleared');
  } finally {
    for (const socket of sockets) socket[Symbol.dispose]();
  }
});

test('I-02 gives pages in flight no longer than closeTimeout', async () => {
  const server = await listening({ ...bigPage, closeTimeout: 700 });
  using deaf = await neverReading(server);
  using timers = holdTimers();
  const closing = startClosing(server);
  await turns();
  timers.advance(699);
  await turns();
  assert.is(closing.done, false, 'it waits until then');
  timers.advance(1);
  await closing.ended;
  assert.is(deaf.received, '');
});

test('I-02 sends the whole of a page that its reader takes slowly', async () => {
  const server = await listening({ ...bigPage, closeTimeout: 15_000 });
  using slow = await neverReading(server);
  const closing = server.close();
  // It is refused already, and yet the page goes on.
  await assert.rejects(RawSocket.open({ address: '127.0.0.1', port: slow.port }), 'ECONNREFUSED');
  slow.readOn();
  await slow.closed;
  const [head, body] = slow.received.split('\r\n\r\n');
  assert.is(body?.length, Number(/^content-length: (\d+)$/im.exec(head!)?.[1]));
  await closing;
});

test('E-05 sends the whole page when it is closed by the redirect', async () => {
  const server = await listening();
  try {
    const { state } = await server.begin();
    let closed: Promise<void> | undefined;
    server.redirects.subscribe(() => {
      closed = server.close();
    });
    const url = redirectTo(server.redirectUri, { code: 'a', state });
    const page = await send(url);
    assert.is(page.status, 200);
    assert.match(page.body, /<\/html>\s*$/);
    assert.is(Buffer.byteLength(page.body), Number(page.headers['content-length']));
    await closed;
    await assert.rejects(
      RawSocket.open({ address: '127.0.0.1', port: Number(new URL(url).port) }),
      'ECONNREFUSED',
    );
  } finally {
    await server.close();
  }
});

test('I-02 cuts off no page that it has begun', async () => {
  const server = await listening();
  const { address } = server;
  const sockets = await Promise.all(Array.from({ length: 50 }, () => RawSocket.open(address)));
  try {
    const served = record(server.redirects);
    const request = `GET /callback?code=a&state=${newState()} HTTP/1.1\r\nHost: ${authorityOf(address)}\r\n\r\n`;
    for (const socket of sockets) void socket.write(request);
    await served.next();
    await server.close();
    await Promise.all(sockets.map(({ closed }) => closed));
    const pages = sockets.map(({ received }) => received).filter((received) => received !== '');
    assert.is(pages.length, served.values.length);
    for (const page of pages) assert.match(page, /^HTTP\/1\.1 400 [^]*<\/html>\s*$/);
  } finally {
    for (const socket of sockets) socket[Symbol.dispose]();
    await server.close();
  }
});

test('E-05 keeps no connection for the page that ends the last sign-in', async () => {
  await using server = await listening();
  const [one, last] = [await server.begin(), await server.begin()];
  for (const flow of [one, last]) flow.response.subscribe();
  const request = (state: string) =>
    `GET /callback?code=a&state=${state} HTTP/1.1\r\nHost: ${authorityOf(server.address)}\r\n\r\n`;
  using socket = await RawSocket.open(server.address);
  await socket.write(request(one.state));
  assert.match(await socket.until('</html>'), /connection: keep-alive/i);
  const page = await sendRaw(server.address, request(last.state));
  assert.match(page, /connection: close/i);
  assert.match(page, /<\/html>\s*$/);
});

test('answers bytes that are no HTTP with 400, and closes', async () => {
  await using server = await listening();
  const received = await sendRaw(server.address, 'CANARY\r\n\r\n');
  assert.equal(statuses(received), [400]);
  assert.match(received, 'Cache-Control: no-store');
  assert.not.match(received, 'CANARY');
});

for (const end of [
  'a closed server',
  'flows that nobody has ended',
  'a callbackServer that was unsubscribed',
  'a callbackServer that was unsubscribed at once',
  'a server that was closed while it began to listen',
  'a server that found its port taken',
]) {
  test(`I-02 keeps no process alive after ${end}`, async () => {
    const { code, stdout, stderr } = await runProgram('exits.ts', end);
    assert.equal([code, stdout, stderr], [0, 'exits\n', '']);
  });
}

test.run();
