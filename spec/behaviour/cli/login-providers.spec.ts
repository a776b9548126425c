/** The command `login`, built, at providers that each want something else. Only the issuer and the client are given. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from '../../../src/testing/browser.ts';
import { clientMetadata, Tokens } from '../../../src/login.ts';
import { visit } from '../../../src/testing.ts';
import { announcing } from '../../helpers/announced.ts';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder, run } from '../../helpers/cli.ts';
import { deviceGrant, enterCode } from '../../helpers/device.ts';
import { json, startIssuer } from '../../helpers/issuer.ts';
import { codeOf, loginAt, tokensIn, urlOf } from '../../helpers/login.ts';
import {
  clientId,
  confidential,
  native,
  redirectOf,
  startProvider,
  subject,
  type ProviderOptions,
  type SignInProvider,
} from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('login at each kind of provider');

type Configuration = NonNullable<ProviderOptions['configuration']>;

const documentUrl = 'https://client.example/cli.json';
const withFeatures = (features: object): Configuration => ({
  features: { devInteractions: { enabled: false }, ...features },
});
const publicClient = { ...native, client_id: clientId, token_endpoint_auth_method: 'none' };
const confidentialBy = (method: string): Configuration => ({
  clientAuthMethods: [method, 'none'],
  clients: [
    {
      ...native,
      client_id: confidential.id,
      client_secret: confidential.secret,
      token_endpoint_auth_method: method,
    },
  ],
});

interface Profile extends ProviderOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Signs in as the user; by default in a browser. */
  readonly sign?: (command: Cli) => Promise<unknown>;
}

const inBrowser = async (command: Cli): Promise<unknown> => new Browser().open(await urlOf(command));

async function onDevice(command: Cli): Promise<unknown> {
  const shown = /open this on any device:\n\n {2}(\S+)\n\nand enter the code: (\S+)\n/;
  await command.sees(shown, 'stderr');
  const [, uri, code = ''] = shown.exec(command.stderr) ?? [];
  const url = new URL(uri!);
  url.searchParams.set('user_code', code);
  return enterCode({ verificationUriComplete: url.href });
}

const secret = { RX_OAUTH_CALLBACK_CLIENT_SECRET: confidential.secret };

const profiles: Readonly<Record<string, Profile>> = {
  'form_post only': {
    intercept: announcing({ response_modes_supported: ['form_post'] }),
    sign: async (command) => visit(await urlOf(command)),
  },
  'pushed requests only': {
    configuration: withFeatures({
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
    }),
  },
  'devices only': {
    configuration: deviceGrant,
    intercept: announcing({ authorization_endpoint: undefined }),
    sign: onDevice,
  },
  'devices beside the redirect': { configuration: deviceGrant, args: ['--device'], sign: onDevice },
  'client metadata documents only': {
    configuration: {
      ...withFeatures({ clientIdMetadataDocument: { enabled: true, ack: 'draft-02' } }),
      clients: [],
      fetch: () => Promise.resolve(Response.json(clientMetadata({ url: documentUrl }))),
    },
    args: ['--client-metadata-url', documentUrl],
  },
  'bound tokens only': {
    configuration: { clients: [{ ...publicClient, dpop_bound_access_tokens: true }] },
    args: ['--dpop'],
  },
  'confidential clients by client_secret_basic': {
    configuration: confidentialBy('client_secret_basic'),
    args: ['--client-id', confidential.id],
    env: secret,
  },
  'confidential clients by client_secret_post': {
    configuration: confidentialBy('client_secret_post'),
    args: ['--client-id', confidential.id],
    env: secret,
  },
};

function argsAt({ issuer }: SignInProvider, args: readonly string[]): string[] {
  const client = args.some((each) => each.startsWith('--client')) ? [] : ['--client-id', clientId];
  return ['login', '--issuer', issuer, '--scope', 'openid', ...client, ...args];
}

