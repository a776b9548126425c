/** The command `login`, built, against a real provider: with pipes, and on a terminal. */
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Browser } from '../../../src/testing/browser.ts';
import { headlineOf } from '../../../src/testing/html.ts';
import * as assert from '../../helpers/assert.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import { Cli } from '../../helpers/cli.ts';
import { withServer } from '../../helpers/endpoint.ts';
import { send, visit } from '../../helpers/http.ts';
import { comingBack, json, startIssuer } from '../../helpers/issuer.ts';
import { codeOf, lastLine, loginAt, tokensIn, urlOf } from '../../helpers/login.ts';
import {
  clientId,
  confidential,
  redirectOf,
  startProvider,
  subject,
  type SignInProvider,
} from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';
import { certificate } from '../../helpers/tls.ts';

const test = suite('rx-oauth-callback login');

const scratch = mkdtempSync(join(tmpdir(), 'login-'));
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
let files = 0;
const via = { RX_OAUTH_CALLBACK_TOKEN: token };
const newPath = (): string => join(scratch, String(++files));

test('prints the URL, waits for the browser, and has tokens on stdout and nothing else there', async () => {
  await using as = await startProvider();
  await using command = Cli.start(loginAt(as));
  const page = await new Browser().open(await urlOf(command));
  assert.equal([page.status, headlineOf(page.html)], [200, 'Authentication successful']);
  assert.is(await codeOf(command), 0);
  assert.is(tokensIn(command.stdout).claims?.sub, subject);
  assert.match(command.stderr, `Signed in at ${as.issuer}.\n`);
});

/** A browser that only notes what it was called with, and then does what its script says. */
function fakeBrowser(script = ''): { env: Record<string, string>; called: () => string[] } {
  const folder = newPath();
  mkdirSync(folder);
  const log = join(folder, 'log');
  writeFileSync(
    join(folder, 'xdg-open'),
    `#!/bin/sh\nprintf '%s\\n' "$#" "$@" > '${log}.part'\nmv '${log}.part' '${log}'\n${script}\n`,
  );
  chmodSync(join(folder, 'xdg-open'), 0o755);
  return {
    env: { PATH: `${folder}:${process.env['PATH'] ?? ''}`, DISPLAY: ':0' },
    called: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
  };
}

async function calls(called: () => string[]): Promise<string[]> {
  const wait = async (): Promise<void> => {
    while (called().length === 0) await new Promise(setImmediate);
  };
  await assert.deadline(wait(), 'the browser');
  return called();
}

test('E-09 opens the browser with the URL as one argument, through no shell, and counts down on a terminal', async () => {
  await using as = await startProvider();
  const { env, called } = fakeBrowser();
  const file = newPath();
  const made = [newPath(), newPath()] as const;
  const hint = `$(touch ${made[0]})\`touch ${made[1]}\`;"'&|`;
  const args = loginAt(as, '--browser', '--param', `login_hint=${hint}`);
  await using command = Cli.onTerminal(args, env, file);
  const url = await urlOf(command);
  assert.equal(await calls(called), ['1', url.href]);
  assert.is(url.searchParams.get('login_hint'), hint);
  await command.sees(/expires in 9 min 5\d s/);
  assert.match(command.stdout, 'Opening your browser.');
  assert.not.match(command.stdout, 'ssh');
  await new Browser().open(url);
  assert.is(await codeOf(command), 0, command.stdout);
  tokensIn(readFileSync(file, 'utf8'));
  for (const file of made) assert.not.ok(existsSync(file), 'a shell has made a file');
});

test('opens the browser of BROWSER over SSH, and gives it no secret', async () => {
  await using as = await startProvider();
  const { env, called } = fakeBrowser('env >"$0.env"');
  const BROWSER = join(env['PATH']!.split(':')[0]!, 'xdg-open');
  const secrets = { RX_OAUTH_CALLBACK_TOKEN: 'token-of-a-service', AS_SECRET: confidential.secret };
  await using command = Cli.start(
    ['login', '--issuer', as.issuer, '--client-id', confidential.id, '--scope', 'openid'],
    {
      ...secrets,
      RX_OAUTH_CALLBACK_CLIENT_SECRET: confidential.secret,
      BROWSER,
      SSH_CONNECTION: '192.0.2.1 50000 192.0.2.2 22',
      WAYLAND_DISPLAY: 'wayland-0',
    },
  );
  const url = await urlOf(command);
  assert.equal(await calls(called), ['1', url.href]);
  await new Browser().open(url);
  assert.is(await codeOf(command), 0, command.stderr);
  const given = readFileSync(`${BROWSER}.env`, 'utf8');
  assert.match(given, 'WAYLAND_DISPLAY=wayland-0');
  assert.not.match(given, /RX_OAUTH|AS_SECRET|token-of-a-service/);
  assert.not.match(given, confidential.secret);
});

