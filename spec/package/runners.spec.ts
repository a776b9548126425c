/** The testing kit of the built package under each test runner. Needs the build. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as assert from '../helpers/assert.ts';
import { Consumer, root } from '../helpers/consumer.ts';
import { suite } from '../helpers/suite.ts';

/** What is the same under each runner: a sign-in over HTTP, and one in virtual time. */
const signIns = `import { deepStrictEqual, strictEqual } from 'node:assert';
import { createOAuthCallbackServer } from 'rx-oauth-callback';
import { signIn, tokens } from 'rx-oauth-callback/login';
import { fakeCallbackHost, startFakeProvider, visit } from 'rx-oauth-callback/testing';
import { firstValueFrom, from, map, switchMap, tap } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';

export async function overHttp() {
  const provider = await startFakeProvider();
  const server = createOAuthCallbackServer();
  try {
    await server.listen();
    const { issuer, clientId } = provider;
    const pages = [];
    const signedIn = signIn({ issuer, clientId, scope: 'openid', host: server }).pipe(
      tap((event) => void (event.type === 'authorize' && pages.push(visit(event.url)))),
      tokens(),
    );
    strictEqual((await firstValueFrom(signedIn)).claims.sub, 'EXPECTED');
    strictEqual((await pages[0]).status, 200);
  } finally {
    await server.close();
    await provider.close();
  }
}

export function inVirtualTime() {
  new TestScheduler(deepStrictEqual).run(({ cold, expectObservable }) => {
    const host = fakeCallbackHost(cold('--a|', { a: { code: 'c' } }));
    const code = from(host.begin()).pipe(
      switchMap((flow) => flow.response),
      map((response) => response.code),
    );
    expectObservable(code).toBe('--(c|)');
  });
}
`;

const runners = join(root, 'artifacts', 'runners', 'node_modules');

interface Runner {
  /** Module that has `test`, unless that is global. */
  readonly from?: string;
  readonly end?: string;
  /** Arguments of node. */
  readonly args: readonly string[];
  /** Text of a run whose two tests have passed. */
  readonly passed: RegExp;
  /** Folder of the runner, unless it is here in any case. */
  readonly folder?: string;
}

const kinds: Readonly<Record<string, Runner>> = {
  uvu: {
    from: 'uvu',
    end: 'test.run();',
    args: ['sign-ins.test.mjs'],
    passed: /Passed: +2/,
  },
  'node:test': {
    from: 'node:test',
    args: ['--test', '--test-reporter=tap', 'sign-ins.test.mjs'],
    passed: /# pass 2\n/,
  },
  'vitest 4': {
    from: 'vitest',
    args: [join(runners, 'vitest', 'vitest.mjs'), 'run', '--no-color'],
    passed: /Tests +2 passed/,
    folder: join(runners, 'vitest'),
  },
  'jest 30': {
    args: [
      ...['--experimental-vm-modules', join(runners, 'jest', 'bin', 'jest.js'), '--watchman=false'],
      ...['--runInBand', '--testMatch=**/*.test.mjs', '--no-cache'],
    ],
    passed: /Tests: +2 passed/,
    folder: join(runners, 'jest'),
  },
};

/** Runs the tests of a project. Returns the exit code, and all that was printed. */
async function run({ from, end = '', args, folder }: Runner, sub: string): Promise<[number | null, string]> {
  using project = Consumer.ofBuild('openid-client', 'uvu');
  if (folder?.endsWith('vitest')) project.link('vitest', folder);
  project.write('sign-ins.mjs', signIns.replace('EXPECTED', sub));
  const tests = ["test('over HTTP', overHttp);", "test('in virtual time', inVirtualTime);", end];
  const own = "import { inVirtualTime, overHttp } from './sign-ins.mjs';";
  project.write(
    'sign-ins.test.mjs',
    [from ? `import { test } from '${from}';` : '', own, ...tests].join('\n'),
  );
  const env = {
    ...process.env,
    NO_COLOR: '1',
    FORCE_COLOR: '0',
    NODE_TEST_CONTEXT: undefined,
    CI: undefined,
  };
  const child = spawn(process.execPath, args, { cwd: project.path, env, stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    const [output, errors] = await assert.deadline(ended, 'the end of the runner', 120_000);
    return [child.exitCode, output + errors];
  } finally {
    child.kill('SIGKILL');
  }
}

const test = suite('test runners');

for (const [name, runner] of Object.entries(kinds)) {
  const testHere = test.when(
    !runner.folder || existsSync(runner.folder),
    `no ${name} here; .ci/run fetches it`,
  );

  testHere(
    `${name} runs a test with the kit`,
    async () => {
      const [code, output] = await run(runner, 'ada');
      assert.is(code, 0, output);
      assert.match(output, runner.passed);
    },
    { deadline: 180_000 },
  );
}

test('a test that fails is seen to fail', async () => {
  const [code] = await run(kinds['node:test']!, 'grace');
  assert.is(code, 1);
});

test.run();
