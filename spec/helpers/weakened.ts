/**
 * Weakened twins of the server, for proving that a check can fail: the source with a sentence changed, bundled in
 * memory, and nothing in src/ that exists for it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';
import type { CreateBridge } from './bridge.ts';
import type { Create } from './endpoint.ts';

/** A change of one source file, as `request.ts`. `find` must stand in it exactly once. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/** `createOAuthCallbackServer` of the source with these edits. Throws where one of them does not apply. */
export async function weakened(...edits: readonly Edit[]): Promise<Create> {
  const twin = await imported('src/index.ts', edits);
  return (twin as { createOAuthCallbackServer: Create }).createOAuthCallbackServer;
}

/** `createBridge` of the source with these edits, for the real server. */
export async function weakenedBridge(...edits: readonly Edit[]): Promise<CreateBridge> {
  const twin = await imported('src/bridge/server.ts', edits);
  return (twin as { createBridge: CreateBridge }).createBridge;
}

/** What a module of `src`, as `cli/browser.ts`, exports with these edits in it or in what it imports. */
export function weakenedModule(module: string, ...edits: readonly Edit[]): Promise<unknown> {
  return imported(`src/${module}`, edits);
}

/** The script of the monitor page, with these edits in it or in what it imports. */
export async function weakenedPage(...edits: readonly Edit[]): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['src/monitor/page/main.ts'],
    bundle: true,
    format: 'iife',
    platform: 'browser',
    plugins: [editing(changedSources(edits))],
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

async function imported(name: string, edits: readonly Edit[]): Promise<unknown> {
  const entry = join(root, name);
  const changed = changedSources(edits);
  const folder = mkdtempSync(join(tmpdir(), 'weakened-'));
  try {
    const file = join(folder, 'twin.mjs');
    writeFileSync(file, await bundle(entry, changed, await affected(entry, changed)));
    return (await import(pathToFileURL(file).href)) as unknown;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** By path, the new text of each file that is edited. */
function changedSources(edits: readonly Edit[]): ReadonlyMap<string, string> {
  const changed = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const path = join(root, 'src', file);
    const text = changed.get(path) ?? readFileSync(path, 'utf8');
    const found = text.split(find).length - 1;
    if (found !== 1)
      throw new Error(`src/${file} has ${found} times instead of once: ${JSON.stringify(find)}`);
    if (find === replace) throw new Error(`src/${file} is not changed by its edit`);
    changed.set(
      path,
      text.replace(find, () => replace),
    );
  }
  return changed;
}

/**
 * The edited modules and whatever imports them. All others are shared with the real server, so that an error is an
 * instance of the class that a check knows, and `ofState` knows the stream.
 */
async function affected(entry: string, changed: ReadonlyMap<string, string>): Promise<ReadonlySet<string>> {
  const { inputs } = (await run(entry, changed, { name: 'all', setup: () => undefined })).metafile;
  const all = new Set([entry, ...changed.keys()]);
  for (let size = 0; size < all.size;) {
    size = all.size;
    for (const path of importersOf(inputs, all)) all.add(path);
  }
  return all;
}

function importersOf(inputs: Metafile['inputs'], modules: ReadonlySet<string>): string[] {
  return Object.entries(inputs)
    .filter(([, { imports }]) => imports.some(({ path }) => modules.has(join(root, path))))
    .map(([path]) => join(root, path));
}

async function bundle(
  entry: string,
  changed: ReadonlyMap<string, string>,
  inside: ReadonlySet<string>,
): Promise<string> {
  const { outputFiles } = await run(entry, changed, {
    name: 'share the rest',
    setup: (bundler) => {
      bundler.onResolve({ filter: /^\.\.?\// }, ({ path, importer }) => {
        const module = resolve(dirname(importer), path);
        return inside.has(module) ? { path: module } : { path: pathToFileURL(module).href, external: true };
      });
      // The bundle stands where no package can be found by name; this resolves those of Node too.
      bundler.onResolve({ filter: /^[\w@]/ }, ({ path }) => ({
        path: import.meta.resolve(path),
        external: true,
      }));
    },
  });
  return outputFiles[0]!.text;
}

function editing(changed: ReadonlyMap<string, string>): Plugin {
  return {
    name: 'edit',
    setup: (bundler) => {
      bundler.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const contents = changed.get(path);
        return contents === undefined ? undefined : { contents, loader: 'ts' };
      });
    },
  };
}

function run(entry: string, changed: ReadonlyMap<string, string>, plugin: Plugin) {
  return build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    plugins: [plugin, editing(changed)],
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
}
