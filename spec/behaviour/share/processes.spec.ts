/** Processes of their own at a shared port: one that is stopped, one of another user, and 20 MCP servers over four of them. */
import { chmodSync } from 'node:fs';
import { firstValueFrom } from 'rxjs';
import * as assert from '../../helpers/assert.ts';
import { complains } from '../../helpers/complains.ts';
import { CompiledPrograms } from '../../helpers/compiled-programs.ts';
import { observe } from '../../helpers/endpoint.ts';
import { visit } from '../../helpers/http.ts';
import { HostProcess } from '../../helpers/mcp/host-process.ts';
import { Person } from '../../helpers/mcp/person.ts';
import { startMcpWorld } from '../../helpers/mcp/world.ts';
import { freePort } from '../../helpers/redis-server.ts';
import { newState } from '../../helpers/server.ts';
import {
  ClientSockets,
  SecretFolder,
  Sharer,
  withSharers,
  type CreateShared,
  type Said,
} from '../../helpers/sharers.ts';
import { sharedCallbackHost, PortHeldError } from '../../../src/share.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('processes at a shared port');

/** Resolves with the next line of a type. */
const next = <T extends Said['type']>(sharer: Sharer, type: T): Promise<Extract<Said, { type: T }>> =>
  assert.deadline(
    new Promise((resolve) => {
      const before = sharer.onSaid;
      sharer.onSaid = (said) => {
        before(said);
        if (said.type === type) resolve(said as Extract<Said, { type: T }>);
      };
    }),
    `a line ${type}`,
    20_000,
  );

test('go on when the one that serves is stopped and continued', async () => {
  using programs = new CompiledPrograms('sharer.ts');
  using secret = new SecretFolder();
  const port = await freePort();
  await using serving = new Sharer(programs.pathOf('sharer.ts'), port, secret.path);
  await next(serving, 'ready');
  await using other = new Sharer(programs.pathOf('sharer.ts'), port, secret.path);
  await next(other, 'ready');
  const state = newState();
  const begun = next(other, 'begun');
  other.begin(state);
  await begun;
  serving.signal('SIGSTOP');
  try {
    const error = await assert.rejects(sharedCallbackHost({ port, folder: secret.path }), PortHeldError);
    assert.is(error.reason, 'silent');
  } finally {
    serving.signal('SIGCONT');
  }
  const response = next(other, 'response');
  assert.is((await visit(port, `/callback?code=later&state=${state}`)).status, 200);
  assert.equal(await response, { type: 'response', state, code: 'later' });
});

/**
 * One that serves closes while another one is stopped, so that the port is free only a second later. A redirect that comes meanwhile
 * is for the next one that serves.
 */
async function leavesRedirects(create: CreateShared): Promise<void> {
  using programs = new CompiledPrograms('sharer.ts');
  using sockets = new ClientSockets();
  await withSharers({}, 0, async ({ port, folder, open }) => {
    const [serving, waiting] = [await create({ port, folder }), await open()];
    await using stopped = new Sharer(programs.pathOf('sharer.ts'), port, folder);
    await next(stopped, 'ready');
    const flow = await waiting.begin();
    stopped.signal('SIGSTOP');
    const closed = serving.close();
    await sockets.closed();
    const visited = (): Promise<number> =>
      visit(port, `/callback?code=c&state=${flow.state}`).then(
        ({ status }) => status,
        () => 0,
      );
    let status = await visited();
    assert.is(status, 503, 'a page that asks for a reload');
    await closed;
    // The user reloads the page.
    for (; status !== 200; status = await visited()) await new Promise(setImmediate);
    assert.is((await assert.deadline(firstValueFrom(flow.response), 'the response')).code, 'c');
  });
}

test('leave a redirect that comes while they close to the next one', () =>
  leavesRedirects(sharedCallbackHost));

test('are found out if they take a redirect while they close', async () => {
  const { sharedCallbackHost: twin } = (await weakenedModule('share.ts', edit('store.leave();', ''))) as {
    sharedCallbackHost: CreateShared;
  };
  await complains(() => leavesRedirects(twin), /asks for a reload/);
});

