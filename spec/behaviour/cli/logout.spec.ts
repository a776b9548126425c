/** The command `logout`: revokes the tokens of a saved sign-in, and deletes the file. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from '../../../src/testing/browser.ts';
import { Tokens } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder, run } from '../../helpers/cli.ts';
import { send } from '../../helpers/http.ts';
import { json, startIssuer, type Issuer, type IssuerOptions } from '../../helpers/issuer.ts';
import { codeOf, loginAt, tokensIn, urlOf } from '../../helpers/login.ts';
import {
  revoking,
  startProvider,
  type ProviderOptions,
  type SignInProvider,
} from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('rx-oauth-callback logout');

/** A person has signed in at a real authorization server, and the tokens are saved. */
async function saved(
  options: ProviderOptions,
  body: (saved: { as: SignInProvider; folder: string; file: string; before: Tokens }) => Promise<void>,
): Promise<void> {
  using folder = new Folder();
  await using as = await startProvider(options);
  const file = join(folder.path, 'tokens.json');
  await using login = Cli.start(loginAt(as, '--save', file));
  await new Browser().open(await urlOf(login));
  assert.is(await codeOf(login), 0, login.stderr);
  await body({ as, folder: folder.path, file, before: tokensIn(readFileSync(file, 'utf8')) });
}

test('ends a sign-in at a real authorization server, and leaves nothing behind', () =>
  saved({ configuration: revoking }, async ({ as, folder, file, before }) => {
    using other = new Folder();
    const copy = other.write('tokens.json', JSON.stringify(before.toDict()));
    const isTaken = async (): Promise<boolean> => {
      const headers = { Authorization: `Bearer ${before.access_token}` };
      return (await send(`${as.issuer}/me`, { headers })).status === 200;
    };
    assert.ok(await isTaken());
    assert.equal(await run(['logout', file]), {
      code: 0,
      stdout: '',
      stderr: `Signed out of ${as.issuer}; ${file} is deleted.\n`,
    });
    assert.equal(readdirSync(folder), []);
    assert.not.ok(await isTaken());
    assert.match(
      (await run(['token', '--refresh', copy])).stderr,
      'rejected the refresh token (invalid_grant)',
    );
    // Tokens that were revoked before can be forgotten, too.
    assert.is((await run(['logout', copy])).code, 0);
    assert.equal(readdirSync(other.path), []);
  }));

test('has nothing to do without tokens', async () => {
  using folder = new Folder();
  const file = join(folder.path, 'tokens.json');
  assert.equal(await run(['logout', file]), {
    code: 7,
    stdout: '',
    stderr: `rx-oauth-callback: ${file} has no saved tokens\n`,
  });
  assert.equal(readdirSync(folder.path), []);
});

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds;

/** The file has tokens of a server that answers a revocation so. */
async function kept(
  revoke: IssuerOptions['revoke'],
  body: (of: { as: Issuer; folder: string; file: string; text: string }) => Promise<void>,
): Promise<void> {
  using folder = new Folder();
  await using as = await startIssuer(revoke ? { revoke } : {});
  const text = JSON.stringify({
    ...{ issuer: as.issuer, client_id: 'c', token_type: 'bearer', expires_at: inSeconds(3_600) },
    ...{ access_token: 'CANARY-access', refresh_token: 'CANARY-refresh' },
  });
  await body({ as, folder: folder.path, file: folder.write('tokens.json', text), text });
}

const isRefresh = (form: URLSearchParams): boolean => form.get('token_type_hint') === 'refresh_token';

for (const [what, revoke, exitCode, sentence] of [
  ['has no revocation endpoint', undefined, 4, 'has no revocation_endpoint'],
  ['does not answer', (_form, response) => void response.destroy(), 4, 'cannot be reached'],
  [
    'rejects the client',
    (form, response) => json(response, 401, { error: 'invalid_client', error_description: String(form) }),
    4,
    'answered invalid_client',
  ],
  ['is in trouble', (_form, response) => response.writeHead(503).end(), 1, 'answered 503'],
  [
    'stops after the refresh token',
    (form, response) => {
      if (isRefresh(form)) response.end();
      else response.destroy();
    },
    4,
    ', though the refresh token is revoked;',
  ],
  [
    'revokes access tokens only',
    (form, response) => {
      if (isRefresh(form)) json(response, 400, { error: 'unsupported_token_type' });
      else response.end();
    },
    1,
    'answered unsupported_token_type, though the access token is revoked;',
  ],
] as readonly (readonly [string, IssuerOptions['revoke'], number, string])[]) {
  test(`P-28 keeps the file if the server ${what}`, () =>
    kept(revoke, async ({ folder, file, text }) => {
      const { code, stdout, stderr } = await run(['logout', file]);
      assert.equal([code, stdout], [exitCode, ''], stderr);
      assert.match(
        stderr,
        /^rx-oauth-callback: [^\n]+; the file is kept: try again, or pass --forget to delete it all the same\n$/,
      );
      assert.match(stderr, sentence);
      assert.not.match(stderr, 'CANARY');
      assert.is(readFileSync(file, 'utf8'), text);
      assert.equal(readdirSync(folder), ['tokens.json']);
    }));

  test(`P-28 deletes the file with --forget if the server ${what}`, () =>
    kept(revoke, async ({ as, folder, file }) => {
      const { code, stdout, stderr } = await run(['logout', '--forget', file]);
      assert.equal([code, stdout], [0, ''], stderr);
      assert.match(
        stderr,
        new RegExp(
          `^[^\n]+; its tokens may stay valid until they expire\nSigned out of ${as.issuer}; \\S+ is deleted\\.\n$`,
        ),
      );
      assert.not.match(stderr, 'CANARY');
      assert.equal(readdirSync(folder), []);
    }));
}

