import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import * as assert from '../helpers/assert.ts';
import { breachesOf, circlesOf, folders, importsIn, type Sources } from '../helpers/house.ts';
import { suite } from '../helpers/suite.ts';

const source = join(import.meta.dirname, '..', '..', 'src');

/** Imports of each source file; all paths are relative to `src`. */
const sources: Sources = new Map(
  readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file, importsIn(readFileSync(join(source, file), 'utf8'), dirname(file))]),
);

const test = suite('import order');

test('only entries lie at the top of src', () => {
  const { exports } = JSON.parse(readFileSync(join(source, '..', 'package.json'), 'utf8')) as {
    exports: Record<string, string | Record<string, string>>;
  };
  const entries = Object.values(exports)
    .flatMap((entry) => (typeof entry === 'string' ? [] : Object.values(entry)))
    .filter((file) => file.endsWith('.js'))
    .map((file) => relative('dist', file.replace(/\.js$/, '.ts')));
  const files = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isFile());
  assert.equal(files.map(({ name }) => name).sort(), [...new Set([...entries, 'cli.ts'])].sort());
});

test('every folder of src has its place in the order', () => {
  const present = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.equal(
    present.map(({ name }) => name).filter((name) => !folders.includes(name)),
    [],
  );
});

test('a file imports only from its own folder and from folders before it', () => {
  assert.ok(sources.size > 150);
  assert.equal(breachesOf(sources), []);
});

test('no file imports itself by a detour', () => {
  assert.equal(circlesOf(sources), []);
});

test('a breach of the order is named with both files', () => {
  const broken: Sources = new Map([
    ['base/clock.ts', ['model/flow.ts']],
    ['model/flow.ts', []],
    ['index.ts', ['cli/run.ts']],
    ['cli/run.ts', ['index.ts']],
    ['bridge/server.ts', ['index.ts', 'wire/protocol.ts', '../tools/asyncapi.ts']],
    ['wire/protocol.ts', []],
    ['attic/old.ts', ['base/clock.ts']],
  ]);
  assert.equal(breachesOf(broken), [
    'base/clock.ts imports model/flow.ts',
    'bridge/server.ts imports index.ts',
    'bridge/server.ts imports ../tools/asyncapi.ts',
    'attic/old.ts imports base/clock.ts',
  ]);
});

test('a circle is named with all of its files, once', () => {
  const circle: Sources = new Map([
    ['base/a.ts', ['base/b.ts']],
    ['base/b.ts', ['base/c.ts', 'base/d.ts']],
    ['base/c.ts', ['base/a.ts']],
    ['base/d.ts', []],
    ['base/e.ts', ['base/e.ts']],
  ]);
  assert.equal(circlesOf(circle), ['base/a.ts > base/b.ts > base/c.ts > base/a.ts', 'base/e.ts > base/e.ts']);
});

test('an import is seen in every form that TypeScript has', () => {
  const text = `
    import { a } from './a.ts';
    import type { B } from '../model/b.ts';
    import './c.ts';
    export { d } from './d.ts';
    export * from './e.ts';
    const f = await import('../cli/f.ts');
    type G = typeof import('./g.ts');
    // import { no } from './comment.ts';
    const text = "import './text.ts'";
    import { h } from 'rxjs';`;
  assert.equal(importsIn(text, 'base'), [
    'base/a.ts',
    'model/b.ts',
    'base/c.ts',
    'base/d.ts',
    'base/e.ts',
    'cli/f.ts',
    'base/g.ts',
  ]);
});

test.run();
