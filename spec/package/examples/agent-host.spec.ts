import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { McpEvent } from '../../../src/mcp.ts';
import { equal, is, not, ok } from '../../helpers/assert.ts';
import { compiledExample } from '../../helpers/compiled-programs.ts';
import { root } from '../../helpers/consumer.ts';
import { Person } from '../../helpers/mcp/person.ts';
import { startMcpWorld, type McpWorld } from '../../helpers/mcp/world.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('agent-host.ts');

let path: string | undefined;
const compiled = (): string => (path ??= compiledExample('agent-host.ts'));

interface Ended {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

/** Runs the host to its end. The person opens each URL that it prints. */
async function runHost(
  program: readonly string[],
  servers: readonly string[],
  tokens: string,
  person: Person,
): Promise<Ended> {
  const env = { ...process.env, SERVERS: servers.join(' '), TOKENS: tokens, BROWSER: 'none' };
  const child = spawn(process.execPath, program, {
    cwd: root,
    env,
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const closed = once(child, 'close');
  const errors = text(child.stderr);
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith('Open ')) person.open(new URL(line.slice('Open '.length)));
    else lines.push(line);
  }
  await closed;
  return { code: child.exitCode, lines, errors: await errors };
}

const eventsIn = (errors: string): McpEvent[] =>
  errors
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as McpEvent);

function rightLines({ servers }: McpWorld): string[] {
  return servers.map(({ url }) => `${url} has whoami, admin`);
}

test('signs in to twenty servers on one port, and to none when it starts again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agent-host-'));
  try {
    const tokens = join(folder, 'tokens.json');
    await using world = await startMcpWorld({ servers: 20, authorizationServers: 5 });
    const urls = world.servers.map(({ url }) => url);
    const person = new Person();
    const first = await runHost(['--import', 'tsx', 'examples/agent-host.ts'], urls, tokens, person);
    equal([...first.lines].sort(), rightLines(world).sort());
    is(first.code, 0, first.errors);
    equal([person.tabs.length, person.mostAtOnce, world.sum('register')], [20, 1, 5]);
    is(new Set(person.tabs.map((tab) => new URL(tab.searchParams.get('redirect_uri')!).port)).size, 1);
    ok((await person.pages()).every(({ status }) => status === 200));
    is(eventsIn(first.errors).filter(({ type }) => type === 'signed_in').length, 20);

    const again = await runHost([compiled()], [`${urls[0]!}#whoami`, ...urls.slice(1)], tokens, person);
    is(again.code, 0, again.errors);
    is(person.tabs.length, 20, 'no other tab');
    equal(eventsIn(again.errors), [], 'nothing was asked');
    is(again.lines.filter((line) => line.includes('"text"')).length, 1);

    is(statSync(tokens).mode & 0o777, 0o600);
    const secrets = readFileSync(tokens, 'utf8').match(/"(?:access|refresh)_token": "[^"]+/g) ?? [];
    ok(secrets.length >= 40, `only ${secrets.length} tokens`);
    const printed = [first, again].map(({ lines, errors }) => lines.join('\n') + errors).join('\n');
    for (const secret of secrets) not.match(printed, secret.split('": "')[1]!);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('says why it is not signed in', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agent-host-'));
  try {
    await using world = await startMcpWorld();
    world.authorizationServers[0].switches.denials = 1;
    const { code, errors } = await runHost(
      [compiled()],
      [world.servers[0].url],
      join(folder, 't.json'),
      new Person(),
    );
    is(code, 1);
    ok(errors.includes('Access was denied by the authorization server.'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.run();
