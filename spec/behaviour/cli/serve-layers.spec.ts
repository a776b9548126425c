/** All that `serve` can be told, seen from outside a running one: by the environment, by a file, and which goes first. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { subprotocol } from '../../../src/wire/protocol.ts';
import type { Addresses } from '../../../src/cli/serve/announce.ts';
import { exitCodes } from '../../../src/cli/exit-codes.ts';
import { variableOf } from '../../../src/cli/settings/setting.ts';
import { settings } from '../../../src/cli/serve/settings.ts';
import { connectCallbackHost, type RemoteCallbackHost } from '../../../src/client.ts';
import { TooManyFlowsError } from '../../../src/index.ts';
import { Sealer } from '../../../src/store/sealer.ts';
import * as assert from '../../helpers/assert.ts';
import { shake } from '../../helpers/bridge.ts';
import { Cli, Folder } from '../../helpers/cli.ts';
import { send, visit } from '../../helpers/http.ts';
import { hasRedis, noRedis } from '../../helpers/redis-server.ts';
import { withRedis } from '../../helpers/redis.ts';
import { newState } from '../../helpers/server.ts';
import { hold, leaveUnread, refuses } from '../../helpers/sockets.ts';
import { suite } from '../../helpers/suite.ts';
import { audience, JwtIssuer } from '../../helpers/jwt-issuer.ts';
import { certificate } from '../../helpers/tls.ts';
import { newPass, passOf } from '../monitor/monitored.ts';

const token = 'the-token-of-a-program';
const bearer = { Authorization: `Bearer ${token}` };

/** Values by the key of a setting: of its variable, and of the file for the same setting. */
type Given = Readonly<Record<string, readonly [variable: string, inFile: unknown]>>;

/** Gives all of it, and nothing besides; returns the environment. */
type Layer = (given: Given, folder: Folder) => Record<string, string>;

const layers: Readonly<Record<string, Layer>> = {
  'the environment': (given) =>
    Object.fromEntries(
      settings.flatMap((each) => (given[each.key] ? [[variableOf(each), given[each.key]![0]]] : [])),
    ),
  'a file': (given, folder) => {
    const content: Record<string, unknown> = {};
    for (const [key, [, value]] of Object.entries(given)) {
      const [name = '', within] = key.split('.');
      content[name] = within === undefined ? value : { ...(content[name] as object), [within]: value };
    }
    return { RX_OAUTH_CALLBACK_CONFIG: folder.write('serve.json', content) };
  },
};

const addressesOf = async (cli: Cli): Promise<Addresses> =>
  JSON.parse(await cli.sees(/^(\{"type":"ready".*\})\n/)) as Addresses;

const logged = ({ stderr }: Cli): Record<string, unknown>[] =>
  stderr
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

async function withHost(url: string, body: (host: RemoteCallbackHost) => Promise<void>): Promise<void> {
  const host = await connectCallbackHost(url, { token, report: () => undefined });
  try {
    await body(host);
  } finally {
    await host.close();
  }
}

const test = suite('settings of a running serve');
const covered = new Set<string>();

const logo = 'data:image/gif;base64,R0lGODlhAQABAAAAACw=';
const issuers = ['https://one.example', 'https://other.example'];
const origins = ['https://app.example', 'https://admin.example'];
const finishUrls = ['https://app.example/done', 'https://app.example/over'];

/** More headers than a request may have. */
const many = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`X-${index}`, 'x']));

