/** The command `token`: what it prints from a saved sign-in, and when it refreshes it. */
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from '../../../src/testing/browser.ts';
import { formats } from '../../../src/cli/token/options.ts';
import type { Tokens } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder, run } from '../../helpers/cli.ts';
import { send } from '../../helpers/http.ts';
import { json, startIssuer, type Issuer, type IssuerOptions } from '../../helpers/issuer.ts';
import { codeOf, loginAt, tokensIn, urlOf } from '../../helpers/login.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import { startProgram } from '../../helpers/program.ts';
import { startProvider, type ProviderOptions, type SignInProvider } from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('rx-oauth-callback token');

interface Saved {
  as: SignInProvider;
  folder: string;
  file: string;
  before: Tokens;
}

const tokensOf = (file: string): Tokens => tokensIn(readFileSync(file, 'utf8'));

const exchanges = ({ requests }: SignInProvider): number =>
  requests.filter((line) => line === 'POST /token').length;

/** A person has signed in at a real authorization server, and the tokens are saved. */
async function saved(options: ProviderOptions, body: (saved: Saved) => Promise<void>): Promise<void> {
  using folder = new Folder();
  await using as = await startProvider(options);
  const file = join(folder.path, 'tokens.json');
  await using login = Cli.start(loginAt(as, '--save', file));
  await new Browser().open(await urlOf(login));
  assert.is(await codeOf(login), 0, login.stderr);
  await body({ as, folder: folder.path, file, before: tokensOf(file) });
}

/** Access tokens are about to expire from the beginning. */
const shortLived: ProviderOptions = {
  configuration: {
    ttl: { AccessToken: 50, AuthorizationCode: 60, Grant: 600, IdToken: 600, RefreshToken: 600 },
  },
};

/** Tells if the authorization server takes an access token. */
async function isTaken({ issuer }: SignInProvider, token: string): Promise<boolean> {
  const { status } = await send(`${issuer}/me`, { headers: { Authorization: `Bearer ${token}` } });
  return status === 200;
}

test('prints the saved token, and asks the authorization server nothing', () =>
  saved({}, async ({ as, folder, file, before }) => {
    const asked = as.requests.length;
    assert.equal(await run(['token', file]), { code: 0, stdout: `${before.access_token}\n`, stderr: '' });
    assert.equal([as.requests.length, readdirSync(folder)], [asked, ['tokens.json']]);
    assert.ok(await isTaken(as, before.access_token));
  }));

test('P-22 refreshes a token that expires within the minute, and saves what came', () =>
  saved(shortLived, async ({ as, folder, file, before }) => {
    const { code, stdout, stderr } = await run(['token', file]);
    assert.equal([code, stderr], [0, '']);
    const after = tokensOf(file);
    assert.is(stdout, `${after.access_token}\n`);
    for (const name of ['access_token', 'refresh_token'] as const) assert.is.not(after[name], before[name]);
    assert.equal(
      [exchanges(as), statSync(file).mode & 0o777, readdirSync(folder)],
      [2, 0o600, ['tokens.json']],
    );
    assert.ok(await isTaken(as, after.access_token));
    // With the refresh token that has come.
    assert.is((await run(['token', file])).code, 0);
  }));

test('refreshes a token that is still valid, if it is told to', () =>
  saved({}, async ({ as, file, before }) => {
    const { code, stdout } = await run(['token', '--refresh', file]);
    assert.equal([code, stdout, exchanges(as)], [0, `${tokensOf(file).access_token}\n`, 2]);
    assert.is.not(tokensOf(file).access_token, before.access_token);
  }));

test('login uses what token has saved', () =>
  saved({}, async ({ as, file }) => {
    await run(['token', '--refresh', file]);
    const { code, stderr } = await run(loginAt(as, '--save', file));
    assert.is(code, 0, stderr);
    assert.match(stderr, 'is valid for another');
  }));

