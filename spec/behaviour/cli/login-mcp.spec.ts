/** The command `login --mcp`, as it is built, at real MCP servers behind real authorization servers. */
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { decodeJwt } from 'jose';
import { Browser, type Page } from '../../../src/testing/browser.ts';
import type { Io } from '../../../src/cli/io.ts';
import * as signingIn from '../../../src/cli/login/run.ts';
import type { Tokens } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder, run } from '../../helpers/cli.ts';
import { complains } from '../../helpers/complains.ts';
import { deviceFeatures, deviceGrant, enterCode } from '../../helpers/device.ts';
import { visit } from '../../helpers/http.ts';
import { comingBack, json, startIssuer } from '../../helpers/issuer.ts';
import { codeOf, tokensIn, urlOf } from '../../helpers/login.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import type { McpServer } from '../../helpers/mcp/mcp-server.ts';
import { startMcpWorld } from '../../helpers/mcp/world.ts';
import { clientId, redirectOf, startProvider } from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('rx-oauth-callback login --mcp');

const tokensOf = (file: string): Tokens => tokensIn(readFileSync(file, 'utf8'));

/** Runs a command whose person clicks through the sign-in. Resolves with the URL that was opened, and the last page. */
async function clickedThrough(command: Cli): Promise<{ url: URL; page: Page }> {
  const url = await urlOf(command);
  const page = await new Browser().open(url);
  assert.is(await codeOf(command), 0, command.stderr);
  return { url, page };
}

/** Resolves with the status of `initialize` at an MCP server, as curl would send it. */
async function initialize({ url }: Pick<McpServer, 'url'>, authorization: string): Promise<number> {
  const clientInfo = { name: 'curl', version: '8' };
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      ...{ jsonrpc: '2.0', id: 1, method: 'initialize' },
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
    }),
  });
  await response.body?.cancel();
  return response.status;
}

const headerOf = (line: string): string => /^Authorization: (.+)\n$/.exec(line)?.[1] ?? '';

test('prints tokens that the server accepts, and names the server and its issuer', async () => {
  await using world = await startMcpWorld();
  const [server] = world.servers;
  const [as] = world.authorizationServers;
  await using command = Cli.start(['login', '--mcp', server.url]);
  const { url, page } = await clickedThrough(command);
  const tokens = tokensIn(command.stdout);
  assert.equal([tokens.issuer, tokens.resource, tokens.scope], [as.issuer, [server.url], 'mcp:use']);
  assert.is(await initialize(server, `Bearer ${tokens.access_token}`), 200);
  assert.is(url.searchParams.get('scope'), 'mcp:use offline_access');
  assert.match(page.html, server.url);
  const said = command.stderr.split('\n');
  assert.is(
    said[0],
    `${server.url} has its sign-ins at ${as.issuer}, with the scopes mcp:use offline_access.`,
  );
  assert.is(said.at(-2), `Signed in at ${as.issuer}.`);
  for (const secret of [tokens.access_token, tokens.refresh_token!]) assert.not.match(command.stderr, secret);
});

test('saves tokens whose header curl can use, and a second login reuses them', async () => {
  await using world = await startMcpWorld();
  const [server] = world.servers;
  using folder = new Folder();
  const file = join(folder.path, 'mcp.json');
  const args = ['login', '--mcp', server.url, '--save', file];
  await using command = Cli.start(args);
  await clickedThrough(command);
  assert.is(command.stdout, '');
  const header = await run(['token', '--format', 'header', file]);
  assert.is(await initialize(server, headerOf(header.stdout)), 200);
  const { counts } = world.authorizationServers[0];
  const before = { ...counts };
  const saved = readFileSync(file, 'utf8');
  const { code, stdout, stderr } = await run(args);
  assert.equal([code, stdout, readFileSync(file, 'utf8')], [0, '', saved], stderr);
  assert.match(stderr, 'is valid for another');
  assert.equal(counts, before);
});

