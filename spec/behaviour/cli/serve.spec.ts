/** `serve` from beginning to end, by the built command. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { pathToFileURL } from 'node:url';
import { firstValueFrom } from 'rxjs';
import { WebSocket } from 'ws';
import { subprotocol } from '../../../src/wire/protocol.ts';
import { connectCallbackHost, ConnectionError, type RemoteCallbackHost } from '../../../src/client.ts';
import { exitCodes } from '../../../src/cli/exit-codes.ts';
import type { Addresses } from '../../../src/cli/serve/announce.ts';
import { orThrow } from '../../../src/index.ts';
import { selfSigned } from '../../browser/certificate.ts';
import * as assert from '../../helpers/assert.ts';
import { shake } from '../../helpers/bridge.ts';
import { Cli, Folder } from '../../helpers/cli.ts';
import { send, visit } from '../../helpers/http.ts';
import { redirectTo } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';
import { certificate } from '../../helpers/tls.ts';

const token = 'the-token-of-a-program';
const canary = 'canary-code-of-nobody';

/** Reads the addresses that the service announces. */
async function addressesOf(cli: Cli): Promise<Addresses> {
  return JSON.parse(await cli.sees(/^(\{"type":"ready".*\})\n/m)) as Addresses;
}

/** A service, with a program that waits at it. */
async function withService(
  args: readonly string[],
  body: (cli: Cli, addresses: Addresses, host: RemoteCallbackHost) => Promise<void>,
): Promise<void> {
  await using cli = Cli.start(['serve', '--json', ...args], { RX_OAUTH_CALLBACK_TOKEN: token });
  const addresses = await addressesOf(cli);
  const host = await connectCallbackHost(addresses.bridgeUrl, { token, report: () => undefined });
  try {
    await body(cli, addresses, host);
  } finally {
    await host.close();
  }
}

/** A sign-in that ends with a code. */
async function signIn(host: RemoteCallbackHost, code = canary): Promise<void> {
  const flow = await host.begin();
  const response = firstValueFrom(flow.response.pipe(orThrow()));
  const { status } = await visit(redirectTo(flow.redirectUri, { code, state: flow.state }));
  assert.is(status, 200);
  assert.is((await response).code, code);
}

const lines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const test = suite('serve');

test('prints its addresses and the generated token for people', async () => {
  await using cli = Cli.start(['serve']);
  const made = await cli.sees(/^Token +(\S{43})\n/m);
  const shown =
    /^Redirect URI {2}(http:\/\/127\.0\.0\.1:\d+)\/callback\nBridge {8}(ws:\S+)\nMonitor {7}http:\S+#[\w-]{43}\nMetrics {7}(\S+)\n/;
  const [, origin = '', bridgeUrl = '', metricsUrl = ''] = shown.exec(cli.stdout) ?? [];
  assert.is(metricsUrl, `${origin}/metrics`);
  const host = await connectCallbackHost(bridgeUrl, { token: made });
  try {
    await signIn(host);
  } finally {
    await host.close();
  }
  cli.signal('SIGTERM');
  const { code, stdout, stderr } = await cli.end();
  assert.is(code, exitCodes.ok);
  assert.is(stdout.split(made).length, 2, 'the token is printed once');
  assert.not.match(stderr, made);
  assert.match(stderr, /^\d\d:\d\d:\d\d\.\d{3} info {2}flow \S+: received a code\n/m);
});