for (const [what, flags] of [
  ['a token that is about to expire', []],
  ['a token that is not wanted', ['--refresh']],
] as const)
  test(`P-27 two commands at once refresh ${what} once`, async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let ask = (): void => undefined;
    const asking = new Promise<void>((resolve) => (ask = resolve));
    let count = 0;
    const intercept: ProviderOptions['intercept'] = async ({ url }) => {
      // The first is the exchange of the code.
      if (url !== '/token' || ++count === 1) return false;
      ask();
      await released;
      return false;
    };
    await saved(
      { ...(flags.length === 0 && shortLived), intercept },
      async ({ as, folder, file, before }) => {
        await using one = Cli.start(['token', ...flags, file]);
        await assert.deadline(asking, 'the refresh');
        await using two = Cli.start(['token', ...flags, file]);
        await two.sees(/^Another command is using \S+; waiting for it to finish\.\n$/, 'stderr');
        release();
        assert.equal([await codeOf(one), await codeOf(two)], [0, 0], one.stderr + two.stderr);
        const after = tokensOf(file);
        assert.is.not(after.refresh_token, before.refresh_token);
        assert.equal([one.stdout, two.stdout], [`${after.access_token}\n`, `${after.access_token}\n`]);
        assert.equal([exchanges(as), readdirSync(folder)], [2, ['tokens.json']]);
      },
    );
  });

test('shows the token in no list of processes, if curl reads it as a header', () =>
  saved({}, async ({ file, before }) => {
    await using api = await listenOnLoopback();
    let processes = '';
    let authorization: string | undefined;
    api.http.on('request', ({ headers }, response) => {
      authorization = headers.authorization;
      // While the command line of curl can be read.
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
        processes += commandLineOf(pid);
      response.end('welcome');
    });
    const script = `curl -sS -H @<(rx-oauth-callback token --format header '${file}') '${api.origin}'`;
    await using shell = Cli.script(script);
    assert.equal(await shell.end(), { code: 0, stdout: 'welcome', stderr: '' });
    assert.is(authorization, `Bearer ${before.access_token}`);
    assert.match(processes, 'curl');
    assert.not.match(processes, before.access_token);
  }));

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It has ended.
    return '';
  }
}

test('gives a shell its variables', () =>
  saved({}, async ({ file, before }) => {
    const script = `eval "$(rx-oauth-callback token --format env '${file}')" && bash -c 'echo "$ACCESS_TOKEN $ACCESS_TOKEN_EXPIRES_AT"'`;
    await using shell = Cli.script(script);
    const { stdout, stderr } = await shell.end();
    assert.equal([stdout, stderr], [`${before.access_token} ${before.toDict().expires_at}\n`, '']);
    const { stdout: text } = await run(['token', '--format', 'env', '--id-token', file]);
    assert.match(
      text,
      new RegExp(`^export ID_TOKEN='${before.id_token}'\nexport ID_TOKEN_EXPIRES_AT=\\d+\n$`),
    );
  }));

test('prints an ExecCredential for kubectl', () =>
  saved({}, async ({ file, before }) => {
    for (const [flags, token, expires] of [
      [[], before.access_token, before.toDict().expires_at],
      [['--id-token'], before.id_token, before.claims!['exp']],
    ] as const) {
      const { code, stdout } = await run(['token', '--format', 'exec-credential', ...flags, file]);
      assert.is(code, 0);
      const expirationTimestamp = new Date(Number(expires) * 1_000).toISOString().replace('.000Z', 'Z');
      assert.equal(JSON.parse(stdout), {
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token, expirationTimestamp },
      });
    }
  }));

test('prints the fields as JSON, without the refresh token', () =>
  saved({}, async ({ file, before }) => {
    const { stdout } = await run(['token', '--format', 'json', file]);
    const { refresh_token, expires_in, ...fields } = before.toDict();
    const { expires_in: left, ...printed } = JSON.parse(stdout) as Record<string, unknown>;
    assert.equal(printed, fields);
    assert.ok(Number(left) > 0 && Number(left) <= Number(expires_in));
    assert.not.match(stdout, refresh_token!);
  }));

test('shows the refresh token in no format', () =>
  kept(
    {
      refresh_token: 'CANARY-refresh',
      // As Slack sends it.
      authed_user: { id: 'U1', refresh_token: 'CANARY-refresh-of-the-user' },
      expires_at: inSeconds(3_600),
    },
    async ({ file }) => {
      for (const format of formats) {
        const { code, stdout, stderr } = await run(['token', '--format', format, file]);
        assert.is(code, 0, format);
        assert.match(stdout, 'CANARY-old', format);
        assert.not.match(stdout + stderr, 'CANARY-refresh', format);
        if (format === 'json') assert.match(stdout, '"U1"');
      }
    },
  ));

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds;

