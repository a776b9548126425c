import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync, type BuildOptions } from 'esbuild';

const root = join(import.meta.dirname, '..', '..');

const options = {
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'error',
} as const satisfies BuildOptions;

/** Makes a folder within the repository, so that its packages are found. */
function newFolder(): string {
  const artifacts = join(root, 'artifacts');
  mkdirSync(artifacts, { recursive: true });
  return mkdtempSync(join(artifacts, 'programs-'));
}

/**
 * Compiles a program of examples/, which then starts in half of the time; returns its path. The file is deleted as the process ends.
 * Start it once as its user does too.
 *
 * @param edit Changes the text, for a twin.
 */
export function compiledExample(file: string, edit = (text: string): string => text): string {
  const folder = newFolder();
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, 'program.mjs');
  const contents = edit(readFileSync(join(root, 'examples', file), 'utf8'));
  buildSync({ stdin: { contents, resolveDir: join(root, 'examples'), loader: 'ts' }, outfile, ...options });
  return outfile;
}

/** Programs of spec/fixtures/programs, compiled once: starting them must not be what takes the time. */
export class CompiledPrograms implements Disposable {
  readonly #folder: string;

  /** @param files Such as `cluster-node.ts`. */
  constructor(...files: readonly string[]) {
    this.#folder = newFolder();
    buildSync({
      entryPoints: files.map((file) => join(root, 'spec/fixtures/programs', file)),
      outdir: this.#folder,
      outExtension: { '.js': '.mjs' },
      ...options,
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
