/** Results that are sent to webhooks. */
import { randomBytes } from 'node:crypto';
import { lookup, type LookupAddress } from 'node:dns';
import { memoryStore } from '../../../src/store/memory.ts';
import { isPublicAddress, publicLookup } from '../../../src/bridge/webhooks/public-address.ts';
import { backoffMs } from '../../../src/bridge/webhooks/backoff.ts';
import type { WebhookOptions } from '../../../src/bridge.ts';
import { deadline, equal, is, match, not, ok, throws } from '../../helpers/assert.ts';
import { token, withBridge, type Bridged, type CreateBridge } from '../../helpers/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { PlainProgram } from '../../helpers/plain-program.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';
import { isSigned, WebhookTarget, type Hook } from '../../helpers/webhook-target.ts';
import { clockFrom } from '../../../src/base/clock.ts';
import { createBridge } from '../../../src/bridge/server.ts';
import { createOAuthCallbackServer } from '../../../src/index.ts';

const test = suite('webhooks');

const newSecret = (): string => randomBytes(32).toString('base64');
const secret = newSecret();

const hooks = (target: WebhookTarget, change: Partial<WebhookOptions> = {}) => ({
  webhooks: { targets: [target.url], secret, ...change },
});

/** Begins a flow with a webhook, and lets its user return. */
async function signIn({ port, visit }: Bridged, webhook: string, code = 'a-code'): Promise<PlainProgram> {
  const program = new PlainProgram(port);
  const { status, raw } = await program.begin({ webhook });
  is(status, 201, raw);
  is((await visit(`/callback?code=${code}&state=${program.state}`)).status, 200);
  return program;
}

/** Resolves once the flow is forgotten. */
async function gone(program: PlainProgram): Promise<void> {
  await deadline(
    (async () => {
      while ((await program.settle({ status: 'success' })).status !== 404) await new Promise(setImmediate);
    })(),
    'the end of the flow',
  );
}

test('get the result of a flow, signed, once, and the flow is acknowledged', async () => {
  await using target = await WebhookTarget.open();
  await withBridge(async (bridged) => {
    const program = await signIn(bridged, target.url);
    const hook = await target.next();
    const { flowId, result } = hook.body;
    equal(result, { type: 'response', response: { code: 'a-code', state: program.state } });
    equal(
      [hook.path, hook.headers['content-type'], hook.headers['webhook-id']],
      ['/hook', 'application/json', flowId],
    );
    ok(isSigned(hook, secret), 'signed');
    not.ok(isSigned({ ...hook, text: `${hook.text} ` }, secret));
    not.ok(isSigned(hook, newSecret()));
    await gone(program);
    is((await program.wait(0)).status, 404);
    is(target.hooks.length, 1);
    equal(bridged.log, []);
  }, hooks(target));
});

test('go on if a program of the name of their listener is revoked', async () => {
  await using target = await WebhookTarget.open();
  await withBridge(async (bridged) => {
    bridged.bridge.revoke('webhooks');
    const program = await signIn(bridged, target.url);
    is((await target.next()).body.result.type, 'response');
    await gone(program);
  }, hooks(target));
});

test('have a signature of each secret during a rotation', async () => {
  await using target = await WebhookTarget.open();
  const [fresh, old] = [`whsec_${newSecret()}`, newSecret()];
  await withBridge(
    async (bridged) => {
      await signIn(bridged, target.url);
      const hook = await target.next();
      is(hook.headers['webhook-signature']?.toString().split(' ').length, 2);
      for (const each of [fresh, old]) ok(isSigned(hook, each));
    },
    hooks(target, { secret: [fresh, old] }),
  );
});

