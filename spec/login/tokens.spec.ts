import { inspect } from 'node:util';
import { Tokens } from '../../src/login.ts';
import * as assert from '../helpers/assert.ts';
import { suite } from '../helpers/suite.ts';
import { tokenFields } from '../helpers/tokens.ts';

const test = suite('Tokens');

test('has its fields under their wire names, and the claims of its ID token', () => {
  const tokens = Tokens.fromDict(tokenFields);
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
  assert.equal(tokens.toDict(), tokenFields);
  assert.equal(Tokens.fromDict(tokens.toDict()).toDict(), tokenFields);
});

test('is without what it was not given', () => {
  const { issuer, client_id, access_token, token_type } = tokenFields;
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
    const error = assert.throws(() => Tokens.fromDict({ ...tokenFields, [name]: value }), 'invalid_option');
    assert.match(error.message, new RegExp(`^${name} must be`));
    assert.not.match(error.message, 'CANARY');
  });
}

test.run();
