/** README.md: one screen, a map, and a comparison that is the one of docs/comparison.md. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogue } from '../conformance/catalogue.ts';
import * as assert from '../helpers/assert.ts';
import { root } from '../helpers/consumer.ts';
import { suite } from '../helpers/suite.ts';
import { rowsIn } from '../helpers/tables.ts';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const readme = read('README.md');
const comparison = read('docs/comparison.md');
const { description, scripts } = JSON.parse(read('package.json')) as {
  description: string;
  scripts: Record<string, string>;
};

const [head = '', ...sections] = comparison.split(/^## /m);
/** Tables of the comparison, by the name of the package that each is about. */
const tables = new Map(
  sections.flatMap((section): [string, string[][]][] => {
    const name = section.slice(0, section.indexOf('\n'));
    return section.includes('| Row ') ? [[name, rowsIn(section, 'Row')]] : [];
  }),
);

const test = suite('README.md');

test('is one screen and a map', () => assert.ok(readme.split('\n').length <= 150));

test('opens with what the package is', () => assert.is(readme.split('\n')[2], description));

test('has the two commands of this repository under a heading of their own', () => {
  const [, section = ''] = readme.split('\n## In this repository\n');
  const commands = [...section.matchAll(/^npm ci && npm (?:run )?(\w+)/gm)].map(([, script = '']) => script);
  assert.equal(commands, ['demo', 'test']);
  for (const script of commands) assert.ok(scripts[script], script);
});

test('says nothing to contributors before that', () => {
  const [before = ''] = readme.split('\n## In this repository\n');
  assert.not.match(before, /npm ci|npm test|CONTRIBUTING/);
});

test('compares in at most 15 rows, each of which leads to a requirement that holds', () => {
  const rows = rowsIn(readme, '');
  assert.ok(rows.length > 0 && rows.length <= 15, `${rows.length} rows`);
  const holding = catalogue.filter(({ absent }) => absent === undefined).map(({ id }) => id);
  for (const [name, here = ''] of rows) {
    const ids = [...here.matchAll(/\[([A-Z]-\d\d)\]\(([^)]+)\)/g)];
    assert.ok(ids.length > 0, name);
    for (const [, id = '', target] of ids) {
      assert.ok(holding.includes(id), `${name}: ${id}`);
      assert.is(target, `docs/reference/requirements.md#${id.toLowerCase()}`);
    }
  }
});

test('says of the others what the comparison says, at the same versions', () => {
  const line = readme.split('\n').find((each) => /^\| +\| Here /.test(each))!;
  const titles = line.split('|').slice(3, -1);
  const columns = titles.map((title) => title.trim().split(' ') as [name: string, version: string]);
  assert.equal(
    columns.map(([name]) => name),
    [...tables.keys()],
  );
  const rows = rowsIn(readme, '');
  const versions = rowsIn(comparison, 'Package');
  for (const [index, [name, version]] of columns.entries()) {
    const table = tables.get(name)!;
    assert.equal(
      table.map(([row, found]) => [row, found]),
      rows.map((cells) => [cells[0], cells[index + 2]]),
      name,
    );
    for (const [row, , reason = ''] of table) assert.match(reason, /^(?:Run|Read): .*\.$/, `${name}: ${row}`);
    const [, found = ''] = versions.find(([each]) => each === name) ?? [];
    assert.match(found, new RegExp(`(?:^| )${version.replaceAll('.', '\\.')}(?: |$)`), name);
  }
  assert.match(head, 'README.md#what-it-does-that-others-do-not');
});

test.run();
