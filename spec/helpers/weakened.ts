/**
 * Weakened twins of the product, for proving that a check can fail: its source with a change, bundled in memory.
 * Nothing in src/ exists for it.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';

/** Replacement of a text. It must occur exactly once in `src`, or in `file` if that is given. */
export interface Edit {
  readonly find: string;
  readonly replace: string;
  /** Path within `src`, as `callback/request.ts`. */
  readonly file?: string;
}

/** Replacement of an export, wherever in `src` it is declared. */
export interface Replacement {
  readonly name: string;
  /** Gets the real export, and gives what importers get instead. Uses within its own module stay as they are. */
  readonly by: (real: unknown) => unknown;
}

export type Change = Edit | Replacement;

export const edit = (find: string, replace: string, file?: string): Edit => ({
  find,
  replace,
  ...(file !== undefined && { file }),
});

/** `replacing({ randomToken }, (real) => () => real(8))`: importers of the function get another one. */
export function replacing<T>(real: Readonly<Record<string, T>>, by: (real: T) => T): Replacement {
  const [name, ...more] = Object.keys(real);
  if (name === undefined || more.length > 0) throw new TypeError('names one export');
  return { name, by: by as (real: unknown) => unknown };
}

/** Source of a file of a twin: its text, and the exports that are replaced in it. */
interface Changed {
  text: string;
  readonly replaced: Map<string, Replacement['by']>;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const src = join(root, 'src');

/** Text of each TypeScript file in `src`, by its path. */
const texts: ReadonlyMap<string, string> = new Map(
  readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [join(src, file), readFileSync(join(src, file), 'utf8')]),
);

/** Exports of a module of `src`, as `cli/browser.ts`, with these changes in it or in what it imports. */
export async function weakenedModule(module: string, ...changes: readonly Change[]): Promise<object> {
  return imported(module, changedSources(changes));
}

/** Exports of the module with the files bundled that any of these twins changes, and nothing changed in them. */
export async function rebuilt(
  module: string,
  twins: readonly { readonly changes: readonly Change[] }[],
): Promise<object> {
  const paths = twins.flatMap(({ changes }) => [...changedSources(changes).keys()]);
  return imported(
    module,
    new Map(paths.map((path) => [path, { text: texts.get(path)!, replaced: new Map() }])),
  );
}

/** The script of the monitor page, with these changes in it or in what it imports. */
export async function weakenedPage(...changes: readonly Change[]): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['src/monitor/page/main.ts'],
    bundle: true,
    format: 'iife',
    platform: 'browser',
    plugins: [loading(changedSources(changes))],
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

/** A program of spec/fixtures/programs with these changes in what it imports, as one ES module that Node runs as it is. */
export async function weakenedProgram(file: string, ...changes: readonly Change[]): Promise<string> {
  const packages: Plugin = {
    name: 'packages by their path',
    setup: (bundler) => {
      bundler.onResolve({ filter: /^[\w@]/ }, ({ path, kind }) =>
        kind === 'entry-point' ? undefined : { path: import.meta.resolve(path), external: true },
      );
    },
  };
  const entry = join(root, 'spec', 'fixtures', 'programs', file);
  const { outputFiles } = await run(entry, changedSources(changes), packages);
  return outputFiles[0]!.text;
}

