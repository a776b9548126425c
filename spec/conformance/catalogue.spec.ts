import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from '../helpers/assert.ts';
import { allDocuments } from '../helpers/documents.ts';
import { suite } from '../helpers/suite.ts';
import { catalogue, subjects } from './catalogue.ts';
import { document as requirementsDocument } from './document.ts';
import { idsOf } from './prove.ts';
import type { Subject } from './requirement.ts';
import { judge, table } from './table.ts';

const root = join(import.meta.dirname, '..', '..');
const specFiles = readdirSync(join(root, 'spec'), { recursive: true, encoding: 'utf8' });
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

const test = suite('the catalogue of requirements');

test('has every requirement once', () => {
  const ids = catalogue.map(({ id }) => id);
  assert.equal(ids, [...new Set(ids)]);
  const counts: Record<string, number> = {};
  for (const id of ids) counts[id.slice(0, 1)] = (counts[id.slice(0, 1)] ?? 0) + 1;
  assert.equal(counts, {
    ...{ A: 12, B: 13, C: 12, D: 5, E: 9, F: 15, G: 14, H: 4, I: 4, J: 9, K: 17, L: 16 },
    P: 30,
  });
});

test('gives each requirement a demand, in one sentence, and a source', () => {
  for (const { id, demand, source } of catalogue) {
    assert.match(demand, /^[A-Z][^.]*(?:\.5[^.]*)?\.$/, id);
    assert.ok(source, id);
  }
});

test('has a check of each requirement, or names the specs that prove it, or says why it does not apply', () => {
  for (const { id, checks, provenIn = [], absent } of catalogue) {
    const proven = checks.length + provenIn.length > 0;
    assert.is(proven, absent === undefined, id);
  }
});

test('names spec files that have a test of the requirement', () => {
  for (const { id, provenIn = [] } of catalogue) {
    for (const file of provenIn) {
      const found = specFiles.filter((each) => `/${each}`.endsWith(`/${file}`));
      assert.is(found.length, 1, `${id}: ${file}`);
      const text = read(join('spec', found[0]!));
      // The tests of each store are those of the contract of stores.
      const tests = text.includes('storeContract(') ? text + contract() : text;
      assert.match(tests, new RegExp(`['\`](?:[A-Z]-\\d\\d )*${id} `), `${id}: ${file}`);
    }
  }
});

test('gives each test a name of its own', () => {
  const names = catalogue.flatMap((requirement) =>
    requirement.checks.flatMap((check) => {
      const ids = idsOf(requirement, check);
      return [check.title, ...check.twins.map(({ weakness }) => weakness)].map((name) => `${ids} ${name}`);
    }),
  );
  assert.equal(names, [...new Set(names)]);
});

test('knows every subject of the folder, and each is run', async () => {
  const here = readdirSync(import.meta.dirname);
  const found: Subject[] = [];
  for (const file of here.filter((each) => each.endsWith('.ts') && !/\.spec\.ts$|-child\.ts$/.test(each))) {
    const { requirements } = (await import(join(import.meta.dirname, file))) as { requirements?: Subject };
    if (!requirements) continue;
    found.push(requirements);
    assert.match(read(join('spec', 'conformance', file.replace(/\.ts$/, '.spec.ts'))), 'prove(requirements)');
  }
  assert.equal(new Set(found), new Set(subjects));
});

test('prints every requirement that a document names', () => {
  const printed = table(judge(catalogue, []));
  let named = 0;
  for (const { path } of allDocuments()) {
    if (path === requirementsDocument.path) continue;
    for (const id of idsNamed(read(path))) {
      named++;
      assert.match(printed, new RegExp(`^${id} .*\\S`, 'm'), `${path} names ${id}`);
    }
  }
  assert.ok(named > 100, `${named} are named`);
});

function contract(): string {
  return read(
    join(
      'spec',
      specFiles.find((each) => each.endsWith('store/contract.ts'))!,
    ),
  );
}

/** Ids in a text: `A-01`, those from `K-04 to K-13`, and those of a whole group `A` in the cell of a table. */
function idsNamed(text: string): Set<string> {
  const ids = catalogue.map(({ id }) => id);
  const named = new Set([...text.matchAll(/\b[A-Z]-\d\d\b/g)].map(([id]) => id));
  for (const [, from, to] of text.matchAll(/\b([A-Z]-\d\d) to ([A-Z]-\d\d)\b/g))
    for (const id of ids) if (id >= from! && id <= to!) named.add(id);
  for (const [, cell] of text.matchAll(/\| ([^|\n]+?) *\|$/gm))
    for (const group of cell!.split(', ').filter((each) => /^[A-Z]$/.test(each)))
      for (const id of ids) if (id.startsWith(`${group}-`)) named.add(id);
  return named;
}

test.run();
