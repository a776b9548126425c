/** The published package: its tarball is installed in an empty project, imported, compiled against and weighed. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import ts from 'typescript';
import { Browser } from '../../src/testing/browser.ts';
import { headlineOf } from '../../src/testing/html.ts';
import { Tokens } from '../../src/login.ts';
import * as assert from '../helpers/assert.ts';
import { bundle, coreBudget } from '../helpers/bundle.ts';
import { Consumer, ensureBuild, root } from '../helpers/consumer.ts';
import { allDocuments, documentOf } from '../helpers/documents.ts';
import { visit } from '../helpers/http.ts';
import { clientId, redirectOf, startProvider, subject } from '../helpers/provider.ts';
import { suite } from '../helpers/suite.ts';

/** Compiling takes seconds, and a busy machine longer. */
const compiling = { deadline: 300_000 };

const scratch = mkdtempSync(join(tmpdir(), 'package-'));
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
const tarball = pack();
const manifest = readJson('package.json') as {
  bin: Record<string, string>;
  scripts: Record<string, string>;
  exports: Record<string, string | { types: string; default: string }>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
};

/** Files of the package, by their paths in it. */
const paths = createPackageFromTarballData(tarball)
  .listFiles()
  .map((path) => path.replace('/node_modules/rx-oauth-callback/', ''));

const test = suite('package');

test('contains the files that a user needs, and no others', () => {
  const expected = ['CHANGELOG.md', 'LICENSE', 'PROTOCOL.md', 'README.md', 'SECURITY.md', 'asyncapi.json'];
  const documents = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).flatMap((path) =>
    /\.(?:md|png|json)$/.test(path) ? [join('docs', path)] : [],
  );
  assert.equal(
    paths.filter((path) => !path.startsWith('dist/')).sort(),
    [...expected, ...documents, 'man/rx-oauth-callback.1', 'package.json'].sort(),
  );
  assert.equal(
    paths.filter((path) => path.startsWith('dist/') && !/\.(c?js|d\.ts)$/.test(path)),
    ['dist/cli/licences.txt', 'dist/licences.txt'],
  );
});

test('contains every file that one of its documents links, except those for contributors', () => {
  const shipped = allDocuments().filter(({ path }) => paths.includes(path));
  assert.ok(shipped.length > 25, `only ${shipped.length} documents`);
  const missing = shipped.flatMap(({ path }) => missingLinks(path, readFileSync(join(root, path), 'utf8')));
  assert.equal(missing, []);
  const broken = '[a](docs/none.md#a)\n\n## In this repository\n\n[b](CONTRIBUTING.md)';
  assert.equal(missingLinks('README.md', broken), ['README.md: docs/none.md']);
});

test('runs nothing when it is installed', () => {
  const atInstallation = ['preinstall', 'install', 'postinstall', 'prepare'];
  assert.equal(
    atInstallation.filter((script) => script in manifest.scripts),
    [],
  );
});

test('depends on rxjs and ws at run time', () => {
  assert.equal(Object.keys(manifest.dependencies).sort(), ['rxjs', 'ws']);
  assert.equal(
    ['optionalDependencies', 'bundledDependencies'].filter((kind) => kind in manifest),
    [],
  );
  const { peerDependencies, peerDependenciesMeta } = manifest;
  const optional = Object.keys(peerDependencies).map((name) => [name, peerDependenciesMeta[name]?.optional]);
  assert.equal(
    optional,
    [
      '@modelcontextprotocol/client',
      '@modelcontextprotocol/sdk',
      '@napi-rs/keyring',
      '@opentelemetry/api',
      'jose',
      'libsql',
      'openid-client',
      'redis',
    ].map((name) => [name, true]),
  );
});

