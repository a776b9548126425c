import { withoutSecrets } from '../../../src/login/redaction.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('redaction of secrets');

const secret = 'a secret (1) of 32 characters !~';

test('removes a secret in each encoding of a request', () => {
  for (const sent of [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ secret }).toString().slice('secret='.length),
  ])
    assert.is(withoutSecrets(`got "${sent}", sorry`, ['another', secret]), 'got "[redacted]", sorry', sent);
});

test('removes credentials of Basic authentication', () => {
  assert.is(
    withoutSecrets('Authorization: Basic Y2xpOnM= is wrong', []),
    'Authorization: Basic [redacted] is wrong',
  );
});

test('removes a short secret as a whole word, and leaves other words readable', () => {
  assert.is(withoutSecrets('bad secret', ['r']), 'bad secret');
  assert.is(withoutSecrets('code=abc, abcd, (abc)', ['abc']), 'code=[redacted], abcd, ([redacted])');
});

test('removes a long secret inside a word', () => {
  assert.is(withoutSecrets('xlong-secretx', ['long-secret']), 'x[redacted]x');
});

test('looks for no secret in the text that replaces another', () => {
  assert.is(withoutSecrets('one-long-secret', ['one-long-secret', 'redacted']), '[redacted]');
});

test('takes no secret for a pattern', () => {
  assert.is(withoutSecrets('aaaaaaaaa', ['a{9}.*|a']), 'aaaaaaaaa');
  assert.is(withoutSecrets('[a-z]+$^\\ 😀 end', ['[a-z]+$^\\ 😀']), '[redacted] end');
});

test('removes nothing for an empty secret', () => {
  assert.is(withoutSecrets('text', ['']), 'text');
});

test.run();
