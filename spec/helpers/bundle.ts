import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type BuildOptions, type Metafile } from 'esbuild';

/** Bytes that the core may have, minified and compressed, without rxjs. Lower it when the core gets smaller. */
export const coreBudget = 30_208;

/** An entry as a bundler leaves it to a user: its bytes compressed, and what it still imports. */
export interface Bundle {
  /** Size of the code that loads with the entry, without the parts that are imported later. */
  bytes: number;
  /** All of it, those parts too. */
  allBytes: number;
  imports: string[];
}

const root = join(import.meta.dirname, '..', '..');

export function bundle(entry: string): Promise<Bundle> {
  return bundled({ entryPoints: { entry } });
}

/** Measures what code adds to entries that a program has in any case. @param entries Names of files at the top of src/. */
export async function addedBytes(entries: readonly string[], code: string): Promise<Pick<Bundle, 'bytes'>> {
  const base = entries.map((name) => `export * from './src/${name}.ts';`).join('\n');
  const of = (contents: string): Promise<Bundle> =>
    bundled({ stdin: { contents, resolveDir: root, sourcefile: 'entry.ts' } });
  const [before, after] = await Promise.all([of(base), of(base + code)]);
  return { bytes: after.bytes - before.bytes };
}

async function bundled(input: Pick<BuildOptions, 'entryPoints' | 'stdin'>): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    ...input,
    entryNames: 'entry',
    outdir: 'bundle',
    bundle: true,
    splitting: true,
    external: ['node:*'],
    // Every package stays outside, so that one which should not be there is seen.
    packages: 'external',
    format: 'esm',
    metafile: true,
    minify: true,
    platform: 'node',
    target: 'node20',
    write: false,
  });
  const { outputs } = metafile;
  const sizes = new Map(
    outputFiles.map(({ path, contents }) => [
      Object.keys(outputs).find((name) => path.endsWith(name)),
      gzipSync(contents, { level: 9 }).length,
    ]),
  );
  const sizeOf = (names: Iterable<string>): number =>
    [...names].reduce((sum, name) => sum + sizes.get(name)!, 0);
  const imports = Object.values(outputs)
    .flatMap((output) => output.imports.filter(({ external }) => external))
    .map(({ path }) => path);
  return {
    bytes: sizeOf(loadedWith('bundle/entry.js', outputs)),
    allBytes: sizeOf(Object.keys(outputs)),
    imports: [...new Set(imports)],
  };
}

function loadedWith(name: string, outputs: Metafile['outputs'], loaded = new Set<string>()): Set<string> {
  loaded.add(name);
  for (const { path, kind, external } of outputs[name]!.imports)
    if (!external && kind === 'import-statement' && !loaded.has(path)) loadedWith(path, outputs, loaded);
  return loaded;
}
