/** docs/guides/troubleshooting.md has a row with cause and cure for everything that the code can answer, and for nothing else. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeCodes } from '../../src/wire/protocol.ts';
import * as assert from '../helpers/assert.ts';
import { root } from '../helpers/consumer.ts';
import { suite } from '../helpers/suite.ts';
import { texts } from '../helpers/texts.ts';
import { Types } from '../helpers/vocabulary.ts';

const guide = readFileSync(join(root, 'docs/guides/troubleshooting.md'), 'utf8');

interface Table {
  readonly rows: readonly (readonly string[])[];
}

/** Returns the table whose first column has this name. */
function tableOf(document: string, column: string): Table {
  const lines = document.split('\n');
  const cellsOf = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const heads = lines.flatMap((line, index) => (cellsOf(line)[0] === column ? [index] : []));
  assert.is(heads.length, 1, `tables with the first column ${column}`);
  const head = heads[0]!;
  assert.equal(cellsOf(lines[head]!).slice(1), ['Cause', 'Cure']);
  const rest = lines.slice(head + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return { rows: rest.slice(0, end).map(cellsOf) };
}

/** Returns what is wrong with a table: names that it lacks, has twice or has in vain, and rows without cause or cure. */
function flawsOf({ rows }: Table, names: readonly string[]): string[] {
  const found = rows.map(([name = '']) => name.replace(/^`(.*)`$/, '$1'));
  return [
    ...names.filter((name) => !found.includes(name)).map((name) => `no row for ${name}`),
    ...found.filter((name, index) => found.indexOf(name) !== index).map((name) => `two rows for ${name}`),
    ...found.filter((name) => !names.includes(name)).map((name) => `${name} is not in the code`),
    ...rows
      .filter(([, cause = '', cure = '']) => !/\w{3}/.test(cause) || !/\w{3}/.test(cure))
      .map(([name]) => `${name} has no cause or no cure`),
  ];
}

/** Every `code` of an error class in the sources. */
const errorCodes = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .flatMap((file) => [
    ...readFileSync(join(root, 'src', file), 'utf8').matchAll(/^ +(?:override )?readonly code = '(\w+)';/gm),
  ])
  .map(([, code = '']) => code);

/** HTTP statuses with which the bridge rejects a handshake. */
const statuses = [
  ...new Set(
    [...readFileSync(join(root, 'src/bridge/rejection.ts'), 'utf8').matchAll(/: \[(\d{3}), '/g)].map(
      ([, status = '']) => status,
    ),
  ),
];

const types = new Types();

/** What the code has, by the first column of its table. */
const tables: Readonly<Record<string, readonly string[]>> = {
  '`code`': errorCodes,
  '`flaw`': types.literals('src/login.ts', 'DiscoveryFlaw'),
  '`disposition`': types.literals('src/index.ts', 'Disposition'),
  '`reason`': types.literals('src/index.ts', 'RefusalReason'),
  '`status`': statuses,
  '`closeCode`': Object.values(closeCodes).map(String),
  Headline: [
    texts.en.success,
    texts.en.cancelled,
    texts.en.notSignedIn,
    texts.en.failure,
    texts.en.finishing,
    texts.en.waiting,
    texts.en.inactive,
    texts.en.otherBrowser,
    texts.en.typeCode,
    texts.en.consentTitle,
    texts.en.headTooLarge,
    texts.en.unavailable,
  ],
};

const test = suite('troubleshooting');

test('knows what the code has', () => {
  for (const [column, known] of Object.entries({
    '`code`': ['invalid_option', 'port_in_use', 'authorization_error', 'missing_package'],
    '`flaw`': ['issuer_mismatch'],
    '`disposition`': ['accepted', 'wrong_issuer', 'refused'],
    '`reason`': ['missing_code', 'prefetch'],
    '`status`': ['401', '503'],
    '`closeCode`': ['1000', '4401'],
  })) {
    for (const name of known) assert.ok(tables[column]!.includes(name), `${column}: ${name}`);
  }
});

for (const [column, names] of Object.entries(tables)) {
  test(`has a row with cause and cure for each ${column.replaceAll('`', '')}`, () => {
    assert.equal(flawsOf(tableOf(guide, column), names), []);
  });
}

test('finds a row that is missing, doubled, unknown or empty', () => {
  const document = [
    '| `reason` | Cause | Cure |',
    '| --- | --- | --- |',
    '| `prefetch` | The browser. | None. |',
    '| `prefetch` | The browser. | None. |',
    '| `too_late` | The user. | Begin again. |',
    '| `too_long` | A parameter. |  |',
    '',
  ].join('\n');
  assert.equal(flawsOf(tableOf(document, '`reason`'), ['prefetch', 'too_long', 'missing_code']), [
    'no row for missing_code',
    'two rows for prefetch',
    'too_late is not in the code',
    '`too_long` has no cause or no cure',
  ]);
});

test.run();
