import { codeChallenge } from '../../../src/model/pkce.ts';
import { randomToken } from '../../../src/base/random.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('pkce');

test('B-12 derives the challenge of RFC 7636 appendix B', () => {
  assert.is(
    codeChallenge('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'),
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  );
});

test('B-12 makes tokens of 43 to 128 unreserved characters', () => {
  assert.match(randomToken(), /^[A-Za-z0-9\-._~]{43,128}$/);
});

test('B-01 makes 100,000 tokens, all distinct, with as many ones as zeros', () => {
  const count = 100_000;
  const tokens = Array.from({ length: count }, randomToken);
  assert.is(new Set(tokens).size, count);
  const bytes = Buffer.concat(tokens.map((token) => Buffer.from(token, 'base64url')));
  assert.is(bytes.length, count * 32);
  const onesOf = Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);
  let ones = 0;
  for (const byte of bytes) ones += onesOf[byte]!;
  const bits = bytes.length * 8;
  // Six standard deviations: a fair coin gets there once in 500 million runs.
  const bound = (6 * Math.sqrt(bits)) / 2;
  assert.ok(Math.abs(ones - bits / 2) < bound, `${ones} ones in ${bits} bits`);
});

test.run();