test('keeps the file if no server answers at all', async () => {
  using folder = new Folder();
  const fields = { client_id: 'c', access_token: 'a', token_type: 'bearer' };
  const away = await startIssuer();
  await away[Symbol.asyncDispose]();
  const file = folder.write('tokens.json', JSON.stringify({ issuer: away.issuer, ...fields }));
  const { code, stderr } = await run(['logout', file]);
  assert.equal([code, readdirSync(folder.path)], [4, ['tokens.json']]);
  assert.match(stderr, `the issuer ${away.issuer} cannot be reached`);
});

test('says how long the access token stays valid, if the server revokes refresh tokens only', () =>
  kept(
    (form, response) => {
      if (isRefresh(form)) response.end();
      else json(response, 400, { error: 'unsupported_token_type' });
    },
    async ({ as, file }) => {
      const { code, stderr } = await run(['logout', file]);
      assert.is(code, 0);
      assert.match(
        stderr,
        new RegExp(
          `\n${as.issuer} revokes no access tokens; this one stays valid for another 59 min( \\d+ s)?\\.\n$`,
        ),
      );
      assert.not.ok(existsSync(file));
    },
  ));

test('waits for a command that refreshes the file, and revokes what that has saved', async () => {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  let ask = (): void => undefined;
  const asking = new Promise<void>((resolve) => (ask = resolve));
  const revoked: (string | null)[] = [];
  using folder = new Folder();
  await using as = await startIssuer({
    token: (_form, response) => {
      ask();
      void released.then(() =>
        json(response, 200, { access_token: 'a1', token_type: 'bearer', refresh_token: 'r1' }),
      );
    },
    revoke: (form, response) => {
      revoked.push(form.get('token'));
      response.end();
    },
  });
  const fields = { issuer: as.issuer, client_id: 'c', access_token: 'a0', token_type: 'bearer' };
  const file = folder.write('tokens.json', JSON.stringify({ ...fields, refresh_token: 'r0' }));
  await using token = Cli.start(['token', file]);
  await assert.deadline(asking, 'the refresh');
  await using logout = Cli.start(['logout', file]);
  await logout.sees(/Another command is using \S+; waiting for it to finish\.\n/, 'stderr');
  release();
  assert.equal([await codeOf(token), await codeOf(logout)], [0, 0], token.stderr + logout.stderr);
  assert.equal([revoked, readdirSync(folder.path)], [['r1', 'a1'], []]);
});

test('ends by Ctrl-C while the server does not answer, and keeps the file', async () => {
  let ask = (): void => undefined;
  const asking = new Promise<void>((resolve) => (ask = resolve));
  await kept(
    () => ask(),
    async ({ file, text }) => {
      await using command = Cli.start(['logout', file]);
      await assert.deadline(asking, 'the revocation');
      command.signal('SIGINT');
      assert.equal(await command.end(), {
        code: 130,
        stdout: '',
        stderr: 'rx-oauth-callback: interrupted\n',
      });
      assert.is(readFileSync(file, 'utf8'), text);
    },
  );
});

test('says that the tokens are revoked if the file cannot be deleted', () =>
  kept(
    (_form, response) => response.end(),
    async ({ file }) => {
      // As for a file that is mounted by itself.
      const busy = `
        import fs from 'node:fs/promises';
        const { rename } = fs;
        fs.rename = (from, to) => from === ${JSON.stringify(file)}
          ? Promise.reject(Object.assign(new Error('busy'), { code: 'EBUSY' }))
          : rename(from, to);`;
      const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(busy)}` };
      const { code, stderr } = await run(['logout', file], env);
      assert.is(code, 1);
      assert.match(stderr, /: cannot be deleted \(EBUSY\); [^\n]+; its tokens are revoked\n$/);
    },
  ));

test('P-26 deletes no file that holds something else, even with --forget', async () => {
  using folder = new Folder();
  const notes = folder.write('notes.txt', 'notes');
  const { code, stderr } = await run(['logout', '--forget', notes]);
  assert.is(code, 1);
  assert.match(stderr, 'contains something other than the tokens of a sign-in');
  assert.equal([readFileSync(notes, 'utf8'), readdirSync(folder.path)], ['notes', ['notes.txt']]);
});

test('deletes tokens that it cannot read only with --forget', async () => {
  using folder = new Folder();
  const file = folder.write('tokens.json', { issuer: 'https://as.example', access_token: 5 });
  const { code, stderr } = await run(['logout', file]);
  assert.equal(
    [code, stderr],
    [7, `rx-oauth-callback: ${file} has no saved tokens; to delete it, pass --forget\n`],
  );
  assert.ok(existsSync(file));
  assert.equal(await run(['logout', '--forget', file]), {
    code: 0,
    stdout: '',
    stderr: `${file} is deleted.\n`,
  });
  assert.equal(readdirSync(folder.path), []);
});

test('sends the secret of a client in the way that --client-auth says', async () => {
  const secrets: (string | null)[] = [];
  await kept(
    (form, response) => {
      secrets.push(form.get('client_secret'));
      response.end();
    },
    async ({ file }) => {
      const env = { RX_OAUTH_CALLBACK_CLIENT_SECRET: 'CANARY-secret' };
      assert.is((await run(['logout', '--client-auth', 'post', file], env)).code, 0);
      assert.equal(secrets, ['CANARY-secret', 'CANARY-secret']);
    },
  );
});

test.run();