/** All that can be told to one service on loopback. */
const everyday = (ports: readonly number[], texts: string, secrets: string, tenants: string): Given => ({
  'webhooks.targets': ['http://127.0.0.1:9/hook', ['http://127.0.0.1:9/hook']],
  'webhooks.privateTargets': ['https://localhost:9/hook', ['https://localhost:9/hook']],
  'webhooks.secrets': [secrets, secrets],
  port: [ports.join(' '), ports],
  publicUrl: [`http://localhost:${ports.at(-1)}/under`, `http://localhost:${ports.at(-1)}/under`],
  callbackPath: ['/cb', '/cb'],
  'bridge.path': ['/wait', '/wait'],
  'monitor.path': ['/operators', '/operators'],
  metricsPort: ['0', 0],
  metricsHost: ['127.0.0.2', '127.0.0.2'],
  healthPort: ['0', 0],
  healthHost: ['127.0.0.3', '127.0.0.3'],
  trustedProxies: ['127.0.0.1 10.0.0.0/8', ['127.0.0.1', '10.0.0.0/8']],
  token: [token, token],
  'bridge.origins': [origins.join(' '), origins],
  'monitor.linkTtl': ['1', 1],
  'monitor.pageSessionTtl': ['1', 1],
  'bridge.limits': ['connections=2 connectionsPerName=2', { connections: 2, connectionsPerName: 2 }],
  limits: ['parameter=100 headers=20', { parameter: 100, headers: 20 }],
  issuers: [issuers.join(' '), issuers],
  flowTtl: ['90000', 90_000],
  // Half of them for one credential, because pages of the origins are others.
  maxFlows: ['3', 3],
  settle: ['60000', 60_000],
  finishUrls: [finishUrls.join(' '), finishUrls],
  unmatched: ['holdFor=60000,max=1', { holdFor: 60_000, max: 1 }],
  serverUrl: ['https://mcp.example/mcp', 'https://mcp.example/mcp'],
  title: ['The title of it', 'The title of it'],
  productName: ['The product', 'The product'],
  logo: [logo, logo],
  language: ['fr', 'fr'],
  texts: [texts, texts],
  tenants: [tenants, tenants],
  cleanUrl: ['redirect', 'redirect'],
  drain: ['1', 1],
  json: ['true', true],
  logLevel: ['debug', 'debug'],
});

/** Gets a body over TLS, without a look at the certificate. */
async function fetchInsecure(url: URL): Promise<string> {
  const [response] = (await once(get(url, { rejectUnauthorized: false }), 'response')) as [IncomingMessage];
  return text(response);
}

/** Starts a service that is told all of it by one layer. */
function start(environmentOf: Layer, given: Given, folder: Folder): Cli {
  for (const key of Object.keys(given)) covered.add(key);
  return Cli.start(['serve'], environmentOf(given, folder));
}

