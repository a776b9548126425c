/** The flags of `login`, as it is built: what an authorization server gets to see of each, and what happens without it. */
import { readFileSync } from 'node:fs';
import { Browser } from '../../../src/testing/browser.ts';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder, run } from '../../helpers/cli.ts';
import { visit } from '../../helpers/http.ts';
import { comingBack, json, startIssuer, type Issuer, type IssuerOptions } from '../../helpers/issuer.ts';
import { codeOf, lastLine, loginAt, tokensIn, urlOf } from '../../helpers/login.ts';
import { clientId, confidential, startProvider, type SignInProvider } from '../../helpers/provider.ts';
import { hold } from '../../helpers/sockets.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('the flags of login');
const { id, secret } = confidential;
const ofSecret = { RX_OAUTH_CALLBACK_CLIENT_SECRET: secret };

const native = {
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1/callback'],
  token_endpoint_auth_method: 'none',
};

/** A real provider with one client. */
const startWith = (
  client: Readonly<Record<string, unknown>>,
  configuration: Readonly<Record<string, unknown>> = {},
): Promise<SignInProvider> =>
  startProvider({ configuration: { clients: [{ ...native, ...client }], ...configuration } });

/** An issuer whose token endpoint gives a token to everybody. */
const startLavish = (options: IssuerOptions = {}): Promise<Issuer> =>
  startIssuer({
    token: (_form, response) => json(response, 200, { access_token: 'a', token_type: 'bearer' }),
    ...options,
  });

/** A `login` without `openid`, which would have an ID token come. */
const plainly = ({ issuer }: Issuer, ...more: readonly string[]): string[] => [
  ...['login', '--issuer', issuer, '--client-id', clientId],
  ...more,
];

const tokenRequestOf = ({ requests }: Issuer): Issuer['requests'][number] =>
  requests.find(({ line }) => line === 'POST /token')!;

/** Signs in by a command with an issuer that says what it is told; gives the exit code. */
async function comeBack(
  args: readonly string[],
  response: Readonly<Record<string, string>> = { code: 'c' },
  env: Readonly<Record<string, string>> = {},
): Promise<number | null> {
  await using command = Cli.start(args, env);
  assert.is((await visit(comingBack(await urlOf(command), response))).status, 200);
  return await codeOf(command);
}

test('--scope twice asks for both', async () => {
  await using as = await startLavish();
  await using command = Cli.start(plainly(as, '--scope', 'notes', '--scope', 'mail files'));
  assert.is((await urlOf(command)).searchParams.get('scope'), 'notes mail files');
});

test('--save refuses a file that holds something else, before anybody signs in, and leaves it', async () => {
  await using as = await startLavish();
  for (const [content, is] of [
    ['notes', 'no JSON'],
    ['{"name":"a"}', 'another object'],
    ['{"access_token":"of another program"}', 'tokens of another program'],
    ['[]', 'a list'],
    ['null', 'null'],
  ] as const) {
    using folder = new Folder();
    const file = folder.write('file', content);
    const { code, stdout, stderr } = await run(plainly(as, '--save', file));
    assert.equal([code, stdout], [1, ''], is);
    assert.match(stderr, 'contains something other than the tokens of a sign-in');
    assert.is(readFileSync(file, 'utf8'), content);
  }
  assert.equal(as.requests, []);
});

test('--save takes an empty file', async () => {
  await using as = await startLavish();
  using folder = new Folder();
  const file = folder.write('file', ' \n');
  assert.is(await comeBack(plainly(as, '--save', file)), 0);
  tokensIn(readFileSync(file, 'utf8'));
});

test('--client-auth post: without it, a server that reads only the form does not know the client', async () => {
  await using as = await startProvider({
    intercept: ({ url, headers }, response) => {
      const refused = url === '/token' && headers.authorization !== undefined;
      if (refused) json(response, 401, { error: 'invalid_client' });
      return refused;
    },
  });
  const args = ['login', '--issuer', as.issuer, '--client-id', id, '--scope', 'openid'];
  for (const [more, code] of [
    [[], 4],
    [['--client-auth', 'basic'], 4],
    [['--client-auth', 'post'], 0],
  ] as const) {
    await using command = Cli.start([...args, ...more], ofSecret);
    await new Browser().open(await urlOf(command));
    assert.is(await codeOf(command), code, command.stderr);
    if (code === 0) assert.is(tokensIn(command.stdout).client_id, id);
    else assert.match(lastLine(command), 'answered invalid_client');
  }
});

test('--client-auth: the secret is in the header or in the form, never in both, whatever the server prefers', async () => {
  for (const [methods, more, expected] of [
    [['client_secret_basic', 'client_secret_post'], [], 'basic'],
    [['client_secret_basic', 'client_secret_post'], ['--client-auth', 'post'], 'post'],
    [['client_secret_post'], [], 'post'],
    [['client_secret_post'], ['--client-auth', 'basic'], 'basic'],
  ] as const) {
    await using as = await startLavish({ metadata: { token_endpoint_auth_methods_supported: methods } });
    assert.is(await comeBack(plainly(as, ...more), undefined, ofSecret), 0);
    const { headers, body } = tokenRequestOf(as);
    const [, pair = ''] = (headers.authorization ?? '').split('Basic ');
    assert.equal(
      [
        decodeURIComponent(Buffer.from(pair, 'base64').toString()),
        new URLSearchParams(body).get('client_secret'),
      ],
      expected === 'basic' ? [`${clientId}:${secret}`, null] : ['', secret],
    );
  }
});

