/** The file of `login --save`: which one is taken, and how commands share it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder, run } from '../../helpers/cli.ts';
import { visit } from '../../helpers/http.ts';
import { comingBack, json, startIssuer, type Issuer } from '../../helpers/issuer.ts';
import { codeOf, tokensIn, urlOf } from '../../helpers/login.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('the file of login --save');

const kept = ({ issuer }: Issuer, more: object = {}): string =>
  JSON.stringify({
    ...{ issuer, client_id: 'c', access_token: 'old', token_type: 'bearer', refresh_token: 'r0' },
    ...more,
  });

const loginTo = ({ issuer }: Issuer, file: string, ...more: readonly string[]): string[] => [
  ...['login', '--issuer', issuer, '--client-id', 'c', '--save', file],
  ...more,
];

/** A server that gives tokens `a1` and `r1`, then `a2` and `r2`, and lists the refresh tokens that were used. */
async function startRotating(
  used: string[],
  answer: (give: () => void, response: ServerResponse) => void = (give) => give(),
): Promise<Issuer> {
  return startIssuer({
    token: (form, response) => {
      const count = used.push(form.get('refresh_token')!);
      const tokens = { access_token: `a${count}`, token_type: 'bearer', refresh_token: `r${count}` };
      answer(() => json(response, 200, tokens), response);
    },
  });
}

