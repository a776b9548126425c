/** The pipeline, the Express app and the command in one file, each run as its user does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { build } from 'esbuild';
import { Browser } from '../../../src/testing/browser.ts';
import { startFakeProvider, visit } from '../../../src/testing.ts';
import * as assert from '../../helpers/assert.ts';
import { root } from '../../helpers/consumer.ts';
import { RawSocket } from '../../helpers/raw.ts';
import { freePort } from '../../helpers/redis-server.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('examples as whole programs');

interface Ended {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

/** Runs a program. `onUrl` gets each URL that it prints, and a function that interrupts it. */
async function runProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  onUrl: (url: URL, interrupt: () => void) => unknown,
): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const closed = once(child, 'close');
  const errors = text(child.stderr);
  const lines: string[] = [];
  const visits: unknown[] = [];
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith('Open '))
      visits.push(visited(() => onUrl(new URL(line.slice(5)), () => child.kill('SIGINT'))));
    else lines.push(line);
  }
  await Promise.all(visits);
  await closed;
  return { code: child.exitCode, lines, errors: await errors };
}

/** Reports an error only once it is awaited. */
function visited(visit: () => unknown): Promise<unknown> {
  const done = Promise.resolve().then(visit);
  done.catch(() => undefined);
  return done;
}

const program = (name: string): string[] => ['--import', 'tsx', `examples/${name}.ts`];

test('pipeline.ts signs in two at a time, tries again what may pass, and audits all', async () => {
  await using provider = await startFakeProvider();
  const failures = new Map([
    ['home', ['temporarily_unavailable']],
    ['lab', ['access_denied']],
  ]);
  let [open, most] = [0, 0];
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const { code, lines, errors } = await runProgram(
    program('pipeline'),
    {
      ACCOUNTS: 'work home lab',
      AUTHORIZE: provider.authorizationEndpoint,
      CLIENT_ID: provider.clientId,
      PAUSE: '1',
    },
    async (url) => {
      most = Math.max(most, ++open);
      if (open === 2) {
        // Once this is answered, whatever would have been opened with the first two has been.
        await visit(`${url.searchParams.get('redirect_uri')}?code=c&state=of-no-sign-in-at-all`);
        release();
      }
      await released;
      // Before the visit, since the program goes on before the page is here.
      open--;
      const error = failures.get(url.searchParams.get('login_hint') ?? '')?.shift();
      // As the authorization server would answer, for this account.
      if (error === undefined) await visit(url);
      else {
        const { searchParams } = url;
        const query = new URLSearchParams({ error, state: searchParams.get('state') ?? '' });
        await visit(`${searchParams.get('redirect_uri')}?${query}`);
      }
    },
  );
  assert.is(code, 0, errors);
  assert.equal([...lines].sort(), [
    'home has signed in',
    'lab has not: Access was denied by the authorization server.',
    'work has signed in',
  ]);
  assert.is(most, 2, `${most} at a time`);
  const audit = errors
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { disposition: string });
  assert.equal(audit.map(({ disposition }) => disposition).sort(), [
    'accepted',
    'accepted',
    'accepted',
    'accepted',
    'unmatched',
  ]);
});

test('express-app.ts signs a user in, leads back to its page, and ends though a connection is unused', async () => {
  await using provider = await startFakeProvider();
  const port = await freePort();
  const { code, errors } = await runProgram(
    program('express-app'),
    { ISSUER: provider.issuer, CLIENT_ID: provider.clientId, PORT: String(port) },
    async (home, interrupt) => {
      // As a browser opens one in advance.
      using unused = await RawSocket.open({ address: home.hostname, port });
      try {
        const browser = new Browser();
        assert.match((await browser.open(home)).html, 'href="/sign-in"');
        // Ends at home, to which the page leads once the token request has ended.
        const { url, status } = await browser.open(new URL('/sign-in', home));
        assert.equal([url.href, status], [home.href, 200]);
        assert.match((await browser.open(home)).html, 'You are signed in.');
      } finally {
        interrupt();
      }
      await unused.closed;
    },
  );
  assert.is(code, 0, errors);
});

test('one-file.ts becomes one CommonJS file that needs nothing beside it', async () => {
  await using provider = await startFakeProvider();
  const folder = mkdtempSync(join(tmpdir(), 'one-file-'));
  try {
    const outfile = join(folder, 'sign-in.cjs');
    const { warnings } = await build({
      entryPoints: [join(root, 'examples/one-file.ts')],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      logLevel: 'silent',
    });
    assert.equal(warnings, []);
    const { code, lines, errors } = await runProgram(
      [outfile, provider.authorizationEndpoint, provider.clientId],
      {},
      (url) => visit(url),
    );
    assert.equal([code, errors], [0, '']);
    assert.match(lines.join('\n'), /^Signed in, with a code of \d+ characters$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