test('can be imported in an empty project, by every subpath', async () => {
  using consumer = install();
  const program = [
    ...Object.keys(manifest.exports)
      .filter((subpath) => !subpath.endsWith('.json'))
      .map((subpath) => `await import('${join('rx-oauth-callback', subpath)}');`),
    "import { callbackServer } from 'rx-oauth-callback';",
    "import manifest from 'rx-oauth-callback/package.json' with { type: 'json' };",
    "import { firstValueFrom } from 'rxjs';",
    'const { redirectUri } = await firstValueFrom(callbackServer());',
    'console.log(manifest.name, new URL(redirectUri).hostname);',
  ];
  consumer.write('program.js', program.join('\n'));
  const child = consumer.start('program.js');
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  assert.is(output, 'rx-oauth-callback 127.0.0.1\n', errors);
  assert.is(child.exitCode, 0);
});

test('names the package that a sign-in needs if it is not installed', async () => {
  using consumer = install();
  consumer.write(
    'program.js',
    `import { signIn } from 'rx-oauth-callback/login';
signIn({ issuer: 'https://as.example' }).subscribe(({ type, error }) => console.log(type, error.code, error.message));`,
  );
  const child = consumer.start('program.js');
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const saying = 'the package openid-client is required for this; run npm install openid-client';
  assert.is(output, `failed missing_package ${saying}\n`);
});

test('names the package that a JWT needs if it is not installed', async () => {
  using consumer = install();
  consumer.write(
    'program.js',
    `import { jwtAuthentication } from 'rx-oauth-callback/bridge';
const authenticate = jwtAuthentication({ jwks: 'https://as.example', issuer: 'x', audience: 'y' });
const request = { headers: { authorization: 'Bearer e30.e30.e30' } };
await authenticate(request).catch(({ code, message }) => console.log(code, message));`,
  );
  const child = consumer.start('program.js');
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  assert.is(output, 'missing_package the package jose is required for this; run npm install jose\n');
});

test(
  'has a command that needs nothing but its own files',
  async () => {
    // Not even the dependencies: all of it is bundled.
    using consumer = new Consumer();
    const contents = createPackageFromTarballData(tarball);
    for (const path of contents.listFiles()) consumer.write(path, contents.readFile(path));
    const command = join('node_modules', 'rx-oauth-callback', manifest.bin['rx-oauth-callback'] ?? '');
    for (const args of [['--version'], ['demo']]) {
      const child = consumer.start(command, {}, ...args);
      const [output, errors] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close'),
      ]);
      assert.equal([errors, child.exitCode], ['', 0]);
      assert.match(output, args[0] === 'demo' ? 'Every sign-in ended as it should.' : /^\d+\.\d+\.\d+\n$/);
    }
  },
  compiling,
);

test(
  'has a service and a monitor that need nothing else either',
  () =>
    withCommand(async (start) => {
      const service = start('serve', '--json');
      const { bridgeUrl, redirectUri, monitorUrl } = JSON.parse(await service.line()) as Record<
        string,
        string
      >;
      const watch = start('watch', bridgeUrl ?? '', '--history', '--type', 'redirect');
      assert.is((await visit(`${redirectUri}?code=c&state=of-nobody`)).status, 400);
      const { disposition } = JSON.parse(await watch.line()) as Record<string, string>;
      assert.is(disposition, 'unmatched');
      assert.match((await visit(monitorUrl ?? '')).body, '<title>Sign-ins</title>');
      assert.equal([await watch.end('SIGINT'), await service.end('SIGTERM')], [0, 0]);
    }),
  compiling,
);

const loginAt = (issuer: string, ...more: readonly string[]): string[] => [
  ...['login', '--issuer', issuer, '--client-id', clientId, '--scope', 'openid', '--no-browser'],
  ...more,
];

/** The URL that the person is to open. */
const urlOf = async (login: Program): Promise<URL> => new URL(await login.told(/^ {2}(http\S+)$/));

/** It has ended well, and printed tokens and nothing else. */
async function hasTokens(login: Program, issuer: string): Promise<void> {
  const printed = await login.rest();
  assert.is(await login.end(), 0);
  const tokens = Tokens.fromDict(JSON.parse(printed) as Record<string, unknown>);
  assert.equal([tokens.issuer, tokens.claims?.sub], [issuer, subject]);
}