test('curl takes the header from the command', async () => {
  await using world = await startMcpWorld();
  const [server] = world.servers;
  using folder = new Folder();
  const file = join(folder.path, 'mcp.json');
  await using login = Cli.start(['login', '--mcp', server.url, '--save', file]);
  await clickedThrough(login);
  await using curl = Cli.script(`
    curl -s -o /dev/null -w '%{http_code}' -H @<(rx-oauth-callback token --format header '${file}') \
      -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
      -d '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"8"}}}' \
      '${server.url}'`);
  assert.equal(await curl.end(), { code: 0, stdout: '200', stderr: '' });
});

test('token and login refresh with the resource, and logout revokes', async () => {
  const switches = { tokenTtl: 50, refreshNeedsResource: true };
  await using world = await startMcpWorld({ authorizationServer: { switches } });
  const [server] = world.servers;
  const { counts } = world.authorizationServers[0];
  using folder = new Folder();
  const file = join(folder.path, 'mcp.json');
  const args = ['login', '--mcp', server.url, '--save', file];
  await using command = Cli.start(args);
  await clickedThrough(command);
  // They expire within the minute, so that each command refreshes them.
  for (const [count, refreshing] of [['token', '--format', 'header', file], args].entries()) {
    const { access_token } = tokensOf(file);
    const { code, stderr } = await run(refreshing);
    assert.is(code, 0, stderr);
    assert.equal([counts.refresh, counts.code, counts.register], [count + 1, 1, 1]);
    const now = tokensOf(file);
    assert.is.not(now.access_token, access_token);
    assert.equal(now.resource, [server.url]);
    assert.is(await initialize(server, `Bearer ${now.access_token}`), 200);
  }
  const { code, stderr } = await run(['logout', file]);
  assert.equal([code, counts.revoked], [0, 2], stderr);
});

test('tokens for another MCP server of the same issuer are not used', async () => {
  await using world = await startMcpWorld({ servers: 2 });
  const [one, two] = world.servers;
  using folder = new Folder();
  const file = join(folder.path, 'mcp.json');
  await using first = Cli.start(['login', '--mcp', one.url, '--save', file]);
  await clickedThrough(first);
  await using second = Cli.start(['login', '--mcp', two!.url, '--save', file]);
  await clickedThrough(second);
  const { resource, access_token } = tokensOf(file);
  assert.equal(resource, [two!.url]);
  assert.is(await initialize(two!, `Bearer ${access_token}`), 200);
});

test('--scope wins, and saved tokens must have exactly these', async () => {
  await using world = await startMcpWorld();
  const [server] = world.servers;
  using folder = new Folder();
  const file = join(folder.path, 'mcp.json');
  const args = ['login', '--mcp', server.url, '--save', file];
  await using command = Cli.start([...args, '--scope', 'mcp:use mcp:admin']);
  const { url } = await clickedThrough(command);
  assert.is(url.searchParams.get('scope'), 'mcp:use mcp:admin');
  assert.match(command.stderr, ', with the scopes mcp:use mcp:admin.');
  // The server asks for one of them, and does not mind the other.
  assert.match((await run(args)).stderr, 'is valid for another');
  await using fewer = Cli.start([...args, '--scope', 'mcp:use']);
  await clickedThrough(fewer);
  assert.is(tokensOf(file).scope, 'mcp:use');
});

test('saved tokens with fewer scopes than the server asks for are not used', async () => {
  await using world = await startMcpWorld();
  const [server] = world.servers;
  using folder = new Folder();
  const file = join(folder.path, 'mcp.json');
  const args = ['login', '--mcp', server.url, '--save', file];
  await using fewer = Cli.start([...args, '--scope', 'mcp:admin']);
  await clickedThrough(fewer);
  await using command = Cli.start(args);
  const { url } = await clickedThrough(command);
  assert.is(url.searchParams.get('scope'), 'mcp:use offline_access');
});

for (const [what, ofServer, ofIssuer] of [
  ['the issuer in the metadata of the server only', true, false],
  ['the issuer in its own metadata only', false, true],
] as const)
  test(`a slash ends ${what}`, async () => {
    await using world = await startMcpWorld({ authorizationServer: { trailingSlash: ofIssuer } });
    const [server] = world.servers;
    const { issuer } = world.authorizationServers[0];
    const { origin } = new URL(issuer);
    server.switches.metadata = { authorization_servers: [ofServer ? `${origin}/` : origin] };
    await using command = Cli.start(['login', '--mcp', server.url]);
    await clickedThrough(command);
    const tokens = tokensIn(command.stdout);
    assert.is(tokens.issuer, issuer);
    assert.is(await initialize(server, `Bearer ${tokens.access_token}`), 200);
  });

