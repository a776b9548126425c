import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

const root = join(import.meta.dirname, '..', '..');

/** Programs of spec/fixtures/programs, compiled once: starting them must not be what takes the time. */
export class CompiledPrograms implements Disposable {
  readonly #folder: string;

  /** @param files Such as `cluster-node.ts`. */
  constructor(...files: readonly string[]) {
    // Within the repository, so that its packages are found.
    const artifacts = join(root, 'artifacts');
    mkdirSync(artifacts, { recursive: true });
    this.#folder = mkdtempSync(join(artifacts, 'programs-'));
    buildSync({
      entryPoints: files.map((file) => join(root, 'spec/fixtures/programs', file)),
      outdir: this.#folder,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'error',
    });
  }

  /** Returns the path of the compiled program. */
  pathOf(file: string): string {
    return join(this.#folder, file.replace(/\.ts$/, '.mjs'));
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
