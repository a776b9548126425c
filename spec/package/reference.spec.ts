/** docs/reference against the code: generated parts are up to date, and tables have a row for each name. */
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { apiFolder, writeApi } from '../../tools/api.ts';
import { commands } from '../../tools/command.ts';
import { cell, compare, sentence, table, withPart, type Document } from '../../tools/documents.ts';
import { optionTable, optionTypes } from '../../tools/options.ts';
import { documents } from '../../tools/reference.ts';
import { catalogue } from '../conformance/catalogue.ts';
import * as assert from '../helpers/assert.ts';
import { Folder } from '../helpers/cli.ts';
import { root } from '../helpers/consumer.ts';
import { documentOf } from '../helpers/documents.ts';
import { suite } from '../helpers/suite.ts';
import { namesIn, namesOf, rowsIn, rowsOf } from '../helpers/tables.ts';
import { metricsAfter, Types } from '../helpers/vocabulary.ts';

const folder = 'docs/reference';
const types = new Types();

/** Compiling takes seconds, and a busy machine longer. */
const compiling = { deadline: 300_000 };

const test = suite('docs/reference');

for (const document of documents) {
  test(
    `${document.path} is up to date`,
    async () => {
      const { is, mustBe } = await compare(document);
      assert.ok(is === mustBe, `${document.path} is stale: run npm run reference`);
    },
    compiling,
  );
}

test('a change of a generated part, and of its form, is found', async () => {
  const made: Document = {
    path: 'made.md',
    render: (text) => withPart(text, 'part', table(['Name', 'Meaning'], [['`a`', 'Of $& one.']])),
  };
  const text = ['# A', '', '<!-- part: x -->', '', '<!-- end of part -->', '', 'Text.', ''].join('\n');
  const { mustBe } = await compare(made, text);
  assert.match(
    mustBe,
    '<!-- part: x -->\n\n| Name | Meaning    |\n| ---- | ---------- |\n| `a`  | Of $& one. |\n\n<!--',
  );
  assert.is((await compare(made, mustBe)).mustBe, mustBe);
  for (const other of [mustBe.replace('one', 'two'), mustBe.replace('Name |', 'Name  |')]) {
    assert.ok((await compare(made, other)).mustBe !== other);
  }
  assert.match(assert.throws(() => withPart(text, 'other', '')).message, 'no comments "other:"');
});

test(
  'docs/reference/api is up to date, and TypeDoc has nothing to say',
  async () => {
    using made = new Folder();
    assert.equal(await writeApi(made.path), []);
    const [is, mustBe] = [textsIn(apiFolder), textsIn(made.path)];
    assert.equal(Object.keys(is), Object.keys(mustBe));
    const stale = Object.keys(is).filter((path) => is[path] !== mustBe[path]);
    assert.equal(stale, [], 'docs/reference/api is stale: run npm run reference');
    const whole = Object.values(mustBe).join('\n');
    assert.ok(whole.includes('### createOAuthCallbackServer()'));
    for (const foreign of [root, tmpdir(), new Date().toISOString().slice(0, 10)])
      assert.not.ok(whole.includes(foreign), foreign);
  },
  compiling,
);

test(
  'TypeDoc names a type that is not exported',
  async () => {
    using sources = new Folder();
    // TypeDoc leaves out types of other packages.
    sources.write('package.json', { name: 'hiding' });
    const entry = sources.write(
      'entry.ts',
      'interface Hidden { a: string }\n/** Takes it. */\nexport function take(it: Hidden): string { return it.a; }\n',
    );
    const config = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { types: [] },
      include: ['*.ts'],
    };
    const tsconfig = sources.write('tsconfig.json', config);
    const warnings = await writeApi(join(sources.path, 'api'), { entries: [entry], tsconfig });
    assert.match(warnings.join('\n'), /^.*Hidden.*not included in the documentation$/);
  },
  compiling,
);

test('a cell of a table ends no table and begins no element', () => {
  assert.is(cell('a | b\n  `c<d> | e` <f> <a id="g">'), 'a \\| b `c<d> \\| e` \\<f> <a id="g">');
  assert.equal(['an a', 'Is it?', ''].map(sentence), ['An a.', 'Is it?', '.']);
});

test('options.md has every type of options that the package exports', () => {
  const options = types.exported().filter((name) => /(?:Options|Limits|Quota)$/.test(name));
  assert.ok(options.length > 10);
  // Others have those of ClientOptions too, and a client of Redis gets ScriptOptions from the store.
  const listed = ['ClientOptions', 'ScriptOptions', ...optionTypes.map(([type]) => type)];
  assert.equal(
    options.filter((name) => !listed.includes(name)),
    [],
  );
});

test('options.md shows name, type, default and source of an option', () => {
  const [, , row] = optionTable([
    {
      name: 'a',
      type: "'x' | 'y'",
      optional: true,
      meaning: 'One of\ntwo',
      default: "'x'",
      see: 'RFC 1 section 2',
    },
  ]).split('\n');
  assert.is(
    row,
    "| `a` | `'x' \\| 'y'` | `'x'` | One of two. See [RFC 1](https://www.rfc-editor.org/rfc/rfc1) section 2. |",
  );
  const without = { name: 'a', type: 'b', meaning: 'C.', default: undefined, see: undefined };
  assert.match(optionTable([{ ...without, optional: true }]), '| `a` | `b` | none | C. |');
  assert.match(optionTable([{ ...without, optional: false }]), '| `a` | `b` | required | C. |');
});

