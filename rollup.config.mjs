import { existsSync, readdirSync, readFileSync } from 'node:fs';
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { dts } from 'rollup-plugin-dts';
import esbuild from 'rollup-plugin-esbuild';
import { bundlePage } from './src/monitor/page/bundle.mjs';

const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

// Every entry of `exports` is built from the source of the same name, so the two cannot drift apart.
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

// What packages import for a part of them that is not used here, and who does.
const unused = [
  // To run subcommands that are programs of their own.
  ['node:child_process', 'commander'],
  // For exemplars.
  ['@opentelemetry/api', 'prom-client'],
];
const isUnused = (id, importer = '') =>
  unused.some(([what, by]) => id === what && importer.includes(`/node_modules/${by}/`));

const withoutUnused = {
  name: 'without-unused',
  resolveId: (id, importer) => (isUnused(id, importer) ? '\0unused' : null),
  load: (id) => (id === '\0unused' ? 'export default {};' : null),
};

// Node takes four milliseconds to load these, and few commands need them.
const late = {
  https: `
    const https = () => process.getBuiltinModule('https');
    export const createServer = (...given) => https().createServer(...given);
    export const request = (...given) => https().request(...given);
    export default { request };`,
  tls: `
    const tls = () => process.getBuiltinModule('tls');
    export const connect = (...given) => tls().connect(...given);
    export const createSecureContext = (...given) => tls().createSecureContext(...given);
    export default { connect };`,
};
// Others, of the demo's provider, ask for more of them.
const isLate = (id, importer = '') =>
  Object.hasOwn(late, id.replace(/^node:/, '')) && /\/(?:src|node_modules\/ws)\//.test(importer);

const loadLate = {
  name: 'load-late',
  resolveId: (id, importer) => (isLate(id, importer) ? id.replace(/^(node:)?/, '\0late-') : null),
  load: (id) => (id.startsWith('\0late-') ? late[id.slice(6)] : null),
};

const outside = matches(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));
const external = (id, importer) => outside(id) && !isUnused(id, importer);

// Of optional peers the command uses what its user has.
const outsideOfBin = matches(['@opentelemetry/api', 'redis']);

/** The monitor page's script and style, as texts in the module that makes them where the sources run. */
const monitorAssets = {
  name: 'monitor-assets',
  load: (id) =>
    id.endsWith('/src/monitor/assets.ts')
      ? Object.entries(bundlePage())
          .map(([name, text]) => `export const ${name} = ${JSON.stringify(text)};`)
          .join('\n')
      : null,
};

/** The licences of packages that are inside, as they ask for. */
const licences = {
  name: 'licences',
  generateBundle(_options, bundle) {
    const modules = Object.values(bundle).flatMap(({ modules = {} }) => Object.keys(modules));
    const folders = new Set(
      modules.map((id) => /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1]),
    );
    const texts = [...folders]
      .filter((folder) => folder && existsSync(`${folder}/package.json`))
      .map(licenceOf);
    const source = [...new Set(texts)].sort().join('\n\n');
    this.emitFile({ type: 'asset', fileName: 'cli/licences.txt', source });
  },
};

function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  return `${name} ${version} (${license})\n\n${file ? readFileSync(`${folder}/${file}`, 'utf8').trim() : ''}`;
}

/** The command: all it needs is inside, each part in a chunk that is loaded when it is needed. */
const bin = {
  input: { cli: 'src/cli.ts' },
  external: (id, importer) => outsideOfBin(id) && !isUnused(id, importer) && !isLate(id, importer),
  plugins: [
    withoutUnused,
    loadLate,
    monitorAssets,
    nodeResolve({ exportConditions: ['es2015'], preferBuiltins: true }),
    commonjs(),
    json(),
    esbuild({
      target: 'node20',
      define: { __VERSION__: JSON.stringify(manifest.version) },
      // And no more: with its names or its syntax minified, oidc-provider forgets its sessions.
      minifyWhitespace: true,
    }),
    licences,
  ],
  output: {
    dir: 'dist',
    // Node starts a CommonJS program some 10 ms sooner.
    format: 'cjs',
    interop: 'default',
    entryFileNames: '[name].cjs',
    chunkFileNames: 'cli/[name].cjs',
  },
  // depd, of the demo's provider, keeps the arity of deprecated functions by it.
  onwarn: (warning, warn) => {
    if (warning.code !== 'EVAL') warn(warning);
  },
};

export default [
  {
    input,
    external,
    // What is no dependency at run time is bundled.
    plugins: [
      withoutUnused,
      monitorAssets,
      nodeResolve({ preferBuiltins: true }),
      commonjs(),
      esbuild({ target: 'node20' }),
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
