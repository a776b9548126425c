/** `demo` by the built command; what it tells is judged by spec/examples/demo.spec.ts. */
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { password } from '../../examples/demo/authorization-server.ts';
import { Browser, type Page } from '../../examples/demo/browser.ts';
import type { DemoEvent } from '../../examples/demo/events.ts';
import type { Summary } from '../../examples/demo/summary.ts';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import * as assert from '../helpers/assert.ts';
import { Cli, Folder, run } from '../helpers/cli.ts';
import { suite } from '../helpers/suite.ts';

const slow = { deadline: 60_000 };

const eventsOf = (stdout: string): (DemoEvent | Summary)[] =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as DemoEvent | Summary);

/** A folder with an `xdg-open` that notes what it is to open, and opens nothing. */
function withoutBrowser(folder: Folder): { env: Record<string, string>; opened: () => string[] } {
  const notes = `${folder.path}/opened`;
  chmodSync(folder.write('xdg-open', `#!/bin/sh\necho "$1" >>'${notes}'\n`), 0o755);
  return {
    env: { PATH: `${folder.path}:${process.env['PATH'] ?? ''}` },
    opened: () => (existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : []),
  };
}

async function answer(url: string, button: 'Allow' | 'Deny'): Promise<Page> {
  const browser = new Browser();
  const login = await browser.open(new URL(url));
  const asked = await browser.submit(login, 'Sign in', { login: 'ada', password });
  return browser.submit(asked, button);
}

const test = suite('demo, the command');

test(
  'signs everybody in, and says so to people',
  async () => {
    const { code, stdout, stderr } = await run(['demo']);
    assert.equal([stderr, code], ['', exitCodes.ok]);
    assert.match(stdout, /Every sign-in ended as it should\.\n$/);
  },
  slow,
);

test(
  'signs everybody in, and says so to programs',
  async () => {
    const { code, stdout } = await run(['demo', '--json']);
    assert.is(code, exitCodes.ok);
    const summary = eventsOf(stdout).at(-1) as Summary;
    assert.equal([summary.type, summary.ok, summary.flows.length], ['summary', true, 7]);
  },
  slow,
);

test(
  'has a person click through two sign-ins in any order, whose pages say how they ended',
  async () => {
    using folder = new Folder();
    const { env, opened } = withoutBrowser(folder);
    await using cli = Cli.start(['demo', '--browser', '--json'], env);
    const notes = await cli.sees(/"client":"Notes","url":"([^"]+)"/);
    const photos = await cli.sees(/"client":"Photo Backup","url":"([^"]+)"/);
    const denied = await answer(photos, 'Deny');
    assert.match(denied.html, 'Authentication failed');
    const allowed = await answer(notes, 'Allow');
    assert.match(allowed.html, 'Authentication successful');
    const { code, stdout } = await cli.end();
    assert.is(code, exitCodes.ok, cli.stderr);
    assert.equal(
      eventsOf(stdout).flatMap((event) =>
        event.type === 'ended' ? [[event.client, event.user, event.actual]] : [],
      ),
      [
        ['Photo Backup', 'nobody', 'access_denied'],
        ['Notes', 'ada', 'signed_in'],
      ],
    );
    // H-01: but in the URLs that the person is to open, none of what came back.
    const told = (stdout + cli.stderr).replace(/"url":"[^"]+"/g, '');
    const secrets = [denied, allowed].flatMap(({ url: { searchParams } }) =>
      ['state', 'code'].flatMap((name) => searchParams.get(name) ?? []),
    );
    assert.is(secrets.length, 3);
    for (const secret of secrets) assert.not.match(told, secret);
    if (process.platform === 'linux') assert.equal(opened().sort(), [notes, photos].sort());
  },
  slow,
);

test(
  'ends with Ctrl-C, where nobody comes',
  async () => {
    using folder = new Folder();
    const { env } = withoutBrowser(folder);
    await using cli = Cli.onTerminal(['demo', '--browser'], env);
    await cli.sees(/Photo Backup waits for you at http/);
    cli.press('\x03');
    const { code, stdout } = await cli.end();
    assert.is(code, exitCodes.interrupted);
    assert.match(stdout, 'rx-oauth-callback: ended before everybody had signed in');
    assert.not.match(stdout, /^ {4}at /m);
  },
  slow,
);

test.run();
