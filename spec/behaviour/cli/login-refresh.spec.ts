/** The command `login` with tokens that it has saved before: refreshed, or the person asked again. */
import { readFileSync, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Browser } from '../../../src/testing/browser.ts';
import { Tokens } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder, run } from '../../helpers/cli.ts';
import { visit } from '../../helpers/http.ts';
import { comingBack, json, startIssuer, type Issuer } from '../../helpers/issuer.ts';
import { codeOf, loginAt, tokensIn, urlOf } from '../../helpers/login.ts';
import {
  confidential,
  startProvider,
  subject,
  type ProviderOptions,
  type SignInProvider,
} from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';

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
  const args = loginAt(as, '--save', file, '--refresh');
  await openFor(args);
  assert.is(asked(as), 1);
  await body({ as, file, args, before: tokensOf(file) });
}

test('refreshes saved tokens without a browser, and shows no token', () =>
  saved({}, async ({ as, file, args, before }) => {
    const { code, stdout, stderr } = await run(args);
    assert.equal(
      [code, stdout, stderr],
      [
        0,
        '',
        `Refreshing the tokens in ${file}; to sign in anew, remove it.\nRefreshed the tokens of ${as.issuer}.\n`,
      ],
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

test('rejects the tokens of another user in a refresh, and keeps the saved ones', async () => {
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
      `rx-oauth-callback: the token endpoint of ${as.issuer} returned the ID token of another user\n`,
    );
    assert.equal(tokensOf(file).toDict(), before.toDict());
    assert.is(asked(as), 1);
  });
});

test('signs in anew if the server rejects the refresh token', () =>
  saved({}, async ({ as, file, args, before }) => {
    assert.is((await run(args)).code, 0);
    // That one is used up.
    using folder = new Folder();
    const old = folder.write('tokens.json', JSON.stringify(before.toDict()));
    const again = args.map((each) => (each === file ? old : each));
    const { stderr } = await openFor(again);
    assert.match(stderr, 'The authorization server rejected the refresh (invalid_grant).\n');
    assert.is(asked(as), 2);
    assert.is(tokensOf(old).claims?.sub, subject);
  }));

type TokenAnswer = (response: ServerResponse) => void;

const challenge = { 'Content-Type': 'application/json', 'WWW-Authenticate': 'Basic realm="as"' };
const form = { 'Content-Type': 'application/x-www-form-urlencoded' };

const rejections: readonly (readonly [what: string, answer: TokenAnswer, told: string])[] = [
  [
    'a challenge and an error',
    (response) => response.writeHead(401, challenge).end('{"error":"invalid_client"}'),
    'invalid_client',
  ],
  [
    'a challenge only',
    (response) => response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="as"' }).end(),
    '401',
  ],
  [
    '200 and an error',
    (response) => json(response, 200, { error: 'bad_refresh_token' }),
    'bad_refresh_token',
  ],
  ['a form', (response) => response.writeHead(400, form).end('error=invalid_grant'), 'invalid_grant'],
  ['an error of its own', (response) => json(response, 400, { message: 'expired', code: 17 }), '400'],
  ['410 and nothing', (response) => response.writeHead(410).end(), '410'],
];

/** The server registers clients. The file has tokens of one that it does not know, whose refresh it answers so. */
async function purged(
  answer: TokenAnswer,
  body: (of: { as: Issuer; file: string; args: string[]; text: string }) => Promise<void>,
): Promise<void> {
  using folder = new Folder();
  await using as = await startIssuer({
    register: (asked, response) => json(response, 201, { ...asked, client_id: 'made' }),
    token: (asked, response) =>
      asked.get('grant_type') === 'refresh_token'
        ? answer(response)
        : json(response, 200, { access_token: 'new', token_type: 'bearer' }),
  });
  const old = { issuer: as.issuer, client_id: 'purged', access_token: 'old', token_type: 'bearer' };
  const text = JSON.stringify({ ...old, refresh_token: 'CANARY-refresh-token' });
  const file = folder.write('tokens.json', text);
  await body({ as, file, args: ['login', '--issuer', as.issuer, '--save', file], text });
}

for (const [what, answer, told] of rejections)
  test(`registers and signs in anew if a refresh is rejected with ${what}`, () =>
    purged(answer, async ({ as, file, args }) => {
      await using command = Cli.start(args);
      await visit(comingBack(await urlOf(command), { code: 'c' }));
      assert.is(await codeOf(command), 0, command.stderr);
      assert.match(command.stderr, `The authorization server rejected the refresh (${told}).\n`);
      const { client_id, access_token } = tokensOf(file);
      assert.equal([client_id, access_token], ['made', 'new']);
      const posted = as.requests.filter(({ line }) => line.startsWith('POST')).map(({ line }) => line);
      assert.equal(posted, ['POST /token', 'POST /register', 'POST /token']);
    }));

test('registers no client in place of one that the user has named', () =>
  purged(rejections[0]![1], async ({ as, file, args, text }) => {
    const { code, stderr } = await run([...args, '--client-id', 'purged']);
    assert.is(code, 4, stderr);
    assert.match(stderr, 'answered invalid_client');
    assert.is(readFileSync(file, 'utf8'), text);
    assert.not.ok(as.requests.some(({ line }) => line === 'POST /register'));
  }));

for (const [what, answer] of [
  ['503', (response) => response.writeHead(503).end()],
  ['429', (response) => response.writeHead(429).end()],
  ['403 of a firewall', (response) => response.writeHead(403, { 'Content-Type': 'text/html' }).end('<h1>No')],
  ['404 of a proxy', (response) => response.writeHead(404).end()],
  ['500 and an error', (response) => json(response, 500, { error: 'server_error' })],
  ['400 and an error that passes', (response) => json(response, 400, { error: 'temporarily_unavailable' })],
] as readonly (readonly [string, TokenAnswer])[])
  test(`asks the user nothing if a refresh is answered ${what}`, () =>
    purged(answer, async ({ as, file, args, text }) => {
      const { code, stderr } = await run(args);
      assert.is(code, 1, stderr);
      assert.is(readFileSync(file, 'utf8'), text);
      assert.not.ok(as.requests.some(({ line }) => line === 'POST /register'));
    }));

test('ends with 4 if no server answers a refresh, and keeps the saved tokens', async () => {
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

test('ends by Ctrl-C while no server answers a refresh, and keeps the saved tokens', async () => {
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
    await assert.deadline(asking, 'the refresh');
    command.signal('SIGINT');
    assert.is(await codeOf(command), 130, command.stderr);
    assert.match(
      command.stderr,
      'Waiting up to 2 s for the new tokens to be saved; Ctrl-C stops immediately.\n',
    );
    assert.equal(tokensOf(file).toDict(), before.toDict());
  });
});

test('refreshes with the secret of a client, sent as --client-auth says', async () => {
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
  const args = [
    'login',
    '--issuer',
    as.issuer,
    '--client-id',
    id,
    '--scope',
    'openid',
    '--save',
    file,
    '--refresh',
  ];
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

test('needs neither --client-id nor scope for saved tokens', () =>
  saved({}, async ({ as, file, before }) => {
    assert.is((await run(['login', '--issuer', as.issuer, '--save', file, '--refresh'])).code, 0);
    assert.is.not(tokensOf(file).access_token, before.access_token);
    assert.is(asked(as), 1);
  }));

test('signs in anew if an option differs from what was saved', () =>
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

test('shows no secret of a rejected refresh', () => {
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
    assert.match(command.stderr, 'rejected the refresh (invalid_grant)');
    assert.not.match(command.stderr, before.refresh_token!);
  });
});

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds;

/** The file has tokens with these fields; each refresh gives another access token. */
async function kept(
  fields: Readonly<Record<string, unknown>>,
  body: (of: { as: Issuer; file: string; args: string[]; text: string }) => Promise<void>,
): Promise<void> {
  using folder = new Folder();
  await using as = await startIssuer({
    token: (_form, response) =>
      json(response, 200, { access_token: 'new', token_type: 'bearer', expires_in: 600 }),
  });
  const old = { issuer: as.issuer, client_id: 'c', access_token: 'CANARY-old', token_type: 'bearer' };
  const text = JSON.stringify({ ...old, ...fields });
  const file = folder.write('tokens.json', text);
  await body({ as, file, args: ['login', '--issuer', as.issuer, '--client-id', 'c', '--save', file], text });
}

for (const [what, more] of [
  ['without a refresh token', {}],
  ['with one', { refresh_token: 'CANARY-refresh' }],
  ['for longer than a date can say', { expires_at: 9.2e18 }],
] as const)
  test(`P-22 uses saved tokens that are still valid, ${what}, and asks nobody`, () =>
    kept({ expires_at: inSeconds(3_600), ...more }, async ({ as, file, args, text }) => {
      const { code, stdout, stderr } = await run(args);
      assert.equal([code, stdout, as.requests], [0, '', []], stderr);
      assert.match(
        stderr,
        /^The access token in \S+ is valid for another \d+ \S+(?: \d+ \S+)?; to get a new one, pass --refresh\.\nAlready signed in at \S+\.\n$/,
      );
      assert.not.match(stderr, 'CANARY');
      assert.is(readFileSync(file, 'utf8'), text);
    }));

for (const [what, more, flags] of [
  ['expire within the minute', { expires_at: inSeconds(50) }, []],
  ['have expired', { expires_at: inSeconds(-1) }, []],
  ['do not say when they expire', {}, []],
  ['are for another resource', { expires_at: inSeconds(3_600) }, ['--resource', 'https://api.example']],
  ['are not wanted', { expires_at: inSeconds(3_600) }, ['--refresh']],
] as const)
  test(`P-22 refreshes saved tokens that ${what}`, () =>
    kept({ refresh_token: 'CANARY-refresh', ...more }, async ({ as, file, args }) => {
      const { code, stderr } = await run([...args, ...flags]);
      assert.is(code, 0, stderr);
      assert.match(stderr, 'Refreshing the tokens');
      const { body = '' } = as.requests.find(({ line }) => line === 'POST /token') ?? {};
      assert.is(new URLSearchParams(body).get('refresh_token'), 'CANARY-refresh');
      assert.is(tokensOf(file).access_token, 'new');
      // The next command with the same flags uses the tokens that this one has saved.
      const asked = as.requests.length;
      const { stderr: again } = await run([...args, ...flags.filter((flag) => flag !== '--refresh')]);
      assert.match(again, 'is valid for another');
      assert.is(as.requests.length, asked);
    }));

test('P-22 signs in anew if saved tokens are about to expire and cannot be refreshed', () =>
  kept({ expires_at: inSeconds(50) }, async ({ file, args }) => {
    await using command = Cli.start(args);
    await visit(comingBack(await urlOf(command), { code: 'c' }));
    assert.is(await codeOf(command), 0, command.stderr);
    assert.is(tokensOf(file).access_token, 'new');
  }));

test.run();