test('a slash ends the URL of the server that the user gives; the resource is as the server names it', async () => {
  await using world = await startMcpWorld();
  const [server] = world.servers;
  await using command = Cli.start(['login', '--mcp', `${server.url}/`]);
  const { url } = await clickedThrough(command);
  assert.is(url.searchParams.get('resource'), server.url);
  assert.is(await initialize(server, `Bearer ${tokensIn(command.stdout).access_token}`), 200);
});

test('finds the metadata of a server whose challenge does not name it', async () => {
  await using world = await startMcpWorld({ server: { challengeNamesMetadata: false } });
  const [server] = world.servers;
  await using command = Cli.start(['login', '--mcp', server.url]);
  await clickedThrough(command);
  assert.is(await initialize(server, `Bearer ${tokensIn(command.stdout).access_token}`), 200);
});

test('signs in, and refreshes, at a server of 2025-03-26 that publishes nothing', async () => {
  await using old = await listenOnLoopback();
  const grants: (string | null)[] = [];
  const answers: Readonly<Record<string, (body: string) => object>> = {
    '/register': (body) => ({ client_id: 'c', ...(JSON.parse(body) as object) }),
    '/token': (body) => {
      const count = grants.push(new URLSearchParams(body).get('grant_type'));
      return { access_token: `a${count}`, token_type: 'bearer', refresh_token: 'r', expires_in: 50 };
    },
  };
  old.http.on('request', (request, response) => {
    const { url = '' } = request;
    if (!answers[url]) response.writeHead(url === '/mcp' ? 401 : 404).end();
    else
      void text(request).then((body) => json(response, url === '/register' ? 201 : 200, answers[url]!(body)));
  });
  using folder = new Folder();
  const args = ['login', '--mcp', `${old.origin}/mcp`, '--save', join(folder.path, 'mcp.json')];
  await using command = Cli.start(args);
  const url = await urlOf(command);
  assert.is(url.origin + url.pathname, `${old.origin}/authorize`);
  assert.is(url.searchParams.get('code_challenge_method'), 'S256');
  await visit(comingBack(url, { code: 'c' }));
  assert.is(await codeOf(command), 0, command.stderr);
  assert.match(
    command.stderr,
    `${old.origin}/mcp names no authorization server; trying the endpoints at ${old.origin}.\n`,
  );
  const { code, stderr } = await run(args);
  assert.equal([code, grants], [0, ['authorization_code', 'refresh_token']], stderr);
});

test('works with a service elsewhere, whose page names the server too', async () => {
  await using world = await startMcpWorld();
  const [server] = world.servers;
  const token = { RX_OAUTH_CALLBACK_TOKEN: 'a-token-of-this-spec' };
  await using service = Cli.start(['serve', '--port', '0', '--drain', '0', '--settle', '60000'], token);
  const bridge = await service.sees(/^Bridge +(ws:\S+)$/m);
  await using command = Cli.start(['login', '--mcp', server.url, '--via', bridge], token);
  const { page } = await clickedThrough(command);
  assert.match(page.html, server.url);
  assert.is(await initialize(server, `Bearer ${tokensIn(command.stdout).access_token}`), 200);
});

test('works with a client of the user, from a profile', async () => {
  const client = {
    client_id: 'a-client-of-the-user',
    application_type: 'native',
    redirect_uris: ['http://127.0.0.1/callback'],
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
  };
  await using world = await startMcpWorld({
    authorizationServer: { registration: false, clients: [client] },
  });
  const [server] = world.servers;
  using folder = new Folder();
  const save = join(folder.path, 'notes.json');
  const notes = { mcp: server.url, clientId: client.client_id, save };
  const config = folder.write('login.json', { issuer: 'https://as.example', profiles: { notes } });
  await using command = Cli.start(['login', '--config', config, '--profile', 'notes']);
  await clickedThrough(command);
  assert.is(tokensOf(save).client_id, client.client_id);
  assert.match(
    await run(['token', '--config', config, '--profile', 'notes']).then(({ code }) => String(code)),
    '0',
  );
});