test(
  'has a login that needs nothing else either, not even the peer that speaks OAuth',
  () =>
    withCommand(async (start) => {
      await using as = await startProvider();
      const login = start(...loginAt(as.issuer));
      const page = await new Browser().open(await urlOf(login));
      assert.equal([page.status, headlineOf(page.html)], [200, 'Authentication successful']);
      await hasTokens(login, as.issuer);
    }),
  compiling,
);

test(
  'has a login that takes a pasted URL from a pipe, and one through its own service',
  () =>
    withCommand(async (start) => {
      await using as = await startProvider();
      const service = start('serve', '--json', '--log-level', 'silent');
      const { bridgeUrl, redirectUri } = JSON.parse(await service.line()) as Record<string, string>;
      const here = start(...loginAt(as.issuer));
      const elsewhere = start(...loginAt(as.issuer, '--via', bridgeUrl ?? ''));
      here.types((await redirectOf(as, await urlOf(here))).href);
      const url = await urlOf(elsewhere);
      assert.is(url.searchParams.get('redirect_uri'), redirectUri);
      assert.is(headlineOf((await new Browser().open(url)).html), 'Authentication successful');
      await Promise.all([here, elsewhere].map((login) => hasTokens(login, as.issuer)));
      assert.is(await service.end('SIGTERM'), 0);
    }),
  compiling,
);

test('has the licence of each package that is in the command', () => {
  const licences = readFileSync(join(root, 'dist', 'cli', 'licences.txt'), 'utf8');
  for (const name of [
    'commander',
    'oidc-provider',
    'openid-client',
    'pino',
    'prom-client',
    'rxjs',
    'ws',
    'valibot',
  ])
    assert.match(licences, new RegExp(`^${name} \\d\\S+ \\(\\S+\\)\\n\\n\\S`, 'm'));
});

test('rejects an unknown subpath', async () => {
  using consumer = install();
  consumer.write('program.js', "import 'rx-oauth-callback/dist/index.js';");
  const child = consumer.start('program.js');
  const [errors] = await Promise.all([text(child.stderr), once(child, 'close')]);
  assert.match(errors, 'ERR_PACKAGE_PATH_NOT_EXPORTED');
});

for (const [name, options] of [
  ['nodenext', {}],
  ['bundler', { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }],
] as const) {
  const body = (): void => {
    using consumer = install();
    consumer.write(
      'program.ts',
      `import { createOAuthCallbackServer, orThrow, type CallbackResponse, type Flow } from 'rx-oauth-callback';
import { firstValueFrom } from 'rxjs';
await using server = createOAuthCallbackServer();
await server.listen();
const flow: Flow = await server.begin();
export const response: CallbackResponse = await firstValueFrom(flow.response.pipe(orThrow()));
// @ts-expect-error not any
export const wrong: number = response;
`,
    );
    consumer.write(
      'remote.ts',
      `import { createOAuthCallbackServer, type CallbackHost } from 'rx-oauth-callback';
import { createBridge, memoryStore, type Bridge, type FlowStore } from 'rx-oauth-callback/bridge';
import { createMonitor, type Monitor } from 'rx-oauth-callback/monitor';
import { connectCallbackHost, type FeedStatus, type RemoteCallbackHost } from 'rx-oauth-callback/client';
import { createMetrics, traceFlows, type Metrics } from 'rx-oauth-callback/telemetry';
import { firstValueFrom } from 'rxjs';
await using server = createOAuthCallbackServer();
const store: FlowStore = memoryStore();
const bridge: Bridge = createBridge(server, { token: 'a-token-of-a-user', store });
await bridge.listen();
using monitor: Monitor = createMonitor(server, bridge);
export const url: string = monitor.url();
await using host: RemoteCallbackHost = await connectCallbackHost('ws://127.0.0.1/bridge', { token: 'a-token-of-a-user' });
export const anyHost: CallbackHost = host;
export const metrics: Metrics = createMetrics(server, { bridge });
// @ts-expect-error not any
traceFlows(server, {});
export const status: FeedStatus = await firstValueFrom(host.feed);
// @ts-expect-error not any
export const wrong: number = bridge;
// @ts-expect-error not any
export const wrongToo: number = host;
`,
    );
    consumer.write(
      'login.ts',
      `import { refresh, signIn, tokens, Tokens, type SignInError, type SignInEvent } from 'rx-oauth-callback/login';
import { createOAuthCallbackServer } from 'rx-oauth-callback';
import { firstValueFrom } from 'rxjs';
const host = createOAuthCallbackServer();
const made: Tokens = await firstValueFrom(signIn({ issuer: 'https://as.example', host }).pipe(tokens()));
export const renewed: Tokens = await firstValueFrom(refresh(made));
export function tell(event: SignInEvent): URL | SignInError['code'] | undefined {
  if (event.type === 'authorize') return event.url;
  return event.type === 'failed' ? event.error.code : undefined;
}
// @ts-expect-error not any
export const wrong: number = made;
`,
    );
    // `await using` needs the newest lib; lib.dom is what a project has that says nothing.
    const lib = ['lib.esnext.d.ts', 'lib.dom.d.ts'];
    assert.equal(
      consumer.compile(['program.ts', 'remote.ts', 'login.ts'], { ...options, lib, noEmit: true }),
      [],
    );
  };
  test(`compiles in a strict project with moduleResolution ${name}, libraries included`, body, compiling);
}