test('says on a terminal how much time is left, and a second later that it is less', async () => {
  await using as = await startIssuer();
  const args = loginAt(as, '--browser', '--timeout', '60');
  await using command = Cli.onTerminal(args, fakeBrowser().env);
  await command.sees(/expires in (\d+ s)[^]*?expires in (?!\1)\d+ s/);
  const seen = [...command.stdout.matchAll(/expires in (\d+) s/g)];
  const left = [...new Set(seen.map(([, seconds]) => Number(seconds)))];
  const [first = 0, second = 0] = left;
  assert.ok(first <= 60 && first > 0 && second < first, `${first}, then ${second}`);
});

for (const [host, here] of [
  ['127.0.0.1', '127.0.0.1'],
  ['localhost', '127.0.0.1'],
  ['::1', '[::1]'],
] as const) {
  test(`opens no browser over SSH, and says how one elsewhere can reach this machine, by ${host}`, async () => {
    await using as = await startProvider({ configuration: { clients: [sshClient(host)] } });
    const { env, called } = fakeBrowser();
    const ssh = { ...env, SSH_CONNECTION: '192.0.2.1 50000 192.0.2.2 2222' };
    await using command = Cli.start(loginAt(as, '--host', host), ssh);
    const url = await urlOf(command);
    const { port, hostname } = new URL(url.searchParams.get('redirect_uri')!);
    assert.is(hostname, host === '::1' ? '[::1]' : host);
    await command.sees(/Or paste the address/, 'stderr');
    const line = `  ssh -N -L ${port}:${here}:${port} -p 2222 ${userInfo().username}@192.0.2.2`;
    assert.ok(command.stderr.split('\n').includes(line), command.stderr);
    // The far end of the tunnel connects to the address that the command listens on.
    const far = connect({ host: here.replace(/[[\]]/g, ''), port: Number(port) });
    await assert.deadline(once(far, 'connect'), 'the far end');
    far.destroy();
    await new Browser().open(url);
    assert.is(await codeOf(command), 0);
    assert.equal(called(), []);
  });
}

const sshClient = (host: string): Record<string, unknown> => ({
  client_id: clientId,
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  redirect_uris: [`http://${host === '::1' ? '[::1]' : host}/callback`],
});

for (const [what, newEnv] of [
  ['there is no browser to open', () => ({ PATH: newPath(), DISPLAY: ':0' })],
  ['the browser cannot be opened', () => fakeBrowser('exit 3').env],
] as const) {
  test(`takes a pasted redirect URL if ${what}`, async () => {
    await using as = await startProvider();
    await using command = Cli.start(loginAt(as, '--browser'), newEnv());
    const url = await urlOf(command);
    await command.sees(/Or paste the address/, 'stderr');
    assert.not.match(command.stderr, 'Opening your browser');
    command.press(`${(await redirectOf(as, url)).href}\n`);
    assert.is(await codeOf(command), 0, command.stderr);
  });
}

for (const [what, pasted] of [
  ['a URL', (url: URL) => url.href],
  ['a query', (url: URL) => url.search.slice(1)],
  ['a code', (url: URL) => url.searchParams.get('code')!],
] as const) {
  test(`takes ${what} that is pasted on a terminal, and shows it nowhere`, async () => {
    await using as = await startProvider();
    const file = newPath();
    await using command = Cli.onTerminal(loginAt(as, '--no-browser'), {}, file);
    const url = await urlOf(command);
    const back = await redirectOf(as, url);
    await command.sees(/Waiting for the sign-in/);
    command.press(`  ${pasted(back)} \r`);
    assert.is(await codeOf(command), 0, command.stdout);
    assert.is(tokensIn(readFileSync(file, 'utf8')).claims?.sub, subject);
    assert.not.match(command.stdout, back.searchParams.get('code')!);
  });
}

test('takes a pasted URL while a browser is open, and leaves a pipe alone', async () => {
  await using as = await startProvider();
  const { env } = fakeBrowser();
  await using command = Cli.onTerminal(loginAt(as, '--browser'), env);
  const url = await urlOf(command);
  await command.sees(/expires in \d/);
  command.press('oops\r');
  await command.sees(/too short for a code[^\n]*\. Try again:/);
  command.press(`${(await redirectOf(as, url)).href}\r`);
  assert.is(await codeOf(command), 0, command.stdout);

  await using piped = Cli.start(loginAt(as, '--browser'), env);
  piped.press('not-for-this-command-but-for-another\n');
  await new Browser().open(await urlOf(piped));
  assert.is(await codeOf(piped), 0, piped.stderr);
});

test('rejects a pasted URL for the same reasons as a redirect, says why, and keeps waiting', async () => {
  await using as = await startProvider();
  await using command = Cli.onTerminal(loginAt(as, '--no-browser'));
  const url = await urlOf(command);
  await command.sees(/Waiting for the sign-in/);
  const back = await redirectOf(as, url);
  const changed = (name: string, value: string): string => {
    const copy = new URL(back);
    copy.searchParams.set(name, value);
    return copy.href;
  };
  for (const [line, saying] of [
    [
      'fifteen-letters',
      /too short for a code[^\n]*\. If your code is shorter, paste the whole address\. Try again:/,
    ],
    ['what is this for a prompt then', /neither an address nor a code\. Try again:/],
    [changed('state', 'CANARY-of-another-sign-in'), /to another sign-in or was used before\. Try again:/],
    [changed('iss', 'https://evil.example'), /is not from the authorization server[^]*Try again:/],
    [url.href, /not the address that the browser was redirected to/],
    [`${back.origin}/callback`, /contains no response of an authorization server \(missing_code\)/],
    [`${back.href}&code=CANARY-twice`, /\(repeated_parameter\)/],
  ] as const) {
    command.press(`${line}\r`);
    await command.sees(saying);
  }
  assert.not.ok(as.requests.includes('POST /token'));
  assert.not.match(command.stdout, 'CANARY');
  command.press(`${back.href}\r`);
  assert.is(await codeOf(command), 0, command.stdout);
});