test('takes a pasted address, and binds the tokens to a key with --dpop', async () => {
  await using world = await startMcpWorld();
  const [server] = world.servers;
  using folder = new Folder();
  const file = join(folder.path, 'tokens.json');
  const args = ['login', '--mcp', server.url, '--no-browser', '--dpop', '--save', file];
  await using command = Cli.onTerminal(args);
  const url = await urlOf(command);
  await command.sees(/input is hidden/);
  const { href } = await redirectOf(world.authorizationServers[0], url);
  command.press(`${href}\r`);
  assert.is(await codeOf(command), 0, command.stdout);
  const { token_type, resource, dpopKey } = tokensOf(file);
  assert.equal([token_type, resource, dpopKey !== undefined], ['dpop', [server.url], true]);
});

test('works on another device, with --device', async () => {
  const indicators = {
    enabled: true,
    getResourceServerInfo: (_context: unknown, audience: string) => ({
      ...{ audience, scope: 'mcp:use', accessTokenFormat: 'jwt' },
    }),
  };
  const features = { ...deviceFeatures, resourceIndicators: indicators };
  await using as = await startProvider({
    configuration: { ...deviceGrant, features, scopes: ['openid', 'offline_access', 'mcp:use'] },
  });
  await using world = await startMcpWorld({ server: { metadata: { authorization_servers: [as.issuer] } } });
  const [server] = world.servers;
  await using command = Cli.start(['login', '--mcp', server.url, '--client-id', clientId, '--device']);
  const verificationUri = await command.sees(/open this on any device:\n\n {2}(\S+)\n/, 'stderr');
  const code = await command.sees(/enter the code: (\S+)\n/, 'stderr');
  await enterCode({ verificationUriComplete: `${verificationUri}?user_code=${code}` });
  assert.is(await codeOf(command), 0, command.stderr);
  const { access_token, resource } = tokensIn(command.stdout);
  assert.equal([decodeJwt(access_token).aud, resource], [server.url, [server.url]]);
});

