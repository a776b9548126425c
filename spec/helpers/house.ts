/** The order in which the folders of `src` may import each other, and how a breach of it is found. */
import { join } from 'node:path';
import ts from 'typescript';

/** Paths of the files that a file of `src` imports, by the path of that file. */
export type Sources = ReadonlyMap<string, readonly string[]>;

/** The folders in the order in which data moves. A file imports from its own folder and from folders before it. */
export const folders: readonly string[] = [
  'base',
  'wire',
  'model',
  'page',
  'flows',
  'callback',
  'http',
  'server',
  'store',
  'tenants',
  'client',
  'bridge',
  'login',
  'monitor',
  'telemetry',
  'mcp',
  'share',
  'testing',
  'cli',
];

/** The only import that leaves `src`: when run from source, the monitor page is bundled on request. */
const exception = ['monitor/assets.ts', '../tools/monitor-page.mjs'];

/** Lists the imports that break the order, each with both files. */
export function breachesOf(sources: Sources): string[] {
  return [...sources].flatMap(([file, imports]) =>
    imports.filter((imported) => !allowed(file, imported)).map((imported) => `${file} imports ${imported}`),
  );
}

function allowed(file: string, imported: string): boolean {
  if (file === exception[0] && imported === exception[1]) return true;
  if (imported.startsWith('..')) return false;
  const [from, to] = [folderOf(file), folderOf(imported)];
  // An entry gathers what programs may use; of all folders only the command is such a program.
  if (from === undefined) return true;
  if (to === undefined) return from === 'cli';
  return folders.includes(from) && folders.includes(to) && folders.indexOf(to) <= folders.indexOf(from);
}

function folderOf(file: string): string | undefined {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : undefined;
}

/** Lists the circles of files that import each other, each from its first file back to that file. */
export function circlesOf(sources: Sources): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) circles.push([...path.slice(start), file].join(' > '));
    if (start >= 0 || done.has(file)) return;
    for (const imported of sources.get(file) ?? []) visit(imported, [...path, file]);
    done.add(file);
  };
  for (const file of sources.keys()) visit(file, []);
  return circles;
}

/** Lists the files that a text imports by a relative path, types included, for a file in `folder`. */
export function importsIn(text: string, folder: string): string[] {
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => name.startsWith('.'))
    .map((name) => join(folder, name));
}
