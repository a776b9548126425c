/** Tokens in the keychain of the system: a real one, by a secret service of its own for each test. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder, run, type Run } from '../../helpers/cli.ts';
import { json, startIssuer } from '../../helpers/issuer.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('keychain');

/** Environment with a home of its own, so that no keychain of the user is touched. */
function homeIn({ path }: Folder): Record<string, string> {
  const runtime = join(path, 'runtime');
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  return { HOME: path, XDG_RUNTIME_DIR: runtime };
}

/** Runs a script of bash in a session with an unlocked keychain. */
async function inSession(script: string, folder: Folder): Promise<Run> {
  const file = join(folder.path, 'session.sh');
  const { bin } = await import('../../helpers/cli.ts');
  writeFileSync(
    file,
    `set -eu
rx-oauth-callback() { '${process.execPath}' '${bin}' "$@"; }
printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
${script}`,
  );
  await using session = Cli.script(`exec dbus-run-session -- bash '${file}'`, homeIn(folder));
  return await session.end();
}

test('keeps, refreshes, prints and forgets the tokens of a sign-in, and writes them to no file', async () => {
  using folder = new Folder();
  const used: (string | null)[] = [];
  await using as = await startIssuer({
    revoke: (_form, response) => void response.end(),
    token: (form, response) => {
      const count = used.push(form.get('grant_type'));
      json(response, 200, {
        ...{ access_token: `CANARY-a${count}`, token_type: 'bearer', expires_in: 3_600 },
        refresh_token: `CANARY-r${count}`,
      });
    },
  });
  const login = `rx-oauth-callback login --no-browser --issuer '${as.issuer}' --client-id c --save keychain:work`;
  // Follows the redirect as the browser would.
  const follow = `sed -un 's|^  \\(http.*\\)|\\1|p' | { read -r url; cat >/dev/null &
    redirect=$(node -e 'const u = new URL(process.argv[1]).searchParams; console.log(u.get("redirect_uri") + "?code=c&state=" + u.get("state"))' "$url")
    curl -sS -o /dev/null "$redirect"; wait; }`;
  const { code, stdout, stderr } = await inSession(
    `${login} 2> >(${follow})
rx-oauth-callback token keychain:work
RX_OAUTH_CALLBACK_LOGIN_SAVE=keychain:work rx-oauth-callback token
rx-oauth-callback token --refresh --save keychain:work & rx-oauth-callback token --refresh --save keychain:work
wait
${login} 2>/dev/null
rx-oauth-callback logout keychain:work
if rx-oauth-callback token keychain:work; then exit 9; fi`,
    folder,
  );
  assert.is(code, 0, stdout + stderr);
  const lines = stdout.trim().split('\n');
  assert.equal(lines.slice(0, 2), ['CANARY-a1', 'CANARY-a1']);
  assert.is(lines.length, 4);
  assert.equal(used.slice(0, 2), ['authorization_code', 'refresh_token']);
  assert.match(stderr, 'keychain:work has no saved tokens; sign in again with login --save');
  const files = readdirSync(folder.path, { recursive: true, encoding: 'utf8' });
  assert.equal(
    files.filter((name) => /tokens|\.lock/.test(name)),
    [],
  );
  assert.ok(existsSync(join(folder.path, '.local', 'state', 'rx-oauth-callback')));
});

test('says in one sentence that no keychain can be reached', async () => {
  using folder = new Folder();
  const env = { ...homeIn(folder), DBUS_SESSION_BUS_ADDRESS: `unix:path=${folder.path}/none` };
  for (const command of ['token', 'logout']) {
    const { code, stdout, stderr } = await run([command, 'keychain:work'], env);
    assert.equal([code, stdout], [1, ''], stderr);
    assert.match(stderr, /^rx-oauth-callback: keychain:work: cannot be [^\n]+\n$/);
  }
});

test('says in one sentence that the package for keychains is missing, and that a name is', async () => {
  const hidden = `
    import { register } from 'node:module';
    import { Module } from 'node:module';
    const load = Module._resolveFilename;
    Module._resolveFilename = (name, ...more) => {
      if (name === '@napi-rs/keyring') throw Object.assign(new Error('none'), { code: 'MODULE_NOT_FOUND' });
      return load(name, ...more);
    };
    register('data:text/javascript,' + encodeURIComponent(
      "export const resolve = (name, context, next) => name === '@napi-rs/keyring' ? Promise.reject(Object.assign(new Error('none'), { code: 'ERR_MODULE_NOT_FOUND' })) : next(name, context);"));`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hidden)}` };
  const { code, stderr } = await run(['token', 'keychain:work'], env);
  assert.is(code, 2);
  assert.is(
    stderr,
    'rx-oauth-callback: keychain:work needs the package @napi-rs/keyring: npm install @napi-rs/keyring\n',
  );
  const nameless = await run(['token', 'keychain:']);
  assert.equal(
    [nameless.code, nameless.stderr],
    [2, 'rx-oauth-callback: keychain: must be followed by a name\n'],
  );
});

test.run();
