import { inspect } from 'node:util';
import { CallbackResponse, InvalidOptionError, OAuthCallbackResult } from '../../../src/index.ts';
import { redactState } from '../../../src/model/callback-response.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const all = {
  code: 'CANARY-code',
  state: 'CANARY-state-0123456789',
  error: 'server_error',
  error_description: 'Try later',
  error_uri: 'https://as.example/e',
  iss: 'https://as.example',
};

const test = suite('CallbackResponse');

test('from_dict drops unknown keys', () => {
  const record = {
    code: 'a',
    state: 's',
    scope: 'openid',
    session_state: 'x',
    __proto__: { iss: 'inherited' },
  };
  assert.equal(CallbackResponse.fromDict(record).toDict(), { code: 'a', state: 's' });
});

test('from_dict takes undefined and null for absent', () => {
  assert.equal(CallbackResponse.fromDict({ code: null, state: undefined }).toDict(), {});
  assert.equal(CallbackResponse.fromDict({}).toDict(), {});
});

test('to_dict gives back what from_dict was given', () => {
  assert.equal(CallbackResponse.fromDict(all).toDict(), all);
});

test('to_dict leaves absent keys out', () => {
  const dict = new CallbackResponse({ code: 'a' }).toDict();
  assert.equal(Object.keys(dict), ['code']);
  assert.equal(Object.keys(CallbackResponse.fromDict({ state: 's' }).toDict()), ['state']);
});

test('to_dict gives a copy', () => {
  const response = new CallbackResponse({ code: 'a' });
  response.toDict().code = 'b';
  assert.is(response.code, 'a');
});

test('has each field under its wire name', () => {
  const response = CallbackResponse.fromDict(all);
  for (const [name, value] of Object.entries(all)) {
    assert.is(response[name as keyof typeof all], value);
  }
  assert.is(new CallbackResponse().code, undefined);
});

for (const [what, value] of [
  ['a number', 1],
  ['an array', ['a', 'b']],
  ['an object', { toString: () => 'CANARY' }],
] as const) {
  test(`from_dict refuses ${what} for a code`, () => {
    const error = assert.throws(() => CallbackResponse.fromDict({ code: value }), InvalidOptionError);
    assert.is(error.option, 'code');
    assert.not.match(error.message, 'CANARY');
  });
}

const printings: readonly (readonly [string, (value: unknown) => string])[] = [
  ['JSON.stringify', (value) => JSON.stringify(value)],
  ['JSON.stringify of what holds it', (value) => JSON.stringify({ nested: [value] })],
  ['inspect', (value) => inspect(value, { depth: Infinity, showHidden: true, getters: true })],
  ['inspect of what holds it', (value) => inspect({ nested: [{ value }] }, { depth: Infinity })],
  ['inspect without custom functions', (value) => inspect(value, { customInspect: false, getters: true })],
  ['a template string', (value) => `got ${value as string}`],
  ['concatenation', (value) => 'got ' + String(value)],
  ['an error that holds it as its cause', (value) => inspect(new Error('x', { cause: value }))],
  ['spreading', (value) => JSON.stringify({ ...(value as object) })],
  ['structuredClone', (value) => inspect(structuredClone(value))],
];

for (const [how, print] of printings) {
  test(`H-02 shows neither code nor state by ${how}`, () => {
    assert.not.match(print(CallbackResponse.fromDict(all)), 'CANARY-');
  });
}

test('H-02 shows that there is a code, and the other fields', () => {
  const printed = JSON.stringify(CallbackResponse.fromDict(all));
  assert.equal(JSON.parse(printed), { ...all, code: '[redacted]', state: 'CANA…' });
  assert.match(inspect(CallbackResponse.fromDict(all)), /^CallbackResponse \{/);
  assert.is(String(new CallbackResponse()), 'CallbackResponse {}');
});

test('H-02 shows nothing of a short state', () => {
  assert.is(redactState('123456789012345'), '[redacted]');
  assert.is(redactState('1234567890123456'), '1234…');
});

const result = suite('OAuthCallbackResult');

result('is empty at first', () => {
  const { code, state, error } = new OAuthCallbackResult();
  assert.equal([code, state, error], [undefined, undefined, undefined]);
});

for (const [how, print] of printings.filter(([how]) => !/spreading|Clone|without custom/.test(how))) {
  result(`H-02 shows neither code nor state by ${how}`, () => {
    const filled = Object.assign(new OAuthCallbackResult(), { code: all.code, state: all.state });
    assert.not.match(print(filled), 'CANARY-');
  });
}

test.run();
result.run();
