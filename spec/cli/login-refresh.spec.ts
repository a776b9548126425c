/** The command `login` with tokens that it has saved before: refreshed, or the person asked again. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from '../../examples/demo/browser.ts';
import { Tokens } from '../../src/login.ts';
import * as assert from '../helpers/assert.ts';
import { Cli, Folder, run } from '../helpers/cli.ts';
import { json } from '../helpers/issuer.ts';
import { codeOf, loginAt, tokensIn, urlOf } from '../helpers/login.ts';
import {
  confidential,
  startProvider,
  subject,
  type ProviderOptions,
  type SignInProvider,
} from '../helpers/provider.ts';
import { suite } from '../helpers/suite.ts';

const test = suite('rx-oauth-callback login, again');

interface Saved {
  as: SignInProvider;
  file: string;
  /** As the first sign-in was called. */
  args: string[];
  before: Tokens;
}

const tokensOf = (file: string): Tokens => tokensIn(readFileSync(file, 'utf8'));
const asked = ({ requests }: SignInProvider): number =>
  requests.filter((line) => line === 'GET /auth').length;

async function openFor(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Cli> {
  await using command = Cli.start(args, env);
  await new Browser().open(await urlOf(command));
  assert.is(await codeOf(command), 0, command.stderr);
  return command;
}

/** A person has signed in, and the tokens are saved. */
async function saved(options: ProviderOptions, body: (saved: Saved) => Promise<void>): Promise<void> {
  using folder = new Folder();
  await using as = await startProvider(options);
  const file = join(folder.path, 'tokens.json');
  const args = loginAt(as, '--save', file);
  await openFor(args);
  assert.is(asked(as), 1);
  await body({ as, file, args, before: tokensOf(file) });
}

test('refreshes what it has saved, asks nobody, and shows no token', () =>
  saved({}, async ({ as, file, args, before }) => {
    const { code, stdout, stderr } = await run(args);
    assert.equal(
      [code, stdout, stderr],
      [0, '', `Refreshing the tokens in ${file}; to sign in anew, remove it.\nSigned in at ${as.issuer}.\n`],
    );
    const after = tokensOf(file);
    assert.is(after.claims?.sub, subject);
    for (const name of ['access_token', 'refresh_token'] as const)
      assert.ok(after[name] !== before[name] && !stderr.includes(after[name]!), name);
    assert.equal([asked(as), statSync(file).mode & 0o777], [1, 0o600]);
    // With the refresh token that has come.
    assert.is((await run(args)).code, 0);
    assert.is.not(tokensOf(file).access_token, after.access_token);
  }));

test('takes no tokens of somebody else in a refresh, and leaves those that are there', async () => {
  let who = subject;
  const configuration = {
    findAccount: (_context: unknown, accountId: string) => {
      const sub = accountId === subject ? who : accountId;
      return { accountId: sub, claims: () => ({ sub }) };
    },
  };
  await saved({ configuration }, async ({ as, file, args, before }) => {
    who = 'somebody-else';
    const { code, stdout, stderr } = await run(args);
    assert.equal([code, stdout], [1, '']);
    assert.match(
      stderr,
      `rx-oauth-callback: the token endpoint of ${as.issuer} gave the ID token of somebody else\n`,
    );
    assert.equal(tokensOf(file).toDict(), before.toDict());
    assert.is(asked(as), 1);
  });
});

test('asks the person where the server takes the refresh token no more', () =>
  saved({}, async ({ as, file, args, before }) => {
    assert.is((await run(args)).code, 0);
    // That one is used up.
    using folder = new Folder();
    const old = folder.write('tokens.json', JSON.stringify(before.toDict()));
    const again = args.map((each) => (each === file ? old : each));
    const { stderr } = await openFor(again);
    assert.match(stderr, 'The authorization server does not refresh them (invalid_grant).\n');
    assert.is(asked(as), 2);
    assert.is(tokensOf(old).claims?.sub, subject);
  }));

test('ends with 4 where nobody answers a refresh, and leaves what is there', async () => {
  let away = false;
  const intercept: ProviderOptions['intercept'] = ({ url }, response) => {
    if (url === '/token' && away) response.destroy();
    return url === '/token' && away;
  };
  await saved({ intercept }, async ({ as, file, args, before }) => {
    away = true;
    const { code, stderr } = await run(args);
    assert.is(code, 4, stderr);
    assert.match(stderr, 'cannot be reached');
    assert.equal([tokensOf(file).toDict(), asked(as)], [before.toDict(), 1]);
  });
});

test('ends by Ctrl-C while nobody answers a refresh, and leaves what is there', async () => {
  let isAsked: (() => void) | undefined;
  const asking = new Promise<void>((resolve) => (isAsked = resolve));
  let silent = false;
  const intercept: ProviderOptions['intercept'] = ({ url }) => {
    if (url === '/token' && silent) isAsked?.();
    return url === '/token' && silent;
  };
  await saved({ intercept }, async ({ file, args, before }) => {
    silent = true;
    await using command = Cli.start(args);
    await assert.deadline(asking, 15_000, 'the refresh');
    command.signal('SIGINT');
    assert.is(await codeOf(command, 5_000), 130, command.stderr);
    assert.equal(tokensOf(file).toDict(), before.toDict());
  });
});

test('refreshes for a client that has a secret, which is sent as it is told', async () => {
  const headers: (string | undefined)[] = [];
  const intercept: ProviderOptions['intercept'] = ({ url, headers: { authorization } }) => {
    if (url === '/token') headers.push(authorization?.split(' ')[0]);
    return false;
  };
  using folder = new Folder();
  await using as = await startProvider({ intercept });
  const { id, secret } = confidential;
  const env = { RX_OAUTH_CALLBACK_CLIENT_SECRET: secret };
  const file = join(folder.path, 'tokens.json');
  const args = ['login', '--issuer', as.issuer, '--client-id', id, '--scope', 'openid', '--save', file];
  await openFor(args, env);
  for (const more of [[], ['--client-auth', 'post']]) {
    const before = tokensOf(file).access_token;
    const { code, stderr } = await run([...args, ...more], env);
    assert.equal([code, asked(as)], [0, 1], stderr);
    assert.not.match(stderr, secret);
    assert.is.not(tokensOf(file).access_token, before);
  }
  assert.equal(headers, ['Basic', 'Basic', undefined]);
});

test('needs no --client-id for what it has saved, and no scope', () =>
  saved({}, async ({ as, file, before }) => {
    assert.is((await run(['login', '--issuer', as.issuer, '--save', file])).code, 0);
    assert.is.not(tokensOf(file).access_token, before.access_token);
    assert.is(asked(as), 1);
  }));

test('asks the person for whatever is not what it has saved', () =>
  saved({}, async ({ as, file, args, before }) => {
    await using other = await startProvider();
    const [, , , , id = ''] = args;
    const kept = before.toDict();
    for (const [what, content, more] of [
      ['another scope', kept, ['--scope', 'openid notes']],
      ['something to show on the page', kept, ['--param', 'prompt=login']],
      ['another client', { ...kept, client_id: 'another' }, []],
      ['another issuer', { ...kept, issuer: other.issuer }, []],
      ['no refresh token', { ...kept, refresh_token: undefined }, []],
      ['an ID token that is none', { ...kept, id_token: 'x.y.z' }, []],
      ['no tokens', { ...kept, access_token: 5 }, []],
    ] as const) {
      using folder = new Folder();
      const copy = folder.write('tokens.json', JSON.stringify(content));
      const call = [...args.map((each) => (each === file ? copy : each)), ...more];
      const before = asked(as);
      const { stderr } = await openFor(call);
      assert.not.match(stderr, 'Refreshing', what);
      assert.equal([asked(as), tokensOf(copy).client_id], [before + 1, id], what);
    }
    assert.equal(other.requests, []);
  }));

test('says no secret of a refresh that is refused', () => {
  let refused = false;
  const intercept: ProviderOptions['intercept'] = async (request, response) => {
    if (request.url !== '/token' || !refused) return false;
    let body = '';
    for await (const chunk of request) body += String(chunk);
    json(response, 400, { error: 'invalid_grant', error_description: body });
    return true;
  };
  return saved({ intercept }, async ({ args, before }) => {
    refused = true;
    await using command = Cli.start(args);
    await urlOf(command);
    assert.match(command.stderr, 'does not refresh them (invalid_grant)');
    assert.not.match(command.stderr, before.refresh_token!);
  });
});

test.run();
