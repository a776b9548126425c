import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from '../helpers/assert.ts';
import { suite } from '../helpers/suite.ts';
import { catalogue } from './catalogue.ts';
import type { Row } from './row.ts';

const files = readdirSync(import.meta.dirname);
const groups = files.filter((file) => /^[a-z]\.ts$/.test(file)).map((file) => file.slice(0, 1));

const rowsOf = async (group: string): Promise<readonly Pick<Row, 'id' | 'title'>[]> =>
  ((await import(join(import.meta.dirname, `${group}.ts`))) as { rows: readonly Row[] }).rows;

const test = suite('the catalogue of requirements');

test('has every row of the groups A to K, once and in order', () => {
  const ids = catalogue.map(({ id }) => id);
  assert.equal(ids, [...new Set(ids)].sort());
  const counts: Record<string, number> = {};
  for (const id of ids) counts[id.slice(0, 1)] = (counts[id.slice(0, 1)] ?? 0) + 1;
  assert.equal(counts, { A: 12, B: 13, C: 12, D: 5, E: 9, F: 15, G: 14, H: 4, I: 4, J: 9, K: 17 });
});

test('says of every row of a shared service what becomes of it here', () => {
  for (const { id, mode, absent, note } of catalogue) {
    if (mode === 'S') assert.match(absent ?? note ?? '', /the cluster|serve/, id);
  }
});

for (const group of groups) {
  test(`knows the rows of ${group}.ts, each of which runs under a name of its own`, async () => {
    assert.ok(files.includes(`${group}.spec.ts`), `${group}.spec.ts is missing`);
    const rows = await rowsOf(group);
    const names = rows.map(({ id, title }) => `${id} ${title}`);
    assert.equal(names, [...new Set(names)]);
    for (const { id } of rows) {
      assert.is(id.slice(0, 2), `${group.toUpperCase()}-`, id);
      const requirement = catalogue.find((each) => each.id === id);
      assert.ok(requirement, `${id} is not in the catalogue`);
      assert.is(requirement.absent, undefined, `${id} has a check, so it applies`);
    }
  });
}

test.run();
