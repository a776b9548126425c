/** The build carries the licences of the packages inside it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from '../helpers/assert.ts';
import { ensureBuild, root } from '../helpers/consumer.ts';
import { suite } from '../helpers/suite.ts';

const dist = join(root, 'dist');
const test = suite('licences');

function licenceIn(name: string): string {
  return readFileSync(join(root, 'node_modules', name, 'LICENSE'), 'utf8').trim();
}

function built(path: string): string {
  return readFileSync(join(dist, path), 'utf8');
}

ensureBuild();

const packages = {
  'licences.txt': ['bintrees', 'prom-client', 'rxjs', 'uplot', 'valibot'],
  'cli/licences.txt': ['commander', 'openid-client', 'prom-client', 'rxjs', 'uplot', 'uqr', 'valibot', 'ws'],
};
for (const [file, names] of Object.entries(packages)) {
  test(`dist/${file} has a text for each bundled package`, () => {
    const text = built(file);
    for (const name of names) assert.match(text, new RegExp(`^${name} \\d\\S+ \\(\\S+\\)\\n\\n\\S`, 'm'));
    assert.ok(text.includes(licenceIn('uplot')), 'the whole licence of uPlot');
  });
}

test('a file with the code of uPlot has its whole licence, which a browser gets with the page', () => {
  const scripts = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) => /js$/.test(file));
  // A class name that uPlot gives to its elements, and that its users have no reason to name.
  const withCode = scripts.filter((file) => built(file).includes('u-cursor-pt'));
  assert.equal(withCode.sort(), ['chunks/html.js', 'cli/html.cjs']);
  // The page is a string literal there, and its line ends may be escaped.
  const words = (text: string): string => text.replaceAll('\\n', ' ').replace(/[^A-Za-z]+/g, ' ');
  for (const file of withCode) assert.ok(words(built(file)).includes(words(licenceIn('uplot'))), file);
});

test.run();
