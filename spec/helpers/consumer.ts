/** A user's project: a folder outside the repository that has this package installed, TypeScript, and Node to run it. */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';

export const root = join(import.meta.dirname, '..', '..');

/** Options that `tsc --init` gives, except that libraries are checked too. */
const strict: ts.CompilerOptions = {
  strict: true,
  skipLibCheck: false,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  verbatimModuleSyntax: true,
};

export class Consumer implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'consumer-'));

  /** @param packages Names, of the repository's own dependencies, or names with the folder to link to. */
  constructor(...packages: readonly (string | readonly [name: string, folder: string])[]) {
    this.write('package.json', JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
    for (const each of ['@types/node', ...packages]) {
      const [name, folder] = typeof each === 'string' ? [each, join(root, 'node_modules', each)] : each;
      this.link(name, folder);
    }
  }

  /** Makes a package of another folder available. */
  link(name: string, folder: string): void {
    const place = join(this.path, 'node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(folder, place, 'dir');
  }

  /** A project that uses the build in `dist`. */
  static ofBuild(...packages: readonly string[]): Consumer {
    ensureBuild();
    return new Consumer(['rx-oauth-callback', root], 'rxjs', ...packages);
  }

  write(file: string, text: string): string {
    const path = join(this.path, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** Compiles next to the sources. Returns what the compiler has to say, `file:line message`. */
  compile(files: readonly string[], options: ts.CompilerOptions = {}): string[] {
    const program = ts.createProgram(
      files.map((file) => join(this.path, file)),
      { ...strict, typeRoots: [join(this.path, 'node_modules', '@types')], ...options },
    );
    const diagnostics = ts.getPreEmitDiagnostics(program);
    program.emit();
    return diagnostics.map(({ file, start, messageText }) => {
      const place = file && `${file.fileName}:${file.getLineAndCharacterOfPosition(start ?? 0).line + 1} `;
      return `${place ?? ''}${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
  }

  /** Starts a compiled program as its user would. */
  start(
    file: string,
    env: NodeJS.ProcessEnv = {},
    ...args: readonly string[]
  ): ChildProcessWithoutNullStreams {
    return spawn(process.execPath, [file, ...args], { cwd: this.path, env: { ...process.env, ...env } });
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** `npm test` has built already; a spec that is run alone in a fresh clone has to. */
export function ensureBuild(): void {
  const dist = join(root, 'dist');
  if (existsSync(dist)) return;
  // Elsewhere first: another spec file may be doing the same, and must not see half of a build.
  const draft = mkdtempSync(join(tmpdir(), 'dist-'));
  const rollup = join(root, 'node_modules', 'rollup', 'dist', 'bin', 'rollup');
  const { status, stderr } = spawnSync(process.execPath, [rollup, '-c', '--silent', '--dir', draft], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the build fails: ${stderr}`);
  const near = `${dist}.${process.pid}`;
  cpSync(draft, near, { recursive: true });
  try {
    renameSync(near, dist);
  } catch (error) {
    if (!existsSync(dist)) throw error;
    rmSync(near, { recursive: true });
  } finally {
    rmSync(draft, { recursive: true });
  }
}