async function imported(module: string, changed: ReadonlyMap<string, Changed>): Promise<object> {
  const entry = join(src, module);
  const folder = mkdtempSync(join(tmpdir(), 'weakened-'));
  try {
    const file = join(folder, 'twin.mjs');
    writeFileSync(file, await bundle(entry, changed, await affected(entry, changed)));
    return (await import(pathToFileURL(file).href)) as object;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function changedSources(changes: readonly Change[]): ReadonlyMap<string, Changed> {
  const changed = new Map<string, Changed>();
  const at = (path: string): Changed => {
    const found = changed.get(path) ?? { text: texts.get(path)!, replaced: new Map() };
    changed.set(path, found);
    return found;
  };
  const textOf = (path: string): string => changed.get(path)?.text ?? texts.get(path)!;
  for (const change of changes) {
    if ('name' in change) at(declarationOf(change.name)).replaced.set(change.name, change.by);
    else {
      const source = at(fileOf(change, textOf));
      source.text = source.text.replace(change.find, () => change.replace);
    }
  }
  return changed;
}

/** The file that has the text of an edit. */
function fileOf({ find, replace, file }: Edit, textOf: (path: string) => string): string {
  const where = file === undefined ? 'src' : `src/${file}`;
  const paths = file === undefined ? [...texts.keys()] : [join(src, file)];
  if (file !== undefined && !texts.has(paths[0]!)) throw new Error(`${where}: no such file`);
  const found = paths.flatMap((path) => Array<string>(textOf(path).split(find).length - 1).fill(path));
  if (found.length !== 1)
    throw new Error(`${where} has ${found.length} times instead of once: ${JSON.stringify(find)}`);
  if (find === replace) throw new Error(`${where} is not changed by its edit`);
  return found[0]!;
}

/** The file that declares an export of this name. */
function declarationOf(name: string): string {
  const declares = new RegExp(
    String.raw`^export (?:async )?(?:abstract )?(?:function\*?|const|class) ${name}\b`,
    'm',
  );
  const found = [...texts].filter(([, text]) => declares.test(text)).map(([path]) => path);
  if (found.length !== 1) throw new Error(`src exports ${name} ${found.length} times instead of once`);
  return found[0]!;
}

/**
 * The changed modules and those that import them. All others are shared with the real product, so that an error is an
 * instance of the class that a check knows, and `ofState` knows the stream.
 */
async function affected(entry: string, changed: ReadonlyMap<string, Changed>): Promise<ReadonlySet<string>> {
  const inputs = await inputsOf(entry, changed);
  const all = new Set([entry, ...changed.keys()]);
  for (let size = 0; size < all.size;) {
    size = all.size;
    for (const path of importersOf(inputs, all)) all.add(path);
  }
  return all;
}

/** Modules of the real product, by entry: reading them takes longer than anything else here. */
const realInputs = new Map<string, Promise<Metafile['inputs']>>();

/** Modules that an entry imports, with those that a changed file imports in addition. */
async function inputsOf(entry: string, changed: ReadonlyMap<string, Changed>): Promise<Metafile['inputs']> {
  const read = async (from: typeof changed): Promise<Metafile['inputs']> =>
    (await run(entry, from, { name: 'all', setup: () => undefined })).metafile.inputs;
  const hasOthers = [...changed].some(([path, { text }]) => importsIn(text) !== importsIn(texts.get(path)!));
  if (hasOthers) return read(changed);
  const known = realInputs.get(entry) ?? read(new Map());
  realInputs.set(entry, known);
  return known;
}

function importsIn(text: string): string {
  return [...text.matchAll(/\b(?:from|import)\b[^;]*/g)].join('\n');
}

function importersOf(inputs: Metafile['inputs'], modules: ReadonlySet<string>): string[] {
  return Object.entries(inputs)
    .filter(([, { imports }]) => imports.some(({ path }) => modules.has(join(root, path))))
    .map(([path]) => join(root, path));
}

async function bundle(
  entry: string,
  changed: ReadonlyMap<string, Changed>,
  inside: ReadonlySet<string>,
): Promise<string> {
  const { outputFiles } = await run(entry, changed, {
    name: 'share the rest',
    setup: (bundler) => {
      bundler.onResolve({ filter: /^\.\.?\// }, ({ path, importer }) => {
        const module = resolve(dirname(importer), path);
        return inside.has(module) ? { path: module } : { path: pathToFileURL(module).href, external: true };
      });
      // No package can be found by name from the folder of the bundle; this resolves those of Node too.
      bundler.onResolve({ filter: /^[\w@]/ }, ({ path }) => ({
        path: import.meta.resolve(path),
        external: true,
      }));
    },
  });
  return outputFiles[0]!.text;
}

/** Replacements that twins have imported. A twin runs in this process and finds its own by a number. */
const replacements: Replacement['by'][] = [];
const registry = 'rx-oauth-callback/spec/replacements';
Object.assign(globalThis, { [Symbol.for(registry)]: replacements });

/** Loads changed files. A file with replaced exports becomes a module that imports the real one and wraps those. */
function loading(changed: ReadonlyMap<string, Changed>): Plugin {
  const wrapper = (path: string, { replaced }: Changed): string => {
    const real = JSON.stringify(`real:${path}`);
    const lines = [...replaced].map(([name, by]) => {
      const number = replacements.push(by) - 1;
      return `import { ${name} as real_${name} } from ${real};
export const ${name} = globalThis[Symbol.for('${registry}')][${number}](real_${name});`;
    });
    return [`export * from ${real};`, ...lines].join('\n');
  };
  return {
    name: 'change',
    setup: (bundler) => {
      bundler.onResolve({ filter: /^real:/ }, ({ path }) => ({ path: path.slice(5), namespace: 'real' }));
      bundler.onLoad({ filter: /\.ts$/, namespace: 'real' }, ({ path }) => ({
        contents: changed.get(path)!.text,
        loader: 'ts',
        resolveDir: dirname(path),
      }));
      bundler.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const source = changed.get(path);
        if (!source) return undefined;
        const contents = source.replaced.size > 0 ? wrapper(path, source) : source.text;
        return { contents, loader: 'ts', resolveDir: dirname(path) };
      });
    },
  };
}

function run(entry: string, changed: ReadonlyMap<string, Changed>, plugin: Plugin) {
  return build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    plugins: [loading(changed), plugin],
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
}