const old = { client_id: 'c', access_token: 'CANARY-old', token_type: 'bearer' };

/** The file has tokens with these fields, and the server answers each refresh. */
async function kept(
  fields: Readonly<Record<string, unknown>>,
  body: (of: { as: Issuer; file: string; text: string }) => Promise<void>,
  token: IssuerOptions['token'] = (_form, response) =>
    json(response, 200, { access_token: 'new', token_type: 'bearer', expires_in: 600 }),
): Promise<void> {
  using folder = new Folder();
  await using as = await startIssuer({ token });
  const text = JSON.stringify({ issuer: as.issuer, ...old, ...fields });
  await body({ as, file: folder.write('tokens.json', text), text });
}

for (const [what, fields] of [
  ['is in its last minute', () => ({ expires_at: inSeconds(50) })],
  ['does not say when it expires', () => ({})],
] as const)
  test(`prints a token that ${what}, if it cannot be refreshed`, () =>
    kept(fields(), async ({ as, file }) => {
      assert.equal(await run(['token', file]), { code: 0, stdout: 'CANARY-old\n', stderr: '' });
      assert.equal(as.requests, []);
    }));

test('P-22 refreshes a token that does not say when it expires, for the resources that it was issued for', () =>
  kept(
    { refresh_token: 'r0', resource: ['https://a.example', 'https://b.example'] },
    async ({ as, file }) => {
      assert.equal(await run(['token', file]), { code: 0, stdout: 'new\n', stderr: '' });
      const { body = '' } = as.requests.find(({ line }) => line === 'POST /token') ?? {};
      const form = new URLSearchParams(body);
      assert.equal(
        [form.get('refresh_token'), form.getAll('resource')],
        ['r0', ['https://a.example', 'https://b.example']],
      );
      const { resource, refresh_token, access_token } = JSON.parse(readFileSync(file, 'utf8')) as Record<
        string,
        unknown
      >;
      assert.equal(
        [resource, refresh_token, access_token],
        [['https://a.example', 'https://b.example'], 'r0', 'new'],
      );
    },
  ));

test('sends the secret of a client in the way that --client-auth says', () =>
  kept({ refresh_token: 'r0' }, async ({ as, file }) => {
    const env = { RX_OAUTH_CALLBACK_CLIENT_SECRET: 'CANARY-secret' };
    assert.is((await run(['token', '--client-auth', 'post', file], env)).code, 0);
    const { body, headers } = as.requests.find(({ line }) => line === 'POST /token')!;
    assert.equal(
      [new URLSearchParams(body).get('client_secret'), headers.authorization],
      ['CANARY-secret', undefined],
    );
    const { code, stderr } = await run(['token', '--client-auth', 'post', file]);
    assert.is(code, 2);
    assert.match(stderr, '--client-auth requires a secret in RX_OAUTH_CALLBACK_CLIENT_SECRET\n');
  }));

for (const [what, fields, flags, sentence] of [
  [
    'it has expired without a refresh token',
    { expires_at: inSeconds(-1) },
    [],
    'the access token in FILE has expired, and there is no refresh token',
  ],
  [
    'there is no refresh token for a refresh',
    { expires_at: inSeconds(600) },
    ['--refresh'],
    'FILE has no refresh token',
  ],
  ['there is no ID token', {}, ['--id-token'], 'FILE has no ID token'],
  ['the file has other tokens', { access_token: 5 }, [], 'FILE has no saved tokens'],
  ['the file names no server', { issuer: 'as', refresh_token: 'r0' }, [], 'FILE has no saved tokens'],
] as const)
  test(`asks for a new sign-in if ${what}`, () =>
    kept(fields, async ({ as, file, text }) => {
      const { code, stdout, stderr } = await run(['token', ...flags, file]);
      assert.equal([code, stdout, as.requests], [7, '', []], stderr);
      assert.match(
        stderr,
        new RegExp(
          `^rx-oauth-callback: ${sentence.replace('FILE', file)}; sign in again with login --save[^\n]*\n$`,
        ),
      );
      assert.is(readFileSync(file, 'utf8'), text);
    }));

