import fc from 'fast-check';
import { inspect } from 'node:util';
import { CallbackResponse, type CallbackFields, type RefusalReason } from '../../../src/index.ts';
import { outline, readResponse, type ReadResponse } from '../../../src/callback/parameters.ts';
import { Redirect } from '../../../src/model/redirect.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('readResponse');
const longest = 64;
const limits = { parameter: longest, parameters: 5 };

/** Reads a response without the parameters that only its provider knows. */
function readKnown(encoded: string): ReadResponse & { fields: CallbackFields } {
  const { fields, ...rest } = readResponse(encoded, limits);
  return { fields: new CallbackResponse(fields).toDict(), ...rest };
}

/** [name, the query, the fields, why it is no authorization response] */
const table: readonly (readonly [
  name: string,
  encoded: string,
  fields: CallbackFields,
  reason?: RefusalReason,
])[] = [
  ['reads code and state', 'code=a&state=S', { code: 'a', state: 'S' }],
  [
    'reads an error with all that belongs to it',
    'error=access_denied&error_description=No%20way&error_uri=https://as.example/e&state=S&iss=https://as.example',
    {
      error: 'access_denied',
      error_description: 'No way',
      error_uri: 'https://as.example/e',
      state: 'S',
      iss: 'https://as.example',
    },
  ],
  ['reads iss', 'code=a&state=S&iss=https%3A%2F%2Fas', { code: 'a', state: 'S', iss: 'https://as' }],

  ['A-01 refuses a second code', 'code=a&code=b&state=S', { code: 'b', state: 'S' }, 'repeated_parameter'],
  [
    'A-01 refuses the same code twice',
    'code=a&code=a&state=S',
    { code: 'a', state: 'S' },
    'repeated_parameter',
  ],
  ['A-01 refuses a second code that is empty', 'code=a&code=&state=S', { state: 'S' }, 'repeated_parameter'],
  [
    'A-01 refuses a second code after one that is empty',
    'code&code=a&state=S',
    { code: 'a', state: 'S' },
    'repeated_parameter',
  ],
  [
    'A-01 refuses a second code under an encoded name',
    'code=a&c%6Fde=b&state=S',
    { code: 'b', state: 'S' },
    'repeated_parameter',
  ],
  ...['state', 'iss', 'error', 'response', 'id_token', 'access_token'].map(
    (name) =>
      [
        `A-01 refuses a second ${name}`,
        `${name}=x&${name}=x`,
        ['state', 'iss', 'error'].includes(name) ? { [name]: 'x' } : {},
        'repeated_parameter',
      ] as const,
  ),
  ...['error_description', 'error_uri'].flatMap((name) => [
    [
      `A-01 drops a second ${name}`,
      `error=e&state=S&${name}=x&${name}=%FF`,
      { error: 'e', state: 'S', [name]: 'x' },
    ] as const,
    [
      `A-01 drops a second ${name} beside a code`,
      `code=a&state=S&${name}=x&${name}=y`,
      { code: 'a', state: 'S' },
    ] as const,
  ]),
  [
    'A-01 names the repetition, whatever else is wrong',
    'code=%FF&code=b&access_token=t',
    { code: 'b' },
    'repeated_parameter',
  ],

  ['A-02 takes an empty code for none', 'code=&state=S', { state: 'S' }, 'missing_code'],
  ['A-02 takes an empty state for none', 'code=a&state=', { code: 'a' }, 'missing_state'],
  ['A-02 takes an empty error for none', 'code=a&state=S&error=', { code: 'a', state: 'S' }],
  ['A-02 takes an empty iss for none', 'code=a&state=S&iss=', { code: 'a', state: 'S' }],
  ['A-02 takes a name without a value for none', 'code&state=S', { state: 'S' }, 'missing_code'],

  [
    'A-03 ignores parameters that it does not know',
    'code=a&state=S&session_state=x&scope=y&scope=z&authuser=0',
    { code: 'a', state: 'S' },
  ],
  [
    'A-03 ignores names of the object prototype',
    'code=a&state=S&__proto__=1&__proto__[x]=1&constructor=1&toString=1&hasOwnProperty=1',
    { code: 'a', state: 'S' },
  ],
  ['A-03 ignores an unknown name that is no UTF-8', '%FF=1&code=a&state=S', { code: 'a', state: 'S' }],
  ['A-03 ignores names in another case', 'CODE=a&State=S', {}, 'missing_code'],

  ['A-04 hands a code over as it is', 'code=%2B%2F%3D~-._%25&state=S', { code: '+/=~-._%', state: 'S' }],
  [
    'A-04 takes a code of the greatest length',
    `code=${'a'.repeat(longest)}&state=S`,
    { code: 'a'.repeat(longest), state: 'S' },
  ],
  [
    'A-04 counts the decoded characters',
    `code=${'%61'.repeat(longest)}&state=S`,
    { code: 'a'.repeat(longest), state: 'S' },
  ],
  [
    'A-04 refuses a longer code',
    `code=${'a'.repeat(longest + 1)}&state=S`,
    { code: 'a'.repeat(longest + 1), state: 'S' },
    'too_long',
  ],
  [
    'A-04 refuses a longer state',
    `code=a&state=${'S'.repeat(longest + 1)}`,
    { code: 'a', state: 'S'.repeat(longest + 1) },
    'too_long',
  ],

  ['A-05 decodes once', 'code=a&state=a%252Bb+c', { code: 'a', state: 'a%2Bb c' }],
  ['A-05 decodes + as a space and %2B as +', 'code=a&state=a%2Bb+c', { code: 'a', state: 'a+b c' }],
  ['A-05 splits at the first = only', 'code=a=b&state=S', { code: 'a=b', state: 'S' }],
  ['A-05 does not split at ;', 'code=a;state=S', { code: 'a;state=S' }, 'missing_state'],

  ['A-06 refuses %FF in a state', 'code=a&state=%FF', { code: 'a' }, 'invalid_encoding'],
  ['A-06 refuses a cut-off sequence', 'code=a&state=%C3', { code: 'a' }, 'invalid_encoding'],
  ['A-06 refuses an overlong sequence', 'code=a&state=%C0%AF', { code: 'a' }, 'invalid_encoding'],
  ['A-06 refuses a lone surrogate', 'code=a&state=%ED%A0%80', { code: 'a' }, 'invalid_encoding'],
  ['A-06 refuses a broken escape', 'code=a&state=%G1', { code: 'a' }, 'invalid_encoding'],
  ['A-06 refuses NUL', 'code=a&state=%00S', { code: 'a' }, 'invalid_character'],
  ['A-06 refuses a line end', 'code=a&state=S%0d%0a', { code: 'a' }, 'invalid_character'],
  ['A-06 refuses a full-width letter', 'code=a&state=%EF%BC%B3', { code: 'a' }, 'invalid_character'],
  ['A-06 refuses U+FFFD', 'code=a&state=%EF%BF%BD', { code: 'a' }, 'invalid_character'],
  ['A-06 refuses DEL in a code', 'code=%7F&state=S', { code: '\x7f', state: 'S' }, 'invalid_character'],
  ['A-06 refuses %FF in a code', 'code=%FF&state=S', { state: 'S' }, 'invalid_encoding'],
  [
    'A-06 refuses an iss that is no URI',
    'code=a&state=S&iss=https://a%20b',
    { code: 'a', state: 'S', iss: 'https://a b' },
    'invalid_character',
  ],

  [
    'A-07 replaces what RFC 6749 does not allow in an error code',
    'error=x%0Ay%22%5C%C3%A9&state=S',
    { error: 'x?y?', state: 'S' },
  ],
  ...(
    [
      ['removes control characters', '%1b]0;pwn%07%1b[31mX%00%7F%C2%9BY', ']0;pwn[31mXY'],
      ['removes format characters', '%E2%80%AEa%E2%81%A6b%E2%80%8Bc%EF%BB%BFd%C2%ADe%F3%A0%81%81f', 'abcdef'],
      ['makes a space of white space', '+a%09%0d%0ab%C2%A0%E2%80%A8c%C2%85d++e%0b', 'a b c d e'],
      ['leaves one space where something is removed', 'a+%E2%80%AE+b', 'a b'],
      ['keeps quotation marks and backslashes', 'No+such+%22scope%22%5C', 'No such "scope"\\'],
      [
        'keeps letters of any script',
        encodeURIComponent('été отказ 拒否 رفض 🚫 Å'),
        'été отказ 拒否 رفض 🚫 Å',
      ],
      ['replaces bytes that are not UTF-8', 'Acc%E8s+refus%E9', 'Acc\ufffds refus\ufffd'],
      ['replaces an overlong sequence', 'a%C0%AFb', 'a\ufffd\ufffdb'],
      ['replaces a lone surrogate', 'a%ED%A0%80b', 'a\ufffd\ufffd\ufffdb'],
      ['reads bytes that are not escaped', '\xc3\xa9t\xc3\xa9 \xe9 \xc3%A9', 'été \ufffd é'],
      ['keeps a bare %', '100%+sure,+%zz,+%u00f3,+5%', '100% sure, %zz, %u00f3, 5%'],
      ['decodes once', '%2541%252B', '%41%2B'],
      ['cuts a long one', 'x'.repeat(longest + 1), 'x'.repeat(longest)],
      ['cuts a long one of escapes', '%C3%A9'.repeat(longest + 1), 'é'.repeat(longest)],
      ['cuts no character in two', `${'x'.repeat(longest - 1)}%F0%9F%9A%AB`, 'x'.repeat(longest - 1)],
      [
        'keeps one that ends with a pair',
        `${'x'.repeat(longest - 2)}%F0%9F%9A%AB`,
        `${'x'.repeat(longest - 2)}🚫`,
      ],
      ['cuts one after it is cleaned', `${'%00'.repeat(longest)}x`, 'x'],
      ['drops one of which nothing is left', '%E2%80%AE%00+', undefined],
    ] as const
  ).map(
    ([what, encoded, error_description]) =>
      [
        `A-07 ${what} in a description`,
        `error=x&error_description=${encoded}&state=S`,
        { error: 'x', ...(error_description !== undefined && { error_description }), state: 'S' },
      ] as const,
  ),
  ...['%FF', '%', '100%', '\xff', 'x'.repeat(longest + 1)].flatMap((spoilt) => [
    [
      `A-07 accepts a code beside texts such as ${spoilt.slice(0, 5)}`,
      `error_uri=${spoilt}&code=a&state=S&error_description=${spoilt}`,
      { code: 'a', state: 'S' },
    ] as const,
    [
      `A-07 drops an error_uri such as ${spoilt.slice(0, 5)}`,
      `error=x&state=S&error_uri=https://as.example/%20${spoilt}`,
      { error: 'x', state: 'S' },
    ] as const,
  ]),
  [
    'A-07 drops an error_uri that is too long',
    `error=x&state=S&error_uri=${'x'.repeat(longest + 1)}`,
    { error: 'x', state: 'S' },
  ],
  [
    'A-07 keeps an error_uri of the greatest length',
    `error=x&state=S&error_uri=${'x'.repeat(longest)}`,
    { error: 'x', state: 'S', error_uri: 'x'.repeat(longest) },
  ],
  ['A-06 refuses an error that is no UTF-8', 'error=%FF&state=S', { state: 'S' }, 'invalid_encoding'],
  [
    'A-07 drops an error_uri that is no URI',
    'error=x&error_uri=java%0ascript:alert(1)%3Cb%3E&state=S',
    { error: 'x', state: 'S' },
  ],

  [
    'A-08 releases no code next to an error',
    'code=a&error=access_denied&state=S&iss=https://as',
    { error: 'access_denied', state: 'S', iss: 'https://as' },
  ],
  [
    'A-08 drops error details next to a code alone',
    'code=a&error_description=d&error_uri=https://e&state=S',
    { code: 'a', state: 'S' },
  ],

  ['A-09 refuses nothing at all', '', {}, 'missing_code'],
  ['A-09 refuses a state alone', 'state=S', { state: 'S' }, 'missing_code'],
  ['A-09 refuses separators alone', '&&=&', {}, 'missing_code'],

  ['A-11 refuses an access token', 'access_token=SECRET&state=S', { state: 'S' }, 'front_channel_token'],
  [
    'A-11 refuses an ID token',
    'code=a&id_token=SECRET&state=S',
    { code: 'a', state: 'S' },
    'front_channel_token',
  ],
  ['C-11 refuses JARM and says so', 'response=e30.e30.', {}, 'jarm_not_supported'],
];

