/** The declarations of the build, both ways: spec/fixtures/types says what must compile and what must not. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CompilerOptions } from 'typescript';
import * as assert from '../helpers/assert.ts';
import { Consumer } from '../helpers/consumer.ts';
import { suite } from '../helpers/suite.ts';

const fixtures = join(import.meta.dirname, '..', 'fixtures', 'types');
const files = readdirSync(fixtures);
const directive = /^ *\/\/ @ts-expect-error .*$/gm;

/** Compiling takes seconds, and a busy machine longer. */
const compiling = { deadline: 300_000 };

const test = suite('types');

/** Compiles the fixtures as a user's project has them: with the package by its name. */
function compile(options: CompilerOptions, edit = (text: string): string => text): string[] {
  using consumer = Consumer.ofBuild();
  for (const file of files) {
    const text = readFileSync(join(fixtures, file), 'utf8');
    const imported = text
      .replace("'../../../src/index.ts'", "'rx-oauth-callback'")
      .replace("'../../../src/login.ts'", "'rx-oauth-callback/login'")
      .replace("'../../../src/mcp.ts'", "'rx-oauth-callback/mcp'");
    consumer.write(file, edit(imported));
  }
  // The libraries are checked by package.spec.ts.
  return consumer.compile(files, {
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    ...options,
  });
}

for (const exactOptionalPropertyTypes of [true, false]) {
  const body = (): void => assert.equal(compile({ exactOptionalPropertyTypes }), []);
  test(`hold with exactOptionalPropertyTypes ${exactOptionalPropertyTypes ? 'on' : 'off'}`, body, compiling);
}

const failEverywhere = (): void => {
  const places = files.flatMap((file) => {
    const lines = readFileSync(join(fixtures, file), 'utf8').split('\n');
    return lines.flatMap((line, index) => (line.match(directive) ? [`${file}:${index + 2}`] : []));
  });
  const complaints = compile({}, (text) => text.replace(directive, '//'));
  assert.ok(places.length > 30, `only ${places.length} places`);
  assert.equal(
    places.filter((place) => !complaints.some((line) => line.includes(`/${place} `))),
    [],
  );
};
test('fail at each line that must not compile, once @ts-expect-error is removed', failEverywhere, compiling);

const failWithoutPackage = (): void => {
  const complaints = compile({}, (text) => text.replace("'rx-oauth-callback'", "'rx-oauth-callback/none'"));
  assert.match(complaints.join('\n'), "Cannot find module 'rx-oauth-callback/none'");
  assert.match(complaints.join('\n'), "Unused '@ts-expect-error' directive");
};
test('fail if the package is not found, which would make every type any', failWithoutPackage, compiling);

test.run();