/** A host looks for the next one that serves while the port is held by a process that is stopped, and closes. */
async function closesMeanwhile(create: CreateShared): Promise<void> {
  using programs = new CompiledPrograms('sharer.ts');
  using secret = new SecretFolder();
  using sockets = new ClientSockets();
  const port = await freePort();
  await using serving = new Sharer(programs.pathOf('sharer.ts'), port, secret.path);
  await next(serving, 'ready');
  const host = await create({ port, folder: secret.path });
  const flow = await host.begin();
  const seen = observe(flow);
  serving.signal('SIGSTOP');
  const looks = sockets.next();
  sockets.cut();
  await looks;
  await assert.deadline(host.close(), 'close');
  assert.equal(
    seen.errors.map((error) => (error as { code: string }).code),
    ['closed'],
  );
}

test('close while one that is stopped holds the port, and their flows end so', () =>
  closesMeanwhile(sharedCallbackHost));

test('are found out if they go on to look for the port', async () => {
  const { sharedCallbackHost: twin } = (await weakenedModule(
    'share.ts',
    edit('if (!isWanted()) throw', 'if (!isWanted) throw'),
  )) as { sharedCallbackHost: CreateShared };
  await complains(() => closesMeanwhile(twin), /port_held/);
});

test('leave the port to another one at SIGTERM, and after a crash', async () => {
  using programs = new CompiledPrograms('sharer.ts');
  using secret = new SecretFolder();
  const port = await freePort();
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await using serving = new Sharer(programs.pathOf('sharer.ts'), port, secret.path);
    await next(serving, 'ready');
    await using other = new Sharer(programs.pathOf('sharer.ts'), port, secret.path);
    await next(other, 'ready');
    const state = newState();
    const begun = next(other, 'begun');
    other.begin(state);
    await begun;
    const serves = next(other, 'serves');
    serving.signal(signal);
    await serves;
    const response = next(other, 'response');
    assert.is((await visit(port, `/callback?code=c&state=${state}`)).status, 200);
    assert.is((await response).code, 'c');
  }
});

test.when(process.geteuid?.() === 0, 'only root can start a process of another user')(
  'of another user learn nothing, and are told who has the port',
  () =>
    withSharers({}, 1, async ({ port, hosts, folder }) => {
      using programs = new CompiledPrograms('sharer.ts');
      using own = new SecretFolder();
      chmodSync(own.path, 0o777);
      const nobody = 65_534;
      // Its own folder, because it may not even enter that of the first user.
      for (const secret of [`${own.path}/nobody`, folder]) {
        await using stranger = new Sharer(programs.pathOf('sharer.ts'), port, secret, nobody);
        const { code, stderr } = await stranger.ended();
        assert.is.not(code, 0);
        assert.match(stderr, /port_held|unsafe_secret|EACCES/, stderr);
      }
      const flow = await hosts[0]!.begin();
      assert.is((await visit(port, `/callback?code=c&state=${flow.state}`)).status, 200);
    }),
);

test('sign in to 20 MCP servers in four processes on one port, and none gets the token of another', async () => {
  using programs = new CompiledPrograms('mcp-process.ts');
  using secret = new SecretFolder();
  await using world = await startMcpWorld({ servers: 20, authorizationServers: 5 });
  const port = String(await freePort());
  const person = new Person();
  const hosts = [0, 1, 2, 3].map(
    (n) =>
      new HostProcess(
        programs.pathOf('mcp-process.ts'),
        [`${secret.path}/tokens-${n}.json`, port, `${secret.path}/own`],
        person,
      ),
  );
  try {
    for (const host of hosts) assert.is(await host.line(), 'ready');
    const answers = await Promise.all(
      hosts.map(async (host, n) => {
        const own: string[] = [];
        for (const { url } of world.servers.filter((_server, index) => index % hosts.length === n))
          own.push(await host.call(url));
        return own;
      }),
    );
    assert.equal(
      answers,
      hosts.map((_host, n) => [0, 1, 2, 3, 4].map((round) => `called server-${round * hosts.length + n}`)),
    );
    // Each authorization server has a context of its own below the path.
    for (const { searchParams } of person.tabs)
      assert.match(searchParams.get('redirect_uri') ?? '', `http://127.0.0.1:${port}/callback/`);
  } finally {
    for (const host of hosts) await host.kill();
  }
});

test.run();
