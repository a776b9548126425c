/** `login --via` and `watch` with a service that wants to steer the terminal, or a request of this machine. */
import { once } from 'node:events';
import { WebSocketServer, type WebSocket } from 'ws';
import * as assert from '../../helpers/assert.ts';
import { token } from '../../helpers/bridge.ts';
import { Cli, run } from '../../helpers/cli.ts';
import { json, startIssuer } from '../../helpers/issuer.ts';
import { urlOf } from '../../helpers/login.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('a hostile service');

const env = { RX_OAUTH_CALLBACK_TOKEN: token, NO_COLOR: '1' };
const steering = '\u001b]0;PWNED\u0007\u001b[31m\u009b31m\u202e';
const control = /[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/;

interface Service extends AsyncDisposable {
  readonly url: string;
}

/** A service on loopback that says welcome, and answers each message as it is told. */
async function startService(
  welcome: Readonly<Record<string, unknown>>,
  answer: (
    message: { type: string; ref?: number },
    say: (message: unknown) => void,
    socket: WebSocket,
  ) => void,
): Promise<Service> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    const say = (message: unknown): void =>
      socket.send(typeof message === 'string' ? message : JSON.stringify(message));
    socket.on('message', (data: Buffer) =>
      answer(JSON.parse(data.toString()) as { type: string; ref?: number }, say, socket),
    );
    const limits = { nonce: 'n', epoch: 'e', now: Date.now(), burst: 500, perSecond: 200 };
    say({ type: 'welcome', ...limits, ...welcome });
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as { port: number }).port}/bridge`,
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}

const begunAt =
  (redirectUri: string) => (message: { type: string; ref?: number }, say: (of: unknown) => void) => {
    if (message.type !== 'begin') return;
    say({ type: 'begun', ref: message.ref, flowId: 'f', redirectUri, expiresAt: Date.now() + 60_000 });
  };

test('P-23 ends before anything is registered or shown, if a service names a redirect URI that it must not', async () => {
  await using inside = await listenOnLoopback();
  let visits = 0;
  inside.http.on('request', (_request, response) => {
    visits++;
    response.end();
  });
  await using as = await startIssuer({
    register: (asked, response) => json(response, 201, { ...asked, client_id: 'made' }),
  });
  const good = 'https://svc.example/callback';
  for (const [what, welcomed, begun] of [
    ['escapes', `${good}${steering}\r\nrx-oauth-callback: ended`, good],
    ['http elsewhere', 'http://svc.example/callback', good],
    ['a server of this machine', good, `${inside.origin}/admin?confirm=1`],
  ] as const) {
    await using service = await startService({ roles: ['listener'], redirectUri: welcomed }, begunAt(begun));
    const args = ['login', '--issuer', as.issuer, '--via', service.url, '--no-browser'];
    const { code, stdout, stderr } = await run(args, env);
    assert.equal([code, stdout], [4, ''], `${what}: ${stderr}`);
    assert.match(
      stderr,
      /^rx-oauth-callback: ws:\S+ gave a redirect URI that (?:is not valid; it )?must be https[^\n]*\n$/,
      what,
    );
    assert.not.match(stderr, control, what);
  }
  assert.not.ok(as.requests.some(({ line }) => line === 'POST /register'));
  assert.is(visits, 0);
});

test('P-14 shows what an authorization server calls a client without its escapes', async () => {
  await using as = await startIssuer({
    register: (asked, response) => json(response, 201, { ...asked, client_id: `made${steering}` }),
  });
  const redirectUri = 'https://svc.example/callback';
  await using service = await startService({ roles: ['listener'], redirectUri }, begunAt(redirectUri));
  await using command = Cli.start(
    ['login', '--issuer', as.issuer, '--via', service.url, '--no-browser'],
    env,
  );
  await urlOf(command);
  assert.match(command.stderr, /^Registered as made.\]0;PWNED/m);
  assert.not.match(command.stderr, control);
});

test('P-14 watches a service that sends escapes everywhere, and shows none', async () => {
  await using service = await startService(
    { roles: ['monitor'], redirectUri: 'https://svc.example/callback' },
    ({ type }, say, socket) => {
      if (type !== 'watch') return;
      say({
        type: 'watching',
        epoch: 'e',
        next: 0,
        counts: { [`x${steering}`]: 1 },
        reasons: { [steering]: 2 },
      });
      say(`${steering}\r\nno JSON`);
      const event = { at: Date.now(), flowId: `f${steering}`, outcome: 'error', error: `e${steering}` };
      say({ type: 'event', n: 0, event: { type: 'answered', ...event } });
      say({ type: 'event', n: 1, event: { type: `x${steering}`, at: 0 } });
      say({ type: 'event', n: 2, event: { type: 'listening', at: 0, redirectUri: `https://x/${steering}` } });
      socket.close(4401, steering);
    },
  );
  for (const more of [[], ['--no-json']]) {
    const { code, stdout, stderr } = await run(['watch', service.url, ...more], env);
    assert.is(code, 4, stderr);
    assert.match(stdout, 'PWNED');
    assert.not.match(stdout, control);
    assert.not.match(stderr, control);
    assert.not.match(stderr, /^ {4}at /m);
    // The peer cannot begin a line.
    assert.not.match(stderr, /^no JSON/m);
  }
});

test.run();