for (const json of [true, false])
  test(`logs when a connection is opened, rejected or closed, as ${json ? 'JSON' : 'text'}`, async () => {
    using folder = new Folder();
    const tokens = folder.write('tokens.json', [
      { name: 'ci', token, roles: ['listener'] },
      {
        name: 'old',
        token: 'the-token-of-yesterday',
        roles: ['listener'],
        expiresAt: '2000-01-01T00:00:00Z',
      },
    ]);
    const own = ['--tokens', tokens, '--trusted-proxy', '127.0.0.1', ...(json ? ['--json'] : [])];
    await using cli = Cli.start(['serve', ...own]);
    const bridgeUrl = await cli.sees(/(ws:[^"\s]+)/);
    const host = await connectCallbackHost(bridgeUrl, { token });
    // Its `leave` and its close frame arrive together or not, so either side may be the first to close.
    await host.close();
    const old = { Authorization: 'Bearer the-token-of-yesterday', 'X-Forwarded-For': '192.0.2.7' };
    assert.is((await shake(Number(new URL(bridgeUrl).port), old)).status, 401);
    for (const line of json
      ? [
          /"connection":"connected","name":"ci","roles":\["listener"\],"address":"127\.0\.0\.1"/,
          /"connection":"closed","name":"ci","address":"127\.0\.0\.1","by":"(?:peer|service)","code":1000/,
          /"level":"info".*"connection":"rejected","name":"old","address":"192\.0\.2\.7","status":401,"cause":"\w+","reason":"the token has expired/,
        ]
      : [
          / info {2}ci connected from 127\.0\.0\.1 as listener\n/,
          / info {2}(?:ci disconnected|closed the connection of ci) from 127\.0\.0\.1 with 1000/,
          / info {2}rejected a connection of old from 192\.0\.2\.7 with 401: the token has expired or was revoked\n/,
        ])
      await cli.sees(line, 'stderr');
    assert.not.match(cli.stderr, /the-token/);
  });

test('takes all settings from a file, and prints JSON for programs', async () => {
  using folder = new Folder();
  const file = folder.write('serve.json', {
    callbackPath: '/cb',
    publicUrl: 'http://127.0.0.1:1/under',
    bridge: { path: '/wait', port: 0 },
    metricsPort: 0,
    tokens: [{ name: 'ci', token, roles: ['listener'], expiresAt: '2999-01-01T00:00:00Z' }],
    json: true,
  });
  await using cli = Cli.start(['serve', '--config', file]);
  const { redirectUri, bridgeUrl, metricsUrl, token: made } = await addressesOf(cli);
  assert.is(redirectUri, 'http://127.0.0.1:1/under/cb');
  assert.match(bridgeUrl, /^ws:\/\/127\.0\.0\.1:\d+\/wait$/);
  assert.is(made, undefined);
  assert.match((await send(metricsUrl)).body, '# TYPE rx_oauth_callback_flows_begun_total counter');
  const host = await connectCallbackHost(bridgeUrl, { token });
  await host.close();
  assert.is(lines(cli.stdout).length, 1);
});

test('serves TLS', async () => {
  using folder = new Folder();
  const { cert, key } = certificate;
  const files = ['--tls-cert', folder.write('cert.pem', cert), '--tls-key', folder.write('key.pem', key)];
  await using cli = Cli.start(['serve', '--json', ...files]);
  const { redirectUri, bridgeUrl } = await addressesOf(cli);
  assert.match([redirectUri, bridgeUrl].join(' '), /^https:\/\/\S+ wss:\/\/\S+$/);
});

test('logs a line of JSON for each event, and no secret at debug level', () =>
  withService(['--log-level', 'debug'], async (cli, { redirectUri, metricsUrl }, host) => {
    await signIn(host);
    const flow = await host.begin();
    const { state } = flow;
    await visit(redirectTo(redirectUri, { code: canary, state: `${state.slice(0, -1)}!` }));
    await visit(redirectTo(redirectUri, { code: canary, state, error: 'no', error_description: canary }));
    await visit(`${redirectUri}?code=${canary}&code=${canary}&state=${state}`);
    await send(new URL('/bridge', redirectUri), { headers: { Authorization: `Bearer ${canary}-${canary}` } });
    await send(`${metricsUrl}?token=${token}`, { headers: { Authorization: `Bearer ${token}` } });
    await send(metricsUrl, { method: 'POST', headers: { Authorization: `Bearer ${canary}` } });
    flow.cancel();
    cli.signal('SIGTERM');
    const { code, stdout, stderr } = await cli.end();
    assert.is(code, exitCodes.ok);
    const secrets = [canary, token, state, flow.codeVerifier, state.slice(0, 20)];
    assert.equal(
      secrets.filter((secret) => (stdout + stderr).includes(secret)),
      [],
    );
    const logged = lines(stderr);
    assert.ok(logged.every(({ level, time }) => typeof level === 'string' && typeof time === 'string'));
    const events = logged.flatMap(({ event, disposition }) =>
      event === undefined ? [] : [[event, disposition].filter(Boolean).join(' ')],
    );
    assert.equal(events.slice(0, 7), [
      'listening',
      'begun',
      'redirect accepted',
      'answered',
      'begun',
      'redirect unmatched',
      'redirect accepted',
    ]);
    assert.is(events.at(-1), 'closed');
    assert.ok(logged.some(({ level }) => level === 'debug'));
  }));

test('shows metrics and health to a monitor only', () =>
  withService([], async (_cli, { redirectUri, metricsUrl }, host) => {
    await signIn(host);
    const unknown = await send(new URL('/nothing', redirectUri));
    const bearer = { Authorization: `Bearer ${token}` };
    for (const path of ['/metrics', '/healthz', '/readyz']) {
      const url = new URL(path, redirectUri);
      for (const headers of [{}, { Authorization: 'Bearer not-the-token-of-anybody' }]) {
        const { status, body } = await send(url, { headers });
        assert.equal([status, body], [404, unknown.body]);
      }
      assert.is((await send(url, { headers: bearer })).status, 200);
      assert.is((await send(url, { method: 'POST', headers: bearer })).status, 404);
    }
    const { body, headers } = await send(metricsUrl, { headers: bearer });
    assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
    for (const line of [
      'rx_oauth_callback_flows_begun_total 1',
      'rx_oauth_callback_flows_ended_total{ending="code",error=""} 1',
      'rx_oauth_callback_redirects_total{disposition="accepted",reason=""} 1',
      'rx_oauth_callback_flow_waiting_seconds_count{ending="code"} 1',
      'rx_oauth_callback_bridge_connections 1',
      'rx_oauth_callback_bridge_monitors 0',
    ]) {
      assert.match(body, `${line}\n`);
    }
    assert.match(body, /^nodejs_eventloop_lag_p99_seconds /m);
    assert.not.match(body, canary);
  }));

test('makes a span of each sign-in if OpenTelemetry is set up, with no secret in it', async () => {
  const setUp = join(import.meta.dirname, '../../fixtures/programs/spans.mjs');
  const env = { RX_OAUTH_CALLBACK_TOKEN: token, NODE_OPTIONS: `--import=${pathToFileURL(setUp).href}` };
  await using cli = Cli.start(['serve', '--json'], env);
  const host = await connectCallbackHost((await addressesOf(cli)).bridgeUrl, { token });
  try {
    await signIn(host);
    const flow = await host.begin();
    const { state, redirectUri } = flow;
    await visit(redirectTo(redirectUri, { code: canary, state }));
    // Refused, for its issuer, and then taken: what a provider makes up is not told either.
    const other = await host.begin({ issuer: 'https://as.example' });
    for (const iss of [`https://${canary}.example`, 'https://as.example'])
      await visit(
        redirectTo(redirectUri, { error: canary, error_description: canary, state: other.state, iss }),
      );
    cli.signal('SIGTERM');
    const { stderr } = await cli.end();
    const spans = lines(stderr).filter(({ span }) => span !== undefined);
    assert.equal(
      spans.map(({ span, attributes }) => [span, (attributes as Record<string, string>)['oauth.ending']]),
      [
        ['oauth sign-in', 'code'],
        ['oauth sign-in', 'code'],
        ['oauth sign-in', 'error'],
      ],
    );
    const told = JSON.stringify(spans);
    assert.match(told, '"oauth.disposition":"wrong_issuer"');
    const flows = [flow, other].flatMap((each) => [each.state, each.codeVerifier]);
    for (const secret of [canary, token, ...flows]) assert.not.match(told, secret);
  } finally {
    await host.close();
  }
});

test('I-02 drains: pending sign-ins may end, then it exits with 0', () =>
  withService(['--metrics-port', '0', '--drain', '60000'], async (cli, { metricsUrl }, host) => {
    const flow = await host.begin();
    const ready = (): Promise<number> => send(new URL('/readyz', metricsUrl)).then(({ status }) => status);
    assert.is(await ready(), 200);
    const response = firstValueFrom(flow.response);
    cli.signal('SIGTERM');
    await cli.sees(/"msg":"SIGTERM: waiting up to \d+ ms for 1 pending sign-in/, 'stderr');
    assert.is(await ready(), 503);
    await visit(redirectTo(flow.redirectUri, { code: canary, state: flow.state }));
    assert.is((await response).code, canary);
    assert.is((await cli.end()).code, exitCodes.ok);
  }));

test('I-02 drains no longer than its bound, with pending flows and listeners', () =>
  withService(['--drain', '200'], async (cli, _addresses, host) => {
    const others = await Promise.all(
      Array.from({ length: 20 }, () =>
        connectCallbackHost(_addresses.bridgeUrl, { token, report: () => undefined }),
      ),
    );
    try {
      for (const each of [host, ...others]) await each.begin();
      cli.signal('SIGTERM');
      assert.is((await cli.end()).code, exitCodes.ok);
    } finally {
      await Promise.all(others.map((each) => each.close()));
    }
  }));

test('I-02 W6 B19 while it drains, rejects new connections and new sign-ins', () =>
  withService(['--drain', '60000'], async (cli, { bridgeUrl }, host) => {
    const flow = await host.begin();
    const response = firstValueFrom(flow.response);
    cli.signal('SIGTERM');
    await cli.sees(/"msg":"SIGTERM: /, 'stderr');
    const again = connectCallbackHost(bridgeUrl, { token, report: () => undefined });
    const { status } = await assert.rejects(again, ConnectionError);
    assert.is(status, 503);
    await assert.rejects(host.begin(), 'closed');
    await visit(redirectTo(flow.redirectUri, { code: canary, state: flow.state }));
    assert.is((await response).code, canary);
    assert.is((await cli.end()).code, exitCodes.ok);
  }));

test('ends at the second Ctrl-C, on a terminal', async () => {
  await using cli = Cli.onTerminal(['serve', '--token', token, '--drain', '60000']);
  const bridgeUrl = await cli.sees(/(ws:\/\/\S+)/);
  const host = await connectCallbackHost(bridgeUrl, { token, report: () => undefined });
  try {
    await host.begin();
    cli.press('\x03');
    await cli.sees(/SIGINT: waiting up to \d+ ms for 1 pending sign-in; Ctrl-C stops immediately/);
    cli.press('\x03');
    assert.is((await cli.end()).code, exitCodes.interrupted);
    assert.match(cli.stdout, '\u001b[');
    assert.not.match(cli.stdout, token);
  } finally {
    await host.close();
  }
});

test('ends at the first Ctrl-C if no flow is pending', async () => {
  await using cli = Cli.onTerminal(['serve'], { NO_COLOR: '1' });
  await cli.sees(/Token +\S+/);
  cli.press('\x03');
  const { code, stdout } = await cli.end();
  assert.is(code, exitCodes.ok);
  assert.not.match(stdout, '\u001b[');
});

test('ends when its terminal is closed, and not by a SIGHUP while that is there', async () => {
  await using cli = Cli.onTerminalOf(24, 100, ['serve'], { NO_COLOR: '1' });
  await cli.sees(/Token +\S+/);
  const serving = Number(readFileSync(`/proc/${cli.pid}/task/${cli.pid}/children`, 'utf8'));
  process.kill(serving, 'SIGHUP');
  await cli.sees(/tokens reloaded/);
  // The one who holds the other end of the terminal, as its window does.
  cli.signal('SIGKILL');
  await cli.end();
});

test('reads its tokens again at SIGHUP, and keeps the old ones if that fails', async () => {
  using folder = new Folder();
  const named = (name: string): { name: string; token: string; roles: string[] } => ({
    name,
    token: `the-token-of-${name}`,
    roles: ['listener'],
  });
  const file = folder.write('tokens.json', [named('first'), named('second')]);
  await using cli = Cli.start(['serve', '--json', '--tokens', file]);
  const { bridgeUrl } = await addressesOf(cli);
  const connect = (name: string): Promise<RemoteCallbackHost> =>
    connectCallbackHost(bridgeUrl, { token: `the-token-of-${name}`, report: () => undefined });
  const first = await connect('first');
  const second = await connect('second');
  try {
    const flow = await first.begin();
    const lost = assert.rejects(firstValueFrom(flow.response), 'closed');
    writeFileSync(file, 'not JSON');
    cli.signal('SIGHUP');
    await cli.sees(/"level":"error".*is not JSON/, 'stderr');
    writeFileSync(file, '[]');
    cli.signal('SIGHUP');
    await cli.sees(
      /"level":"error".*"--tokens \S+ contains no token, so no program could connect"/,
      'stderr',
    );
    await (await connect('first')).close();
    writeFileSync(file, JSON.stringify([named('second'), named('third')]));
    cli.signal('SIGHUP');
    await cli.sees(/tokens reloaded: second, third/, 'stderr');
    await lost;
    await signIn(second);
    await (await connect('third')).close();
    await assert.rejects(connect('first'), 'connection_failed');
    assert.not.match(cli.stdout + cli.stderr, 'the-token-of');
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
});

test('keeps the generated token at SIGHUP', async () => {
  await using cli = Cli.start(['serve', '--json']);
  const { bridgeUrl, token: made = '' } = await addressesOf(cli);
  cli.signal('SIGHUP');
  await cli.sees(/tokens reloaded: token/, 'stderr');
  await (await connectCallbackHost(bridgeUrl, { token: made })).close();
});

test('keeps its tokens at SIGHUP if none is configured any more', async () => {
  using folder = new Folder();
  const file = folder.write('serve.json', { json: true, token });
  await using cli = Cli.start(['serve', '--config', file]);
  const { bridgeUrl } = await addressesOf(cli);
  writeFileSync(file, '{ "json": true }');
  cli.signal('SIGHUP');
  await cli.sees(/"level":"error".*"no tokens configured any more; keeping the current ones"/, 'stderr');
  await (await connectCallbackHost(bridgeUrl, { token })).close();
});

test('ignores the token of the environment if tokens are listed', async () => {
  using folder = new Folder();
  const listed = { name: 'ci', token: 'the-token-of-the-list', roles: ['listener'] };
  const file = folder.write('tokens.json', [listed]);
  await using cli = Cli.start(['serve', '--json', '--tokens', file], { RX_OAUTH_CALLBACK_TOKEN: token });
  const { bridgeUrl } = await addressesOf(cli);
  const told = `RX_OAUTH_CALLBACK_TOKEN is ignored because --tokens is set`;
  for (let times = 0; times < 2; times++) {
    await assert.rejects(connectCallbackHost(bridgeUrl, { token }), 'connection_failed');
    await (await connectCallbackHost(bridgeUrl, { token: listed.token })).close();
    cli.signal('SIGHUP');
    await cli.sees(/tokens reloaded: ci"/, 'stderr');
  }
  const warnings = lines(cli.stderr).filter(({ level }) => level === 'warn');
  assert.equal(
    warnings.map(({ msg }) => msg),
    [told],
  );
});

/** The certificate that a new connection is shown. */
async function shownAt(port: number): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate().fingerprint256;
  } finally {
    socket.destroy();
  }
}

test('reads its certificate again at SIGHUP, for new handshakes only, and keeps the old one if that fails', async () => {
  using folder = new Folder();
  const [first, second] = [selfSigned(), selfSigned()];
  const printOf = ({ cert }: { cert: string }): string => new X509Certificate(cert).fingerprint256;
  const files = { cert: folder.write('cert.pem', first.cert), key: folder.write('key.pem', first.key) };
  const args = ['serve', '--json', '--tls-cert', files.cert, '--tls-key', files.key];
  await using cli = Cli.start(args, { RX_OAUTH_CALLBACK_TOKEN: token });
  const { bridgeUrl } = await addressesOf(cli);
  const port = Number(new URL(bridgeUrl).port);
  const headers = { Authorization: `Bearer ${token}` };
  const old = new WebSocket(bridgeUrl, subprotocol, { headers, rejectUnauthorized: false });
  const oldStays = async (): Promise<void> => {
    old.ping();
    await assert.deadline(once(old, 'pong'), 'an answer on the old connection');
  };
  try {
    await once(old, 'open');
    assert.is(await shownAt(port), printOf(first));

    // As a renewal does that is caught between its two files.
    writeFileSync(files.cert, second.cert);
    cli.signal('SIGHUP');
    await cli.sees(/"level":"error".*--tls-cert \S+ and --tls-key \S+ do not work together: \w+"/, 'stderr');
    assert.is(await shownAt(port), printOf(first));

    writeFileSync(files.key, second.key);
    cli.signal('SIGHUP');
    await cli.sees(/certificate reloaded, valid until \w{3} [^"]* GMT"/, 'stderr');
    assert.is(await shownAt(port), printOf(second));
    await oldStays();

    writeFileSync(files.key, 'CANARY of a key');
    rmSync(files.cert);
    cli.signal('SIGHUP');
    await cli.sees(/"level":"error".*--tls-cert \S+ cannot be read: no such file"/, 'stderr');
    assert.is(await shownAt(port), printOf(second));
    await oldStays();
    assert.is(lines(cli.stderr).filter(({ level }) => level === 'error').length, 2);
    assert.not.match(cli.stderr, /CANARY|PRIVATE KEY/);
  } finally {
    old.terminate();
  }
});

test('goes on if its output is closed', async () => {
  await using cli = Cli.start(['serve', '--json', '--log-level', 'debug']);
  const { redirectUri } = await addressesOf(cli);
  cli.stopReading();
  for (let times = 0; times < 5; times++)
    assert.is((await visit(`${redirectUri}?code=x&state=y`)).status, 400);
  cli.signal('SIGTERM');
  assert.is((await cli.end()).code, exitCodes.ok);
});

test.run();
