/** Scopes that a sign-in requests, by who names them. */
import { scopesToRequest } from '../../../src/mcp/scopes.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('scopes to request');

const issuer = 'https://as.example';
const plain = { issuer };
const offline = { issuer, scopes_supported: ['openid', 'offline_access'] };

test('those of the program win, and are taken as they are', () => {
  assert.is(scopesToRequest({ own: 'notes', named: 'mcp:use' }, offline), 'notes');
  assert.is(
    scopesToRequest({ own: 'notes', named: 'mcp:use', further: 'mail notes' }, offline),
    'notes mail',
  );
});

test('those that the server names come next, with offline_access if the authorization server lists it', () => {
  assert.is(scopesToRequest({ own: undefined, named: 'mcp:use' }, plain), 'mcp:use');
  assert.is(scopesToRequest({ own: undefined, named: 'mcp:use' }, offline), 'mcp:use offline_access');
  assert.is(
    scopesToRequest({ own: undefined, named: 'offline_access a', further: 'b' }, offline),
    'offline_access a b',
  );
});

test('without any, the authorization server decides', () => {
  assert.is(scopesToRequest({ own: undefined, named: undefined }, offline), undefined);
  assert.is(scopesToRequest({ own: undefined, named: undefined, further: 'a' }, offline), 'a offline_access');
});

test.run();
