/** The secret by which processes of one user know each other. */
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { readSecret, usualFolder } from '../../../src/share/secret.ts';
import { UnsafeSecretError } from '../../../src/share.ts';
import * as assert from '../../helpers/assert.ts';
import { SecretFolder } from '../../helpers/sharers.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('the secret of a shared port');

const within = async (body: (folder: string, file: string) => Promise<void>): Promise<void> => {
  using secret = new SecretFolder();
  const folder = join(secret.path, 'own');
  await body(folder, join(folder, 'share.secret'));
};

test('is made once, for its user only', () =>
  within(async (folder, file) => {
    const secrets = await Promise.all(Array.from({ length: 20 }, () => readSecret(folder)));
    assert.is(new Set(secrets.map((each) => each.toString('hex'))).size, 1);
    assert.is(secrets[0]!.length, 32);
    assert.equal([statSync(folder).mode & 0o777, statSync(file).mode & 0o777], [0o700, 0o600]);
    assert.equal(readdirSync(folder), ['share.secret']);
    assert.equal(await readSecret(folder), secrets[0]);
  }));

for (const [what, harm, complaint] of [
  [
    'a file that others may read',
    (_folder: string, file: string) => chmodSync(file, 0o644),
    /read by other users/,
  ],
  [
    'a file that others may write',
    (_folder: string, file: string) => chmodSync(file, 0o622),
    /written by other users/,
  ],
  ['a folder that others may enter', (folder: string) => chmodSync(folder, 0o755), /run chmod 700/],
  ['another content', (_folder: string, file: string) => writeFileSync(file, 'short'), /holds no secret/],
  ['an empty file', (_folder: string, file: string) => writeFileSync(file, ''), /holds no secret/],
] as const)
  test(`is refused: ${what}`, () =>
    within(async (folder, file) => {
      await readSecret(folder);
      const before = readFileSync(file, 'utf8');
      harm(folder, file);
      const { message, code } = await assert.rejects(readSecret(folder), UnsafeSecretError);
      assert.is(code, 'unsafe_secret');
      assert.match(message, complaint);
      assert.not.match(message, before.trim());
    }));

test('is refused behind a symbolic link, as a file or as a folder', () =>
  within(async (folder, file) => {
    await readSecret(folder);
    const linked = join(folder, '..', 'linked');
    symlinkSync(folder, linked);
    assert.match((await assert.rejects(readSecret(linked), UnsafeSecretError)).message, /is no folder/);
    const other = join(folder, '..', 'other');
    mkdirSync(other, { mode: 0o700 });
    symlinkSync(file, join(other, 'share.secret'));
    assert.match((await assert.rejects(readSecret(other), UnsafeSecretError)).message, /symbolic link/);
  }));

test('may have a second name, as its creation leaves none behind', () =>
  within(async (folder, file) => {
    const secret = await readSecret(folder);
    linkSync(file, `${file}.backup`);
    assert.equal(await readSecret(folder), secret);
  }));

test('is in the folder of the session, or else in that of the state of programs', () => {
  using session = new SecretFolder();
  assert.is(usualFolder({ XDG_RUNTIME_DIR: session.path }), join(session.path, 'rx-oauth-callback'));
  assert.is(usualFolder({ XDG_STATE_HOME: '/home/x/state' }, 4_000_000), '/home/x/state/rx-oauth-callback');
  assert.match(usualFolder({}, 4_000_000), /\/\.local\/state\/rx-oauth-callback$/);
});

test('is never below the current folder, nor in the session of another user', () => {
  using session = new SecretFolder();
  const other = 4_000_000;
  const state = '/home/x/state/rx-oauth-callback';
  for (const XDG_RUNTIME_DIR of ['', 'relative', join(session.path, 'missing'), session.path])
    assert.is(usualFolder({ XDG_RUNTIME_DIR, XDG_STATE_HOME: '/home/x/state' }, other), state);
  for (const XDG_STATE_HOME of ['', 'relative'])
    assert.match(usualFolder({ XDG_STATE_HOME }, other), /^\/.*\/\.local\/state\/rx-oauth-callback$/);
});

test('is refused if a file has the name of its folder', () =>
  within(async (folder) => {
    writeFileSync(folder, '');
    assert.match((await assert.rejects(readSecret(folder), UnsafeSecretError)).message, /is no folder/);
  }));

test.run();
