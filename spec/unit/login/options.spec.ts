import { show } from '../../../src/base/validate.ts';
import { refresh, signIn, Tokens, type SignInOptions } from '../../../src/login.ts';
import { createOAuthCallbackServer, InvalidOptionError } from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('options of signIn');
const issuer = 'https://as.example';
const clientId = 'c';

const bad: readonly (readonly [option: string, options: Record<string, unknown>, saying: string])[] = [
  ...[undefined, null, 5].map((each) => ['issuer', { issuer: each }, 'must be a string'] as const),
  ...['', 'as.example', 'https://as.example?x=1', 'https://as.example/#x', 'https://u:p@as.example'].map(
    (each) => ['issuer', { issuer: each }, `query and fragment; got ${show(each)}`] as const,
  ),
  ...[
    'http://as.example',
    'ftp://as.example',
    'http://127.0.0.1.nip.io',
    'http://localhost.evil.example',
  ].map(
    (each) =>
      [
        'issuer',
        { issuer: each },
        `must be https, or http on loopback; got ${JSON.stringify(each)}`,
      ] as const,
  ),
  [
    'metadata',
    { metadata: { issuer: 'https://evil.example' } },
    'must be of the issuer "https://as.example"',
  ],
  ['clientId', { clientId: '' }, 'must not be empty'],
  ['clientId', { clientId: 5 }, 'must be a string'],
  ['scope', { scope: 5 }, 'must be a string'],
  ['scope[1]', { scope: ['openid', 5] }, 'must be a string'],
  [
    'pushedAuthorizationRequest',
    { pushedAuthorizationRequest: 'yes' },
    'must be one of true, false; got "yes"',
  ],
  ['clientSecret', { clientSecret: '' }, 'must be a non-empty string'],
  ['clientSecret', { clientId: undefined, clientSecret: 'CANARY' }, 'requires the clientId'],
  ['clientAuthentication', { clientSecret: 'CANARY', clientAuthentication: 'none' }, 'must be one of'],
  ['clientAuthentication', { clientAuthentication: 'client_secret_post' }, 'requires a clientSecret'],
  ['device', { device: 'maybe' }, 'must be one of "beside", "only", "never"; got "maybe"'],
  ['dpop', { dpop: { kty: 'CANARY' } }, 'must be a DpopKey; got an object'],
  ['timeout', { timeout: 0 }, 'from 1 to 86400000; got 0'],
  ['timeout', { timeout: '5' }, 'got "5"'],
  ['server', { host: createOAuthCallbackServer(), server: {} }, 'leave it out if host is given'],
  ['port', { server: { port: 70_000 } }, 'got 70000'],
  ['parameters.state', { parameters: { state: 'x' } }, 'is set by the sign-in itself'],
  ['parameters.scope', { parameters: { scope: 'x' } }, 'is set by the sign-in itself'],
  ['clientID', { clientID: 'x' }, 'is not an option of signIn'],
];

for (const [option, change, saying] of bad) {
  test(`${option} ${saying}`, () => {
    const options = { issuer, clientId, ...change } as unknown as SignInOptions;
    const error = assert.throws(() => signIn(options), InvalidOptionError);
    assert.is(error.option, option);
    assert.match(error.message, saying);
    assert.not.match(error.message, 'CANARY');
  });
}

test('accepts valid options', () => {
  for (const each of [
    'https://as.example/tenant',
    'http://127.0.0.1:8080',
    'http://[::1]:1',
    'http://localhost:8080',
  ])
    signIn({ issuer: each, clientId });
});

test('refresh needs a refresh token, and rejects unknown options', () => {
  const tokens = Tokens.fromDict({ issuer, client_id: 'c', access_token: 'CANARY', token_type: 'bearer' });
  assert.match(
    assert.throws(() => refresh(tokens), InvalidOptionError).message,
    'tokens must have a refresh_token',
  );
  const options = { secret: 'CANARY' } as object;
  assert.match(
    assert.throws(() => refresh(tokens, options), InvalidOptionError).message,
    'secret is not an option',
  );
});

test.run();
