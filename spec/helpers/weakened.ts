import { build, type Plugin } from 'esbuild';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Create } from './endpoint.ts';

/** A change to one file of `src`, which takes a check away. */
export interface Edit {
  /** As in `src/`: `flows.ts`. */
  file: string;
  /** Must stand in the file exactly once, so that an edit cannot go stale unseen. */
  find: string;
  replace: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
let made = 0;

/** The server built from sources that were edited on the way in: the sources themselves have no hooks for it. */
export async function weakened(edits: readonly Edit[]): Promise<Create> {
  // Inside the repository, so that the bundle finds the same rxjs as the specs.
  const folder = join(root, 'node_modules', '.cache', 'twins', `${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `${++made}.mjs`);
  try {
    await build({
      entryPoints: [join(root, 'src/index.ts')],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      external: ['rxjs'],
      logLevel: 'silent',
      plugins: [editing(edits)],
    });
    const { createOAuthCallbackServer } = (await import(pathToFileURL(outfile).href)) as {
      createOAuthCallbackServer: Create;
    };
    return createOAuthCallbackServer;
  } finally {
    rmSync(outfile, { force: true });
  }
}

function editing(edits: readonly Edit[]): Plugin {
  return {
    name: 'editing',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const text = readFileSync(path, 'utf8');
        const own = edits.filter(({ file }) => file === basename(path));
        return { contents: own.reduce((edited, edit) => apply(edited, edit), text), loader: 'ts' };
      });
    },
  };
}

function apply(text: string, { file, find, replace }: Edit): string {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times, not once: ${find}`);
  return parts.join(replace);
}
