import { randomBytes } from 'node:crypto';
import { requireStrong } from '../../../src/base/validate.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('strong states');

const alphabets: Readonly<Record<string, string>> = {
  octal: '01234567',
  decimal: '0123456789',
  hexadecimal: '0123456789abcdef',
  base64url: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
};

/** A random state. An alphabet of 10 makes the digits of 250 values equally likely. */
function stateOf(alphabet: string, length: number): string {
  const usable = 256 - (256 % alphabet.length);
  let state = '';
  while (state.length < length)
    for (const byte of randomBytes(length))
      if (byte < usable && state.length < length) state += alphabet[byte % alphabet.length]!;
  return state;
}

for (const [name, alphabet] of Object.entries(alphabets)) {
  test(`W12 takes every random state of 22 characters that are ${name}`, () => {
    // 3.9 % of all texts of 22 random decimal digits have fewer than 8 different ones.
    for (let n = 0; n < 20_000; n++) requireStrong(stateOf(alphabet, 22));
  });
}

for (const [name, state] of Object.entries({
  'one character': 'a'.repeat(43),
  'three characters': 'abc'.repeat(14),
  'two characters, the second at the end': `${'a'.repeat(42)}b`,
})) {
  test(`W12 rejects a state of ${name}`, () => {
    const error = assert.throws(() => requireStrong(state), 'invalid_option');
    assert.match(error.message, 'fewer than 4 different characters');
  });
}

test.run();