/** Runs a login that must end without a sign-in. Resolves with its exit code and its sentence. */
async function refused(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<[code: number | null, sentence: string]> {
  const { code, stdout, stderr } = await run(['login', '--mcp', ...args], env);
  assert.is(stdout, '');
  assert.not.match(stderr, /To sign in|Opening your browser/);
  const lines = stderr.trim().split('\n');
  assert.match(lines.at(-1)!, /^rx-oauth-callback: /);
  return [code, lines.at(-1)!.replace('rx-oauth-callback: ', '')];
}

test('says in one sentence that a server asks for nothing', async () => {
  await using nothing = await listenOnLoopback();
  nothing.http.on('request', ({ url }, response) => response.writeHead(url === '/mcp' ? 200 : 404).end());
  const url = `${nothing.origin}/mcp`;
  assert.equal(await refused([url]), [
    1,
    `the server ${url} answered 200 to a request without a token, and names no authorization server; there is nothing to sign in to`,
  ]);
  const none = `${nothing.origin}/none`;
  assert.equal(await refused([none]), [
    1,
    `the server ${none} answered 404 to a request without a token, and names no authorization server; there is nothing to sign in to`,
  ]);
});

test('says in one sentence that a server is down', async () => {
  await using world = await startMcpWorld();
  const [server] = world.servers;
  server.switches.up = false;
  const [code, sentence] = await refused([server.url]);
  assert.is(code, 4);
  assert.match(sentence, `the resource metadata of ${server.url} cannot be read at `);
});

test('says in one sentence that a server is unavailable', async () => {
  await using ill = await listenOnLoopback();
  ill.http.on('request', ({ url }, response) => response.writeHead(url === '/mcp' ? 503 : 404).end());
  const url = `${ill.origin}/mcp`;
  assert.equal(await refused([url]), [
    4,
    `the server ${url} answered 503 to a request without a token, and names no authorization server`,
  ]);
});

test('says in one sentence that a server has no metadata, and no authorization server is at its origin', async () => {
  await using world = await startMcpWorld({ server: { metadataMissing: true } });
  const [server] = world.servers;
  const { origin } = new URL(server.url);
  await using command = Cli.start(['login', '--mcp', server.url]);
  assert.is(await codeOf(command), 1);
  assert.is(
    command.stderr,
    `${server.url} names no authorization server; trying the endpoints at ${origin}, with the scopes mcp:use.\n` +
      `rx-oauth-callback: the registration endpoint of ${origin} answered 404\n`,
  );
});

test('says in one sentence that the authorization server is down', async () => {
  await using world = await startMcpWorld();
  const [server] = world.servers;
  const [as] = world.authorizationServers;
  await as.stop();
  assert.equal(await refused([server.url]), [4, `the issuer ${as.issuer} cannot be reached (ECONNREFUSED)`]);
  await as.restart();
});

test('says in one sentence that the authorization server does not list S256, unless the user accepts that', async () => {
  const switches = { metadata: { code_challenge_methods_supported: undefined } };
  await using world = await startMcpWorld({ authorizationServer: { switches } });
  const [server] = world.servers;
  const [as] = world.authorizationServers;
  assert.equal(await refused([server.url]), [
    4,
    `the issuer ${as.issuer} does not list PKCE with S256 in its metadata`,
  ]);
  await using command = Cli.start(['login', '--mcp', server.url, '--no-require-pkce']);
  await clickedThrough(command);
});

/** Answers of a server elsewhere, by URL, for a command that must not reach any other. */
const answering = (answers: Readonly<Record<string, object>>): Record<string, string> => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`
    const answers = ${JSON.stringify(answers)};
    globalThis.fetch = (url) => {
      const answer = answers[url];
      if (answer === undefined) throw new Error('asked for ' + url);
      return Promise.resolve(answer.status ? new Response('', answer) : Response.json(answer));
    };`)}`,
});

const remote = 'https://mcp.example/mcp';
const metadataUrl = 'https://mcp.example/.well-known/oauth-protected-resource/mcp';
const challenging = (named = metadataUrl): object => ({
  status: 401,
  headers: { 'WWW-Authenticate': `Bearer resource_metadata="${named}"` },
});

test('follows no remote server to this machine, nor to plain http', async () => {
  await using as = await startIssuer();
  const named = (issuer: string): Record<string, string> =>
    answering({
      [remote]: challenging(),
      [metadataUrl]: { resource: remote, authorization_servers: [issuer] },
    });
  for (const issuer of [as.issuer, 'https://127.0.0.1:1', 'https://localhost', 'http://as.example'])
    assert.equal(await refused([remote], named(issuer)), [
      4,
      `the resource metadata of ${remote} names the authorization server ${issuer}, which must be https, and must not lead to this machine`,
    ]);
  const near = `${as.issuer}/metadata`;
  assert.equal(await refused([remote], answering({ [remote]: challenging(near) })), [
    4,
    `the resource metadata of ${remote} ${near} must be https, and must not lead to this machine`,
  ]);
  const issuer = 'https://as.example';
  for (const endpoint of ['authorization_endpoint', 'token_endpoint', 'device_authorization_endpoint']) {
    const metadata = {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      code_challenge_methods_supported: ['S256'],
      [endpoint]: 'https://127.0.0.1:1/',
    };
    const answers = {
      [remote]: challenging(),
      [metadataUrl]: { resource: remote, authorization_servers: [issuer] },
      [`${issuer}/.well-known/openid-configuration`]: metadata,
    };
    assert.equal(await refused([remote, '--client-id', 'c'], answering(answers)), [
      4,
      `the ${endpoint} of ${issuer} must be https, and must not lead to this machine`,
    ]);
  }
  assert.equal(as.requests, []);
});

test('ends by Ctrl-C while the server says nothing, and lets the file go', async () => {
  await using silent = await listenOnLoopback();
  using folder = new Folder();
  const file = join(folder.path, 'mcp.json');
  await using command = Cli.start(['login', '--mcp', `${silent.origin}/mcp`, '--save', file]);
  await once(silent.http, 'request');
  command.signal('SIGINT');
  assert.equal(await command.end(8_000), {
    code: 130,
    stdout: '',
    stderr: 'rx-oauth-callback: the sign-in was cancelled\n',
  });
});

test('loads what asks MCP servers only if there is one', async () => {
  const reporting = `
    import module from 'node:module';
    process.on('exit', () => console.error('loaded', Object.keys(module._cache).join(' ')));`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(reporting)}` };
  const isLoaded = async (...target: string[]): Promise<boolean> => {
    const { code, stderr } = await run(['login', ...target], env);
    assert.is(code, 4, stderr);
    assert.match(stderr, /^loaded \S+cli\.cjs /m);
    return stderr.includes('/mcp-server.cjs');
  };
  // A port that no browser and no service uses.
  assert.equal(
    [await isLoaded('--issuer', 'http://127.0.0.1:1'), await isLoaded('--mcp', 'http://127.0.0.1:1/mcp')],
    [false, true],
  );
});