test('is clean for publint', async () => {
  const data = tarball.buffer.slice(
    tarball.byteOffset,
    tarball.byteOffset + tarball.byteLength,
  ) as ArrayBuffer;
  const { messages, pkg } = await publint({ pack: { tarball: data }, strict: true });
  assert.equal(
    messages.map((message) => formatMessage(message, pkg, { color: false })),
    [],
  );
});

test('is clean for @arethetypeswrong, but for what comes of being ESM only', async () => {
  const { problems } = (await checkPackage(createPackageFromTarballData(tarball))) as {
    problems: readonly { kind: string; resolutionKind?: string }[];
  };
  const tolerated = [
    // require() of an ES module works since Node 20.19, the oldest that `engines` allows; TypeScript 5.6 says it does not.
    'CJSResolvesToESM node16-cjs',
    // Reads no `exports`, so it finds no package that has nothing else; deprecated in TypeScript 6.
    'NoResolution node10',
  ];
  const found = new Set(problems.map(({ kind, resolutionKind }) => `${kind} ${resolutionKind ?? ''}`));
  assert.equal([...found].sort(), tolerated);
});

const entry = manifest.exports['.'];
if (typeof entry !== 'object') throw new Error('package.json exports no core');
const core = await bundle(entry.default);

test('has a core that imports Node and rxjs only', () => {
  const allowed = ['rxjs', ...builtinModules.map((name) => `node:${name}`)];
  assert.ok(core.imports.includes('rxjs'));
  assert.equal(
    core.imports.filter((path) => !allowed.includes(path)),
    [],
  );
});

test(`has a core of at most ${coreBudget} bytes, minified and compressed, without rxjs: ${core.bytes}`, () => {
  assert.ok(core.bytes > 0 && core.bytes <= coreBudget, `${core.bytes} bytes`);
});

const { browser } = manifest.exports['./client'] as unknown as { browser: string };
const client = await bundle(browser);

test(`has a client for browsers of at most 15,360 bytes without rxjs, which is all it imports: ${client.bytes}`, () => {
  assert.equal(client.imports, ['rxjs']);
  assert.ok(client.bytes > 0 && client.bytes <= 15_360, `${client.bytes} bytes`);
});

test('has a bridge that imports Node, ws and, for JWTs, jose only: its schemas are bundled', async () => {
  const { imports } = await bundle('dist/bridge.js');
  assert.equal(
    imports.filter((path) => !path.startsWith('node:')),
    ['ws', 'jose'],
  );
});

