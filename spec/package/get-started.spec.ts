/** docs/get-started.md, followed word for word: each file is saved, each command is typed, each URL is opened. */
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from '../helpers/assert.ts';
import { Consumer, root } from '../helpers/consumer.ts';
import { freePort } from '../helpers/redis-server.ts';
import { Shell } from '../helpers/shell.ts';
import { suite } from '../helpers/suite.ts';

const page = await withFreePorts(readFileSync(join(root, 'docs', 'get-started.md'), 'utf8'));
const commands = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = '']) => text);

const project = Consumer.ofBuild('openid-client', 'oidc-provider', 'typescript', 'tsx');
process.once('exit', () => project[Symbol.dispose]());
installBins();
for (const [file, text] of filesIn(page)) project.write(file, text);

const test = suite('get-started.md');

test('saves the files that its commands run', () => {
  const run = [...page.matchAll(/\b(?:node|tsx) ([\w-]+\.[jt]s)\b/g)].map(([, file]) => file);
  const saved = [...filesIn(page).keys()];
  assert.equal(
    [...new Set(run)].filter((file) => !saved.includes(file!)),
    [],
  );
  assert.equal(saved, [
    'provider.js',
    'sign-in.js',
    'tokens.js',
    'several.js',
    'tsconfig.json',
    'sign-in.ts',
  ]);
});

test('installs what its files import', () => {
  const installed = commands.filter((each) => each.includes('npm install')).join('\n');
  for (const [, name = ''] of page.matchAll(/^import .* from '([\w-]+)/gm))
    assert.match(installed, ` ${name}`);
});

test(
  'leads from the first sign-in to the command',
  async () => {
    using provider = new Shell(project, commandWith('node provider.js'));
    await provider.sees('Providers at');

    assert.equal(await visit('node sign-in.js'), ['Signed in']);
    assert.match((await visit('node tokens.js')).join('\n'), /^ada has a token of \d+ characters$/);
    const [, issuer, other] = /'(http:\/\/127\.0\.0\.1:\d+) (http:\/\/localhost:\d+)'/.exec(page)!;
    const expected = [`Signed in at ${issuer}`, `Signed in at ${other}`];
    assert.equal((await visit('node several.js')).sort(), expected.sort());

    using login = new Shell(project, commandWith('npx rx-oauth-callback login --issuer'));
    assert.match(await login.signsIn(), '"access_token"');

    using serve = new Shell(project, commandWith('npx rx-oauth-callback serve'));
    await serve.sees('listening at');
    using watch = new Shell(project, commandWith('npx rx-oauth-callback watch'));
    using via = new Shell(project, commandWith('npx rx-oauth-callback login --via'));
    assert.match(await via.signsIn(), '"access_token"');
    await watch.sees('"type":"answered"');
  },
  { deadline: 300_000 },
);

test(
  'leads there in TypeScript too',
  async () => {
    using provider = new Shell(project, commandWith('node provider.js'));
    await provider.sees('Providers at');
    const [check = '', run = ''] = commandWith('npx tsc').trim().split('\n');
    using compiler = new Shell(project, check);
    assert.equal(await compiler.end(), '');
    assert.equal(await visit(run), ['Signed in']);
  },
  { deadline: 300_000 },
);

test.run();

/** Files that a reader saves: "Save this as `name`", then the block that follows. */
function filesIn(text: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const [, before = '', content = ''] of text.matchAll(/(.*?)^```\w+[^\n]*\n(.*?)^```$/gms)) {
    const name = /\bthis as `([\w.-]+)`/.exec(before.trim().split('\n\n').at(-1)!)?.[1];
    if (name !== undefined) files.set(name, content);
  }
  return files;
}

/** The block of commands that has this text. */
function commandWith(text: string): string {
  const [command, ...others] = commands.filter((each) => each.includes(text));
  assert.ok(command !== undefined && others.length === 0, text);
  return command;
}

/** Runs a program, signs in at each URL that it prints, and returns the other lines. */
async function visit(command: string): Promise<string[]> {
  using program = new Shell(project, command);
  const output = await program.signsIn();
  return output.split('\n').filter((line) => line !== '' && !line.startsWith('Open '));
}

/** The ports of the page are perhaps in use on this machine. */
async function withFreePorts(text: string): Promise<string> {
  let result = text;
  for (const port of ['4000', '4001', '8080']) result = result.replaceAll(port, String(await freePort()));
  return result;
}

/** npm links the commands of packages when it installs them. */
function installBins(): void {
  const bins = {
    'rx-oauth-callback': join(root, 'dist', 'cli.cjs'),
    tsc: join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
    tsx: join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs'),
  };
  for (const [name, file] of Object.entries(bins))
    chmodSync(project.write(`node_modules/.bin/${name}`, `#!/bin/sh\nexec node '${file}' "$@"\n`), 0o755);
}
