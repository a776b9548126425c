/** Every flag of `serve`, by the built command: what it changes for those outside. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { exitCodes } from '../../../src/cli/exit-codes.ts';
import { nameOf } from '../../../src/cli/settings/setting.ts';
import { settings } from '../../../src/cli/serve/settings.ts';
import { connectCallbackHost, type RemoteCallbackHost } from '../../../src/client.ts';
import { clientMetadata } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { shake } from '../../helpers/bridge.ts';
import { Cli, Folder, run } from '../../helpers/cli.ts';
import { send, visit, type HttpAnswer } from '../../helpers/http.ts';
import { dial } from '../../helpers/raw.ts';
import { audience, JwtIssuer } from '../../helpers/jwt-issuer.ts';
import { hasRedis, noRedis } from '../../helpers/redis-server.ts';
import { withRedis } from '../../helpers/redis.ts';
import { newState } from '../../helpers/server.ts';
import { hold, leaveUnread } from '../../helpers/sockets.ts';
import { PlainProgram } from '../../helpers/plain-program.ts';
import { isSigned, WebhookTarget } from '../../helpers/webhook-target.ts';
import { suite } from '../../helpers/suite.ts';
import { certificate } from '../../helpers/tls.ts';
import { newPass, passOf, ticketOf } from '../monitor/monitored.ts';

const token = 'the-token-of-a-program';
const bearer = { Authorization: `Bearer ${token}` };

const all = suite('the flags of serve');
const covered = new Set<string>();

interface Service {
  cli: Cli;
  redirectUri: string;
  bridgeUrl: string;
  monitorUrl: string;
  metricsUrl: string;
  healthUrl?: string;
  /** Port of the callback server. */
  port: number;
  visit: (target: string, headers?: Readonly<Record<string, string>>) => Promise<HttpAnswer>;
  /** A program that waits, connected the first time it is asked for. */
  host: () => Promise<RemoteCallbackHost>;
}

async function withService(
  args: readonly string[],
  body: (service: Service) => Promise<void>,
  env: Readonly<Record<string, string>> = { RX_OAUTH_CALLBACK_TOKEN: token },
): Promise<void> {
  await using cli = Cli.start(['serve', '--json', ...args], env);
  const addresses = JSON.parse(await cli.sees(/^(\{"type":"ready".*\})\n/)) as Service;
  const port = Number(new URL(addresses.redirectUri).port);
  let host: Promise<RemoteCallbackHost> | undefined;
  const connect = (): Promise<RemoteCallbackHost> =>
    connectCallbackHost(addresses.bridgeUrl, { token, report: () => undefined });
  try {
    await body({
      ...addresses,
      cli,
      port,
      visit: (target, headers) => visit(port, target, headers),
      host: () => (host ??= connect()),
    });
  } finally {
    await (await host)?.close();
  }
}

/** A test of these flags, which are those among its arguments. */
function row(title: string, args: readonly string[], check: (service: Service) => Promise<void>): void {
  cover(args);
  all(`${namesIn(args).join(', ')}: ${title}`, () => withService(args, check));
}

const namesIn = (args: readonly string[]): string[] => [
  ...new Set(args.filter((each) => each.startsWith('--'))),
];

function cover(args: readonly string[]): void {
  for (const name of namesIn(args)) covered.add(name);
}

/** A sign-in that ends with a code; what its person sees. */
async function signIn({ host, visit }: Service): Promise<HttpAnswer> {
  const { state } = await (await host()).begin();
  return visit(`/callback?code=c&state=${state}`);
}

// Addresses and ports

cover(['--port']);
all('--port: takes that port, or the first free one of several', async () => {
  const [taken, free] = [await hold({ host: '127.0.0.1' }), await hold({ host: '127.0.0.1' })];
  try {
    await free.release();
    const both = ['--port', String(taken.port), '--port', String(free.port)];
    await withService(both, async ({ port }) => {
      assert.is(port, free.port);
      (await dial(port)).destroy();
    });
  } finally {
    await taken.release();
  }
});

