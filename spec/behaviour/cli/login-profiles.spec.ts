/** A profile of the configuration file, from the sign-in to the end of it. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from '../../../src/testing/browser.ts';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder, run } from '../../helpers/cli.ts';
import { clientId, revoking, startProvider } from '../../helpers/provider.ts';
import { codeOf, urlOf } from '../../helpers/login.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('profiles of login');

test('login, token and logout work with a profile, and ask nothing else', async () => {
  await using as = await startProvider({ configuration: revoking });
  using folder = new Folder();
  mkdirSync(join(folder.path, 'rx-oauth-callback'));
  const { issuer } = as;
  folder.write('rx-oauth-callback/login.json', {
    clientId,
    scopes: ['openid', 'offline_access'],
    browser: false,
    profiles: { work: { issuer, save: 'work.json' }, home: { issuer: 'https://other.example' } },
  });
  const file = join(folder.path, 'rx-oauth-callback', 'work.json');
  const env = { XDG_CONFIG_HOME: folder.path };
  await using login = Cli.start(['login', '--profile', 'work'], env);
  const url = await urlOf(login);
  assert.is(url.searchParams.get('scope'), 'openid offline_access');
  await new Browser().open(url);
  assert.equal([await codeOf(login), login.stdout], [0, ''], login.stderr);
  assert.ok(existsSync(file));
  const ofVariable = { ...env, RX_OAUTH_CALLBACK_LOGIN_PROFILE: 'work' };
  const tokens = [await run(['token', '--profile', 'work'], env), await run(['token'], ofVariable)];
  assert.equal(
    tokens.map(({ code, stderr }) => [code, stderr]),
    [
      [0, ''],
      [0, ''],
    ],
  );
  assert.is(tokens[0]!.stdout, tokens[1]!.stdout);
  const { code, stderr } = await run(['logout', '--profile', 'work'], env);
  assert.is(code, 0, stderr);
  assert.not.ok(existsSync(file));
});

test('a profile that is not there ends each command with 2', async () => {
  using folder = new Folder();
  const config = folder.write('login.json', { profiles: { work: {} } });
  for (const command of ['login', 'token', 'logout']) {
    const { code, stdout, stderr } = await run([command, '--config', config, '--profile', 'wrok']);
    assert.equal([code, stdout], [2, '']);
    assert.is(
      stderr,
      `rx-oauth-callback: --profile must be a profile in ${config}, which has work; got "wrok"\n`,
    );
  }
});

test('without a place token and logout say what is missing', async () => {
  for (const command of ['token', 'logout']) {
    const { code, stderr } = await run([command]);
    assert.is(code, 2);
    assert.match(stderr, 'a file is missing; name it, or set save in a profile of the configuration\n');
  }
});

test.run();