for (const [name, { args = [], env = {}, sign = inBrowser, ...provider }] of Object.entries(profiles))
  test(`signs in at a provider with ${name}`, async () => {
    await using as = await startProvider(provider);
    await using command = Cli.start(argsAt(as, args), env);
    await sign(command);
    assert.is(await codeOf(command), 0, command.stderr);
    assert.is(tokensIn(command.stdout).claims?.sub, subject);
  });

test('saves the key with the tokens, uses it in another command, and never prints it there', async () => {
  const { configuration } = profiles['bound tokens only']!;
  await using as = await startProvider({ configuration: configuration! });
  using folder = new Folder();
  const file = join(folder.path, 'tokens.json');
  await using command = Cli.start(argsAt(as, ['--dpop', '--save', file]));
  await inBrowser(command);
  assert.is(await codeOf(command), 0, command.stderr);
  const saved = Tokens.fromDict(JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>);
  assert.equal([saved.token_type, statSync(file).mode & 0o777], ['dpop', 0o600]);
  const { code, stdout, stderr } = await run(['token', '--refresh', '--format', 'json', file]);
  assert.is(code, 0, stderr);
  const { d } = saved.dpopKey!.toJwk() as { d: string };
  const printed = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal([printed['token_type'], printed['dpop_jkt']], ['dpop', saved.dpopKey!.thumbprint]);
  assert.not.match(stdout + stderr + command.stderr, d);
  assert.is.not(printed['access_token'], saved.access_token);
});

test('offers a code beside the URL, with a QR code on a terminal without a browser', async () => {
  await using as = await startProvider({ configuration: deviceGrant });
  await using command = Cli.onTerminal(loginAt(as, '--no-browser'));
  await command.sees(/Or sign in on another device: open \S+ and enter the code \S+/);
  await command.sees(/█ ▄▄▄▄▄ █/);
  await inBrowser(command);
  assert.is(await codeOf(command), 0, command.stdout);
});

test('shows no code with --no-device', async () => {
  await using as = await startProvider({ configuration: deviceGrant });
  await using command = Cli.start(loginAt(as, '--no-device'));
  await inBrowser(command);
  assert.is(await codeOf(command), 0);
  assert.not.ok(as.requests.includes('POST /device/auth'));
  assert.not.match(command.stderr, 'another device');
});

test('asks for form_post and a pushed request by flags, and takes no pasted text then', async () => {
  await using as = await startProvider();
  await using command = Cli.start(loginAt(as, '--response-mode', 'form_post', '--par'));
  const url = await urlOf(command);
  assert.ok(url.searchParams.has('request_uri'));
  assert.is((await visit(url)).status, 200);
  assert.is(await codeOf(command), 0, command.stderr);
  assert.not.match(command.stderr, /paste/i);
});

test('takes a pasted address though the request was pushed', async () => {
  await using as = await startProvider();
  await using command = Cli.start(loginAt(as, '--par'));
  command.press(`${(await redirectOf(as, await urlOf(command))).href}\n`);
  assert.is(await codeOf(command), 0, command.stderr);
});

test('ends with 4 before a browser opens if the metadata does not keep what it promises', async () => {
  await using as = await startIssuer({ metadata: { require_pushed_authorization_requests: true } });
  const { code, stdout, stderr } = await run(loginAt(as));
  assert.equal([code, stdout], [4, '']);
  assert.match(
    stderr,
    `the issuer ${as.issuer} has require_pushed_authorization_requests in its metadata, but no pushed_authorization_request_endpoint`,
  );
});

test('ends with 5 before a browser opens if the server rejects the pushed request', async () => {
  await using as = await startIssuer({
    metadata: (issuer) => ({ pushed_authorization_request_endpoint: `${issuer}/par` }),
    posts: { '/par': (_form, response) => json(response, 400, { error: 'invalid_scope' }) },
  });
  const { code, stderr } = await run(loginAt(as, '--par'));
  assert.is(code, 5);
  assert.match(stderr, 'answered invalid_scope');
  assert.not.match(stderr, 'To sign in, open');
});

test.run();