test('takes a URL that was copied in several lines', async () => {
  await using as = await startProvider();
  await using command = Cli.onTerminal(loginAt(as, '--no-browser'));
  const { href } = await redirectOf(as, await urlOf(command));
  const middle = href.indexOf('code=') + 12;
  command.press(`${href.slice(0, middle)}\r${href.slice(middle)}\r`);
  assert.is(await codeOf(command), 0, command.stdout);
});

test('takes lines from a pipe too, and keeps waiting when it ends', async () => {
  await using as = await startProvider();
  await using one = Cli.start(loginAt(as));
  one.press(`\n${(await redirectOf(as, await urlOf(one))).href}\n`);
  assert.is(await codeOf(one), 0, one.stderr);
  await using other = Cli.start(loginAt(as));
  other.closeInput();
  await new Browser().open(await urlOf(other));
  assert.is(await codeOf(other), 0, other.stderr);
});

test('saves the tokens in one step, readable only by their owner, and prints none', async () => {
  await using as = await startProvider();
  const file = newPath();
  const before = readdirSync(scratch).length;
  await using command = Cli.start(loginAt(as, '--save', file));
  await new Browser().open(await urlOf(command));
  assert.is(await codeOf(command), 0, command.stderr);
  assert.is(command.stdout, '');
  assert.is(tokensIn(readFileSync(file, 'utf8')).claims?.sub, subject);
  assert.is(statSync(file).mode & 0o777, 0o600);
  assert.is(readdirSync(scratch).length, before + 1, 'no draft is left');
});

test('says that it cannot save before a user signs in', async () => {
  await using as = await startProvider();
  for (const [file, saying] of [
    [join(scratch, 'no', 'such'), /^rx-oauth-callback: --save \S+: cannot be written \(ENOENT\)\n$/],
    [scratch, /^rx-oauth-callback: --save \S+: is a folder\n$/],
    ['/dev/null', /^rx-oauth-callback: --save \S+: is no regular file\n$/],
  ] as const) {
    await using command = Cli.start(loginAt(as, '--save', file));
    assert.is(await codeOf(command), 1);
    assert.match(command.stderr, saying);
  }
  assert.equal(as.requests, []);
});

test('prints the tokens if saving fails at the end', async () => {
  await using as = await startProvider();
  const folder = newPath();
  mkdirSync(folder);
  await using command = Cli.start(loginAt(as, '--save', join(folder, 'tokens.json')));
  const url = await urlOf(command);
  rmSync(folder, { recursive: true });
  await new Browser().open(url);
  assert.is(await codeOf(command), 1);
  assert.is(tokensIn(command.stdout).claims?.sub, subject);
  assert.match(lastLine(command), /cannot be written \(ENOENT\); the tokens are on standard output$/);
});

test('has a service elsewhere receive the redirect', () =>
  withBridge(
    async ({ url, server }) => {
      await using as = await startProvider();
      await using command = Cli.start(loginAt(as, '--via', url), {
        RX_OAUTH_CALLBACK_TOKEN: token,
      });
      const asked = await urlOf(command);
      assert.is(asked.searchParams.get('redirect_uri'), server.redirectUri);
      const page = await new Browser().open(asked);
      assert.is(await codeOf(command), 0, command.stderr);
      tokensIn(command.stdout);
      assert.is(headlineOf(page.html), 'Authentication successful');
      assert.not.match(command.stderr, /ssh|paste/);

      await using stranger = Cli.start(loginAt(as, '--via', url, '--token', 'CANARY-of-nobody'));
      assert.is(await codeOf(stranger), 4);
      assert.match(
        stranger.stderr,
        /^rx-oauth-callback: ws:\/\/127\.0\.0\.1:\d+ answered the handshake with 401: the token or ticket is unknown, used or expired\n$/,
      );
    },
    {},
    { settle: 60_000 },
  ));

test('has the command serve receive the redirect, and the page tells the outcome', async () => {
  await using as = await startProvider();
  const serve = ['serve', '--port', '0', '--settle', '60000', '--drain', '0'];
  await using service = Cli.start(serve, { RX_OAUTH_CALLBACK_TOKEN: token });
  const bridge = await service.sees(/^Bridge +(ws:\S+)$/m);
  await using command = Cli.start(loginAt(as, '--via', bridge), { RX_OAUTH_CALLBACK_TOKEN: token });
  const page = await new Browser().open(await urlOf(command));
  assert.equal([await codeOf(command), headlineOf(page.html)], [0, 'Authentication successful']);
  const { access_token, id_token = '' } = tokensIn(command.stdout);
  service.signal('SIGTERM');
  const { stdout, stderr } = await service.end();
  for (const secret of [access_token, id_token, token]) assert.not.match(stdout + stderr, secret);
});