const resource = 'https://api.example/';

test('--resource: the access token is for that resource; without it, for none in particular', async () => {
  const resourceIndicators = {
    enabled: true,
    useGrantedResource: () => false,
    getResourceServerInfo: () => ({ scope: 'notes', accessTokenFormat: 'jwt' }),
  };
  await using as = await startWith(
    { client_id: clientId },
    { features: { devInteractions: { enabled: false }, resourceIndicators } },
  );
  const tokenFor = async (...more: readonly string[]): Promise<string> => {
    await using command = Cli.start(loginAt(as, ...more));
    await new Browser().open(await urlOf(command));
    assert.is(await codeOf(command), 0, command.stderr);
    return tokensIn(command.stdout).access_token;
  };
  const [, payload = ''] = (await tokenFor('--resource', resource)).split('.');
  const { aud } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { aud: unknown };
  assert.is(aud, resource);
  assert.not.match(await tokenFor(), '.');
});

test('--resource: is in both requests as often as it is given; without it, in neither', async () => {
  const other = 'https://other.example/?v=1';
  for (const given of [[], [resource], [resource, other]]) {
    await using as = await startLavish();
    const args = plainly(as, ...given.flatMap((each) => ['--resource', each]));
    await using command = Cli.start(args);
    const url = await urlOf(command);
    assert.equal(url.searchParams.getAll('resource'), given);
    await visit(comingBack(url, { code: 'c' }));
    assert.is(await codeOf(command), 0, command.stderr);
    assert.equal(new URLSearchParams(tokenRequestOf(as).body).getAll('resource'), given);
  }
});

test('--require-pkce: rejects a server that does not announce S256; without it, uses it', async () => {
  for (const methods of [undefined, ['plain']]) {
    await using as = await startLavish({ metadata: { code_challenge_methods_supported: methods } });
    await using command = Cli.start(plainly(as, '--require-pkce'));
    assert.is(await codeOf(command), 4);
    assert.equal(
      [command.stdout, command.stderr],
      ['', `rx-oauth-callback: the issuer ${as.issuer} does not list PKCE with S256 in its metadata\n`],
    );
    assert.is(await comeBack(plainly(as)), 0);
    assert.match(tokenRequestOf(as).body, /(?:^|&)code_verifier=[\w.~-]{43,}/);
  }
  await using speaks = await startLavish();
  assert.is(await comeBack(plainly(speaks, '--require-pkce')), 0);
});

test('--require-issuer: rejects a response without an issuer and keeps waiting; without it, accepts it', async () => {
  await using as = await startLavish();
  await using command = Cli.start(plainly(as, '--require-issuer'));
  const url = await urlOf(command);
  assert.is((await visit(comingBack(url, { code: 'CODE-of-nobody' }))).status, 400);
  assert.is(tokenRequestOf(as), undefined, 'the token endpoint is not asked');
  assert.is((await visit(comingBack(url, { code: 'CODE-of-it', iss: as.issuer }))).status, 200);
  assert.is(await codeOf(command), 0, command.stderr);
  assert.match(tokenRequestOf(as).body, 'code=CODE-of-it');

  assert.is(await comeBack(plainly(as), { code: 'CODE-of-nobody' }), 0);
});

test('--callback-path: must be the registered path, or the server sends no browser back', async () => {
  await using as = await startWith({ client_id: clientId, redirect_uris: ['http://127.0.0.1/cb/of-mine'] });
  await using command = Cli.start(loginAt(as, '--callback-path', '/cb/of-mine'));
  const url = await urlOf(command);
  const redirectUri = new URL(url.searchParams.get('redirect_uri')!);
  assert.is(redirectUri.pathname, '/cb/of-mine');
  assert.is((await visit(new URL('/callback', redirectUri).href)).status, 404);
  await new Browser().open(url);
  assert.is(await codeOf(command), 0, command.stderr);

  await using without = Cli.start(loginAt(as));
  const page = await visit(await urlOf(without));
  assert.is(page.status, 400);
  assert.match(page.body, 'redirect_uri');
});

test('--port: is the port of the redirect URI', async () => {
  await using as = await startLavish();
  const { port, release } = await hold({ host: '127.0.0.1' });
  await release();
  await using command = Cli.start(plainly(as, '--port', String(port)));
  const url = await urlOf(command);
  assert.is(url.searchParams.get('redirect_uri'), `http://127.0.0.1:${port}/callback`);
  await visit(comingBack(url, { code: 'c' }));
  assert.is(await codeOf(command), 0, command.stderr);
});

test.run();
