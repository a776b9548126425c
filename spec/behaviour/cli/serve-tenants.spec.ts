/** The built service with tenants of its configuration file: whole sign-ins, SIGHUP, messages, the operator's side. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { createBridge } from '../../../src/bridge.ts';
import { exitCodes } from '../../../src/cli/exit-codes.ts';
import type { Io } from '../../../src/cli/io.ts';
import type { Log } from '../../../src/cli/log.ts';
import { readConfig } from '../../../src/cli/serve/config.ts';
import { reload as reloadNow } from '../../../src/cli/serve/reload.ts';
import { readTenants } from '../../../src/cli/serve/tenants.ts';
import { createOAuthCallbackServer } from '../../../src/index.ts';
import { createTenants } from '../../../src/tenants.ts';
import { connectCallbackHost, type RemoteCallbackHost } from '../../../src/client.ts';
import * as assert from '../../helpers/assert.ts';
import { shake } from '../../helpers/bridge.ts';
import { complains } from '../../helpers/complains.ts';
import { Cli, Folder, run } from '../../helpers/cli.ts';
import { send, visit } from '../../helpers/http.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('serve with tenants');

interface Addresses {
  readonly redirectUri: string;
  readonly bridgeUrl: string;
  readonly token?: string;
  readonly tenants: Readonly<Record<string, { readonly redirectUri: string }>>;
}

async function addressesOf(cli: Cli): Promise<Addresses & { readonly port: number }> {
  const addresses = JSON.parse(await cli.sees(/^(\{"type":"ready".*\})\n/)) as Addresses;
  return { ...addresses, port: Number(new URL(addresses.redirectUri).port) };
}

const tokenOf = (tenant: string): string => `the-token-of-a-program-of-${tenant}`;

/** A tenant with one program, which has the same name at each tenant. */
const tenantOf = (name: string, change: object = {}): object => ({
  callbackPath: `/${name}/callback`,
  productName: `Product of ${name}`,
  tokens: [{ name: 'agent', token: tokenOf(name), roles: ['listener'] }],
  ...change,
});

const both = { acme: tenantOf('acme'), globex: tenantOf('globex') };

const settings = (tenants: object, change: object = {}): object => ({ json: true, tenants, ...change });

/** Connects a program of each tenant. */
async function withPrograms(
  bridgeUrl: string,
  body: (of: (tenant: string) => Promise<RemoteCallbackHost>) => Promise<void>,
): Promise<void> {
  const hosts: RemoteCallbackHost[] = [];
  try {
    await body(async (tenant) => {
      const host = await connectCallbackHost(bridgeUrl, { token: tokenOf(tenant), report: () => undefined });
      hosts.push(host);
      return host;
    });
  } finally {
    await Promise.all(hosts.map((host) => host.close()));
  }
}

const pathOf = (url: string): string => new URL(url).pathname;

test('L-03 L-04 serves each tenant at its redirect URI, and refuses a response at that of another', async () => {
  using folder = new Folder();
  await using cli = Cli.start(['serve', '--config', folder.write('serve.json', settings(both))]);
  const { bridgeUrl, redirectUri, tenants, port, token } = await addressesOf(cli);
  assert.is(token, undefined, 'a token is made, although programs can connect without');
  const origin = new URL(redirectUri).origin;
  assert.equal(tenants, {
    acme: { redirectUri: `${origin}/acme/callback` },
    globex: { redirectUri: `${origin}/globex/callback` },
  });
  await withPrograms(bridgeUrl, async (of) => {
    const [acme, globex] = await Promise.all([of('acme'), of('globex')]);
    const flow = await acme.begin();
    assert.is(flow.redirectUri, tenants['acme']?.redirectUri);
    const other = await globex.begin({ state: flow.state });
    for (const path of ['/callback', '/globex/callback/x', '/acme', '/acme/callback/'])
      assert.is.not((await visit(port, `${path}?code=no&state=${flow.state}`)).status, 200, path);
    const own = await globex.begin();
    const moved = await visit(port, `/acme/callback?code=no&state=${own.state}`);
    assert.is(moved.status, 400, 'at the path of another tenant');
    assert.not.match(moved.body, /globex/);
    for (const [each, path, code] of [
      [flow, '/acme/callback', 'a'],
      [other, '/globex/callback', 'b'],
      [own, '/globex/callback', 'c'],
    ] as const) {
      const { status, body } = await visit(port, `${path}?code=${code}&state=${each.state}`);
      assert.is(status, 200);
      assert.match(body, `Product of ${path.split('/')[1]}`);
      const response = await assert.deadline(firstValueFrom(each.response), 'the response');
      assert.is(response.code, code);
    }
  });
  await cli.sees(/"connection":"connected","name":"agent","tenant":"acme"/, 'stderr');
  await cli.sees(/"event":"begun".*"tenant":"globex"/, 'stderr');
  assert.not.match(cli.stdout + cli.stderr, tokenOf('acme'));
});

