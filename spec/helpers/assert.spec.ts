import * as assert from './assert.ts';
import { suite } from './suite.ts';

const { Assertion, deadline, equal, rejects, throws } = assert;

class CodedError extends Error {
  readonly code = 'flow_expired';
}

const failWith = (error: unknown) => () => {
  throw error;
};
const rejectWith = (error: unknown) => () => Promise.resolve().then(failWith(error));

/** Both take the same expectations; `check` says whether the assertion holds for an error. */
const kinds: readonly (readonly [
  string,
  (error: unknown, expectation?: assert.Expectation) => Promise<Error>,
])[] = [
  ['throws', async (error, expectation) => Promise.resolve(throws(failWith(error), expectation))],
  ['rejects', async (error, expectation) => rejects(rejectWith(error), expectation)],
];

const test = suite('assert');

for (const [kind, check] of kinds) {
  const coded = new CodedError('too late');

  test(`${kind} returns the error it was given`, async () => {
    for (const expectation of [
      undefined,
      CodedError,
      Error,
      'flow_expired',
      (error: Error) => error === coded,
    ]) {
      assert.is(await check(coded, expectation), coded);
    }
  });

  test(`${kind} fails for another class, code or predicate`, async () => {
    const wrong: assert.Expectation[] = [TypeError, DOMException, 'flow_unknown', () => false];
    for (const expectation of wrong) {
      const failure = await rejects(check(coded, expectation), Assertion);
      assert.match(failure.message, 'got Error: too late');
      assert.is(failure.cause, coded);
    }
  });

  test(`${kind} fails for what is not an Error`, async () => {
    await rejects(check('flow_expired', 'flow_expired'), Assertion);
    await rejects(check(undefined), Assertion);
  });

  test(`${kind} hands on an assertion that fails inside`, async () => {
    const inner = new Assertion({ message: 'inner', operator: 'is', expects: 1, actual: 2 });
    assert.is(await rejects(check(inner, Error), Assertion), inner);
  });
}

test('throws fails for a function that returns, or that is async', () => {
  assert.match(throws(() => throws(() => undefined), Assertion).message, 'Expected function to throw');
  assert.match(throws(() => throws(rejectWith(new Error('late'))), Assertion).message, 'use rejects');
});

test('rejects takes a promise as well as a function', async () => {
  const error = new Error('no');
  assert.is(await rejects(Promise.reject(error)), error);
});

test('rejects fails for a promise that is fulfilled', async () => {
  await rejects(rejects(Promise.resolve()), Assertion);
});

test('rejects fails for a function that throws or returns before it promises', async () => {
  const error = new Error('in the face');
  assert.is(await rejects(rejects(failWith(error), TypeError)), error);
  assert.match(
    (
      await rejects(
        rejects(() => 1),
        Assertion,
      )
    ).message,
    'use throws',
  );
});

test('deadline hands on the value and the error', async () => {
  assert.is(await deadline(Promise.resolve(7), 'seven'), 7);
  const error = new Error('no');
  assert.is(await rejects(deadline(Promise.reject(error), 'no')), error);
});

test('deadline names what has not come', async () => {
  const { message } = await rejects(deadline(new Promise(() => undefined), 'the redirect', 1));
  assert.is(message, 'the redirect: not settled within 1 ms');
});

test('deadline refuses a time that no timer can hold', async () => {
  for (const ms of [0, -1, NaN, Infinity, 2 ** 31]) {
    await rejects(deadline(Promise.resolve(), 'it', ms), RangeError);
  }
});

test('equal compares plain values, binary data, dates, maps and classes with fields', () => {
  const value = () => ({
    list: [1, { b: 2, a: 'x' }],
    bytes: Buffer.from('code'),
    at: new Date(0),
    url: new URL('http://127.0.0.1/cb'),
    map: new Map([['state', { seen: true }]]),
    bare: Object.create(null) as object,
  });
  equal(value(), value());
  equal({ a: 1, b: new Date(0) }, { b: new Date(0), a: 1 });
  throws(() => equal({ at: new Date(0) }, { at: new Date(1) }), Assertion);
});

test('equal refuses what uvu takes for equal without looking', () => {
  const pairs: [unknown, unknown][] = [
    [new Error('a'), new Error('b')],
    [new Headers({ a: '1' }), new Headers()],
    [new URLSearchParams('code=1'), new URLSearchParams('code=2')],
    [{ nested: [new Error('a')] }, { nested: [new Error('b')] }],
    [new Map([['error', new Error('a')]]), new Map([['error', new Error('b')]])],
  ];
  for (const [a, b] of pairs) {
    assert.match(throws(() => equal(a, b), Assertion).message, 'equal cannot see into');
    assert.match(throws(() => equal(b, a), Assertion).message, 'equal cannot see into');
  }
});

test('equal takes the same object for equal', () => {
  const error = new Error('the same');
  equal({ error }, { error });
});

test.run();
