import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');

/** Folder of the compiled programs. */
export const built = join(root, 'artifacts', 'bench');

/** Compiles the programs and the sources that they measure. Packages are not bundled, as in a user's project. */
export async function compile(): Promise<void> {
  const programs = readdirSync(join(root, 'bench', 'programs'));
  await build({
    absWorkingDir: root,
    entryPoints: programs.map((name) => join('bench', 'programs', name)),
    outbase: 'bench',
    outdir: built,
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'warning',
  });
}
