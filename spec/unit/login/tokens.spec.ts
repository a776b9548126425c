import { inspect } from 'node:util';
import { Tokens } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';
import { tokenFields } from '../../helpers/tokens.ts';

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

test('leaves out fields that it was not given', () => {
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

test('equals tokens with the same wire fields, in any order, and no other', () => {
  const tokens = Tokens.fromDict({ ...tokenFields, details: { a: [1], b: 2 } });
  const reversed = Object.fromEntries(Object.entries(tokens.toDict()).reverse());
  assert.ok(tokens.equals(tokens));
  assert.ok(tokens.equals(Tokens.fromDict({ ...reversed, details: { b: 2, a: [1] } })));
  for (const name of Object.keys(reversed)) {
    if (name !== 'details')
      assert.not.ok(tokens.equals(Tokens.fromDict({ ...reversed, [name]: other(reversed[name]) })), name);
    if (['issuer', 'client_id', 'access_token', 'token_type'].includes(name)) continue;
    const rest = Object.fromEntries(Object.entries(reversed).filter(([each]) => each !== name));
    assert.not.ok(tokens.equals(Tokens.fromDict(rest)), `without ${name}`);
  }
  assert.not.ok(tokens.equals(Tokens.fromDict({ ...reversed, details: { a: [2], b: 2 } })));
  assert.not.ok(tokens.equals(Tokens.fromDict({ ...reversed, more: 1 })));
});

const other = (value: unknown): unknown =>
  typeof value === 'number' ? value + 1 : `${value as string} else`;

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
