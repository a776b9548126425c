import { existsSync, readdirSync, readFileSync } from 'node:fs';
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { dts } from 'rollup-plugin-dts';
import esbuild from 'rollup-plugin-esbuild';

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

const outside = matches(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));
const external = (id, importer) => outside(id) && !isUnused(id, importer);

// Of optional peers the command uses what its user has.
const outsideOfBin = matches(['@opentelemetry/api', 'redis']);

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
  external: (id, importer) => outsideOfBin(id) && !isUnused(id, importer),
  plugins: [
    withoutUnused,
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
  output: { dir: 'dist', format: 'es', chunkFileNames: 'cli/[name].js' },
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