test('get a result again, with the same id, until they take it; 410 ends it', async () => {
  await using target = await WebhookTarget.open();
  const { scheduler, advance } = virtualTime();
  const answers = [500, 302, 404, 0, 101, 200];
  target.answer = (response) => {
    const status = answers.shift() ?? 410;
    if (status === 0) response.destroy();
    else if (status === 101)
      response.socket?.end('HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    else response.writeHead(status, { Location: 'http://127.0.0.1:1/' }).end();
  };
  await withBridge(
    async (bridged) => {
      const program = await signIn(bridged, target.url);
      const sent: Hook[] = [];
      for (let n = 0; n < 6; n++) {
        sent.push(await target.next());
        if (n < 5) await passing(advance, () => target.hooks.length > n + 1, 'another attempt');
      }
      is(new Set(sent.map(({ headers }) => headers['webhook-id'])).size, 1);
      is(new Set(sent.map(({ text }) => text)).size, 1);
      await gone(program);
      const refused = await signIn(bridged, target.url);
      await target.next();
      await gone(refused);
      is(target.hooks.length, 7);
      is(bridged.log.length, 1, bridged.log.join('\n'));
      match(bridged.log[0] ?? '', `the webhook at http://127.0.0.1:${target.port} failed: answered 500`);
      not.match(bridged.log.join(), '/hook');
    },
    hooks(target),
    { scheduler },
  );
});

/** Lets time pass until something is so. */
async function passing(advance: (ms: number) => void, isSo: () => boolean, what: string): Promise<void> {
  const turns = async (): Promise<void> => {
    while (!isSo()) {
      await new Promise(setImmediate);
      advance(500);
    }
  };
  await deadline(turns(), what);
}

/** Resolves once the bridge has reported something, or something else is so. */
async function reported({ log }: Bridged, orElse: () => boolean = () => false): Promise<void> {
  const turns = async (): Promise<void> => {
    while (log.length === 0 && !orElse()) await new Promise(setImmediate);
  };
  await deadline(turns(), 'a report');
}

test('are given up once the store has dropped the result', async () => {
  await using target = await WebhookTarget.open();
  const { scheduler, advance } = virtualTime();
  target.answer = (response) => void response.writeHead(503).end();
  await withBridge(
    async (bridged) => {
      const program = await signIn(bridged, target.url);
      await target.next();
      await passing(
        advance,
        () => bridged.log.some((line) => line.includes('never took the result')),
        'the end',
      );
      const { length } = target.hooks;
      ok(length > 1, `${length} attempts`);
      advance(600_000);
      is(target.hooks.length, length);
      is((await program.wait(0)).status, 404);
      is(bridged.bridge.stats().listeners, 0);
    },
    hooks(target),
    { scheduler, flowTtl: 60_000 },
  );
});

test('wait longer after each failure, at random, and a minute at the most', () => {
  equal(
    [1, 2, 3, 6, 7, 20].map((attempts) => [backoffMs(attempts, () => 0), backoffMs(attempts, () => 1)]),
    [
      [500, 1_000],
      [1_000, 2_000],
      [2_000, 4_000],
      [16_000, 32_000],
      [30_000, 60_000],
      [30_000, 60_000],
    ],
  );
});

test('are taken over by another node if the one that has them closes', async () => {
  await using target = await WebhookTarget.open();
  const { scheduler, advance } = virtualTime();
  const store = memoryStore({ clock: clockFrom(scheduler) });
  const setup = { store, ...hooks(target) };
  await withBridge(
    (here) =>
      withBridge(
        async (there) => {
          const programs = Array.from({ length: 150 }, () => new PlainProgram(there.port));
          for (const program of programs) is((await program.begin({ webhook: target.url })).status, 201);
          await there.server.close();
          is(here.bridge.stats().listeners, 0);
          await passing(advance, () => here.bridge.stats().listeners === 1, 'another node');
          const codes = new Set<string | undefined>();
          for (const [n, { state }] of programs.entries()) {
            is((await here.visit(`/callback?code=code-${n}&state=${state}`)).status, 200);
            codes.add((await target.next()).body.result.response?.code);
          }
          equal([codes.size, target.hooks.length], [150, 150]);
        },
        setup,
        { scheduler },
      ),
    setup,
    { scheduler },
  );
});

async function onlyListed({ port }: Bridged): Promise<void> {
  for (const webhook of ['http://127.0.0.1:1/other', 'https://evil.example/', '', 5, null]) {
    const { status, json } = await new PlainProgram(port).begin({ webhook });
    const { option } = json as { option?: string };
    equal([status, option], [400, 'webhook'], `${webhook}`);
  }
}

test('L-16 are those that the operator has listed, and no others', async () => {
  await using target = await WebhookTarget.open();
  await withBridge(onlyListed, hooks(target));
  await withBridge(onlyListed);
});

/** A name that resolves to a private address: it must get nothing, unless the operator has said that it may be private. */
async function privateName(
  target: WebhookTarget,
  option: 'targets' | 'privateTargets',
  create?: CreateBridge,
): Promise<void> {
  const url = `https://${privateHost}:${target.port}/hook`;
  await withBridge(
    async (bridged) => {
      await signIn(bridged, url);
      await reported(bridged);
      const refused = bridged.log[0]?.includes('not public') ?? false;
      is(refused, option === 'targets', bridged.log[0]);
    },
    { webhooks: { [option]: [url], secret } },
    {},
    create,
  );
}

// The name of this machine, which is not `localhost`. It has an address of loopback or of the machine's network.
const { hostname: privateHost } = { hostname: (await import('node:os')).hostname() };
const resolvable = await new Promise<boolean>((resolve) => lookup(privateHost, (error) => resolve(!error)));

test.when(resolvable, 'this machine has no name')(
  'get nothing if their name resolves to a private address',
  async () => {
    await using target = await WebhookTarget.open();
    await privateName(target, 'targets');
    // It speaks no TLS, which is seen only after a connection.
    await privateName(target, 'privateTargets');
  },
);

test.when(resolvable, 'this machine has no name')(
  'a bridge that connects to any address is found out',
  async () => {
    await using target = await WebhookTarget.open();
    const change = edit(
      'else if (!addresses.every(({ address }) => isPublicAddress(address)))',
      'else if (addresses.length === 99)',
    );
    const twin = (await weakenedModule('bridge/server.ts', change)) as { createBridge: CreateBridge };
    await complains(() => privateName(target, 'targets', twin.createBridge), /Assertion/);
  },
);

test('L-16 are connected to at the address that was checked, whatever the name resolves to next', async () => {
  const answers: LookupAddress[][] = [
    [{ address: '93.184.216.34', family: 4 }],
    [{ address: '127.0.0.1', family: 4 }],
    [
      { address: '93.184.216.34', family: 4 },
      { address: '10.0.0.1', family: 4 },
    ],
    [],
  ];
  const resolve = publicLookup((_name, _options, found) => found(null, answers.shift() ?? []));
  const ask = (all: boolean): Promise<unknown> =>
    new Promise((done) =>
      resolve('rebinding.example', { all }, (error, ...address) => done(error?.message ?? address)),
    );
  equal(await ask(false), ['93.184.216.34', 4]);
  match(String(await ask(true)), 'not public');
  match(String(await ask(false)), 'not public');
  match(String(await ask(true)), 'no address');
});

test('know which addresses are public', () => {
  for (const address of [
    '93.184.216.34',
    '1.1.1.1',
    '172.32.0.1',
    '2606:4700::1111',
    '2a00:1450::1',
    '::ffff:8.8.8.8',
  ])
    ok(isPublicAddress(address), address);
  for (const address of [
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1', '172.31.255.255'],
    ...[
      '192.168.1.1',
      '192.0.0.8',
      '198.18.0.1',
      '224.0.0.1',
      '255.255.255.255',
      '::',
      '::1',
      'fe80::1',
      'fd00::1',
    ],
    ...[
      'fc00::1',
      'ff02::1',
      '::ffff:127.0.0.1',
      '::ffff:10.0.0.1',
      '64:ff9b::7f00:1',
      '2001:db8::1',
      '2002:7f00:1::',
      'fe80::1%lo',
      '127.1',
      '0177.0.0.1',
      '',
    ],
  ])
    not.ok(isPublicAddress(address), address);
});

async function redirecting(create?: CreateBridge): Promise<void> {
  await using inner = await WebhookTarget.open();
  await using target = await WebhookTarget.open();
  target.answer = (response) => void response.writeHead(307, { Location: inner.url }).end();
  await withBridge(
    async (bridged) => {
      await signIn(bridged, target.url);
      await target.next();
      await reported(bridged, () => inner.hooks.length > 0);
      is(inner.hooks.length, 0, 'the redirect is followed');
    },
    hooks(target),
    {},
    create,
  );
}

test('L-16 are not followed to where they redirect', () => redirecting());

test('a bridge that follows redirects is found out', async () => {
  const following = edit(
    'resolve(answer.statusCode ?? 0);',
    'if (answer.headers.location) void post({ url: new URL(answer.headers.location), isPrivate: true }, headers, body).then(resolve); else resolve(answer.statusCode ?? 0);',
  );
  const twin = (await weakenedModule('bridge/server.ts', following)) as { createBridge: CreateBridge };
  await complains(() => redirecting(twin.createBridge), /the redirect is followed/);
});

test('are signed: a bridge that signs something else is found out', async () => {
  const change = edit('.update(`${id}.${timestamp}.${body}`)', '.update(`${id}.${body}`)');
  const twin = (await weakenedModule('bridge/server.ts', change)) as { createBridge: CreateBridge };
  await using target = await WebhookTarget.open();
  const signed = async (create?: CreateBridge): Promise<void> => {
    await withBridge(
      async (bridged) => {
        await signIn(bridged, target.url);
        ok(isSigned(await target.next(), secret), 'its signature is right');
      },
      hooks(target),
      {},
      create,
    );
  };
  await signed();
  await complains(() => signed(twin.createBridge), /its signature is right/);
});

test('need options that can be used, and no message shows a secret or a path', () => {
  const server = createOAuthCallbackServer();
  for (const [webhooks, option] of [
    [{ targets: ['https://a.example/secret-path'], secret: 'short' }, 'webhooks.secret'],
    [{ targets: ['https://a.example/'], secret: [] }, 'webhooks.secret'],
    [{ targets: ['https://a.example/'], secret: [secret, secret, secret] }, 'webhooks.secret'],
    [{ targets: ['https://a.example/'], secret: `${secret} x` }, 'webhooks.secret'],
    [{ targets: ['http://a.example/secret-path'], secret }, 'webhooks.targets'],
    [{ targets: ['https://user:secret-path@a.example/'], secret }, 'webhooks.targets'],
    [{ targets: ['ftp://a.example/'], secret }, 'webhooks.targets'],
    [{ targets: ['http://localhost:1/secret-path'], secret }, 'webhooks.targets'],
    [{ targets: 'https://a.example/', secret }, 'webhooks.targets'],
    [{ targets: [7], secret }, 'webhooks.targets'],
    [{ privateTargets: ['http://10.0.0.1/secret-path'], secret }, 'webhooks.privateTargets'],
    [{ targets: ['https://a.example/'] }, 'webhooks.secret'],
    [{ target: 'https://a.example/', secret }, 'webhooks.target'],
  ] as const)
    throws(
      () => createBridge(server, { token, webhooks: webhooks as never }),
      (error: Error) => {
        const { option: named, message } = error as Error & { option?: string };
        is(named, option, message);
        not.match(message, 'secret-path');
        not.match(message, secret);
        return true;
      },
    );
});

test.run();
