import { commonScopes, includesScopes, offlineAccess, unionOf } from '../../../src/mcp/scopes.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('scopes');

test('unionOf joins in order, without repeating one', () => {
  assert.is(unionOf('a b', undefined, 'b c', '', ' a '), 'a b c');
  assert.is(unionOf(undefined, '', ' '), undefined);
  assert.is(unionOf(), undefined);
});

const inclusions: readonly (readonly [all: string | undefined, some: string | undefined, is: boolean])[] = [
  ['a b', 'b a', true],
  ['a b', 'a', true],
  ['a', 'a b', false],
  ['ab', 'a', false],
  [undefined, 'a', false],
  [undefined, undefined, true],
  ['a', '', true],
];

for (const [all, some, is] of inclusions)
  test(`includesScopes: ${all} ${is ? 'has' : 'has not'} ${some}`, () => {
    assert.is(includesScopes(all, some), is);
  });

test('commonScopes are those of both', () => {
  assert.is(commonScopes('a b c', 'c a d'), 'a c');
  assert.is(commonScopes('a', 'b'), undefined);
  assert.is(commonScopes(undefined, 'b'), undefined);
});

test('offlineAccess is a scope only where it is listed', () => {
  const metadata = { issuer: 'https://as.example' };
  assert.is(offlineAccess({ ...metadata, scopes_supported: ['openid', 'offline_access'] }), 'offline_access');
  assert.is(offlineAccess({ ...metadata, scopes_supported: ['openid'] }), undefined);
  assert.is(offlineAccess(metadata), undefined);
});

test.run();