test('asks for a new sign-in if there is no file, or no folder', async () => {
  using folder = new Folder();
  for (const name of ['none.json', 'none/tokens.json']) {
    const file = join(folder.path, name);
    const { code, stdout, stderr } = await run(['token', file]);
    assert.equal([code, stdout], [7, '']);
    assert.is(stderr, `rx-oauth-callback: ${file} has no saved tokens; sign in again with login --save\n`);
  }
  assert.equal(readdirSync(folder.path), []);
});

test('asks for a new sign-in if the server rejects the refresh token', () =>
  saved({}, async ({ as, folder, file, before }) => {
    await run(['token', '--refresh', file]);
    using other = new Folder();
    // That refresh token is used up.
    const text = JSON.stringify(before.toDict());
    const used = other.write('tokens.json', text);
    const { code, stdout, stderr } = await run(['token', '--refresh', used]);
    assert.equal([code, stdout], [7, '']);
    assert.is(
      stderr,
      `rx-oauth-callback: ${as.issuer} rejected the refresh token (invalid_grant); sign in again with login --save\n`,
    );
    assert.is(readFileSync(used, 'utf8'), text);
    assert.equal([readdirSync(folder), readdirSync(other.path)], [['tokens.json'], ['tokens.json']]);
  }));

test('names the client if the server rejects that', () =>
  kept(
    { refresh_token: 'CANARY-refresh' },
    async ({ file }) => {
      const { code, stdout, stderr } = await run(['token', file]);
      assert.equal([code, stdout], [4, '']);
      assert.match(stderr, 'answered invalid_client\n');
      assert.not.match(stderr, 'CANARY');
    },
    (_form, response) => json(response, 401, { error: 'invalid_client' }),
  ));

for (const [what, token, exitCode] of [
  ['does not answer', (_form, response) => void response.destroy(), 4],
  ['is in trouble', (_form, response) => json(response, 503, { error: 'temporarily_unavailable' }), 1],
  ['is behind a firewall', (_form, response) => void response.writeHead(403).end('<h1>No'), 1],
] as readonly (readonly [string, NonNullable<IssuerOptions['token']>, number])[]) {
  test(`prints a token that is still valid if the server ${what}, and says so`, () =>
    kept(
      { refresh_token: 'CANARY-refresh', expires_at: inSeconds(55) },
      async ({ file, text }) => {
        const { code, stdout, stderr } = await run(['token', file]);
        assert.equal([code, stdout], [0, 'CANARY-old\n'], stderr);
        assert.match(
          stderr,
          /^the token endpoint of [^\n]+; the saved access token is valid for another \d+ s\n$/,
        );
        assert.is(readFileSync(file, 'utf8'), text);
        assert.is((await run(['token', '--refresh', file])).code, exitCode);
      },
      token,
    ));

  test(`ends with ${exitCode} if the token has expired and the server ${what}`, () =>
    kept(
      { refresh_token: 'CANARY-refresh', expires_at: inSeconds(-1) },
      async ({ file, text }) => {
        const { code, stdout, stderr } = await run(['token', file]);
        assert.equal([code, stdout], [exitCode, ''], stderr);
        assert.not.match(stderr, 'CANARY');
        assert.is(readFileSync(file, 'utf8'), text);
      },
      token,
    ));
}

test('ends by Ctrl-C while the server does not answer', async () => {
  let ask = (): void => undefined;
  const asking = new Promise<void>((resolve) => (ask = resolve));
  await kept(
    { refresh_token: 'CANARY-refresh', expires_at: inSeconds(55) },
    async ({ file, text }) => {
      await using command = Cli.start(['token', file]);
      await assert.deadline(asking, 'the refresh');
      command.signal('SIGINT');
      assert.equal(await command.end(), {
        code: 130,
        stdout: '',
        stderr:
          'Waiting up to 2 s for the new tokens to be saved; Ctrl-C stops immediately.\nrx-oauth-callback: interrupted\n',
      });
      assert.is(readFileSync(file, 'utf8'), text);
    },
    () => ask(),
  );
});