test('cli.md has the help of each command, and each exit code', () => {
  const { anchors } = documentOf('cli.md', readFileSync(join(root, folder, 'cli.md'), 'utf8'));
  for (const command of commands.filter((each) => each !== '')) assert.ok(anchors.has(command), command);
  assert.equal(namesOf(`${folder}/cli.md`, 'Code'), Object.values(exitCodes).map(String));
});

test('requirements.md has an anchor for each requirement, and a spec for each that applies', () => {
  const { anchors } = documentOf(
    'requirements.md',
    readFileSync(join(root, folder, 'requirements.md'), 'utf8'),
  );
  for (const { id } of catalogue) assert.ok(anchors.has(id.toLowerCase()), id);
  const rows = rowsOf(`${folder}/requirements.md`, 'Id');
  assert.is(rows.length, catalogue.length);
  for (const [id, , , standing = '', shown = ''] of rows)
    assert.is(/`spec\/\S+\.spec\.ts`/.test(shown), standing.startsWith('Holds'), id);
});

test('dispositions.md has every disposition and every reason', () => {
  assert.equal(
    namesOf(`${folder}/dispositions.md`, '`disposition`').sort(),
    types.literals('src/index.ts', 'Disposition'),
  );
  assert.equal(
    namesOf(`${folder}/dispositions.md`, '`reason`').sort(),
    types.literals('src/index.ts', 'RefusalReason'),
  );
});

test('events.md has every event with its members', () => {
  const rows = rowsOf(`${folder}/events.md`, '`type`');
  const written = rows.map(([type, members]) => [namesIn(type)[0]!, namesIn(members).sort()] as const);
  const inherited = ['at', 'type', 'flowId', 'toJSON', 'toString'];
  const ofSignIn = Object.entries(types.variants('src/login.ts', 'SignInEvent')).map(
    ([type, members]) => [type, members.filter((name) => !inherited.includes(name))] as const,
  );
  const ofServer = Object.entries(types.variants('src/index.ts', 'ServerEvent')).map(
    ([type, members]) => [type, members.filter((name) => !['at', 'type', 'tenant'].includes(name))] as const,
  );
  assert.equal(Object.fromEntries(written), Object.fromEntries([...ofServer, ...ofSignIn]));
  const ofMcp = Object.entries(types.variants('src/mcp.ts', 'McpEvent')).map(
    ([type, members]) =>
      [type, members.filter((name) => !['server', 'account', ...inherited].includes(name))] as const,
  );
  const rowsOfMcp = rowsOf(`${folder}/events.md`, 'Type');
  assert.equal(
    Object.fromEntries(
      rowsOfMcp.map(([type, members]) => [
        namesIn(type)[0]!,
        namesIn(members)
          .filter((name) => name !== 'flowId')
          .sort(),
      ]),
    ),
    Object.fromEntries(ofMcp),
  );
});

test('metrics.md has every metric with its labels', async () => {
  const metrics = await metricsAfter([
    { type: 'redirect', at: 0, disposition: 'malformed', flowId: undefined, reason: 'too_long' },
    { type: 'settled', at: 0, flowId: '1', outcome: 'success' },
    { type: 'begun', at: 0, flowId: '1', expiresAt: 1 },
    { type: 'expired', at: 0, flowId: '1' },
  ]);
  const rows = rowsOf(`${folder}/metrics.md`, 'Metric');
  const written = rows.map(([name, , labels]) => [namesIn(name)[0]!, namesIn(labels)] as const);
  assert.equal(
    Object.fromEntries(written),
    Object.fromEntries(Object.entries(metrics).map(([name, labels]) => [name, Object.keys(labels).sort()])),
  );
  const labels = new Set(Object.values(metrics).flatMap((each) => Object.keys(each)));
  assert.equal(new Set(namesOf(`${folder}/metrics.md`, 'Label')), labels);
});

test('errors.md has every error with its class and its own members', () => {
  const rows = rowsOf(`${folder}/errors.md`, 'Code');
  const written = rows.map(([code, name, , , members]) => ({
    code: namesIn(code)[0]!,
    name: namesIn(name)[0]!,
    members: namesIn(members).sort(),
  }));
  const byCode = (a: { code: string }, b: { code: string }): number => (a.code < b.code ? -1 : 1);
  const errors = types.errors();
  assert.ok(errors.length > 15);
  assert.equal(written.sort(byCode), errors.sort(byCode));
  for (const [code] of rows) assert.match(code!, `<a id="${namesIn(code)[0]!}"></a>`);
  assert.equal(
    namesOf(`${folder}/errors.md`, '`flaw`').sort(),
    types.literals('src/login.ts', 'DiscoveryFlaw'),
  );
});

test('response.md has every property of a response', () => {
  const fields = types.members('src/index.ts', 'ResponseFields');
  assert.equal(namesOf(`${folder}/response.md`, 'Property').sort(), fields);
});

test('a table without a row, or with another, is found', () => {
  const text = [
    '# T',
    '| `a` | b |',
    '| --- | - |',
    '| `x` <a id="y"></a> | `c \\| d` |',
    '',
    '| Other |',
  ].join('\n');
  assert.equal(rowsIn(text, '`a`'), [['`x` <a id="y"></a>', '`c \\| d`']]);
  assert.equal(namesIn(rowsIn(text, '`a`')[0]![1]), ['c | d']);
  assert.match(assert.throws(() => rowsIn(text, 'b')).message, 'no table');
});

test.run();

/** Returns the texts of the files in a folder, by their paths. */
function textsIn(path: string): Record<string, string> {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  const paths = files.map((each) => relative(path, join(each.parentPath, each.name))).sort();
  return Object.fromEntries(paths.map((each) => [each, readFileSync(join(path, each), 'utf8')]));
}
