import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import fc from 'fast-check';
import { readBody } from '../../../src/http/body.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

/** A request whose body comes as it is written. */
function arriving(): { request: IncomingMessage; body: PassThrough } {
  const body = new PassThrough();
  return { request: body as unknown as IncomingMessage, body };
}

/** A request whose body a framework has read, and left as `body`. */
async function parsed(body?: unknown): Promise<IncomingMessage> {
  const stream = new PassThrough();
  stream.end();
  await finished(stream.resume());
  return Object.assign(stream, { body }) as unknown as IncomingMessage;
}

const test = suite('body');

test('gives the bytes as they came, however they were cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }), async (chunks) => {
      const { request, body } = arriving();
      const text = readBody(request, 1_000);
      for (const chunk of chunks) body.write(chunk);
      body.end();
      assert.is(await text, Buffer.concat(chunks).toString('latin1'));
    }),
    { numRuns: 50 },
  );
});

test('gives a body of exactly the limit, and none of one byte more', async () => {
  for (const [size, given] of [
    [0, ''],
    [10, 'xxxxxxxxxx'],
    [11, undefined],
  ] as const) {
    const { request, body } = arriving();
    const text = readBody(request, 10);
    body.end('x'.repeat(size));
    assert.is(await text, given);
  }
});

test('counts bytes, not characters', async () => {
  const { request, body } = arriving();
  const text = readBody(request, 10);
  body.end('ü'.repeat(6));
  assert.is(await text, undefined);
});

test('does not wait for the end of a body that is too long, nor end its connection', async () => {
  const { request, body } = arriving();
  const text = readBody(request, 10);
  body.write('x'.repeat(11));
  assert.is(await text, undefined);
  assert.is(body.destroyed, false);
  body.destroy();
});

test('rejects when the client goes away', async () => {
  for (const error of [undefined, new Error('ECONNRESET')]) {
    const { request, body } = arriving();
    const text = readBody(request, 10);
    body.write('code=');
    body.destroy(error);
    await assert.rejects(text);
  }
});

test('turns a body that a framework has read into a form again', async () => {
  const form = 'code=a%2Bb+c&state=S&x=%26%3D';
  const bodies: unknown[] = [form, Buffer.from(form), { code: 'a+b c', state: 'S', x: '&=' }];
  bodies.push(
    new URLSearchParams(form),
    new TextEncoder().encode(form),
    new TextEncoder().encode(form).buffer,
  );
  const data = new FormData();
  for (const [name, value] of new URLSearchParams(form)) data.append(name, value);
  bodies.push(data);
  for (const body of bodies) assert.is(await readBody(await parsed(body), 1_000), form);
  for (const body of [undefined, null, {}, '', Buffer.alloc(0), []])
    assert.is(await readBody(await parsed(body), 1_000), '');
});

test('keeps repeated parameters that a framework has gathered in a list', async () => {
  assert.is(await readBody(await parsed({ code: ['a', 'b'], state: 'S' }), 1_000), 'code=a&code=b&state=S');
});

test('gives one character for each byte of a text that a framework has decoded', async () => {
  assert.is(await readBody(await parsed('x=é拒'), 1_000), Buffer.from('x=é拒').toString('latin1'));
});

test('leaves out a list of one, which a framework has made of another parameter', async () => {
  for (const body of [
    { code: ['a'], state: 'S' },
    { code: [], state: 'S' },
  ])
    assert.is(await readBody(await parsed(body), 1_000), 'state=S');
});

test('writes a value that cannot be decoded so that it stays so, and ends no other', async () => {
  for (const [value, form] of [
    ['%FF', 'x=%FF'],
    ['100% sure', 'x=100%+sure'],
    ['%', 'x=%'],
    ['%FF&code=b', 'x=%FF%26code%3Db'],
    ['%é', 'x=%%C3%A9'],
    ['a+b=%zz', 'x=a%2Bb%3D%zz'],
  ] as const) {
    assert.is(await readBody(await parsed({ x: value }), 1_000), form);
    assert.throws(() => decodeURIComponent(form));
  }
  // A form that can be decoded is taken as it is.
  assert.is(await readBody(await parsed({ x: '%41' }), 1_000), 'x=%2541');
  assert.is(await readBody(await parsed({ x: '\ud800' }), 1_000), 'x=%EF%BF%BD');
});

test('ignores parameters that a framework has nested', async () => {
  const bodies: readonly unknown[] = [
    { code: { x: '1' }, state: 'S' },
    { code: [{ x: '1' }], state: 'S' },
    { code: 1, state: 'S' },
    { code: null, state: 'S' },
    { code: [['a']], state: 'S' },
  ];
  for (const body of bodies) assert.is(await readBody(await parsed(body), 1_000), 'state=S');
  const polluted: unknown = JSON.parse('{"__proto__":{"code":"x"},"state":"S"}');
  assert.is(await readBody(await parsed(polluted), 1_000), 'state=S');
});

test('holds a body that a framework has read to the same limit', async () => {
  for (const body of ['x='.padEnd(11, 'x'), Buffer.alloc(11, 'x'), { x: 'x'.repeat(9) }])
    assert.is(await readBody(await parsed(body), 10), undefined);
});

test.run();
