/** The shell script of docs/guides/waiting-without-websocket.md, with the real curl. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { deadline, is, match } from '../../helpers/assert.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import { Folder } from '../../helpers/cli.ts';
import { root } from '../../helpers/consumer.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('a shell script with curl');

const page = readFileSync(join(root, 'docs', 'guides', 'waiting-without-websocket.md'), 'utf8');
const [, script = ''] = /```sh\n(printf[^]*?)\n```/.exec(page) ?? [];
const hasCurl = await new Promise<boolean>((resolve) =>
  execFile('curl', ['--version'], (error) => resolve(!error)),
);

test.when(hasCurl, 'no curl here')('gets its response in five lines', () =>
  withBridge(async ({ port, visit, server }) => {
    is(script.split('\n').length, 5);
    using folder = new Folder();
    const state = newState();
    const env = { ...process.env, TOKEN: token, STATE: state, SERVICE: `http://127.0.0.1:${port}/bridge` };
    const shell = spawn('sh', ['-e', '-c', script], {
      cwd: folder.path,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const lines = createInterface(shell.stdout);
      const opened = new Promise<string>((resolve) => {
        lines.on('line', (line) => line.startsWith('Open ') && resolve(line));
      });
      const closed = once(shell, 'close') as Promise<[number]>;
      match(await deadline(opened, 'the URL'), state);
      is((await visit(`/callback?code=code-for-the-shell&state=${state}`)).status, 200);
      const [code] = await deadline(closed, 'the end of the script');
      is(code, 0);
      match(readFileSync(join(folder.path, 'result.json'), 'utf8'), 'code-for-the-shell');
      is(server.pending, 0);
    } finally {
      shell.kill('SIGKILL');
    }
  }),
);

test.run();