/** Makes the command call this before it starts. */
const preloaded = (code: string): Record<string, string> => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}`,
});

test('P-05 uses each refresh token once, if two commands save to one file at once', async () => {
  const used: string[] = [];
  let give: (() => void) | undefined;
  let asked = (): void => undefined;
  const first = new Promise<void>((resolve) => (asked = resolve));
  await using as = await startRotating(used, (answer) => {
    if (used.length > 1) {
      answer();
      return;
    }
    give = answer;
    asked();
  });
  using folder = new Folder();
  const file = folder.write('tokens.json', kept(as));
  await using one = Cli.start(loginTo(as, file));
  await assert.deadline(first, 'the first refresh');
  await using two = Cli.start(loginTo(as, file));
  await two.sees(/Another command is using (\S+); waiting for it to finish\.\n/, 'stderr');
  give!();
  assert.equal([await codeOf(one), await codeOf(two)], [0, 0], one.stderr + two.stderr);
  assert.equal(used, ['r0', 'r1']);
  assert.is(tokensIn(readFileSync(file, 'utf8')).access_token, 'a2');
  assert.equal(readdirSync(folder.path), ['tokens.json']);
});

test('takes the file of a command that was killed', async () => {
  const used: string[] = [];
  let asked = (): void => undefined;
  const first = new Promise<void>((resolve) => (asked = resolve));
  await using as = await startRotating(used, (answer) => (used.length > 1 ? answer() : asked()));
  using folder = new Folder();
  const file = folder.write('tokens.json', kept(as));
  {
    await using killed = Cli.start(loginTo(as, file));
    await assert.deadline(first, 'the refresh');
    killed.signal('SIGKILL');
  }
  assert.is(readFileSync(file, 'utf8'), kept(as));
  const { code, stderr } = await run(loginTo(as, file));
  assert.is(code, 0, stderr);
  assert.not.match(stderr, 'waiting');
  assert.equal(readdirSync(folder.path), ['tokens.json']);
});

test('waits for another command no longer than --timeout, and ends by Ctrl-C meanwhile', async () => {
  await using as = await startIssuer();
  using folder = new Folder();
  const file = join(folder.path, 'tokens.json');
  await using one = Cli.start(loginTo(as, file));
  await urlOf(one);
  await using two = Cli.start(loginTo(as, file));
  await two.sees(/waiting for it to finish/, 'stderr');
  two.signal('SIGINT');
  assert.is(await codeOf(two), 130);
  const { code, stderr } = await run(loginTo(as, file, '--timeout', '1'));
  assert.equal([code, one.running], [6, true]);
  assert.match(stderr, /: another command is still using it\n$/);
  one.signal('SIGINT');
  assert.is(await codeOf(one), 130);
  assert.equal(readdirSync(folder.path), []);
});

test('P-21 refuses a file that another user may have written, before any request', async () => {
  await using as = await startIssuer();
  using folder = new Folder();
  const of = (name: string, mode = 0o600): string => {
    const file = folder.write(name, kept(as));
    chmodSync(file, mode);
    return file;
  };
  mkdirSync(join(folder.path, 'open'));
  chmodSync(join(folder.path, 'open'), 0o777);
  symlinkSync(of('target.json'), join(folder.path, 'link.json'));
  symlinkSync(join(folder.path, 'nowhere'), join(folder.path, 'dangling.json'));
  execFileSync('mkfifo', ['-m', '600', join(folder.path, 'pipe')]);
  for (const [file, reason, env] of [
    [of('everybody.json', 0o666), 'can be written by other users;'],
    [of('group.json', 0o660), 'can be written by other users;'],
    [of('other.json'), 'belongs to another user;', preloaded('process.geteuid = () => 12345')],
    [join(folder.path, 'open', 'new.json'), 'is in a folder where other users may replace it;'],
    [join(folder.path, 'link.json'), 'is a symbolic link; choose the file that it leads to'],
    [join(folder.path, 'dangling.json'), 'is a symbolic link;'],
    [join(folder.path, 'pipe'), 'is no regular file'],
  ] as const) {
    const { code, stdout, stderr } = await run(loginTo(as, file), env);
    assert.equal([code, stdout], [1, ''], stderr);
    assert.match(stderr, `rx-oauth-callback: --save ${file}: ${reason}`);
    assert.is(stderr.trim().split('\n').length, 1);
  }
  assert.equal(as.requests, []);
  assert.is(readFileSync(join(folder.path, 'target.json'), 'utf8'), kept(as));
  assert.is(statSync(join(folder.path, 'everybody.json')).mode & 0o777, 0o666);
});

test('P-24 finds out before the refresh that a file cannot be replaced', async () => {
  const used: string[] = [];
  await using as = await startRotating(used);
  using folder = new Folder();
  const file = folder.write('tokens.json', kept(as));
  // As for a file that is mounted by itself.
  const busy = `
    import fs from 'node:fs/promises';
    const { rename } = fs;
    fs.rename = (from, to) => to === ${JSON.stringify(file)}
      ? Promise.reject(Object.assign(new Error('busy'), { code: 'EBUSY' }))
      : rename(from, to);`;
  const { code, stdout, stderr } = await run(loginTo(as, file), preloaded(busy));
  assert.equal([code, stdout], [1, ''], stderr);
  assert.match(stderr, 'cannot be written (EBUSY); if it is mounted by itself, mount its folder instead\n');
  assert.equal([as.requests.length, used], [0, []]);
  assert.is(readFileSync(file, 'utf8'), kept(as));
  assert.equal(readdirSync(folder.path), ['tokens.json']);
  assert.is((await run(loginTo(as, file))).code, 0);
  assert.equal(used, ['r0']);
});

test('P-30 finishes the file if a signal comes while it is written after a sign-in', async () => {
  await using as = await startRotating([]);
  using folder = new Folder();
  const file = join(folder.path, 'tokens.json');
  const signalled = preloaded(`
    import fs from 'node:fs/promises';
    const { rename } = fs;
    fs.rename = async (from, to) => {
      if (to === ${JSON.stringify(file)}) {
        process.kill(process.pid, 'SIGINT');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return rename(from, to);
    };`);
  await using command = Cli.start(loginTo(as, file), signalled);
  assert.is((await visit(comingBack(await urlOf(command), { code: 'c' }))).status, 200);
  assert.is(await codeOf(command), 0, command.stderr);
  assert.is(tokensIn(readFileSync(file, 'utf8')).access_token, 'a1');
  assert.equal(readdirSync(folder.path), ['tokens.json']);
});

test('warns of a file that other users may read, once, and saves for its user only', async () => {
  await using as = await startRotating([]);
  using folder = new Folder();
  const file = folder.write('tokens.json', kept(as), 0o644);
  const { code, stderr } = await run(loginTo(as, file));
  assert.is(code, 0, stderr);
  assert.is(stderr.split('can be read by other users').length, 2);
  assert.is(statSync(file).mode & 0o777, 0o600);
});

test.run();