for (const [name, encoded, fields, reason] of table) {
  test(name, () => {
    const read = readKnown(encoded);
    assert.equal(read.fields, fields);
    assert.is(read.reason, reason);
  });
}

const registered = [
  'invalid_request unauthorized_client access_denied unsupported_response_type invalid_scope server_error',
  'temporarily_unavailable interaction_required login_required account_selection_required consent_required',
  'invalid_request_uri invalid_request_object request_not_supported request_uri_not_supported',
  'registration_not_supported invalid_target unmet_authentication_requirements x_vendor',
].flatMap((line) => line.split(' '));

for (const error of registered) {
  test(`A-10 relays ${error}`, () => {
    const { fields, reason } = readKnown(`error=${error}&state=S&iss=https://as`);
    assert.equal(fields, { error, state: 'S', iss: 'https://as' });
    assert.is(reason, undefined);
  });
}

test('A-03 leaves the object prototype alone', () => {
  readKnown('__proto__[x]=1&__proto__.x=1&constructor[prototype][x]=1&code=a&state=S');
  assert.is(({} as Record<string, unknown>)['x'], undefined);
});

test('A-06 never takes two states that are no UTF-8 for the same', () => {
  for (const bad of ['%FF', '%FE', '%80']) {
    assert.is('state' in readKnown(`code=a&state=${bad}`).fields, false);
  }
});

