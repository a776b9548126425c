import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** An entry as a bundler leaves it to a user: one file, its bytes compressed, and what it still imports. */
export async function bundle(entry: string): Promise<{ bytes: number; imports: string[] }> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: join(import.meta.dirname, '..', '..'),
    entryPoints: [entry],
    bundle: true,
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
  const [file] = outputFiles;
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  return { bytes: gzipSync(file?.contents ?? '', { level: 9 }).length, imports: [...new Set(imports)] };
}