/** A running `serve`, and `login --via` it on a terminal. */
async function viaService(
  more: readonly string[],
  body: (at: { as: SignInProvider; service: Cli; command: Cli; url: URL; file: string }) => Promise<void>,
): Promise<void> {
  await using as = await startProvider();
  await using service = Cli.start(['serve', '--json', '--log-level', 'debug', '--drain', '0', ...more], via);
  const { bridgeUrl } = JSON.parse(await service.sees(/^(\{"type":"ready".*\})\n/)) as { bridgeUrl: string };
  const file = newPath();
  await using command = Cli.onTerminal(loginAt(as, '--no-browser', '--via', bridgeUrl), via, file);
  const url = await urlOf(command);
  await command.sees(/paste its address here[^]*Waiting for the sign-in/);
  await body({ as, service, command, url, file });
}

for (const [what, more, pasted] of [
  ['a URL', [], (url: URL) => url.href],
  ['a query', ['--clean-url', 'redirect'], (url: URL) => url.search],
  ['a code', ['--settle', '60000'], (url: URL) => url.searchParams.get('code')!],
] as const) {
  test(`takes ${what} that is pasted for a service elsewhere, and both show it nowhere`, () =>
    viaService(more, async ({ as, service, command, url, file }) => {
      const back = await redirectOf(as, url);
      command.press(`  ${pasted(back)} \r`);
      assert.is(await codeOf(command), 0, command.stdout);
      assert.is(tokensIn(readFileSync(file, 'utf8')).claims?.sub, subject);
      assert.not.match(command.stdout, /ssh|Try again/);
      // A second time it is refused there, so it has been there before.
      assert.is((await visit(back.href)).status, 400);
      service.signal('SIGTERM');
      const { stdout, stderr } = await service.end();
      assert.match(stderr, '"disposition":"accepted"');
      for (const output of [command.stdout, stdout, stderr])
        assert.not.match(output, back.searchParams.get('code')!);
    }));
}

test('signs in and watches over TLS, as a command that was built', async () => {
  await using as = await startProvider();
  const [cert, key] = [newPath(), newPath()];
  writeFileSync(cert, certificate.cert);
  writeFileSync(key, certificate.key);
  const serve = ['serve', '--port', '0', '--tls-cert', cert, '--tls-key', key, '--drain', '0'];
  await using service = Cli.start(serve, via);
  const bridge = await service.sees(/^Bridge +(wss:\S+)$/m);
  const trusting = { ...via, NODE_EXTRA_CA_CERTS: cert };
  await using watch = Cli.start(['watch', bridge, '--history'], trusting);
  await using command = Cli.start(loginAt(as, '--via', bridge), trusting);
  const url = await urlOf(command);
  assert.match(url.searchParams.get('redirect_uri')!, /^https:\/\/127\.0\.0\.1:\d+\/callback$/);
  await watch.sees(/"type":"begun"/);
  const denied = comingBack(url, { error: 'access_denied', iss: as.issuer });
  assert.is((await send(denied)).status, 400);
  assert.is(await codeOf(command), 5, command.stderr);
  await watch.sees(/"disposition":"accepted"/);
  await using stranger = Cli.start(loginAt(as, '--via', bridge), via);
  assert.is(await codeOf(stranger), 4);
});

test('sends a service only redirects of this sign-in, says why, and keeps waiting', async () => {
  await using elsewhere = await startIssuer();
  await viaService([], async ({ as, service, command, url }) => {
    const back = await redirectOf(as, url);
    const changed = (change: (copy: URL) => void): string => {
      const copy = new URL(back);
      change(copy);
      return copy.href;
    };
    const is = (name: string, value: string) => (copy: URL) => copy.searchParams.set(name, value);
    const foreign = `${elsewhere.issuer}/callback${back.search}`;
    for (const [line, saying] of [
      ['oops', /too short for a code[^\n]*\. Try again:/],
      ['#of-a-page-and-nothing-else', /neither an address nor a code\. Try again:/],
      [
        changed(is('state', 'CANARY-of-another-sign-in')),
        /to another sign-in or was used before\. Try again:/,
      ],
      [changed(is('iss', 'https://evil.example')), /is not from the authorization server[^]*Try again:/],
      [url.href, /not the address that the browser was redirected to/],
      [foreign, /(?:not the address that the browser[^]*){2}Try again:/],
      [
        changed((copy) => (copy.pathname = '/monitor')),
        /(?:not the address that the browser[^]*){3}Try again:/,
      ],
      [`${back.href}&code=CANARY-twice`, /\(repeated_parameter\)/],
    ] as const) {
      command.press(`${line}\r`);
      await command.sees(saying);
    }
    assert.equal(elsewhere.requests, []);
    assert.not.match(service.stderr, '"type":"redirect"');
    assert.not.match(command.stdout, 'CANARY');
    // This one only the service can refuse.
    command.press(`${changed((copy) => copy.searchParams.delete('iss'))}\r`);
    await command.sees(/http:\/\/127\.0\.0\.1:\d+ rejected the pasted response \(400\)\. Try again:/);
    assert.not.ok(as.requests.includes('POST /token'));
    command.press(`${back.href}\r`);
    assert.is(await codeOf(command), 0, command.stdout);
  });
});