test('has a lockfile that names no registry', () => {
  const lockfile = readJson('package-lock.json') as { packages: Record<string, { resolved?: string }> };
  assert.equal(
    Object.entries(lockfile.packages).filter(([, { resolved }]) => resolved !== undefined),
    [],
  );
});

test.run();

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(join(root, file), 'utf8'));
}

function pack(): Buffer {
  ensureBuild();
  // Without scripts: `prepack` would build again, under the eyes of the other specs.
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', scratch];
  const { status, stderr } = spawnSync('npm', args, { cwd: root, encoding: 'utf8' });
  const [file] = readdirSync(scratch);
  if (status !== 0 || file === undefined) throw new Error(`npm pack fails: ${stderr}`);
  return readFileSync(join(scratch, file));
}

/** Links of a document to files that the package does not have, above the heading for contributors. */
function missingLinks(path: string, text: string): string[] {
  const [forUsers = ''] = text.split('\n## In this repository\n');
  return documentOf(path, forUsers).links.flatMap(({ target }) => {
    const [file = ''] = target.split('#');
    const place = join(dirname(path), file);
    return file === '' || target.includes(':') || paths.includes(place) ? [] : [`${path}: ${place}`];
  });
}

/** Starts the command in a folder that has the tarball's files and nothing else; ends what still runs. */
async function withCommand(body: (start: (...args: string[]) => Program) => Promise<void>): Promise<void> {
  using consumer = new Consumer();
  const contents = createPackageFromTarballData(tarball);
  for (const path of contents.listFiles()) consumer.write(path, contents.readFile(path));
  const command = join('node_modules', 'rx-oauth-callback', manifest.bin['rx-oauth-callback'] ?? '');
  const running: Program[] = [];
  try {
    await body((...args) => {
      const program = new Program(consumer, command, ...args);
      running.push(program);
      return program;
    });
  } finally {
    for (const program of running) program.kill();
  }
}

/** A command of the package that runs. */
class Program {
  readonly #child: ReturnType<Consumer['start']>;
  readonly #lines: AsyncIterator<string>;
  readonly #told: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor(consumer: Consumer, command: string, ...args: readonly string[]) {
    this.#child = consumer.start(command, { RX_OAUTH_CALLBACK_TOKEN: 'a-token-of-the-specs' }, ...args);
    this.#ended = once(this.#child, 'close');
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    this.#told = createInterface(this.#child.stderr)[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const next = await assert.deadline(this.#lines.next(), 'a line');
    return next.value as string;
  }

  /** All lines that are still to come. */
  async rest(): Promise<string> {
    const lines: string[] = [];
    for (;;) {
      const next = await assert.deadline(this.#lines.next(), 'the rest of the lines');
      if (next.done) return lines.join('\n');
      lines.push(next.value);
    }
  }

  /** Resolves with the group of a pattern, from the first line on stderr that matches. */
  async told(pattern: RegExp): Promise<string> {
    const seen: string[] = [];
    for (;;) {
      const next = await assert.deadline(this.#told.next(), String(pattern));
      if (next.done) throw new Error(`no ${String(pattern)} in ${seen.join('\n')}`);
      seen.push(next.value);
      const found = pattern.exec(next.value)?.[1];
      if (found !== undefined) return found;
    }
  }

  /** Writes a line to its stdin, which is a pipe and stays open. */
  types(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Resolves with the exit code once it has ended, by itself or by a signal. */
  async end(signal?: NodeJS.Signals): Promise<number | null> {
    if (signal) this.#child.kill(signal);
    await assert.deadline(this.#ended, 'the end of the command');
    return this.#child.exitCode;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** An empty project with the tarball's files and its dependencies, as an installation would leave it. */
function install(): Consumer {
  const consumer = new Consumer(...Object.keys(manifest.dependencies));
  const contents = createPackageFromTarballData(tarball);
  for (const path of contents.listFiles()) consumer.write(path, contents.readFile(path));
  return consumer;
}
