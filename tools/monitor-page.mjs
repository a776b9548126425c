import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Bundles the monitor page's script and style, each as one text with everything that it imports. The script begins with
 * uPlot's licence, because browsers get a copy of its code.
 *
 * @returns {{ script: string, style: string, packages: string[] }} `packages` names the folders of bundled packages.
 */
export function bundlePage() {
  const { outputFiles, metafile } = buildSync({
    absWorkingDir: root,
    entryPoints: { script: 'src/monitor/page/main.ts', style: 'src/monitor/page/style.css' },
    outdir: 'page',
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: ['chrome109', 'firefox115', 'safari16.4'],
    charset: 'utf8',
    banner: { js: notice() },
    metafile: true,
    write: false,
  });
  const textOf = (end) => outputFiles.find(({ path }) => path.endsWith(end)).text.trim();
  const packages = Object.keys(metafile.inputs).flatMap((path) => packageOf(join(root, path)) ?? []);
  return { script: textOf('.js'), style: textOf('.css'), packages: [...new Set(packages)].sort() };
}

function notice() {
  const licence = readFileSync(join(root, 'node_modules', 'uplot', 'LICENSE'), 'utf8').trim();
  return `/*! Contains RxJS, (c) Google and others, Apache License 2.0, and uPlot:\n\n${licence}\n*/`;
}

/**
 * Returns the folder of the package that a module belongs to, or `undefined` for a module of this repository.
 *
 * @param {string} path
 * @returns {string | undefined}
 */
export function packageOf(path) {
  return /^\0?(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
}