test('ends by a second Ctrl-C at once', async () => {
  let ask = (): void => undefined;
  const asking = new Promise<void>((resolve) => (ask = resolve));
  await kept(
    { refresh_token: 'r0' },
    async ({ file, text }) => {
      await using command = Cli.start(['token', file]);
      await assert.deadline(asking, 'the refresh');
      command.signal('SIGINT');
      await command.sees(/Ctrl-C stops immediately\.\n/, 'stderr');
      command.signal('SIGINT');
      // The signal itself ends it, so there is no exit code.
      assert.is((await command.end()).code, null);
      assert.is(readFileSync(file, 'utf8'), text);
    },
    () => ask(),
  );
});

test('P-22 saves the refresh token that a server sends after Ctrl-C', async () => {
  let ask = (): void => undefined;
  const asking = new Promise<void>((resolve) => (ask = resolve));
  let answer = (): void => undefined;
  await kept(
    { refresh_token: 'r0' },
    async ({ file }) => {
      await using command = Cli.start(['token', file]);
      await assert.deadline(asking, 'the refresh');
      command.signal('SIGINT');
      await command.sees(/^Waiting up to 2 s for the new tokens to be saved; [^\n]+\n$/, 'stderr');
      answer();
      const { code, stdout } = await command.end();
      assert.equal([code, stdout], [0, 'new\n']);
      assert.is(tokensOf(file).refresh_token, 'r1');
    },
    (_form, response) => {
      answer = () => json(response, 200, { access_token: 'new', token_type: 'bearer', refresh_token: 'r1' });
      ask();
    },
  );
});

test('prints no ID token that has expired and was not renewed, and keeps what came', () => {
  const claims = Buffer.from(JSON.stringify({ iss: 'x', sub: 'a', exp: inSeconds(-1) })).toString(
    'base64url',
  );
  return kept({ refresh_token: 'r0', id_token: `e30.${claims}.s` }, async ({ file }) => {
    const { code, stdout, stderr } = await run(['token', '--id-token', file]);
    assert.equal([code, stdout], [7, '']);
    assert.match(stderr, 'does not renew the ID token, which has expired; sign in again');
    assert.is(tokensOf(file).access_token, 'new');
  });
});

test('prints a token that was just issued, though it lives for 0 seconds', () =>
  kept(
    { refresh_token: 'r0', expires_at: inSeconds(-1) },
    async ({ file }) => assert.equal(await run(['token', file]), { code: 0, stdout: 'new\n', stderr: '' }),
    (_form, response) => json(response, 200, { access_token: 'new', token_type: 'bearer', expires_in: 0 }),
  ));

test('saves the refresh token that came with a token that it cannot print', () =>
  kept(
    { refresh_token: 'r0', expires_at: inSeconds(-1) },
    async ({ file }) => {
      const { code, stdout, stderr } = await run(['token', file]);
      assert.equal([code, stdout], [1, '']);
      assert.match(stderr, 'has an access token with characters that no token may have');
      assert.is(tokensOf(file).refresh_token, 'r1');
    },
    (_form, response) =>
      json(response, 200, { access_token: 'a b', token_type: 'bearer', refresh_token: 'r1' }),
  ));

test('prints a lifetime that is too long for a date as one that ends in the year 9999', () =>
  kept({ expires_at: 1e306 }, async ({ file }) => {
    const print = async (format: string): Promise<string> =>
      (await run(['token', '--format', format, file])).stdout;
    assert.match(await print('env'), '\nexport ACCESS_TOKEN_EXPIRES_AT=253402300799\n');
    assert.match(await print('json'), /"expires_in": 25\d{10}\n/);
    assert.match(await print('exec-credential'), '"expirationTimestamp":"9999-12-31T23:59:59Z"');
  }));