test(
  'keeps waiting while its service is unavailable, and never ends as if it had tokens',
  async () => {
    await using as = await startIssuer();
    const serve = ['serve', '--drain', '0', '--port'];
    await using first = Cli.start([...serve, '0'], via);
    const bridge = await first.sees(/^Bridge +(ws:\S+)$/m);
    await using command = Cli.start(loginAt(as, '--via', bridge), via);
    command.closeInput();
    await command.sees(/Waiting for the sign-in/, 'stderr');
    first.signal('SIGKILL');
    await command.sees(/^Connection to the service lost; reconnecting\.$/m, 'stderr');
    await using second = Cli.start([...serve, new URL(bridge).port], via);
    await second.sees(/^Bridge/m);
    // After each attempt that failed it has waited twice as long.
    assert.is(await codeOf(command, 3 * assert.patience), 4);
    assert.equal(
      [command.stdout, lastLine(command)],
      ['', 'rx-oauth-callback: the callback service no longer knows the flow'],
    );
  },
  { deadline: 300_000 },
);

test('ends by Ctrl-C while a service waits, and cancels the sign-in there', () =>
  viaService([], async ({ command, service }) => {
    command.press('\u0003');
    assert.is(await codeOf(command), 130, command.stdout);
    await service.sees(/"event":"cancelled"[^\n]*"reason":"cancelled"/, 'stderr');
  }));

test('takes the redirect while it waits for a paste, and leaves the terminal as it was', async () => {
  await using as = await startProvider();
  const file = newPath();
  await using command = Cli.onTerminal(loginAt(as, '--no-browser'), {}, file);
  const url = await urlOf(command);
  await command.sees(/Waiting for the sign-in/);
  command.press('half of an add');
  const page = await new Browser().open(url);
  assert.is(headlineOf(page.html), 'Authentication successful');
  assert.is(await codeOf(command), 0, command.stdout);
  tokensIn(readFileSync(file, 'utf8'));
});

test('takes a denial that is pasted for a service elsewhere, and says it once', () =>
  viaService([], async ({ as, command, url }) => {
    command.press(`${comingBack(url, { error: 'access_denied', iss: as.issuer })}\r`);
    assert.is(await codeOf(command), 5);
    assert.match(command.stdout, 'Access was denied by the authorization server.');
    assert.not.match(command.stdout, 'Try again');
  }));

test('says that a service cannot be reached with what is pasted', () =>
  viaService([], async ({ as, service, command, url }) => {
    const back = await redirectOf(as, url);
    service.signal('SIGKILL');
    await service.end();
    command.press(`${back.href}\r`);
    await command.sees(/http:\/\/127\.0\.0\.1:\d+ cannot be reached from here \(ECONNREFUSED\)\. Try again:/);
  }));

test('registers where it has no client id, and says how to use that again', async () => {
  await using as = await startProvider({ registration: true });
  const args = ['login', '--issuer', as.issuer, '--scope', 'openid'];
  await using command = Cli.start(args);
  const first = await urlOf(command);
  await new Browser().open(first);
  assert.is(await codeOf(command), 0, command.stderr);
  const { client_id } = tokensIn(command.stdout);
  const redirectUri = first.searchParams.get('redirect_uri')!;
  const line = `Registered as ${client_id} for ${redirectUri}; to use it again, pass (--client-id \\S+ --port \\d+)\\.\n`;
  const [, flags = ''] = new RegExp(`^${line}`, 'm').exec(command.stderr) ?? [];

  await using again = Cli.start([...args, ...flags.split(' ')]);
  const second = await urlOf(again);
  assert.is(second.searchParams.get('redirect_uri'), redirectUri);
  await new Browser().open(second);
  assert.is(await codeOf(again), 0, again.stderr);
  assert.is(tokensIn(again.stdout).client_id, client_id);
  assert.is(as.requests.filter((each) => each === 'POST /reg').length, 1);
});

test('names no port of this machine for a client that is registered for a service elsewhere', () =>
  withBridge(async ({ url, server }) => {
    await using as = await startProvider({ registration: true });
    await using command = Cli.start(['login', '--issuer', as.issuer, '--via', url], via);
    const { searchParams } = await urlOf(command);
    const id = searchParams.get('client_id')!;
    const line = `Registered as ${id} for ${server.redirectUri}; to use it again, pass --client-id ${id}.\n`;
    assert.ok(command.stderr.startsWith(line), command.stderr);
  }));

