import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const notice =
  '/* With uPlot, MIT licence, (c) Leon Sorokin, and RxJS, Apache licence 2.0, (c) Google and others. */';

/**
 * The page's script and style, each as one text with all that it imports.
 *
 * @returns {{ script: string, style: string }}
 */
export function bundlePage() {
  const { outputFiles } = buildSync({
    entryPoints: {
      script: fileURLToPath(new URL('main.ts', import.meta.url)),
      style: fileURLToPath(new URL('style.css', import.meta.url)),
    },
    outdir: 'page',
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: ['chrome109', 'firefox115', 'safari16.4'],
    charset: 'utf8',
    banner: { js: notice },
    write: false,
  });
  const textOf = (end) => outputFiles.find(({ path }) => path.endsWith(end)).text.trim();
  return { script: textOf('.js'), style: textOf('.css') };
}
