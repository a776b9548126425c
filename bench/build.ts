import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');

/** Where the compiled programs are. */
export const built = join(root, 'artifacts', 'bench');

/** Compiles the programs and what they measure; packages stay outside, as they do for users. */
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
