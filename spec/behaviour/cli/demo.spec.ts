/** `demo` by the built command; what it tells is judged by spec/behaviour/cli/demo-story.spec.ts. */
import { Browser } from '../../../src/testing/browser.ts';
import { headlineOf } from '../../../src/testing/html.ts';
import type { DemoEvent } from '../../../src/cli/demo/events.ts';
import type { Summary } from '../../../src/cli/demo/summary.ts';
import { exitCodes } from '../../../src/cli/exit-codes.ts';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder, run } from '../../helpers/cli.ts';
import { answer, withoutBrowser } from '../../helpers/demo.ts';
import { visit } from '../../helpers/http.ts';
import { comingBack } from '../../helpers/issuer.ts';
import { suite } from '../../helpers/suite.ts';

const slow = { deadline: 300_000 };

const eventsOf = (stdout: string): (DemoEvent | Summary)[] =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as DemoEvent | Summary);

const test = suite('demo, the command');

test(
  'signs all users in, and reports it to people',
  async () => {
    const { code, stdout, stderr } = await run(['demo']);
    assert.equal([stderr, code], ['', exitCodes.ok]);
    assert.match(stdout, /Every sign-in ended as it should\.\n$/);
  },
  slow,
);

test(
  'signs all users in, and reports it to programs',
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
    assert.match(denied.html, 'Sign-in cancelled');
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
  'exits with 1 if a sign-in of the person fails, and says so in a sentence',
  async () => {
    using folder = new Folder();
    const { env } = withoutBrowser(folder);
    await using cli = Cli.start(['demo', '--browser'], env);
    const notes = new URL(await cli.sees(/Notes waits for you at (\S+)/));
    const photos = new URL(await cli.sees(/Photo Backup waits for you at (\S+)/));
    // Refused by the server, which may not ask; and with a code that the server has not made.
    notes.searchParams.set('prompt', 'none');
    const madeUp = comingBack(photos, { code: 'CANARY-of-a-person', iss: photos.origin });
    for (const url of [notes, new URL(madeUp)]) {
      const { html } = await new Browser().open(url);
      assert.is(headlineOf(html), 'Authentication failed');
    }
    const { code, stdout, stderr } = await cli.end();
    assert.is(code, exitCodes.failed);
    assert.is(stderr, 'rx-oauth-callback: not every sign-in ended as it should\n');
    assert.match(stdout, /^ +\d+ ms {2}flow 1 {4}ended: login_required$/m);
    assert.match(stdout, /^ +\d+ ms {2}flow 2 {4}ended: failed: [^\n]+$/m);
    assert.not.match(stdout, /^ {4}at /m);
    assert.not.match(stdout, 'CANARY');
  },
  slow,
);

test(
  'exits with 1 if a stranger sends a redirect while it runs, and says so to people and to programs',
  async () => {
    const runs = [[], ['--json']].map(async (more) => {
      await using cli = Cli.start(['demo', ...more]);
      const redirectUri = await cli.sees(/(http:[^\s"]+\/callback)/);
      assert.is((await visit(`${redirectUri}?code=CANARY&state=of-a-stranger`)).status, 400);
      return await cli.end();
    });
    const [text, json] = await Promise.all(runs);
    for (const { code, stderr, stdout } of [text!, json!]) {
      assert.equal([code, stderr], [exitCodes.failed, 'rx-oauth-callback: the demo failed\n']);
      assert.not.match(stdout, /CANARY|of-a-stranger/);
    }
    assert.match(text!.stdout, /: 2 unmatched, 1 malformed\.\nThe demo failed\.\n$/);
    const { type, ok, forged } = eventsOf(json!.stdout).at(-1) as Summary;
    assert.equal([type, ok, forged], ['summary', false, { sent: 2, unmatched: 2, malformed: 1 }]);
  },
  slow,
);

test(
  'ends with Ctrl-C if no user comes',
  async () => {
    using folder = new Folder();
    const { env } = withoutBrowser(folder);
    await using cli = Cli.onTerminal(['demo', '--browser'], env);
    await cli.sees(/Photo Backup waits for you at http/);
    cli.press('\x03');
    const { code, stdout } = await cli.end();
    assert.is(code, exitCodes.interrupted);
    assert.match(stdout, 'rx-oauth-callback: ended before all had signed in');
    assert.not.match(stdout, /^ {4}at /m);
  },
  slow,
);

test.run();
