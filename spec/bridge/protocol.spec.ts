/** PROTOCOL.md and asyncapi.json against the schemas. */
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';
import * as v from 'valibot';
import { asyncApi } from '../../src/bridge/asyncapi.ts';
import { clientMessage, closeCodes, readClientMessage, serviceMessage } from '../../src/bridge/protocol.ts';
import * as assert from '../helpers/assert.ts';
import { suite } from '../helpers/suite.ts';

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const page = read('PROTOCOL.md');
const { version } = JSON.parse(read('package.json')) as { version: string };

const test = suite('protocol of the bridge');

test('asyncapi.json is what the schemas say', () => {
  assert.is(read('asyncapi.json'), `${JSON.stringify(asyncApi(version), undefined, 2)}\n`);
});

async function problems(document: object): Promise<string[]> {
  const diagnostics = await new Parser().validate(JSON.stringify(document));
  return diagnostics.filter(({ severity }) => [0, 1].includes(severity)).map(({ message }) => message);
}

test('asyncapi.json is valid for the parser of AsyncAPI', async () => {
  assert.equal(await problems(asyncApi(version)), []);
});

test('which sees a reference to nothing', async () => {
  const broken = JSON.stringify(asyncApi(version)).replace('/components/messages/begin"', '/components/x"');
  assert.ok((await problems(JSON.parse(broken) as object)).length > 0);
});

for (const [direction, schema] of [
  ['service', clientMessage],
  ['client', serviceMessage],
] as const) {
  for (const { entries } of schema.options) {
    const type = entries.type.literal;
    test(`PROTOCOL.md has an example of ${type}, to the ${direction}, that the schema takes`, () => {
      const examples = [...page.matchAll(/```json\n(.*?)```/gs)]
        .map(([, json = '']) => JSON.parse(json) as { type: string })
        .filter((example) => example.type === type);
      assert.ok(examples.length > 0, 'no example');
      for (const example of examples) {
        assert.is(v.safeParse(schema, example).success, true, JSON.stringify(example));
      }
    });
  }
}

test('PROTOCOL.md has each close code', () => {
  const documented = [...page.matchAll(/^\| (\d{4}) /gm)].map(([, code]) => Number(code));
  assert.equal(documented, Object.values(closeCodes));
});

test('takes no message with a value out of range, and inherits nothing', () => {
  for (const frame of [
    '{"type":"begin","ref":-1,"state":"s","key":"k"}',
    '{"type":"ack","flows":[""]}',
    '{"type":"ack","flows":["../x"]}',
    '{"type":"ack","flows":[]}',
    `{"type":"ack","flows":${JSON.stringify(Array.from({ length: 201 }, () => 'x'))}}`,
    '{"__proto__":{"type":"leave"}}',
    '[]',
    'null',
    '"leave"',
  ]) {
    assert.is(readClientMessage(frame), undefined, frame);
  }
});

for (const [option, member, message] of [
  ['ttl', '"ttl":"x"', 'must be number'],
  ['responseMode', '"responseMode":"fragment"', 'must be ("query" | "form_post")'],
  ['requireIssuer', '"requireIssuer":1', 'must be boolean'],
  ['key', '"state":"s"', 'is missing'],
] as const) {
  test(`K-04 tells what is wrong with ${option} of a begin, and not what it is`, () => {
    const key = option === 'key' ? '' : `"key":"${'k'.repeat(43)}",`;
    const read = readClientMessage(`{"type":"begin","ref":7,${key}"state":"s",${member}}`);
    assert.equal(read, { type: 'bad', ref: 7, option, message });
  });
}

test.run();