const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.constantFrom('', '%', '%FF', '%00', 'a+b', 'S', '=', 'error'),
);
const name = fc.oneof(
  fc.constantFrom('code', 'state', 'iss', 'error', 'error_description', 'response', '__proto__', 'c%6fde'),
  fc.string({ maxLength: 8 }),
);
const query = fc
  .array(fc.tuple(name, fc.constantFrom('=', '', '=='), value), { maxLength: 8 })
  .map((pairs) => pairs.map((pair) => pair.join('')).join('&'));

test('reads any text without throwing, and accepts only what is well-formed', () => {
  let accepted = 0;
  fc.assert(
    fc.property(query, (encoded) => {
      const { fields, reason } = readKnown(encoded);
      if (reason !== undefined) return;
      accepted++;
      assert.match(fields.state ?? '', /^[\x20-\x7e]{1,64}$/);
      assert.is(fields.code === undefined, fields.error !== undefined, 'exactly one of the two shapes');
      const { error_description = 'x', ...rest } = fields;
      assert.match(error_description, /^[^\p{Cc}\p{Cf}]{1,64}$/u);
      for (const text of Object.values(rest)) assert.match(String(text), /^[\x20-\x7e]+$/);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(accepted > 0, 'the property has looked at some that were accepted');
});

test('passes any visible code and state on unchanged', () => {
  const visible = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: longest });
  fc.assert(
    fc.property(visible, visible, (code, state) => {
      const encoded = new URLSearchParams({ code, state }).toString();
      assert.equal(readKnown(encoded), { fields: { code, state } });
    }),
  );
});

test.run();

const others = suite('parameters that only a provider knows');

function readOthers(encoded: string, bounds = limits): unknown[] {
  const { fields, reason } = readResponse(`code=c&state=S&${encoded}`, bounds);
  assert.is(reason, undefined, encoded);
  assert.equal([fields.code, fields.state], ['c', 'S']);
  return [...(fields.parameters ?? []), ...(fields.droppedParameters ? [fields.droppedParameters] : [])];
}

for (const [what, encoded, found] of [
  [
    'in the order sent',
    'b=2&a=1',
    [
      ['b', '2'],
      ['a', '1'],
    ],
  ],
  [
    'each value of a repeated one',
    'a=1&b=2&a=3',
    [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
    ],
  ],
  ['decoded once', 'a=%2541+b', [['a', '%41 b']]],
  ['with a name that is decoded once', '%61%25=1', [['a%', '1']]],
  [
    'empty, and without an equals sign',
    'a=&b&&=1',
    [
      ['a', ''],
      ['b', ''],
      ['', '1'],
    ],
  ],
  [
    'with an equals sign in the value',
    'a==&b=c=d',
    [
      ['a', '='],
      ['b', 'c=d'],
    ],
  ],
  [
    'that are no UTF-8 with a replacement',
    'a=%FF&b=%',
    [
      ['a', '\ufffd'],
      ['b', '%'],
    ],
  ],
  [
    'with names of prototypes',
    '__proto__=1&constructor=2',
    [
      ['__proto__', '1'],
      ['constructor', '2'],
    ],
  ],
  ['as long as may be', `a=${'%61'.repeat(64)}`, [['a', 'a'.repeat(64)]]],
  ['but a longer value', `a=${'x'.repeat(65)}&b=1`, [['b', '1'], 1]],
  ['but a longer name', `${'x'.repeat(65)}=1&b=1`, [['b', '1'], 1]],
  [
    'up to the count',
    'a=1&b=1&c=1&d=1&e=1&f=1&g=1',
    Array.from('abcde', (name) => [name, '1']).concat([2 as never]),
  ],
] as const)
  others(`are kept ${what}`, () => {
    assert.equal(readOthers(encoded), found);
  });

others('leave the known names out, and are none for most responses', () => {
  const { fields } = readResponse(
    'error=e&state=S&error_description=d&error_uri=%FF&iss=https://as&code=c',
    limits,
  );
  assert.equal(fields, { error: 'e', state: 'S', error_description: 'd', iss: 'https://as' });
});

others('have the names and values of URLSearchParams', () => {
  const text = fc.string({ unit: 'binary', maxLength: 20 });
  const pairs = fc.array(fc.tuple(text, text), { maxLength: 12 });
  fc.assert(
    fc.property(pairs, (given) => {
      const sent = new URLSearchParams(given);
      for (const known of ['code', 'state', 'iss', 'error', 'response', 'id_token', 'access_token'])
        sent.delete(known);
      assert.equal(readOthers(String(sent), { parameter: 100, parameters: 100 }), [...sent]);
    }),
    { numRuns: 2_000 },
  );
});

others.run();

const redirect = suite('Redirect');

const printings: readonly (readonly [string, (value: unknown) => string])[] = [
  ['JSON.stringify', (value) => JSON.stringify({ value })],
  ['inspect', (value) => inspect({ value }, { depth: Infinity, showHidden: true, getters: true })],
  ['a template string', (value) => `${value as string} ${String(value)}`],
];

for (const [how, print] of printings) {
  redirect(`H-02 shows neither code nor state by ${how}`, () => {
    const response = new CallbackResponse({ code: 'CANARY-code', state: 'CANARY-state-0123456789' });
    const printed = print(new Redirect('accepted', response, 0, '1'));
    assert.not.match(printed, 'CANARY-');
  });
}

redirect('carries only state and error if no program asked for the redirect', () => {
  const fields = { code: 'a', state: 'S', error: 'x', error_description: 'PHISH', iss: 'https://evil' };
  assert.equal(outline(fields).toDict(), { state: 'S', error: 'x' });
});

redirect.run();
