import { existsSync, readdirSync, readFileSync } from 'node:fs';
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { dts } from 'rollup-plugin-dts';
import esbuild from 'rollup-plugin-esbuild';
import { bundlePage, packageOf } from './tools/monitor-page.mjs';

const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

// Builds every entry of `exports` from the source of the same name, so that the two cannot drift apart.
const input = Object.fromEntries(
  Object.values(manifest.exports)
    .filter((entry) => typeof entry === 'object')
    .flatMap((entry) => Object.values(entry).filter((file) => file.endsWith('.js')))
    .map((file) => file.replace(/^\.\/dist\/|\.js$/g, ''))
    .map((name) => [name, `src/${name}.ts`]),
);

const matches = (names) => {
  const patterns = names.map((name) => new RegExp(`^${name}(/|$)`));
  return (id) => id.startsWith('node:') || patterns.some((pattern) => pattern.test(id));
};

// Modules that dependencies import only for features that are not used here.
const unused = [
  // Subcommands that are programs of their own.
  ['node:child_process', 'commander'],
  // Exemplars.
  ['@opentelemetry/api', 'prom-client'],
];
const isUnused = (id, importer = '') =>
  unused.some(([name, dependency]) => id === name && importer.includes(`/node_modules/${dependency}/`));

const withoutUnused = {
  name: 'without-unused',
  resolveId: (id, importer) => (isUnused(id, importer) ? '\0unused' : null),
  load: (id) => (id === '\0unused' ? 'export default {};' : null),
};

const outside = matches(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));
const external = (id, importer) => outside(id) && !isUnused(id, importer);

// The CLI uses these optional peers if they are installed.
const outsideOfBin = matches(['@napi-rs/keyring', '@opentelemetry/api', 'libsql', 'redis']);

const isMonitorAssets = (id) => id.endsWith('/src/monitor/assets.ts');

/** Replaces the module that bundles the monitor page by one that has the bundled script and style as texts. */
const monitorAssets = {
  name: 'monitor-assets',
  load(id) {
    if (!isMonitorAssets(id)) return null;
    const { script, style } = bundlePage();
    return `export const script = ${JSON.stringify(script)};\nexport const style = ${JSON.stringify(style)};`;
  },
};

/** Writes the licences of all bundled packages to a file, including those inside the monitor page. */
const licences = (fileName) => ({
  name: 'licences',
  generateBundle(_options, bundle) {
    const modules = Object.values(bundle).flatMap((chunk) => Object.keys(chunk.modules ?? {}));
    const folders = [
      ...modules.flatMap((id) => packageOf(id) ?? []),
      ...(modules.some(isMonitorAssets) ? bundlePage().packages : []),
    ];
    const texts = folders.filter((folder) => existsSync(`${folder}/package.json`)).map(licenceOf);
    this.emitFile({ type: 'asset', fileName, source: [...new Set(texts)].sort().join('\n\n') });
  },
});

function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  return `${name} ${version} (${license})\n\n${file ? readFileSync(`${folder}/${file}`, 'utf8').trim() : ''}`;
}

/** The CLI bundles everything that it needs. Each command is a chunk of its own, loaded when it runs. */
const bin = {
  input: { cli: 'src/cli.ts' },
  external: (id, importer) => outsideOfBin(id) && !isUnused(id, importer),
  plugins: [
    withoutUnused,
    monitorAssets,
    nodeResolve({ exportConditions: ['es2015'], preferBuiltins: true }),
    commonjs(),
    json(),
    esbuild({
      target: 'node20',
      define: { __VERSION__: JSON.stringify(manifest.version) },
      // Only white space: with minified names or syntax, oidc-provider loses its sessions.
      minifyWhitespace: true,
    }),
    licences('cli/licences.txt'),
  ],
  output: {
    dir: 'dist',
    // CommonJS, because Node starts it about 10 ms sooner than ES modules.
    format: 'cjs',
    interop: 'default',
    entryFileNames: '[name].cjs',
    chunkFileNames: 'cli/[name].cjs',
  },
  // depd, a dependency of oidc-provider, calls `eval` to keep the arity of deprecated functions.
  onwarn: (warning, warn) => {
    if (warning.code !== 'EVAL') warn(warning);
  },
};

export default [
  {
    input,
    external,
    // Bundles every package that is not a dependency at run time.
    plugins: [
      withoutUnused,
      monitorAssets,
      nodeResolve({ preferBuiltins: true }),
      commonjs(),
      esbuild({ target: 'node20', define: { __VERSION__: JSON.stringify(manifest.version) } }),
      licences('licences.txt'),
    ],
    output: { dir: 'dist', format: 'es', chunkFileNames: 'chunks/[name].js' },
  },
  {
    input,
    external,
    plugins: [dts()],
    output: { dir: 'dist', format: 'es', chunkFileNames: 'chunks/[name].d.ts' },
  },
  bin,
];
