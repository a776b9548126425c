import { inspect } from 'node:util';
import { Tokens } from '../../src/login.ts';
import * as assert from '../helpers/assert.ts';
import { suite } from '../helpers/suite.ts';

const test = suite('Tokens');

const payload = Buffer.from(JSON.stringify({ iss: 'https://as.example', sub: 'ada' })).toString('base64url');
const fields = {
  issuer: 'https://as.example',
  client_id: 'c',
  access_token: 'CANARY-access',
  token_type: 'bearer',
  refresh_token: 'CANARY-refresh',
  id_token: `CANARY.${payload}.CANARY`,
  scope: 'openid',
  expires_in: 600,
  expires_at: 1_800_000_000,
  session: 'CANARY-extension',
};

test('has its fields under their wire names, and the claims of its ID token', () => {
  const tokens = Tokens.fromDict(fields);
  assert.equal(
    [
      tokens.issuer,
      tokens.client_id,
      tokens.access_token,
      tokens.token_type,
      tokens.refresh_token,
      tokens.scope,
    ],
    ['https://as.example', 'c', 'CANARY-access', 'bearer', 'CANARY-refresh', 'openid'],
  );
  assert.equal([tokens.expiresAt, tokens.claims?.sub], [1_800_000_000_000, 'ada']);
  assert.equal(tokens.toDict(), fields);
  assert.equal(Tokens.fromDict(tokens.toDict()).toDict(), fields);
});

test('is without what it was not given', () => {
  const { issuer, client_id, access_token, token_type } = fields;
  const tokens = Tokens.fromDict({ issuer, client_id, access_token, token_type });
  assert.equal(
    [tokens.refresh_token, tokens.id_token, tokens.scope, tokens.expiresAt, tokens.claims],
    [undefined, undefined, undefined, undefined, undefined],
  );
  assert.equal(Object.keys(tokens.toJSON()), [
    'issuer',
    'client_id',
    'token_type',
    'scope',
    'expires_at',
    'access_token',
  ]);
});

for (const [name, value] of [
  ['issuer', undefined],
  ['client_id', ''],
  ['access_token', 5],
  ['token_type', null],
  ['refresh_token', 5],
  ['id_token', {}],
  ['expires_at', '1800000000'],
] as const) {
  test(`refuses a record with the ${name} ${inspect(value)}`, () => {
    const error = assert.throws(() => Tokens.fromDict({ ...fields, [name]: value }), 'invalid_option');
    assert.match(error.message, new RegExp(`^${name} must be`));
    assert.not.match(error.message, 'CANARY');
  });
}

test.run();
