/** SECURITY.md against the catalogue of requirements and the specs. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogue } from '../conformance/catalogue.ts';
import * as assert from '../helpers/assert.ts';
import { root } from '../helpers/consumer.ts';
import { tablesIn, under } from '../helpers/protocol-page.ts';
import { suite } from '../helpers/suite.ts';
import { differences, holding, longLines } from '../helpers/weakened-page.ts';

const test = suite('SECURITY.md');
const holds = holding(test, 'SECURITY.md', readFileSync(join(root, 'SECURITY.md'), 'utf8'));

const known = new Map(catalogue.map((requirement) => [requirement.id, requirement]));

/** Ids in a cell: `A-01`, and those from `K-04 to K-13`. */
function idsIn(cell: string): string[] {
  const ranges = [...cell.matchAll(/([A-Z]-\d\d) to ([A-Z]-\d\d)/g)].flatMap(([, from, to]) =>
    [...known.keys()].filter((id) => id > from! && id < to!),
  );
  return [...(cell.match(/\b[A-Z]-\d\d\b/g) ?? []), ...ranges];
}

interface Promised {
  readonly promise: string;
  readonly ids: readonly string[];
  readonly specs: readonly string[];
}

function promisesOf(page: string): Promised[] {
  return tablesIn(under(page, 'What is promised')).flatMap(({ columns, rows }) => {
    assert.equal(columns, ['Promise', 'Requirements', 'Specs']);
    return rows.map(([promise = '', ids = '', specs = '']) => ({
      promise,
      ids: idsIn(ids),
      specs: [...specs.matchAll(/`([^`]+)`/g)].map(([, path]) => path!),
    }));
  });
}

holds(
  'has a check of each promise: requirements that apply, or specs',
  (page) =>
    promisesOf(page).flatMap(({ promise, ids, specs }) => [
      ...(ids.length + specs.length > 0 ? [] : [`no check of: ${promise}`]),
      ...ids
        .filter((id) => known.get(id)?.absent !== undefined)
        .map((id) => `${id} does not apply: ${promise}`),
      ...ids.filter((id) => !known.has(id)).map((id) => `there is no ${id}: ${promise}`),
    ]),
  ['| D-05 ', '|      ', /no check of: No other site reads an answer/],
  ['| D-05 ', '| D-99 ', /there is no D-99/],
  ['| L-14 ', '| L-09 ', /L-09 does not apply/],
);

holds(
  'names specs that exist',
  (page) =>
    [...page.matchAll(/`(spec\/[^`]*)`/g)]
      .map(([, path]) => path!)
      .filter((path) => !existsSync(join(root, path)))
      .map((path) => `there is no ${path}`),
  ['`spec/browser/lna.spec.ts`', '`spec/browser/lan.spec.ts`', /there is no spec\/browser\/lan/],
);

holds(
  'names each requirement of the standards: as a promise, or as decided against',
  (page) => {
    const decided = tablesIn(under(page, 'Requirements decided against'))[0]!.rows.flatMap(([cell = '']) =>
      idsIn(cell),
    );
    const named = new Set([...promisesOf(page).flatMap(({ ids }) => ids), ...decided]);
    // Group P has the promises of our own documents, not all of which are about security.
    const standards = catalogue.filter(({ id }) => !id.startsWith('P'));
    const against = standards.filter(
      ({ absent, note = '' }) => absent !== undefined || note.startsWith('decided'),
    );
    return [
      ...differences(
        'named',
        [...named].filter((id) => !id.startsWith('P')).sort(),
        standards.map(({ id }) => id),
      ),
      ...against
        .map(({ id }) => id)
        .filter((id) => !decided.includes(id))
        .map((id) => `decided against: ${id} is missing`),
    ];
  },
  ['| D-05 ', '| D-04 ', /named: D-05 is missing/],
  ['| L-09 ', '|      ', /decided against: L-09 is missing/],
);

holds('has one sentence a line, none too long', (page) => longLines(page, 30), [
  'It is off by default.\n',
  'It is off. By default.\n',
  /more than one sentence: {3}It is off/,
]);

test.run();
