/** The command `redirect-uri`, built, and what `login` makes of its answer. */
import * as assert from '../../helpers/assert.ts';
import { Cli, run } from '../../helpers/cli.ts';
import { visit } from '../../helpers/http.ts';
import { comingBack, json, startIssuer } from '../../helpers/issuer.ts';
import { codeOf, urlOf } from '../../helpers/login.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('rx-oauth-callback redirect-uri');
const issuer = 'https://as.example/tenant';

for (const [args, uri, advice] of [
  [[], 'http://127.0.0.1/callback', 'It has no port'],
  [['--port', '53682'], 'http://127.0.0.1:53682/callback', 'Sign in with: login --port 53682'],
  [['--host', 'localhost', '--callback-path', '/cb'], 'http://localhost/cb', 'Microsoft Entra'],
  [['--host', '::1', '--port', '9'], 'http://[::1]:9/callback', 'RFC 8252 section 8.3'],
  [['--context', 'work'], 'http://127.0.0.1/callback/work', 'exactly as it is printed'],
  [['--context', 'work', '--callback-path', '/cb?env=1'], 'http://127.0.0.1/cb/work?env=1', 'It has no port'],
] as const)
  test(`prints ${uri}`, async () => {
    const { code, stdout, stderr } = await run(['redirect-uri', ...args]);
    assert.equal([code, stdout], [0, `${uri}\n`]);
    assert.match(stderr, advice);
  });

test('gives each issuer a redirect URI of its own, the same each time', async () => {
  const printed = async (of: string): Promise<string> =>
    (await run(['redirect-uri', '--issuer', of])).stdout.trim();
  const [first, again, other] = [
    await printed(issuer),
    await printed(issuer),
    await printed('https://as.example/other'),
  ];
  assert.match(first, /^http:\/\/127\.0\.0\.1\/callback\/as\.example-[\w-]{8}$/);
  assert.is(again, first);
  assert.is.not(other, first);
});

for (const [args, saying] of [
  [['--host', 'app.example'], '--host must be 127.0.0.1, ::1 or localhost'],
  [['--port', '70000'], '--port must be'],
  [['--callback-path', 'cb'], '--callback-path must'],
  [['--context', 'a/b'], '--context must be letters'],
] as const)
  test(`says ${saying}`, async () => {
    const { code, stdout, stderr } = await run(['redirect-uri', ...args]);
    assert.equal([code, stdout], [2, '']);
    assert.match(stderr, saying);
  });

test('login uses it, and leads the browser to --success-url', async () => {
  await using as = await startIssuer({
    token: (_form, response) => json(response, 200, { access_token: 't', token_type: 'Bearer' }),
  });
  const context = new URL((await run(['redirect-uri', '--issuer', as.issuer])).stdout.trim()).pathname.split(
    '/',
  )[2]!;
  await using command = Cli.start([
    ...['login', '--issuer', as.issuer, '--client-id', 'c', '--no-browser'],
    ...['--context', context, '--success-url', 'https://app.example/done?x=1'],
  ]);
  const url = await urlOf(command);
  assert.match(url.searchParams.get('redirect_uri')!, new RegExp(`/callback/${context}$`));
  const page = await visit(comingBack(url, { code: 'CODE' }));
  // A page that has begun before the tokens came leads there by itself.
  assert.ok(
    page.headers['location'] === 'https://app.example/done?x=1' ||
      page.body.includes('<meta http-equiv="refresh" content="0;url=https://app.example/done?x=1">'),
    page.raw,
  );
  assert.is(await codeOf(command), 0);
});

test('login takes no success URL that is no web address', async () => {
  const { code, stderr } = await run(['login', '--issuer', issuer, '--success-url', 'javascript:alert(1)']);
  assert.is(code, 2);
  assert.match(stderr, '--success-url must be an http or https URL');
});

test.run();
