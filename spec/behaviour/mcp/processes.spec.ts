/** Rule 1 between processes: eight of them share one token file. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { equal, is, ok } from '../../helpers/assert.ts';
import { CompiledPrograms } from '../../helpers/compiled-programs.ts';
import { complains } from '../../helpers/complains.ts';
import { HostProcess } from '../../helpers/mcp/host-process.ts';
import { Person } from '../../helpers/mcp/person.ts';
import { startMcpWorld, type McpWorld } from '../../helpers/mcp/world.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedProgram } from '../../helpers/weakened.ts';

const test = suite('processes that share a token file');

const programs = new CompiledPrograms('mcp-process.ts');
process.once('exit', () => programs[Symbol.dispose]());

const processes = 8;
const called = Array.from({ length: processes }, () => 'called server-0');

interface Hosts {
  readonly world: McpWorld;
  readonly person: Person;
  readonly file: string;
  readonly all: readonly [HostProcess, ...HostProcess[]];
}

/** Starts eight processes, of which the first has signed in. */
async function withHosts(
  work: (hosts: Hosts) => Promise<void>,
  program = programs.pathOf('mcp-process.ts'),
  person = new Person(),
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-processes-'));
  const file = join(folder, 'tokens.json');
  await using world = await startMcpWorld();
  const all = Array.from({ length: processes }, () => new HostProcess(program, [file], person));
  try {
    for (const each of all) is(await each.line(), 'ready');
    is(await all[0]!.call(world.servers[0].url), 'called server-0');
    is(person.tabs.length, 1);
    await work({ world, person, file, all: all as [HostProcess, ...HostProcess[]] });
  } finally {
    for (const each of all) await each.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function refreshOnce({ world, person, all }: Hosts): Promise<void> {
  const [server] = world.servers;
  server.revokeTokens();
  server.counts.unauthorized = 0;
  // All of them are rejected before the first one has new tokens.
  world.authorizationServers[0].switches.beforeToken = async () => {
    while (server.counts.unauthorized < processes) await new Promise(setImmediate);
  };
  const answers = await Promise.all(all.map((each) => each.call(server.url)));
  is(world.sum('refreshReuse'), 0, 'refresh tokens that were used twice');
  equal(answers, called);
  equal([world.sum('refresh'), person.tabs.length], [1, 1], 'refreshes and tabs');
}

/** A machine that runs other specs too needs this long for eight processes. */
const patient = { deadline: 120_000 };

test(
  'rule 1: eight processes with a rejected token make one refresh, no reuse, no tab',
  () => withHosts(refreshOnce),
  patient,
);

test(
  'rule 1: eight processes with a dead refresh token open one tab among them',
  () =>
    withHosts(async ({ world, person, all }) => {
      const [server] = world.servers;
      const [authorizationServer] = world.authorizationServers;
      await authorizationServer.revokeRefreshTokens();
      server.revokeTokens();
      equal(await Promise.all(all.map((each) => each.call(server.url))), called);
      equal([person.tabs.length, world.sum('refresh')], [2, 1]);
    }),
  patient,
);

test(
  'rule 1: the others go on within ten seconds if the one that refreshes is killed',
  () =>
    withHosts(async ({ world, person, file, all }) => {
      const [server] = world.servers;
      const { switches, counts } = world.authorizationServers[0];
      const [first, ...others] = all;
      server.revokeTokens();
      const lost = first.call(server.url).catch(() => 'killed');
      await new Promise<void>((asked) => {
        switches.beforeToken = () => {
          asked();
          return new Promise(() => undefined);
        };
      });
      switches.beforeToken = undefined;
      const waiting = others.map((each) => each.call(server.url));
      const killedAt = performance.now();
      await first.kill();
      is(await lost, 'killed');
      equal(await Promise.all(waiting), called.slice(1));
      ok(performance.now() - killedAt < 10_000, 'they wait too long');
      // The request that was lost has not reached the token store of the authorization server.
      equal([counts.refreshReuse, person.tabs.length], [0, 1]);
      JSON.parse(readFileSync(file, 'utf8'));
      is(statSync(file).mode & 0o777, 0o600);
    }),
  patient,
);

test(
  'rule 1: the others go on within ten seconds if the one whose person is asked is killed',
  () => {
    let isAway = false;
    let asked = (): void => undefined;
    const person = new Person({
      before: () => {
        if (!isAway) return Promise.resolve();
        asked();
        return new Promise(() => undefined);
      },
    });
    return withHosts(
      async ({ world, file, all }) => {
        const [server] = world.servers;
        const [first, ...others] = all;
        await world.authorizationServers[0].revokeRefreshTokens();
        server.revokeTokens();
        isAway = true;
        const opened = new Promise<void>((resolve) => (asked = resolve));
        const lost = first.call(server.url).catch(() => 'killed');
        await opened;
        isAway = false;
        const waiting = others.map((each) => each.call(server.url));
        const killedAt = performance.now();
        await first.kill();
        is(await lost, 'killed');
        equal(await Promise.all(waiting), called.slice(1));
        ok(performance.now() - killedAt < 10_000, 'they wait too long');
        is(person.tabs.length, 3, 'the first sign-in, the one that was killed, and one for all others');
        JSON.parse(readFileSync(file, 'utf8'));
        is(statSync(file).mode & 0o777, 0o600);
      },
      programs.pathOf('mcp-process.ts'),
      person,
    );
  },
  patient,
);

test(
  'rule 1: rejects a store without locks between processes',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mcp-unlocked-'));
    try {
      const program = join(folder, 'mcp-process.mjs');
      const unlocked = edit('if (!store.lock) return', 'return', 'mcp/vault.ts');
      writeFileSync(program, await weakenedProgram('mcp-process.ts', unlocked));
      await complains(() => withHosts(refreshOnce, program), /used twice/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  patient,
);

test.run();