test('adds, changes and removes tenants at SIGHUP, and keeps a pending flow of the others', async () => {
  using folder = new Folder();
  const file = folder.write('serve.json', settings({ ...both, initech: tenantOf('initech') }));
  await using cli = Cli.start(['serve', '--config', file]);
  const { bridgeUrl, port } = await addressesOf(cli);
  await withPrograms(bridgeUrl, async (of) => {
    const [acme, globex] = await Promise.all([of('acme'), of('globex')]);
    const kept = await acme.begin();
    const lost = await globex.begin();
    const ended = assert.rejects(firstValueFrom(lost.response), 'cancelled');
    const next = {
      acme: tenantOf('acme'),
      initech: tenantOf('initech', { callbackPath: '/moved/callback' }),
      hooli: tenantOf('hooli', { callbackPath: '/globex/callback' }),
    };
    writeFileSync(file, JSON.stringify(settings(next)));
    cli.signal('SIGHUP');
    const line = await cli.sees(/(tenants reloaded: [^"]*)"/, 'stderr');
    assert.match(
      line,
      /^tenants reloaded: acme at \S+\/acme\/callback, initech at \S+\/moved\/callback, hooli at/,
    );
    await cli.sees(/tokens reloaded: agent of acme, agent of initech, agent of hooli/, 'stderr');
    await ended;
    const attempt = async (tenant: string): Promise<number> =>
      (await shake(port, { Authorization: `Bearer ${tokenOf(tenant)}` })).status;
    assert.equal([await attempt('globex'), await attempt('hooli')], [401, 101]);
    assert.is((await visit(port, `/initech/callback?code=c&state=s`)).status, 404);
    assert.is((await visit(port, `/globex/callback?code=c&state=${lost.state}`)).status, 400);
    // The tenant that has not changed keeps its flow and its connection.
    assert.is((await visit(port, `/acme/callback?code=k&state=${kept.state}`)).status, 200);
    const response = await assert.deadline(firstValueFrom(kept.response), 'the response');
    assert.is(response.code, 'k');
    const hooli = await of('hooli');
    assert.is(pathOf((await hooli.begin()).redirectUri), '/globex/callback');
  });
});

test('changes nothing at SIGHUP if one tenant or one token cannot be used, and says which', async () => {
  using folder = new Folder();
  const file = folder.write('serve.json', settings(both));
  await using cli = Cli.start(['serve', '--config', file]);
  const { bridgeUrl, port } = await addressesOf(cli);
  await withPrograms(bridgeUrl, async (of) => {
    const flow = await (await of('globex')).begin();
    for (const [tenants, complaint] of [
      [
        { acme: tenantOf('acme', { callbackPath: '/acme' }), hooli: {} },
        /tenants\.hooli\.callbackPath in \S+ is required/,
      ],
      [
        { acme: tenantOf('acme'), hooli: tenantOf('hooli', { callbackPath: '/acme/callback/x' }) },
        /tenants\.hooli\.callbackPath in \S+ must be a path of its own/,
      ],
      [
        { acme: tenantOf('acme'), hooli: tenantOf('hooli', { callbackPath: '/metrics' }) },
        /tenants\.hooli\.callbackPath in \S+ must be a path of its own/,
      ],
      [
        { acme: tenantOf('acme'), hooli: tenantOf('acme', { callbackPath: '/hooli' }) },
        /tokens must give each token to one tenant only; see the tokens agent of acme and agent of hooli/,
      ],
      [
        { acme: tenantOf('acme', { tokens: 'none.json' }) },
        /tenants\.acme\.tokens in \S+ \S+none\.json cannot be read/,
      ],
    ] as const) {
      writeFileSync(file, JSON.stringify(settings(tenants)));
      cli.signal('SIGHUP');
      await cli.sees(complaint, 'stderr');
    }
    assert.not.match(cli.stderr, /reloaded/);
    const attempt = async (tenant: string): Promise<number> =>
      (await shake(port, { Authorization: `Bearer ${tokenOf(tenant)}` })).status;
    assert.equal([await attempt('acme'), await attempt('globex')], [101, 101]);
    assert.is((await visit(port, `/globex/callback?code=g&state=${flow.state}`)).status, 200);
    await assert.deadline(firstValueFrom(flow.response), 'the response');
  });
});

/** A service of this process reads a file in which one tenant cannot be used, and another one has a new token. */
async function keepsAll(reload: typeof reloadNow): Promise<void> {
  using folder = new Folder();
  const file = folder.write('serve.json', settings(both));
  const flags = { config: file };
  const { tenants: given, tokens } = readTenants(readConfig(flags, {}))!;
  await using server = createOAuthCallbackServer();
  await using bridge = createBridge(server, { tokens });
  await using tenants = createTenants(server, { tenants: given });
  await tenants.listen();
  await bridge.listen();
  const acme = tenantOf('acme', {
    tokens: [{ name: 'agent', token: 'another-token-of-acme', roles: ['listener'] }],
  });
  writeFileSync(file, JSON.stringify(settings({ acme, hooli: {} })));
  const lines: string[] = [];
  const log = { info: () => undefined, error: (line: unknown) => lines.push(String(line)) };
  await reload({
    ...{ flags, server, bridge, tenants, access: { tokens, made: undefined } },
    ...{ operations: { certificate: undefined }, io: { env: {} } as Io, log: log as unknown as Log },
  });
  assert.match(lines.join('\n'), /tenants\.hooli\.callbackPath in \S+ is required/);
  assert.equal(tenants.names, ['acme', 'globex']);
  for (const tenant of ['acme', 'globex'])
    assert.is(
      (await shake(server.address.port, { Authorization: `Bearer ${tokenOf(tenant)}` })).status,
      101,
      `the token of ${tenant}`,
    );
}

test('changes neither tenants nor tokens unless both can be used', () => keepsAll(reloadNow));

test('finds a service that changes tokens before it has checked the tenants', async () => {
  const line = 'const tokens = readTokensOf(running, read.config, given?.tokens);';
  const change = edit(line, `${line} bridge.setTokens(tokens);`);
  const twin = (await weakenedModule('cli/serve/reload.ts', change)) as { reload: typeof reloadNow };
  await complains(() => keepsAll(twin.reload), /the token of acme/);
});

test('reads a file of tenants, with the files that it names beside it', async () => {
  using folder = new Folder();
  const within = join(folder.path, 'customers');
  mkdirSync(within);
  const put = (name: string, content: unknown): void =>
    writeFileSync(join(within, name), typeof content === 'string' ? content : JSON.stringify(content));
  put('logo.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>');
  put('texts.json', { en: { success: 'Welcome to acme' } });
  put('tokens.json', [{ name: 'agent', token: tokenOf('acme'), roles: ['listener', 'monitor'] }]);
  put('tenants.json', {
    acme: tenantOf('acme', {
      ...{ logo: 'logo.svg', texts: 'texts.json', tokens: 'tokens.json', language: 'en', flowTtl: '1h' },
      ...{ issuers: ['https://as.example'], quota: { flows: 1 }, unmatched: 'reject' },
    }),
  });
  await using cli = Cli.start(['serve', '--tenants', join(within, 'tenants.json')]);
  const uri = await cli.sees(/^Tenant acme {3}(\S+\/acme\/callback)$/m);
  const bridgeUrl = await cli.sees(/^Bridge +(\S+)$/m);
  const { port, origin } = new URL(uri);
  await withPrograms(bridgeUrl, async (of) => {
    const acme = await of('acme');
    const flow = await acme.begin({ issuer: 'https://as.example' });
    await assert.rejects(acme.begin({ issuer: 'https://as.example' }), 'too_many_flows');
    const iss = encodeURIComponent('https://as.example');
    const { status, body } = await visit(
      Number(port),
      `/acme/callback?code=c&state=${flow.state}&iss=${iss}`,
    );
    assert.is(status, 200);
    assert.match(body, 'Welcome to acme');
    assert.match(body, 'data:image/svg+xml;base64,');
  });
  await cli.sees(/agent of the tenant acme connected from/, 'stderr');
  await cli.sees(/tenant acme: flow \S+: begun/, 'stderr');
  // A monitor of a tenant is not the operator of the service.
  const headers = { Authorization: `Bearer ${tokenOf('acme')}`, Origin: origin };
  assert.is.not((await send(Number(port), { target: '/metrics', headers })).status, 200);
});

test('is told at SIGHUP that tenants require a restart if there were none', async () => {
  using folder = new Folder();
  const tokens = [{ name: 'own', token: tokenOf('own'), roles: ['listener'] }];
  const file = folder.write('serve.json', { json: true, tokens });
  await using cli = Cli.start(['serve', '--config', file]);
  const { port } = await addressesOf(cli);
  writeFileSync(file, JSON.stringify(settings(both, { tokens })));
  cli.signal('SIGHUP');
  await cli.sees(/tenants require a restart/, 'stderr');
  assert.is((await visit(port, '/acme/callback?code=c&state=s')).status, 404);
});

for (const [what, tenants, complaint] of [
  ['a list', [], /tenants in \S+ must be a file, or an object of tenants by name; got \[\]/],
  ['a tenant that is text', { acme: 'x' }, /tenants\.acme in \S+ must be an object; got "x"/],
  ['no path', { acme: {} }, /tenants\.acme\.callbackPath in \S+ is required/],
  [
    'a path that is none',
    { acme: tenantOf('acme', { callbackPath: 'x' }) },
    /tenants\.acme\.callbackPath in \S+ must/,
  ],
  [
    'a number for a name',
    { acme: tenantOf('acme', { productName: 1 }) },
    /tenants\.acme\.productName in \S+ must be text; got 1/,
  ],
  [
    'a member that is none',
    { acme: tenantOf('acme', { port: 1 }) },
    /tenants\.acme\.port in \S+ is not an option/,
  ],
  ['code', { acme: tenantOf('acme', { render: 'x' }) }, /tenants\.acme\.render in \S+ is not an option/],
  [
    'a quota that is none',
    { acme: tenantOf('acme', { quota: { flows: 0 } }) },
    /tenants\.acme\.quota\.flows in \S+ must be a whole number/,
  ],
  [
    'a short token',
    { acme: tenantOf('acme', { tokens: [{ name: 'a', token: 'short', roles: [] }] }) },
    /tenants\.acme\.tokens\S* in \S+ must be /,
  ],
  [
    'a logo that is none',
    { acme: tenantOf('acme', { logo: 'serve.json' }) },
    /tenants\.acme\.logo in \S+ \S+ must be an image/,
  ],
  ['a name with a space', { 'a b': tenantOf('acme') }, /tenants in \S+ must have names of 1 to 64 letters/],
  [
    'the path of the bridge',
    { acme: tenantOf('acme', { callbackPath: '/bridge' }) },
    /tenants\.acme\.callbackPath in \S+ must be a path of its own/,
  ],
  [
    'the path of metrics',
    { acme: tenantOf('acme', { callbackPath: '/metrics' }) },
    /tenants\.acme\.callbackPath in \S+ must be a path of its own/,
  ],
] as const)
  test(`does not start with ${what}, and names it`, async () => {
    using folder = new Folder();
    const { code, stderr, stdout } = await run([
      'serve',
      '--config',
      folder.write('serve.json', settings(tenants)),
    ]);
    assert.match(stderr, complaint);
    assert.equal([code, stdout], [exitCodes.usage, '']);
    assert.not.match(stderr, 'short');
  });

test.run();