row('listens there', ['--host', '127.0.0.2'], async ({ redirectUri, port }) => {
  assert.match(redirectUri, 'http://127.0.0.2:');
  (await dial(port, '127.0.0.2')).destroy();
  await assert.rejects(dial(port, '127.0.0.1'));
});

row(
  'is what browsers are told, and each path is where it is said to be',
  [
    ...['--public-url', 'http://localhost:1/under', '--callback-path', '/cb'],
    ...['--bridge-path', '/wait', '--monitor-path', '/operators'],
  ],
  async ({ redirectUri, bridgeUrl, monitorUrl, metricsUrl, cli }) => {
    assert.equal(
      [redirectUri, bridgeUrl, monitorUrl.replace(/#.*/, ''), metricsUrl],
      [
        'http://localhost:1/under/cb',
        'ws://localhost:1/under/wait',
        'http://localhost:1/under/operators',
        'http://localhost:1/under/metrics',
      ],
    );
    assert.match(await cli.sees(/("listening".*)/, 'stderr'), 'http://localhost:1/under/cb');
  },
);

row(
  'answers there',
  ['--callback-path', '/cb', '--bridge-path', '/wait', '--monitor-path', '/operators'],
  async ({ port, visit, host }) => {
    const { state } = await (await host()).begin();
    assert.is((await visit(`/callback?code=c&state=${state}`)).status, 404);
    assert.is((await visit(`/cb?code=c&state=${state}`)).status, 200);
    assert.equal(
      [
        (await send(port, { target: '/operators' })).status,
        (await send(port, { target: '/monitor' })).status,
      ],
      [200, 404],
    );
    assert.is((await shake(port, bearer)).status, 404);
    assert.is((await shake(port, bearer, '/wait')).status, 101);
  },
);

cover(['--jwks', '--jwt-issuer', '--audience']);
all('--jwks, --jwt-issuer, --audience: let programs connect with a JWT of the issuer', async () => {
  await using issuer = await JwtIssuer.start();
  const args = ['--jwks', issuer.jwks, '--jwt-issuer', 'https://as.example', '--audience', audience];
  await withService(args, async ({ port }) => {
    const status = async (jwt: Promise<string>): Promise<number> =>
      (await shake(port, { Authorization: `Bearer ${await jwt}` })).status;
    assert.equal(
      [
        await status(issuer.sign()),
        await status(issuer.sign({ iss: 'https://other.example' })),
        await status(issuer.sign({ aud: 'other' })),
        (await shake(port, bearer)).status,
      ],
      [101, 401, 401, 101],
    );
  });
});

cover(['--tls-cert', '--tls-key']);
all('--tls-cert, --tls-key: listens with TLS', async () => {
  using folder = new Folder();
  const [cert, key] = [folder.write('cert', certificate.cert), folder.write('key', certificate.key)];
  await withService(['--tls-cert', cert, '--tls-key', key], async ({ redirectUri, visit }) => {
    assert.match(redirectUri, /^https:/);
    assert.is.not((await visit('/callback')).status, 200);
  });
});

row('is a port of its own', ['--bridge-port', '0'], async ({ port, bridgeUrl }) => {
  const own = Number(new URL(bridgeUrl).port);
  assert.is.not(own, port);
  assert.equal([(await shake(own, bearer)).status, (await shake(port, bearer)).status], [101, 404]);
});

row('is not there', ['--monitor-path', 'false'], async ({ port, monitorUrl }) => {
  assert.equal([monitorUrl, (await send(port, { target: '/monitor' })).status], [undefined, 404]);
});

cover(['--client-metadata-path', '--client-name']);
all('--client-metadata-path, --client-name: publish the document of the client', async () => {
  const held = await hold({ host: '127.0.0.1' });
  const { port } = held;
  await held.release();
  const args = ['--port', String(port), '--public-url', 'https://a.example', '--client-name', 'A service'];
  await withService([...args, '--client-metadata-path', '/client.json'], async ({ redirectUri }) => {
    const headers = { Host: 'a.example' };
    const { status, body, headers: answered } = await send(port, { target: '/client.json', headers });
    assert.equal([status, answered['content-type']], [200, 'application/json']);
    const url = 'https://a.example/client.json';
    assert.equal(
      JSON.parse(body),
      clientMetadata({ url, clientName: 'A service', redirectUris: [redirectUri] }),
    );
    assert.is((await send(port, { method: 'POST', target: '/client.json', headers })).status, 404);
  });
});

for (const [path, saying] of [
  ['/client.json', '--client-metadata-path needs https: set the public URL, or listen with TLS'],
  ['client.json', '--client-metadata-path must be a path, such as /client.json; got "client.json"'],
] as const)
  all(`--client-metadata-path: ${saying}`, async () => {
    const { code, stderr } = await run(['serve', '--token', token, '--client-metadata-path', path]);
    assert.is(code, exitCodes.usage);
    assert.match(stderr, saying);
  });

row(
  'binds the port of operators there',
  ['--metrics-host', '127.0.0.2', '--metrics-port', '0'],
  async ({ metricsUrl }) => {
    assert.is(new URL(metricsUrl).hostname, '127.0.0.2');
    assert.is((await send(new URL(metricsUrl), { target: '/readyz' })).status, 200);
  },
);

row(
  'has health and nothing else, for any Host',
  ['--health-port', '0', '--health-host', '127.0.0.2'],
  async ({ healthUrl = '', port }) => {
    const { hostname, port: own } = new URL(healthUrl);
    assert.is(hostname, '127.0.0.2');
    assert.is.not(own, String(port));
    const statusOf = async (target: string, Host: string): Promise<number> =>
      (await send(new URL(healthUrl), { target, headers: { Host } })).status;
    for (const host of ['node', 'sign-in.example', hostname])
      assert.equal([await statusOf('/healthz', host), await statusOf('/readyz', host)], [200, 200], host);
    assert.equal([await statusOf('/metrics', hostname), await statusOf('/callback', hostname)], [404, 404]);
    // The public port still has them, with a token.
    assert.is((await send(port, { target: '/metrics', headers: bearer })).status, 200);
  },
);

row(
  'counts the clients that a proxy tells of',
  ['--trusted-proxy', '127.0.0.1', '--limit', 'unmatched=1', '--limit', 'unmatchedPerSecond=1'],
  async ({ visit }) => {
    const statusFor = async (client: string): Promise<number> =>
      (await visit('/callback?code=c&state=nobody-has-begun-this-one', { 'X-Forwarded-For': client })).status;
    assert.equal(
      [await statusFor('9.9.9.9'), await statusFor('9.9.9.9'), await statusFor('8.8.8.8')],
      [400, 429, 400],
    );
  },
);

row('takes what an operator asks for off the public port', ['--metrics-port', '0'], async (service) => {
  const { port, metricsUrl } = service;
  const own = Number(new URL(metricsUrl).port);
  assert.is.not(own, port);
  const { body: nothing } = await send(port, { target: '/nothing', headers: bearer });
  for (const target of ['/metrics', '/healthz', '/readyz']) {
    assert.is((await send(own, { target })).status, 200, target);
    const { status, body } = await send(port, { target, headers: bearer });
    assert.equal([status, body], [404, nothing], `${target} on the public port`);
  }
});

// Access

cover(['--token']);
all('--token: lets its owner connect', () =>
  withService(
    ['--token', token],
    async ({ port }) => {
      const other = { Authorization: 'Bearer another-token-of-nobody' };
      assert.equal([(await shake(port, bearer)).status, (await shake(port, other)).status], [101, 401]);
    },
    {},
  ),
);

cover(['--tokens']);
all('--tokens: let their owners connect', async () => {
  using folder = new Folder();
  const file = folder.write('tokens.json', [{ name: 'ci', token, roles: ['listener'] }]);
  await withService(
    ['--tokens', file],
    async ({ port }) => {
      assert.is((await shake(port, bearer)).status, 101);
      // Not of a monitor.
      assert.is((await send(port, { target: '/metrics', headers: bearer })).status, 404);
    },
    {},
  );
});

row('may connect with a credential', ['--origin', 'https://app.example'], async ({ port }) => {
  const from = async (origin: string): Promise<number> =>
    (await shake(port, { ...bearer, Origin: origin })).status;
  assert.equal([await from('https://app.example'), await from('https://other.example')], [101, 403]);
});

/** Asks for a ticket with a pass, as the page does. */
const ask = ({ port }: Service, pass: string, next = newPass()): Promise<HttpAnswer> =>
  send(port, {
    method: 'POST',
    target: '/monitor/ticket',
    headers: { Authorization: `Bearer ${pass}`, 'Next-Pass': next, Origin: `http://127.0.0.1:${port}` },
  });

row('is over by the time that somebody opens it', ['--monitor-link-ttl', '1'], async (service) => {
  assert.is((await ask(service, passOf(service.monitorUrl))).status, 401);
});

row('is over by the time that the page comes back', ['--monitor-page-session-ttl', '1'], async (service) => {
  const next = newPass();
  const answer = await ask(service, passOf(service.monitorUrl), next);
  assert.is(answer.status, 200);
  assert.match(ticketOf(answer), /./);
  assert.is((await ask(service, next)).status, 401);
});

row('bounds connections', ['--bridge-limit', 'connections=1'], async ({ host, port }) => {
  await (await host()).begin();
  assert.is((await shake(port, bearer)).status, 503);
});

row('bounds what strangers may send', ['--limit', 'parameter=100'], async ({ visit, metricsUrl, port }) => {
  for (const length of [100, 101])
    assert.is((await visit(`/callback?code=c&state=${'x'.repeat(length)}`)).status, 400);
  const { body } = await send(port, { target: new URL(metricsUrl).pathname, headers: bearer });
  assert.match(body, /redirects_total\{disposition="unmatched",reason=""\} 1\n/);
  assert.match(body, /redirects_total\{disposition="malformed",reason="\w+"\} 1\n/);
});

// Sign-ins

const two = ['--issuer', 'https://one.example', '--issuer', 'https://other.example'];
row('of several, each sign-in names its own', two, async ({ host }) => {
  const program = await host();
  assert.match((await assert.rejects(program.begin(), 'invalid_option')).message, 'issuer');
  await assert.rejects(program.begin({ issuer: 'https://third.example' }), 'invalid_option');
  await program.begin({ issuer: 'https://one.example', issuerAdvertised: true });
});

row('is how long a sign-in waits', ['--flow-ttl', '50'], async ({ host }) => {
  const flow = await (await host()).begin();
  await assert.rejects(firstValueFrom(flow.response), 'expired');
});

row('is how many may wait', ['--max-flows', '1'], async ({ host }) => {
  const program = await host();
  await program.begin();
  await assert.rejects(program.begin(), 'too_many_flows');
});

const finish = 'https://app.example/done';
row(
  'has the page wait, and go where the program says',
  ['--settle', '60000', '--finish-url', finish, '--clean-url', 'false'],
  async ({ host, visit }) => {
    const flow = await (await host()).begin();
    flow.response.subscribe(() => flow.settle({ status: 'redirect', url: finish }));
    const { status, headers } = await visit(`/callback?code=c&state=${flow.state}`);
    assert.equal([status, headers['location']], [303, finish]);
  },
);

row('takes what nobody waits for', ['--unmatched', 'accept'], async ({ visit }) => {
  assert.is((await visit(`/callback?code=c&state=${newState()}`)).status, 200);
});

row(
  'holds what came before the sign-in that waits for it',
  ['--unmatched', 'holdFor=60000,max=1'],
  async ({ host, visit, cli }) => {
    const [state, program] = [newState(), await host()];
    const early = visit(`/callback?code=c&state=${state}`);
    await cli.sees(/"disposition":"held"/, 'stderr');
    const flow = await program.begin({ state });
    assert.equal([(await early).status, (await firstValueFrom(flow.response)).code], [200, 'c']);
  },
);

// Pages

const logo = 'data:image/gif;base64,R0lGODlhAQABAAAAACw=';
row(
  'stand on the page',
  [
    ...[
      '--server-url',
      'https://mcp.example/mcp',
      '--title',
      'The title of it',
      '--product-name',
      'The product',
    ],
    ...['--logo', logo, '--language', 'fr'],
  ],
  async (service) => {
    const { status, body } = await signIn(service);
    assert.is(status, 200);
    for (const part of [
      'https://mcp.example/mcp',
      ' – The title of it</title>',
      'The product',
      logo,
      '<html lang="fr" dir="ltr"',
    ])
      assert.match(body, part);
  },
);

cover(['--webhook-target', '--webhook-private-target', '--webhook-secrets']);
all(
  '--webhook-target, --webhook-private-target, --webhook-secrets: get results that are signed',
  async () => {
    using folder = new Folder();
    await using target = await WebhookTarget.open();
    const secret = randomBytes(32).toString('base64');
    const file = folder.write('secrets', `${secret}\n`);
    const other = target.url.replace('127.0.0.1', 'localhost').replace('http:', 'https:');
    const flags = [
      '--webhook-target',
      target.url,
      '--webhook-private-target',
      other,
      '--webhook-secrets',
      file,
    ];
    await withService(flags, async ({ port, visit: arrive }) => {
      const program = new PlainProgram(port, { changes: { Authorization: `Bearer ${token}` } });
      assert.is((await program.begin({ webhook: 'https://elsewhere.example/hook' })).status, 400);
      assert.is((await program.begin({ webhook: target.url })).status, 201);
      await arrive(`/callback?code=c&state=${program.state}`);
      const hook = await target.next();
      assert.equal([isSigned(hook, secret), hook.body.result.response?.code], [true, 'c']);
    });
  },
);

row(
  'bind sign-ins to the browser',
  ['--binding', 'cookie', '--consent', 'never', '--start-path', '/go'],
  async ({ host, visit: arrive }) => {
    const flow = await (await host()).begin();
    const { pathname } = flow.authorizationUrl('https://as.example/authorize');
    assert.match(pathname, /^\/go\/[\w-]{22}$/);
    assert.is((await arrive(pathname)).status, 303);
    assert.is((await arrive(`/callback?code=c&state=${flow.state}`)).status, 403);
  },
);

cover(['--tenants']);
all('--tenants: have redirect URIs beside that of the service', async () => {
  using folder = new Folder();
  const file = folder.write('tenants.json', { acme: { callbackPath: '/acme/callback' } });
  await withService(['--tenants', file], async ({ visit }) => {
    assert.is((await visit(`/acme/callback?code=c&state=${newState()}`)).status, 400);
    assert.is((await visit(`/globex/callback?code=c&state=${newState()}`)).status, 404);
  });
});

cover(['--texts']);
all('--texts: stand on the page, and a wrong name is named with the flag', async () => {
  using folder = new Folder();
  const texts = folder.write('texts.json', { en: { success: 'Welcome <home>' } });
  await withService(['--texts', texts], async (service) =>
    assert.match((await signIn(service)).body, '<h1>Welcome &lt;home&gt;</h1>'),
  );
  for (const [name, content, complaint] of [
    [
      'name',
      { en: { sucess: 'Hi' } },
      /^rx-oauth-callback: --texts en.sucess is not an option of texts.en$/m,
    ],
    [
      'kind',
      { en: 'Hi' },
      /^rx-oauth-callback: en in \S+kind.json must be an object with sentences; got "Hi"$/m,
    ],
    [
      'list',
      { en: [] },
      /^rx-oauth-callback: en in \S+list.json must be an object with sentences; got \[\]$/m,
    ],
    ['lists', [], /^rx-oauth-callback: what is in \S+lists.json must be an object with languages/m],
    ['none', null, /^rx-oauth-callback: what is in \S+none.json must be an object with languages/m],
    [
      'blank',
      { en: { success: ' ' } },
      /^rx-oauth-callback: --texts en\.success must be a sentence; got " "$/m,
    ],
  ] as const) {
    const { code, stderr } = await run(['serve', '--texts', folder.write(`${name}.json`, content)]);
    assert.is(code, exitCodes.usage);
    assert.match(stderr, complaint);
  }
});

row('has the code leave the address bar by a redirect', ['--clean-url', 'redirect'], async (service) => {
  const { status, headers } = await signIn(service);
  assert.is(status, 303);
  assert.not.match(headers['location'] ?? '', 'code=');
});

// Operation

row('is how long what waits is waited for', ['--drain', '1'], async ({ host, cli }) => {
  await (await host()).begin();
  cli.signal('SIGTERM');
  await cli.sees(/SIGTERM: waiting up to 1 ms for 1 pending sign-in/, 'stderr');
  assert.is((await cli.end()).code, 0);
});

// Longer than is waited for anything: a service that ends, or answers, has heeded the flag and not this.
const patient = { RX_OAUTH_CALLBACK_TOKEN: token, RX_OAUTH_CALLBACK_CLOSE_TIMEOUT: '60000' };
const patientOfRedis = {
  RX_OAUTH_CALLBACK_TOKEN: token,
  RX_OAUTH_CALLBACK_REDIS_TIMEOUT: '60000',
  RX_OAUTH_CALLBACK_REDIS_POLL: '600000',
};

cover(['--close-timeout', '--drain']);
all('--close-timeout, --drain: is how long pages in flight may take', () =>
  withService(
    ['--close-timeout', '1', '--drain', '0'],
    async ({ port, cli }) => {
      const socket = await leaveUnread(port, '/monitor');
      try {
        cli.signal('SIGTERM');
        assert.is((await cli.end()).code, 0);
      } finally {
        socket.destroy();
      }
    },
    patient,
  ),
);

all('--no-json: prints text, whatever the environment and the file say', async () => {
  using folder = new Folder();
  const args = ['serve', '--config', folder.write('serve.json', { json: true })];
  const environment = { RX_OAUTH_CALLBACK_TOKEN: token, RX_OAUTH_CALLBACK_JSON: '1' };
  await using json = Cli.start(args, environment);
  await using text = Cli.start([...args, '--no-json'], environment);
  await json.sees(/^\{"type":"ready".*\}\n/);
  await text.sees(/^Redirect URI {2}\S+\n/);
  await text.sees(/^[\d:.]{12} info {2}listening at/, 'stderr');
});

row('says less', ['--log-level', 'error', '--json'], async (service) => {
  await service.visit('/callback?code=c');
  await signIn(service);
  service.cli.signal('SIGTERM');
  assert.is((await service.cli.end()).stderr, '');
});

// Several nodes

const redis = all.when(hasRedis, noRedis);
const ofRedis = ['--redis', '--redis-prefix', '--redis-tenant', '--redis-keys', '--redis-quota'];
cover(ofRedis);
redis(`${ofRedis.join(', ')}: keep sign-ins under that name, sealed, and bound them`, () =>
  withRedis(async ({ server, admin }) => {
    using folder = new Folder();
    const keys = folder.write('keys.json', [{ id: 'k1', key: Buffer.alloc(32, 7).toString('base64url') }]);
    const argsOf = (tenant: string): string[] => [
      ...['--redis', server.url, '--redis-prefix', 'mine:', '--redis-tenant', tenant, '--redis-keys', keys],
      ...['--redis-quota', 'flows=1,perSecond=100'],
    ];
    const keptBy = async ({ host }: Service): Promise<void> => {
      const program = await host();
      await program.begin();
      await assert.rejects(program.begin(), 'too_many_flows');
      const found = (await admin.keys()).map(({ key }) => key);
      assert.ok(found.length > 0 && found.every((key) => key.startsWith('mine:')), found.join(' '));
    };
    // Each of them may have one.
    await withService(argsOf('one'), async (one) => {
      await keptBy(one);
      await withService(argsOf('two'), keptBy);
    });
  }),
);

cover(['--redis-timeout']);
redis('--redis-timeout: is how long a page waits for Redis, once that is away', () =>
  withRedis(({ server }) =>
    withService(
      ['--redis', server.url, '--redis-timeout', '200'],
      async ({ visit }) => {
        await server.stop('SIGKILL');
        assert.is((await visit(`/callback?code=c&state=${newState()}`)).status, 503);
      },
      patientOfRedis,
    ),
  ),
);

cover(['--redis-poll']);
redis('--redis-poll: is how soon what Redis has lost is missed', () =>
  withRedis(({ server, admin }) =>
    withService(
      ['--redis', server.url, '--redis-poll', '200'],
      async ({ host, cli }) => {
        const { id } = await (await host()).begin();
        await admin.clients[0]!.flushAll();
        await cli.sees(
          new RegExp(`"level":"warn"[^\\n]*"cancelled"[^\\n]*"flowId":"${id}","reason":"lost"`),
          'stderr',
        );
      },
      patientOfRedis,
    ),
  ),
);

// The store in a file

const ofStore = ['--store', '--store-keys', '--store-timeout'];
cover(ofStore);
all(
  `${ofStore.join(', ')}: keep sign-ins in that file, sealed, for the next one, which waits that long`,
  async () => {
    using folder = new Folder();
    const file = join(folder.path, 'flows', 'flows.db');
    const key = randomBytes(32).toString('base64url');
    const keys = folder.write('keys.json', [{ id: 'k1', key }]);
    const args = ['--store', file, '--store-keys', keys];
    let program: PlainProgram | undefined;
    await withService(args, async ({ port, cli }) => {
      program = new PlainProgram(port, { changes: { Authorization: `Bearer ${token}` } });
      assert.is((await program.begin()).status, 201);
      const wal = readFileSync(`${file}-wal`, 'latin1');
      assert.match(wal, 'k1.');
      const refused = await run(['serve', ...args, '--store-timeout', '0'], {
        RX_OAUTH_CALLBACK_TOKEN: token,
      });
      assert.equal(
        [refused.code, refused.stderr],
        [exitCodes.failed, `rx-oauth-callback: --store: another process has ${file} open\n`],
      );
      cli.signal('SIGKILL');
      await cli.end();
    });
    await withService(args, async ({ port, visit }) => {
      assert.is((await visit(`/callback?code=c&state=${program?.state}`)).status, 200);
      assert.match((await program!.at(port).wait(0)).body, '"code":"c"');
    });
  },
);

for (const [title, args, message] of [
  ['needs the file', ['--store-keys', 'keys.json'], '--store is required by the other --store options'],
  ['is for one node', ['--store', 'x.db', '--redis', 'redis://x'], '--store and --redis exclude each other'],
  [
    'names a safe place',
    ['--store', '/tmp/x.db'],
    '--store must be safe: /tmp/x.db is in a folder where other users',
  ],
] as const)
  all(`--store: ${title}`, async () => {
    const { code, stderr } = await run(['serve', ...args]);
    assert.is(code, exitCodes.usage);
    assert.match(stderr, message);
  });

all('every flag is covered by a test', () => {
  const names = settings.map(nameOf);
  assert.ok(names.length > 30);
  assert.equal(
    names.filter((name) => !covered.has(name)),
    [],
  );
});

all.run();