/** Signs in by a module of the command, in this process. Rejects if it fails, or if nobody must be asked and somebody is. */
async function signIn(
  { login }: typeof signingIn,
  server: McpServer,
  ask: (url: URL) => Promise<unknown>,
): Promise<Tokens> {
  let printed = '';
  let said = '';
  const signals: (() => void)[] = [];
  let opened: Promise<unknown> | undefined;
  const asked = new EventEmitter();
  const stderr = new PassThrough().setEncoding('utf8').on('data', (text: string) => {
    said += text;
    const [, url] = /To sign in, open:\n\n {2}(\S+)\n/.exec(said) ?? [];
    if (url !== undefined)
      opened ??= ask(new URL(url)).catch((error: unknown) => void asked.emit('error', error));
  });
  const stdout = new PassThrough().setEncoding('utf8').on('data', (text: string) => void (printed += text));
  const io: Partial<Io> = {
    ...{ stdin: new PassThrough(), stdout, stderr, env: { XDG_CONFIG_HOME: '/nonexistent' } },
    onSignal: (_signal, handler) => {
      signals.push(handler);
      return () => undefined;
    },
  };
  const work = login({ mcp: [server.url], browser: false }, io as Io);
  try {
    await Promise.race([work, once(asked, 'never')]);
    return tokensIn(printed);
  } finally {
    for (const end of signals) end();
    await work.catch(() => undefined);
  }
}

const click = (url: URL): Promise<Page> => new Browser().open(url);
const nobody = (url: URL): Promise<never> =>
  Promise.reject(new Error(`somebody is asked to open ${url.host}`));

async function isAccepted(module: typeof signingIn): Promise<void> {
  await using world = await startMcpWorld();
  const [server] = world.servers;
  const { access_token } = await signIn(module, server, click);
  assert.is(await initialize(server, `Bearer ${access_token}`), 200, 'the server rejects the token');
}

async function rejectsAnotherResource(module: typeof signingIn): Promise<void> {
  await using world = await startMcpWorld();
  const [server] = world.servers;
  const resource = 'https://other.example/mcp';
  server.switches.metadata = { resource };
  const error = await signIn(module, server, nobody).then(
    () => undefined,
    (thrown: unknown) => thrown as Error,
  );
  assert.is(
    error?.message,
    `the server ${server.url} has metadata of the resource ${resource}; it must be the server's own`,
  );
  assert.is(world.sum('register'), 0);
}

test('requests tokens for the resource, without which the server rejects them', async () => {
  await isAccepted(signingIn);
  const change = edit(
    'resource: resource === undefined ? [] : [resource]',
    'resource: []',
    'cli/login/mcp-server.ts',
  );
  const twin = (await weakenedModule('cli/login/run.ts', change)) as typeof signingIn;
  await complains(() => isAccepted(twin), /the server rejects the token/);
});

test('rejects metadata of another resource before anybody is asked, with the exit code of discovery', async () => {
  await rejectsAnotherResource(signingIn);
  const change = edit('|| !isOf(server, resource)', '', 'mcp/resource-metadata.ts');
  const twin = (await weakenedModule('cli/login/run.ts', change)) as typeof signingIn;
  await complains(() => rejectsAnotherResource(twin), /somebody.is.asked.to.open/);
  await using world = await startMcpWorld();
  const [server] = world.servers;
  server.switches.metadata = { resource: 'https://other.example/mcp' };
  assert.is((await refused([server.url]))[0], 4);
});

test.run();