/** Makes the command call this before it starts. */
const preloaded = (code: string): Record<string, string> => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}`,
});

test('prints a token that it could not save, with an error', () =>
  kept({ refresh_token: 'r0' }, async ({ file }) => {
    // The second draft that is renamed to the file has the new tokens.
    const full = `
      import fs from 'node:fs/promises';
      const { rename } = fs;
      let count = 0;
      fs.rename = (from, to) => to === ${JSON.stringify(file)} && ++count > 1
        ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
        : rename(from, to);`;
    const { code, stdout, stderr } = await run(['token', file], preloaded(full));
    assert.equal([code, stdout], [1, 'new\n']);
    assert.is(stderr, `rx-oauth-callback: ${file}: cannot be written (ENOSPC)\n`);
  }));

// As for a file system that is mounted read-only.
const readOnly = preloaded(`
  import fs from 'node:fs/promises';
  fs.mkdir = () => Promise.reject(Object.assign(new Error('read-only'), { code: 'EROFS' }));`);

test('P-30 prints a token that is still valid though its folder cannot be written', () =>
  kept({ refresh_token: 'r0', expires_at: inSeconds(55) }, async ({ as, file, text }) => {
    const { code, stdout, stderr } = await run(['token', file], readOnly);
    assert.equal([code, stdout], [0, 'CANARY-old\n'], stderr);
    assert.match(
      stderr,
      /: cannot be written \(EROFS\); the saved access token is valid for another \d+ s\n$/,
    );
    const refreshed = await run(['token', '--refresh', file], readOnly);
    assert.equal([refreshed.code, refreshed.stdout], [1, '']);
    assert.equal([readFileSync(file, 'utf8'), as.requests], [text, []]);
  }));

test('prints no token that has expired if its folder cannot be written', () =>
  kept({ refresh_token: 'r0', expires_at: inSeconds(-1) }, async ({ file }) => {
    const { code, stdout } = await run(['token', file], readOnly);
    assert.equal([code, stdout], [1, '']);
  }));

test('prints a token that is still valid though another command has the file for too long', () =>
  kept({ refresh_token: 'r0', expires_at: inSeconds(55) }, async ({ as, file }) => {
    await using holder = await startProgram('lock-holder.ts', file);
    assert.is(holder.line, 'locked');
    const { code, stdout, stderr } = await run(['token', '--timeout', '1', file]);
    assert.equal([code, stdout], [0, 'CANARY-old\n'], stderr);
    assert.match(stderr, /is still using it; the saved access token is valid for another \d+ s\n$/);
    assert.is((await run(['token', '--timeout', '1', '--refresh', file])).code, 6);
    assert.equal(as.requests, []);
  }));

test('P-30 finishes the file if a signal comes while it is written', () =>
  kept({ refresh_token: 'r0' }, async ({ file }) => {
    // The second draft that is renamed to the file has the new tokens.
    const signalled = preloaded(`
      import fs from 'node:fs/promises';
      const { rename } = fs;
      let count = 0;
      fs.rename = async (from, to) => {
        if (to === ${JSON.stringify(file)} && ++count > 1) {
          process.kill(process.pid, 'SIGTERM');
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        return rename(from, to);
      };`);
    const { code, stdout, stderr } = await run(['token', file], signalled);
    assert.equal([code, stdout], [0, 'new\n'], stderr);
    assert.match(stderr, 'Waiting up to 2 s for the new tokens to be saved;');
    assert.is(tokensOf(file).access_token, 'new');
  }));

test('P-30 saves the refresh token of an answer that is not valid, and sends that one next', () => {
  const claims = Buffer.from(JSON.stringify({ iss: 'x', sub: 'a' })).toString('base64url');
  return kept(
    { refresh_token: 'r0' },
    async ({ as, file }) => {
      const { code, stdout, stderr } = await run(['token', file]);
      assert.equal([code, stdout], [1, ''], stderr);
      assert.match(stderr, ' gave an ');
      assert.equal([tokensOf(file).refresh_token, tokensOf(file).access_token], ['CANARY-r1', 'CANARY-old']);
      await run(['token', file]);
      const sent = as.requests.filter(({ line }) => line === 'POST /token');
      assert.is(new URLSearchParams(sent.at(-1)!.body).get('refresh_token'), 'CANARY-r1');
      assert.not.match(stderr, 'CANARY');
    },
    (_form, response) =>
      json(response, 200, {
        ...{ access_token: 'new', token_type: 'bearer', refresh_token: 'CANARY-r1' },
        id_token: `e30.${claims}.c2ln`,
      }),
  );
});

for (const asked of ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'])
  test(`answers kubectl with ${asked}, if it asks for that`, () =>
    kept({ expires_at: inSeconds(600) }, async ({ file }) => {
      const info = { apiVersion: asked, kind: 'ExecCredential', spec: { interactive: false } };
      const { code, stdout } = await run(['token', '--format', 'exec-credential', file], {
        KUBERNETES_EXEC_INFO: JSON.stringify(info),
      });
      const { apiVersion, status } = JSON.parse(stdout) as {
        apiVersion: unknown;
        status: { token: unknown };
      };
      assert.equal([code, apiVersion, status.token], [0, asked, 'CANARY-old']);
    }));

for (const [info, got] of [
  ['{"apiVersion":"client.authentication.k8s.io/v1alpha1"}', '"client.authentication.k8s.io/v1alpha1"'],
  ['{"kind":"ExecCredential"}', 'no apiVersion'],
  ['null', 'no apiVersion'],
  ['CANARY', 'no apiVersion'],
] as const)
  test(`answers kubectl with an error if it asks by ${info}`, () =>
    kept({ expires_at: inSeconds(600) }, async ({ file }) => {
      const env = { KUBERNETES_EXEC_INFO: info };
      const { code, stdout, stderr } = await run(['token', '--format', 'exec-credential', file], env);
      assert.equal([code, stdout], [2, '']);
      assert.is(
        stderr,
        `rx-oauth-callback: KUBERNETES_EXEC_INFO must ask for client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1; got ${got}\n`,
      );
      // Other formats are not for kubectl.
      assert.is((await run(['token', file], env)).code, 0);
    }));

test('warns of a file that other users may read, and uses it', () =>
  kept({ expires_at: inSeconds(600) }, async ({ file }) => {
    for (const mode of [0o644, 0o640]) {
      chmodSync(file, mode);
      assert.equal(await run(['token', file]), {
        code: 0,
        stdout: 'CANARY-old\n',
        stderr: `${file} can be read by other users; run chmod go-rwx ${file}\n`,
      });
    }
    chmodSync(file, 0o600);
    assert.is((await run(['token', file])).stderr, '');
  }));

test('takes a file that begins with a byte order mark', () =>
  kept({ expires_at: inSeconds(600) }, async ({ file, text }) => {
    writeFileSync(file, `\uFEFF${text}`);
    assert.equal(await run(['token', file]), { code: 0, stdout: 'CANARY-old\n', stderr: '' });
  }));

test('asks for another file if one is damaged, and says that only a sign-in helps by its exit code', () =>
  kept({}, async ({ file, text }) => {
    for (const damaged of [text.slice(0, -2), Buffer.from(`\uFEFF${text}`, 'utf16le'), 'notes']) {
      writeFileSync(file, damaged);
      const { code, stdout, stderr } = await run(['token', file]);
      assert.equal([code, stdout], [7, '']);
      assert.is(
        stderr,
        `rx-oauth-callback: ${file}: contains something other than the tokens of a sign-in; remove it, or choose another file\n`,
      );
    }
  }));

for (const command of ['token', 'logout'])
  test(`${command} needs the name of a file`, async () => {
    const { code, stdout, stderr } = await run([command, '']);
    assert.equal([code, stdout], [2, '']);
    assert.is(stderr, 'rx-oauth-callback: <file> must name a file; got an empty text\n');
  });

test('P-21 refuses a file that another user may have written', () =>
  kept({}, async ({ as, file }) => {
    await using shell = Cli.script(`chmod 666 '${file}' && rx-oauth-callback token '${file}'`);
    const { code, stdout, stderr } = await shell.end();
    assert.equal([code, stdout, as.requests], [1, '', []]);
    assert.match(stderr, `rx-oauth-callback: ${file}: can be written by other users;`);
  }));

for (const [what, fields, flags, sentence] of [
  [
    'would end a header',
    { access_token: 'a\r\nX-Evil: 1' },
    [],
    'has an access token with characters that no token may have',
  ],
  [
    'is no bearer token, as a header',
    { token_type: 'dpop' },
    ['--format', 'header'],
    '--format header requires a token of the type bearer; the saved one is of the type dpop',
  ],
] as const)
  test(`prints no token that ${what}`, () =>
    kept(fields, async ({ file }) => {
      const { code, stdout, stderr } = await run(['token', ...flags, file]);
      assert.equal([code, stdout], [1, '']);
      assert.match(stderr, sentence);
    }));

test.run();