for (const [layer, environmentOf] of Object.entries(layers)) {
  test(`bind sign-ins to the browser if they come from ${layer}`, async () => {
    using folder = new Folder();
    const given: Given = {
      port: ['0', 0],
      token: [token, token],
      json: ['true', true],
      binding: ['cookie', 'cookie'],
      startPath: ['/go', '/go'],
      consent: ['never', 'never'],
    };
    await using cli = start(environmentOf, given, folder);
    const { bridgeUrl, redirectUri } = await addressesOf(cli);
    await withHost(bridgeUrl, async (host) => {
      const flow = await host.begin();
      const { pathname } = flow.authorizationUrl('https://as.example/authorize');
      assert.match(pathname, /^\/go\/[\w-]{22}$/);
      assert.is((await visit(redirectUri, pathname)).status, 303);
    });
  });

  test(`take effect if they come from ${layer}`, async () => {
    using folder = new Folder();
    const [taken, free] = [await hold({ host: '127.0.0.1' }), await hold({ host: '127.0.0.1' })];
    try {
      await free.release();
      const { port } = free;
      await using cli = start(
        environmentOf,
        everyday(
          [taken.port, port],
          folder.write('texts.json', { fr: { success: 'Bienvenue' } }),
          folder.write('webhooks.secret', `${'s'.repeat(43)}=\n`),
          folder.write('tenants.json', { acme: { callbackPath: '/acme/cb', unmatched: 'reject' } }),
        ),
        folder,
      );
      const {
        redirectUri,
        bridgeUrl,
        metricsUrl,
        healthUrl = '',
        monitorUrl = '',
        token: made,
      } = await addressesOf(cli);

      const host = `localhost:${port}`;
      assert.equal(
        [redirectUri, bridgeUrl, monitorUrl.replace(/#.*/, ''), made],
        [`http://${host}/under/cb`, `ws://${host}/under/wait`, `http://${host}/under/operators`, undefined],
      );
      assert.is(new URL(metricsUrl).hostname, '127.0.0.2');
      assert.is((await send(new URL(metricsUrl), { target: '/readyz' })).status, 200);
      assert.is((await send(port, { target: '/readyz', headers: bearer })).status, 404);
      assert.is(new URL(healthUrl).hostname, '127.0.0.3');
      assert.is((await send(new URL(healthUrl), { target: '/readyz' })).status, 200);

      // The link is over, and so is what a token was given, by the time that a page comes with it.
      const ask = async (pass: string, next: string): Promise<number> => {
        const headers = { Authorization: `Bearer ${pass}`, 'Next-Pass': next, Origin: `http://${host}` };
        return (await send(port, { method: 'POST', target: '/operators/ticket', headers })).status;
      };
      const next = newPass();
      assert.equal(
        [await ask(passOf(monitorUrl), newPass()), await ask(token, next), await ask(next, newPass())],
        [401, 200, 401],
      );

      const shaken = async (Origin: string | null): Promise<number> =>
        (await shake(port, { ...bearer, Origin }, '/wait')).status;
      assert.is(await shaken('https://stranger.example'), 403);
      const page = new WebSocket(`ws://127.0.0.1:${port}/wait`, subprotocol, {
        headers: bearer,
        origin: origins[1]!,
      });
      try {
        await once(page, 'open');
        await withHost(`ws://127.0.0.1:${port}/wait`, async (program) => {
          assert.is(await shaken(origins[0]!), 503, 'a third connection');

          assert.is((await visit(port, '/acme/cb?code=c&state=s', { Host: host })).status, 400);
          const come = (query: string) => visit(port, query, { Host: host });
          const begin = (state = newState()) =>
            program.begin({ state, issuer: issuers[1]!, issuerAdvertised: true });
          // A flow counts until its response is acknowledged, which may take a moment.
          const beginSoon = async (state?: string): ReturnType<typeof begin> => {
            for (;;)
              try {
                return await begin(state);
              } catch (error) {
                if (!(error instanceof TooManyFlowsError)) throw error;
              }
          };
          const back = (state: string): string => `/cb?code=c&state=${state}&iss=${issuers[1]}`;
          const tooLong = await come(back('x'.repeat(101)));
          assert.is(tooLong.status, 400);
          assert.match(tooLong.body, '<html lang="fr"');
          assert.is((await send(port, { target: back(newState()), headers: many })).status, 431);

          await assert.rejects(program.begin(), 'invalid_option');
          const [one, two] = [await begin(), await begin()];
          await assert.rejects(begin(), 'too_many_flows');
          // Each page waits to hear how it ended, and then has no code in the address bar.
          one.response.subscribe(() => one.settle({ status: 'redirect', url: finishUrls[1]! }));
          two.response.subscribe(() => two.settle({ status: 'success' }));
          const moved = await come(back(one.state));
          assert.equal([moved.status, moved.headers['location']], [303, finishUrls[1]]);
          const cleaned = await come(back(two.state));
          const clean = new URL(cleaned.headers['location'] ?? '', redirectUri);
          assert.equal([cleaned.status, clean.searchParams.get('code')], [303, null]);
          const { status, body } = await come(clean.pathname.replace('/under', '') + clean.search);
          assert.is(status, 200);
          for (const part of [
            'https://mcp.example/mcp',
            'Bienvenue – The title of it</title>',
            'The product',
            logo,
          ])
            assert.match(body, part);

          const state = newState();
          const early = come(back(state));
          await cli.sees(/"disposition":"held"/, 'stderr');
          const late = await beginSoon(state);
          late.response.subscribe(({ code }) => late.settle({ status: 'failure', message: `got ${code}` }));
          assert.is((await early).status, 303);

          await beginSoon();
          cli.signal('SIGTERM');
          await cli.sees(/SIGTERM: waiting up to 1 ms for 1 pending sign-in/, 'stderr');
          assert.is((await cli.end()).code, 0);
        });
      } finally {
        page.terminate();
      }
      const lives = logged(cli).flatMap(({ event, at, expiresAt }) =>
        event === 'begun' ? [Number(expiresAt) - Number(at)] : [],
      );
      assert.is(lives.length, 4);
      // Two clocks tell of it, which need not change at once.
      assert.ok(
        lives.every((ms) => Math.abs(ms - 90_000) < 1_000),
        lives.join(' '),
      );
      assert.ok(logged(cli).some(({ level }) => level === 'debug'));
      assert.not.match(cli.stdout + cli.stderr, token);
    } finally {
      await Promise.all([taken.release(), free.release()]);
    }
  });

  test(`take effect if another address, TLS and several tokens come from ${layer}`, async () => {
    using folder = new Folder();
    await using issuer = await JwtIssuer.start();
    const tokens = [{ name: 'ci', token, roles: ['listener'] }];
    const files = {
      cert: folder.write('cert.pem', certificate.cert),
      key: folder.write('key.pem', certificate.key),
      tokens: folder.write('tokens.json', tokens),
    };
    await using cli = start(
      environmentOf,
      {
        host: ['127.0.0.2', '127.0.0.2'],
        'tls.cert': [files.cert, files.cert],
        'tls.key': [files.key, files.key],
        'bridge.port': ['0', 0],
        'monitor.path': ['false', false],
        clientMetadataPath: ['/client.json', '/client.json'],
        clientName: ['A service', 'A service'],
        tokens: [files.tokens, tokens],
        'jwt.jwks': [issuer.jwks, issuer.jwks],
        'jwt.issuer': ['https://as.example', ['https://as.example']],
        'jwt.audience': [`other ${audience}`, ['other', audience]],
        json: ['1', true],
        logLevel: ['silent', 'silent'],
      },
      folder,
    );
    const { redirectUri, bridgeUrl, monitorUrl, token: made } = await addressesOf(cli);
    assert.match(redirectUri, /^https:\/\/127\.0\.0\.2:\d+\/callback$/);
    assert.equal([monitorUrl, made], [undefined, undefined]);
    const port = Number(new URL(redirectUri).port);
    const socket = connectTls({ host: '127.0.0.2', port, rejectUnauthorized: false });
    try {
      await assert.deadline(once(socket, 'secureConnect'), 'a connection with TLS');
      const { fingerprint256 } = new X509Certificate(certificate.cert);
      assert.is(socket.getPeerCertificate().fingerprint256, fingerprint256);
    } finally {
      socket.destroy();
    }
    const answer = await fetchInsecure(new URL('/client.json', redirectUri));
    const { client_name, redirect_uris } = JSON.parse(answer) as Record<string, unknown>;
    assert.equal([client_name, redirect_uris], ['A service', [redirectUri]]);
    const own = Number(new URL(bridgeUrl).port);
    assert.is.not(own, port);
    const stranger = { Authorization: 'Bearer another-token-of-nobody' };
    assert.equal([(await shake(own, bearer)).status, (await shake(own, stranger)).status], [101, 401]);
    assert.is((await shake(own, { Authorization: `Bearer ${await issuer.sign()}` })).status, 101);
    cli.signal('SIGTERM');
    assert.equal([(await cli.end()).code, cli.stderr], [0, '']);
  });

  test.when(hasRedis, noRedis)(`take effect if those of Redis come from ${layer}`, () =>
    withRedis(async ({ server, admin }) => {
      using folder = new Folder();
      const keys = folder.write('keys.json', [{ id: 'k1', key: Buffer.alloc(32, 7).toString('base64url') }]);
      await using cli = start(
        environmentOf,
        {
          token: [token, token],
          json: ['true', true],
          'redis.url': [server.url, server.url],
          'redis.prefix': ['mine:', 'mine:'],
          'redis.tenant': ['whose', 'whose'],
          'redis.keys': [keys, keys],
          'redis.quota': ['flows=1', { flows: 1 }],
        },
        folder,
      );
      const { bridgeUrl } = await addressesOf(cli);
      await withHost(bridgeUrl, async (program) => {
        await program.begin();
        await assert.rejects(program.begin(), 'too_many_flows');
        const [redis] = admin.clients;
        const found = (await admin.keys()).map(({ key }) => key);
        assert.ok(found.length > 0 && found.every((key) => key.startsWith('mine:')), found.join(' '));
        const { tenantName } = new Sealer('whose', []);
        assert.ok(found.includes(`mine:{${tenantName}}:flows`), found.join(' '));
        const flow = await redis!.hGetAll(found.find((key) => key.includes(':flow:'))!);
        assert.ok(
          Object.values(flow).some((value) => value.startsWith('k1.')),
          'sealed with the key',
        );
      });
    }),
  );

  test(`take effect if those of the file of sign-ins come from ${layer}`, async () => {
    using folder = new Folder();
    const keys = folder.write('keys.json', [{ id: 'k1', key: Buffer.alloc(32, 7).toString('base64url') }]);
    const file = join(folder.path, 'flows', 'flows.db');
    const given: Given = {
      token: [token, token],
      json: ['true', true],
      'store.file': [file, file],
      'store.keys': [keys, keys],
    };
    await using cli = start(environmentOf, given, folder);
    const { bridgeUrl } = await addressesOf(cli);
    await withHost(bridgeUrl, async (program) => {
      await program.begin();
      assert.match(readFileSync(`${file}-wal`, 'latin1'), 'k1.');
    });
  });

  // Longer than the default, so that the service still waits when one that has the default no longer does.
  test(`take effect if the limit of time for pages comes from ${layer}`, async () => {
    using folder = new Folder();
    await using patient = start(
      environmentOf,
      { token: [token, token], json: ['true', true], drain: ['0', 0], closeTimeout: ['60000', 60_000] },
      folder,
    );
    await using plain = Cli.start(['serve', '--json', '--token', token, '--drain', '0']);
    const unread: Socket[] = [];
    try {
      for (const cli of [patient, plain]) {
        const port = Number(new URL((await addressesOf(cli)).redirectUri).port);
        unread.push(await leaveUnread(port, '/monitor'));
        cli.signal('SIGTERM');
        await refuses(port);
      }
      assert.is((await plain.end()).code, 0);
      assert.ok(patient.running, 'it has waited no longer than without it');
      for (const socket of unread) socket.destroy();
      assert.is((await patient.end()).code, 0);
    } finally {
      for (const socket of unread) socket.destroy();
    }
  });
}

test.when(hasRedis, noRedis)('of time for Redis take effect from each of them', () =>
  withRedis(async ({ server, admin, defer }) => {
    const given: Given = {
      token: [token, token],
      json: ['true', true],
      'redis.url': [server.url, server.url],
      // Longer than the defaults, so that a service still waits when one that has those no longer does.
      'redis.timeout': ['60000', 60_000],
      'redis.poll': ['600000', 600_000],
    };
    const serve = async (cli: Cli) => {
      defer(() => cli[Symbol.asyncDispose]());
      const { redirectUri, bridgeUrl } = await addressesOf(cli);
      const host = await connectCallbackHost(bridgeUrl, { token, report: () => undefined });
      defer(() => host.close());
      await host.begin();
      return { cli, port: Number(new URL(redirectUri).port) };
    };
    const patient = await Promise.all(
      Object.values(layers).map((environmentOf) => {
        const folder = new Folder();
        defer(() => folder[Symbol.dispose]());
        return serve(start(environmentOf, given, folder));
      }),
    );
    const args = ['serve', '--json', '--token', token, '--redis', server.url, '--redis-prefix', 'other:'];
    const plain = await serve(Cli.start(args));

    await admin.clients[0]!.flushAll();
    await plain.cli.sees(/"reason":"lost"/, 'stderr');
    for (const { cli } of patient) assert.not.match(cli.stderr, '"reason":"lost"');

    await server.stop('SIGKILL');
    const answered: number[] = [];
    const asked = async ({ port }: { port: number }): Promise<number> => {
      const { status } = await visit(port, `/callback?code=c&state=${newState()}`);
      return (answered.push(port), status);
    };
    const late = patient.map(asked);
    assert.is(await asked(plain), 503);
    assert.equal(answered, [plain.port], 'one has waited no longer than without it');
    for (const { cli } of patient) cli.signal('SIGKILL');
    assert.equal(await Promise.all(late), [0, 0]);
  }),
);

test('of time for the file of sign-ins take effect from each of them', async () => {
  using folder = new Folder();
  const file = join(folder.path, 'flows', 'flows.db');
  const args = ['serve', '--json', '--token', token, '--store', file];
  await using holder = Cli.start(args);
  await addressesOf(holder);
  // Longer than the default, so that a service still waits when one that has the default no longer does.
  const given: Given = {
    token: [token, token],
    json: ['true', true],
    'store.file': [file, file],
    'store.timeout': ['60000', 60_000],
  };
  const patient = Object.values(layers).map((environmentOf) => start(environmentOf, given, folder));
  try {
    await using plain = Cli.start(args);
    assert.is((await plain.end()).code, exitCodes.failed);
    for (const cli of patient) assert.ok(cli.running, 'it has waited no longer than without it');
    holder.signal('SIGKILL');
    // The file is free now, and one of them takes it.
    await Promise.any(patient.map(addressesOf));
  } finally {
    for (const cli of patient) await cli[Symbol.asyncDispose]();
  }
});

test('of flags go before the environment, and those of the environment before the file', async () => {
  using folder = new Folder();
  const paths = (name: string): object => ({
    callbackPath: `/${name}-cb`,
    bridge: { path: `/${name}-wait` },
  });
  const file = folder.write('serve.json', {
    ...paths('file'),
    monitor: { path: '/file-operators' },
    limits: { parameter: 50, headers: 20 },
    json: true,
  });
  const env = {
    RX_OAUTH_CALLBACK_CONFIG: folder.write('another.json', paths('another')),
    RX_OAUTH_CALLBACK_TOKEN: token,
    RX_OAUTH_CALLBACK_CALLBACK_PATH: '/env-cb',
    RX_OAUTH_CALLBACK_BRIDGE_PATH: '/env-wait',
    // Empty is as good as none.
    RX_OAUTH_CALLBACK_MONITOR_PATH: '',
    RX_OAUTH_CALLBACK_LIMIT: 'parameter=100',
  };
  await using cli = Cli.start(['serve', '--config', file, '--callback-path', '/flag-cb'], env);
  const { redirectUri, bridgeUrl, monitorUrl } = await addressesOf(cli);
  const pathOf = (url = ''): string => new URL(url).pathname;
  assert.equal([redirectUri, bridgeUrl, monitorUrl].map(pathOf), [
    '/flag-cb',
    '/env-wait',
    '/file-operators',
  ]);
  const port = Number(new URL(redirectUri).port);
  for (const gone of ['/env-cb', '/file-cb', '/another-cb', '/callback'])
    assert.is((await visit(port, `${gone}?code=c&state=${newState()}`)).status, 404, gone);
  assert.is((await visit(port, `/flag-cb?code=c&state=${newState()}`)).status, 400);
  assert.is((await shake(port, bearer, '/env-wait')).status, 101);
  assert.is((await shake(port, bearer, '/file-wait')).status, 404);

  // Each of the bounds comes from the layer that sets it.
  for (const length of [100, 101]) await visit(port, `/flag-cb?code=c&state=${'x'.repeat(length)}`);
  await cli.sees(/"malformed"/, 'stderr');
  const told = logged(cli).flatMap(({ disposition }) => (disposition === undefined ? [] : [disposition]));
  assert.equal(told, ['unmatched', 'unmatched', 'malformed']);
  assert.is((await send(port, { target: '/flag-cb', headers: many })).status, 431);
});

test('are all covered by a test, by the environment and by a file', () => {
  const keys = settings.map(({ key }) => key).filter((key) => hasRedis || !key.startsWith('redis.'));
  assert.ok(keys.length > 30);
  assert.equal(
    keys.filter((key) => !covered.has(key)),
    [],
  );
});

test.run();
