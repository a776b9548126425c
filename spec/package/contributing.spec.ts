/** CONTRIBUTING.md and spec/README.md against the repository that they describe. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from '../helpers/assert.ts';
import { root } from '../helpers/consumer.ts';
import { folders } from '../helpers/house.ts';
import { suite } from '../helpers/suite.ts';

const guide = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
const specGuide = readFileSync(join(root, 'spec', 'README.md'), 'utf8');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

const isFile = /^[\w.-]+\.(?:[cm]?[jt]s|md|json|css|txt|py)$/;
const isPath = /^[\w.][\w.-]*(?:\/[\w.-]*)+$/;
const isName = /^[a-z]\w*$/i;

/** Texts in backticks on one line. */
function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, each = '']) => each);
}

/** Files and folders that a text names in backticks or links to. */
function pathsIn(text: string): string[] {
  const links = [...text.matchAll(/\]\((?!https:|#)([^)]+)\)/g)].map(([, target = '']) => target);
  return [...quoted(text).filter((each) => isFile.test(each) || isPath.test(each)), ...links];
}

/** Names in the tables of changes that the file in the first cell of their row does not have: `path: name`. */
function strangersIn(text: string, read: (path: string) => string): string[] {
  const [, changes = ''] = /^## Where to change what$(.*?)(?=^## |(?![^]))/ms.exec(text) ?? [];
  return [...changes.matchAll(/^\| `((?:src|spec)\/[^`]+\.ts)` +\|(.*)\|$/gm)].flatMap(
    ([, path = '', cell = '']) =>
      quoted(cell)
        .filter((name) => isName.test(name) && !new RegExp(`\\b${name}\\b`).test(read(path)))
        .map((name) => `${path}: ${name}`),
  );
}

/** The folders of the block below the heading "Import order". */
function orderIn(text: string): string[] {
  const [, block = ''] = /^### Import order\n+```text\n(.*?)\n```$/ms.exec(text) ?? [];
  return block.split(/\s+/);
}

/** The folders of `src` that have a row. */
function rowsIn(text: string): string[] {
  return [...text.matchAll(/^\| `src\/(\w+)` /gm)].map(([, folder = '']) => folder);
}

/** Commands of npm that a text names. */
function commandsIn(text: string): string[] {
  return [...text.matchAll(/npm run ([\w-]+)/g)].map(([, command = '']) => command);
}

const test = suite('CONTRIBUTING.md');

test('names files and folders that are there', () => {
  const paths = pathsIn(guide);
  assert.ok(paths.length > 80);
  assert.equal(
    paths.filter((path) => !existsSync(join(root, path))),
    [],
  );
});

test('the guide to the specs names files and folders that are there', () => {
  const paths = pathsIn(specGuide);
  assert.ok(paths.length > 30);
  assert.equal(
    paths.filter((path) => !['spec', '.'].some((folder) => existsSync(join(root, folder, path)))),
    [],
  );
});

test('names what the file of a row has', () => {
  assert.ok(strangersIn(guide, () => '').length > 50);
  assert.equal(
    strangersIn(guide, (path) => readFileSync(join(root, path), 'utf8')),
    [],
  );
});

test('has the import order that is held', () => assert.equal(orderIn(guide), folders));

test('has a row for each folder of src, in the import order', () => {
  const present = readdirSync(join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  assert.equal(
    rowsIn(guide),
    folders.filter((folder) => present.includes(folder)),
  );
});

test('names commands that are there', () => {
  assert.equal(
    commandsIn(guide).filter((command) => !Object.hasOwn(scripts, command)),
    [],
  );
});

const small = `
Read \`src/attic\`, \`lost.md\` and [more](spec/NO.md), not \`@a/b\`, \`a.b()\`, \`--flag\` or \`let x\`. \`npm run nothing\`

| \`src/base\` | Much. |
| \`src/b.ts\` | Needs \`nothing\`. |

### Import order

\`\`\`text
model base
\`\`\`

## Where to change what

| \`src/a.ts\` | Has \`here\`, \`gone\` and \`Retry-After\`. |
`;

test('a path, a name, an order and a command that are wrong are found', () => {
  assert.equal(pathsIn(small), ['src/attic', 'lost.md', 'src/base', 'src/b.ts', 'src/a.ts', 'spec/NO.md']);
  assert.equal(
    strangersIn(small, () => 'const here = 1;'),
    ['src/a.ts: gone'],
  );
  assert.equal(orderIn(small), ['model', 'base']);
  assert.equal(rowsIn(small), ['base']);
  assert.equal(commandsIn(small), ['nothing']);
  assert.equal(orderIn('No heading.'), ['']);
});

test.run();