test('takes a code that is too short to be pasted alone if its URL is pasted', async () => {
  await using as = await startIssuer({
    token: (form, response) => json(response, 200, { access_token: form.get('code'), token_type: 'bearer' }),
  });
  const file = newPath();
  const args = ['login', '--issuer', as.issuer, '--client-id', 'c', '--no-browser'];
  await using command = Cli.onTerminal(args, {}, file);
  const url = await urlOf(command);
  await command.sees(/Waiting for the sign-in/);
  command.press('short\r');
  await command.sees(/too short for a code/);
  command.press(`${comingBack(url, { code: 'short' })}\r`);
  assert.is(await codeOf(command), 0, command.stdout);
  assert.is(tokensIn(readFileSync(file, 'utf8')).access_token, 'short');
});

test('writes no control characters of a provider to the terminal', async () => {
  await using as = await startIssuer({
    register: (_body, response) => json(response, 201, { client_id: 'c\u001b[2J\u0007d' }),
  });
  await using command = Cli.start(['login', '--issuer', as.issuer]);
  await urlOf(command);
  assert.match(
    command.stderr,
    /^Registered as c \[2J d for \S+; to use it again, pass --client-id 'c \[2J d' --port \d+\.$/m,
  );
  assert.not.match(command.stderr, '\u001b');
});

test('passes on parameters of any name', async () => {
  await using as = await startIssuer();
  const params = ['constructor=1', '__proto__=2', 'toString=3'].flatMap((each) => ['--param', each]);
  await using command = Cli.start(loginAt(as, ...params));
  const { searchParams } = await urlOf(command);
  assert.equal(
    ['constructor', '__proto__', 'toString'].map((name) => searchParams.get(name)),
    ['1', '2', '3'],
  );
});

for (const [what, token] of [
  ['that cannot be reached', (response: ServerResponse) => void response.destroy()],
  [
    'that does not know the client',
    (response: ServerResponse) => json(response, 401, { error: 'invalid_client' }),
  ],
  [
    'that challenges a client it does not know',
    (response: ServerResponse) =>
      response
        .writeHead(401, { 'Content-Type': 'application/json', 'WWW-Authenticate': 'Basic realm="as"' })
        .end('{"error":"invalid_client"}'),
  ],
  [
    'that says 401 and nothing more',
    (response: ServerResponse) => response.writeHead(401, { 'Content-Type': 'text/html' }).end('<p>'),
  ],
  ['that says so with 200', (response: ServerResponse) => json(response, 200, { error: 'invalid_client' })],
] as const)
  test(`ends with 4 at a token endpoint ${what}`, async () => {
    await using as = await startIssuer({ token: (_form, response) => token(response) });
    await using command = Cli.start(loginAt(as));
    await visit(comingBack(await urlOf(command), { code: 'a-code-of-the-spec', iss: as.issuer }));
    assert.is(await codeOf(command), 4, command.stderr);
  });

test('ends with 4 at a registration endpoint that cannot be reached', async () => {
  await using as = await startIssuer({ register: (_body, response) => void response.destroy() });
  await using command = Cli.start(['login', '--issuer', as.issuer]);
  assert.is(await codeOf(command), 4, command.stderr);
  assert.match(command.stderr, 'the registration endpoint');
});

test('says at once why a redirect of the sign-in is rejected, and goes on', async () => {
  await using as = await startIssuer({
    token: (_form, response) => json(response, 200, { access_token: 'a', token_type: 'bearer' }),
  });
  await using command = Cli.start(['login', '--issuer', as.issuer, '--client-id', clientId]);
  const authorizationUrl = await urlOf(command);
  const own = new URL(comingBack(authorizationUrl, { code: 'CANARY-code' }));
  await command.sees(/Waiting for the sign-in/, 'stderr');
  const before = command.stderr.length;
  await visit(comingBack(authorizationUrl, { code: 'CANARY-code', iss: `${as.issuer}/` }));
  await visit(comingBack(authorizationUrl, { code: 'CANARY-code', iss: 'https://evil.example' }));
  await send(own, {
    method: 'POST',
    target: '/callback',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: own.search.slice(1),
  });
  await visit(own, undefined, { Host: `localhost:${own.port}` });
  await visit(own, undefined, { 'Sec-Purpose': 'prefetch' });
  await visit(own.href.replace('code=CANARY-code', 'code='));
  assert.is((await visit(own)).status, 200);
  assert.is(await codeOf(command), 0, command.stderr);
  assert.equal(command.stderr.slice(before).trim().split('\n'), [
    `The redirect was rejected (wrong_issuer): its iss is missing or differs from ${as.issuer}. Still waiting.`,
    'The redirect was rejected (wrong_response_mode): it was sent in another response mode than this sign-in has asked for. Still waiting.',
    'The redirect was rejected (wrong_host): it was sent to a different host than that of the redirect URI. Still waiting.',
    'The redirect was rejected (missing_code): it is not valid. Still waiting.',
    `Signed in at ${as.issuer}.`,
  ]);
});

test('says once that a pasted response is not the right one', async () => {
  await using as = await startIssuer({
    token: (_form, response) => json(response, 200, { access_token: 'a', token_type: 'bearer' }),
  });
  await using command = Cli.start(['login', '--issuer', as.issuer, '--client-id', clientId, '--no-browser']);
  const own = comingBack(await urlOf(command), { code: 'c-c-c-c-c-c-c-c-c' });
  await command.sees(/Waiting for the sign-in/, 'stderr');
  const before = command.stderr.length;
  command.press(`${own}&iss=https%3A%2F%2Fevil.example\n`);
  await command.sees(/Try again:/, 'stderr');
  command.press(`${own}\n`);
  assert.is(await codeOf(command), 0, command.stderr);
  assert.equal(command.stderr.slice(before).trim().split('\n'), [
    'This response is not from the authorization server of this sign-in. Try again:',
    `Signed in at ${as.issuer}.`,
  ]);
});

test('takes the secret of a client from the environment', async () => {
  await using as = await startProvider();
  const { id, secret } = confidential;
  const args = ['login', '--issuer', as.issuer, '--client-id', id, '--scope', 'openid'];
  await using command = Cli.start(args, { RX_OAUTH_CALLBACK_CLIENT_SECRET: secret });
  await new Browser().open(await urlOf(command));
  assert.is(await codeOf(command), 0, command.stderr);
  assert.is(tokensIn(command.stdout).client_id, id);
});

const https = ['--issuer', 'https://as.example', '--client-id', 'c'];

const misuses: readonly (readonly [args: readonly string[], saying: string])[] = [
  [[], '--issuer is missing; pass it or --mcp, or set RX_OAUTH_CALLBACK_LOGIN_ISSUER or issuer in the file'],
  [[...https, '--isuer', 'x'], "unknown option '--isuer'\n(Did you mean --issuer?)"],
  [['--issuer', 'as.example'], '--issuer must be a URL without query and fragment; got "as.example"'],
  [['--issuer', 'http://as.example'], '--issuer must be https, or http on loopback; got "http://as.example"'],
  [[...https, '--client-id', ''], '--client-id must not be empty'],
  [[...https, '--client-auth', 'post'], '--client-auth requires a secret in RX_OAUTH_CALLBACK_CLIENT_SECRET'],
  [[...https, '--port', '70000'], '--port must be a whole number from 0 to 65535; got 70000'],
  [[...https, '--port', '0x10'], '--port must be a whole number from 0 to 65535; got "0x10"'],
  [
    [...https, '--timeout', '0'],
    '--timeout must be seconds or a duration such as 500ms, 30s, 10m or 1h, from 1s to 24h; got 0',
  ],
  [
    [...https, '--host', '0.0.0.0'],
    '--host must be 127.0.0.1, ::1 or localhost; got "0.0.0.0"; if the browser runs on another machine, use the ssh -L command that login prints, or --via',
  ],
  [
    [...https, '--callback-path', 'cb'],
    '--callback-path must be a URL path that starts with one slash; got "cb"',
  ],
  [[...https, '--param', 'state=CANARY'], '--param state is set by the sign-in itself'],
  [[...https, '--param', 'CANARY'], '--param must be name=value; got one without a name or a value'],
  [
    [...https, '--via', 'wss://sign-in.example/bridge'],
    '--via requires a token; set RX_OAUTH_CALLBACK_TOKEN or pass --token',
  ],
  [
    [...https, '--via', 'ws://sign-in.example/bridge', '--token', 'CANARY'],
    '--via must be wss unless it is on loopback; got sign-in.example',
  ],
  [[...https, '--token', 'CANARY'], '--token requires --via'],
  [[...https, '--refresh'], '--refresh requires --save'],
  [[...https, '--save', ''], '--save must be the name of a file; got an empty string'],
  [
    [...https, '--mcp', 'https://mcp.example/mcp'],
    'the server of --mcp names the issuer itself; leave --issuer out',
  ],
  [
    ['--mcp', 'https://mcp.example/mcp', '--resource', 'https://mcp.example'],
    'the server of --mcp names the resource itself; leave --resource out',
  ],
  [['--mcp', 'mcp.example/mcp'], '--mcp must be the URL of an MCP server; got "mcp.example/mcp"'],
  [['--mcp', 'ftp://mcp.example/'], '--mcp must be the URL of an MCP server; got "ftp://mcp.example/"'],
  [['--mcp', ''], '--mcp must be the URL of an MCP server; got ""'],
  [['--mcp', 'https://ada:CANARY@mcp.example/mcp'], '--mcp must be a URL without a user and a password'],
  [
    ['--mcp', 'http://mcp.example/mcp'],
    '--mcp must be https, or http on loopback; got "http://mcp.example/mcp"',
  ],
];

test('rejects bad options in one sentence that names the option', async () => {
  const misuse = async ([args, saying]: (typeof misuses)[number]): Promise<void> => {
    await using command = Cli.start(['login', ...args]);
    assert.is(await codeOf(command), 2);
    assert.equal([command.stdout, command.stderr], ['', `rx-oauth-callback: ${saying}\n`]);
  };
  await Promise.all(misuses.map(misuse));
});

test('says in one sentence that no server answers, or that the answer is no metadata', async () => {
  await using as = await startIssuer({ metadata: { issuer: 'https://evil.example' } });
  await using foreign = Cli.start(loginAt(as));
  assert.is(await codeOf(foreign), 4);
  assert.is(
    foreign.stderr,
    `rx-oauth-callback: the issuer ${as.issuer} has metadata of "https://evil.example"; both must be equal\n`,
  );
  const { issuer } = as;
  await as[Symbol.asyncDispose]();
  await using nobody = Cli.start(loginAt({ issuer }));
  assert.is(await codeOf(nobody), 4);
  assert.is(nobody.stderr, `rx-oauth-callback: the issuer ${issuer} cannot be reached (ECONNREFUSED)\n`);
});

test('says in one sentence that the service cannot be reached', async () => {
  await using as = await startIssuer();
  // A port that no browser and no service uses.
  const [none, somebody] = ['ws://127.0.0.1:1/bridge', `${as.issuer.replace('http', 'ws')}/bridge`];
  for (const [via, said] of [
    [none, 'ws://127.0.0.1:1 cannot be reached (ECONNREFUSED)'],
    [
      somebody,
      `${new URL(somebody).origin} answered the handshake with 404: there is no bridge at this path`,
    ],
  ] as const) {
    await using command = Cli.start(loginAt(as, '--via', via, '--token', 'a-token'));
    assert.is(await codeOf(command), 4);
    assert.is(command.stderr, `rx-oauth-callback: ${said}\n`);
  }
});

test('says in one sentence that the port is taken', () =>
  withServer({}, async ({ port }) => {
    await using as = await startIssuer();
    await using command = Cli.start(loginAt(as, '--port', String(port)));
    assert.is(await codeOf(command), 3);
    assert.is(
      command.stderr,
      `rx-oauth-callback: port ${port} on 127.0.0.1 is in use by another rx-oauth-callback server\n`,
    );
    assert.equal(as.requests, []);
  }));

test('ends with a denial', async () => {
  await using as = await startProvider({ answer: 'deny' });
  await using command = Cli.start(loginAt(as));
  const page = await new Browser().open(await urlOf(command));
  assert.is(await codeOf(command), 5);
  assert.equal(
    [command.stdout, lastLine(command)],
    ['', 'rx-oauth-callback: Access was denied by the authorization server.'],
  );
  assert.is(headlineOf(page.html), 'Sign-in cancelled');
});

test('ends when the time is up', async () => {
  await using as = await startIssuer();
  await using command = Cli.start(loginAt(as, '--timeout', '1'));
  assert.is(await codeOf(command), 6);
  assert.is(lastLine(command), 'rx-oauth-callback: the sign-in timed out');
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`ends by ${signal}, at once`, async () => {
    await using as = await startIssuer();
    await using command = Cli.start(loginAt(as));
    await command.sees(/Waiting for the sign-in/, 'stderr');
    command.signal(signal);
    assert.is(await codeOf(command), 130);
    assert.equal([command.stdout, lastLine(command)], ['', 'rx-oauth-callback: the sign-in was cancelled']);
  });
}

for (const browser of ['--browser', '--no-browser']) {
  test(`ends by Ctrl-C on a terminal, with ${browser}`, async () => {
    await using as = await startIssuer();
    await using command = Cli.onTerminal(loginAt(as, browser), fakeBrowser().env);
    await command.sees(/Waiting for the sign-in/);
    command.press('\u0003');
    assert.is(await codeOf(command), 130, command.stdout);
    assert.match(command.stdout, 'rx-oauth-callback: the sign-in was cancelled');
  });
}

test('H-01 shows no code, verifier, secret or token except on stdout, however it ends', async () => {
  const seen: URLSearchParams[] = [];
  const answers: readonly [status: number, body: Record<string, unknown>, exitCode: number][] = [
    [200, { access_token: 'CANARY-access', refresh_token: 'CANARY-refresh', token_type: 'bearer' }, 0],
    [400, { error: 'invalid_grant', error_description: 'CANARY-code and CANARY-secret' }, 1],
    [200, { access_token: 'CANARY-access', id_token: 'CANARY.CANARY.CANARY', token_type: 'bearer' }, 1],
    [200, { access_token: 'CANARY-access', expires_in: 'CANARY', token_type: 'bearer' }, 1],
  ];
  for (const [status, body, exitCode] of answers) {
    await using as = await startIssuer({
      token: (form, response) => {
        seen.push(form);
        json(response, status, body);
      },
    });
    const args = ['login', '--issuer', as.issuer, '--client-id', 'c'];
    await using command = Cli.start(args, {
      RX_OAUTH_CALLBACK_CLIENT_SECRET: 'CANARY-secret',
    });
    await visit(comingBack(await urlOf(command), { code: 'CANARY-code' }));
    assert.is(await codeOf(command), exitCode, command.stderr);
    const verifier = seen.at(-1)?.get('code_verifier') ?? '';
    assert.ok(verifier.length >= 43);
    for (const secret of ['CANARY-code', 'CANARY-secret', 'CANARY-access', 'CANARY-refresh', verifier])
      assert.not.match(command.stderr, secret);
    assert.not.match(command.stderr, /^ {4}at /m);
    if (exitCode === 0) assert.is(tokensIn(command.stdout).access_token, 'CANARY-access');
    else assert.is(command.stdout, '');
  }
});

test.run();
