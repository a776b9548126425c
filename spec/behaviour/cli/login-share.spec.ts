/** The command `login --share`, built: several at once on one port, and other processes beside it. */
import { createServer } from 'node:net';
import { once } from 'node:events';
import { firstValueFrom } from 'rxjs';
import { Browser } from '../../../src/testing/browser.ts';
import { exitCodes } from '../../../src/cli/exit-codes.ts';
import { sharedCallbackHost } from '../../../src/share.ts';
import * as assert from '../../helpers/assert.ts';
import { Cli, run } from '../../helpers/cli.ts';
import { visit } from '../../helpers/http.ts';
import { codeOf, lastLine, loginAt, tokensIn, urlOf } from '../../helpers/login.ts';
import { startProvider } from '../../helpers/provider.ts';
import { freePort } from '../../helpers/redis-server.ts';
import { SecretFolder } from '../../helpers/sharers.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('rx-oauth-callback login --share');

test('signs in three times at once on one port, beside a program that serves it', async () => {
  using secret = new SecretFolder();
  await using provider = await startProvider();
  const port = await freePort();
  const env = { XDG_RUNTIME_DIR: secret.path };
  await using host = await sharedCallbackHost({ port, folder: `${secret.path}/rx-oauth-callback` });
  const own = await host.begin();
  const start = (): Cli =>
    Cli.start(loginAt(provider, '--share', '--port', String(port), '--no-browser'), env);
  await using first = start();
  await using second = start();
  await using third = start();
  const commands = [first, second, third];
  const urls = await Promise.all(commands.map(urlOf));
  assert.equal(
    urls.map((url) => url.searchParams.get('redirect_uri')),
    urls.map(() => host.redirectUri),
  );
  const pages = await Promise.all(urls.map((url) => new Browser().open(url)));
  assert.equal(
    pages.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.equal(await Promise.all(commands.map((command) => codeOf(command))), [0, 0, 0]);
  assert.is(new Set(commands.map(({ stdout }) => tokensIn(stdout).access_token)).size, 3);
  assert.is((await visit(port, `/callback?code=c&state=${own.state}`)).status, 200);
  assert.is((await firstValueFrom(own.response)).code, 'c');
});

test('names the program that has the port', async () => {
  using secret = new SecretFolder();
  await using provider = await startProvider();
  const stranger = createServer((socket) => socket.on('error', () => undefined).end('SSH-2.0-x\r\n'));
  await once(stranger.listen(0, '127.0.0.1'), 'listening');
  const { port } = stranger.address() as { port: number };
  try {
    await using command = Cli.start(loginAt(provider, '--share', '--port', String(port)), {
      XDG_RUNTIME_DIR: secret.path,
    });
    assert.is(await codeOf(command), exitCodes.listen);
    assert.match(
      lastLine(command),
      new RegExp(`port ${port} is held by .*does not share it with programs of this user`),
    );
  } finally {
    stranger.close();
  }
});

for (const [flags, complaint] of [
  [['--share'], /--share requires a --port/],
  [['--share', '--port', '8976', '--host', 'localhost'], /--share requires the --host 127\.0\.0\.1/],
  [
    ['--share', '--port', '8976', '--via', 'wss://sign-in.example/bridge', '--token', 'a-token'],
    /--share and --via contradict each other/,
  ],
] as const)
  test(`refuses ${flags.join(' ')}`, async () => {
    const { code, stderr } = await run(loginAt({ issuer: 'https://as.example' }, ...flags));
    assert.is(code, exitCodes.usage);
    assert.match(stderr, complaint);
  });

test.run();
