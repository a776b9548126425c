/** Every code block of the documents compiles, every whole program runs, and every link leads somewhere. */
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { slugOf } from '../../tools/slug.ts';
import * as assert from '../helpers/assert.ts';
import { Consumer, root } from '../helpers/consumer.ts';
import {
  allDocuments,
  brokenBlocks,
  brokenLinks,
  documentOf,
  fileOf,
  isForReaders,
  type Block,
  type Document,
} from '../helpers/documents.ts';
import { startMcpWorld } from '../helpers/mcp/world.ts';
import { clientId, startProvider } from '../helpers/provider.ts';
import { runAsReader } from '../helpers/reader.ts';
import { freePort } from '../helpers/redis-server.ts';
import { suite } from '../helpers/suite.ts';

/** A document with every flaw that the checks must find, and a few good blocks. */
const flawed = documentOf('flawed.md', readFileSync(join(root, 'spec/fixtures/documents/flawed.md'), 'utf8'));
const unended = documentOf('unended.md', '# A\n\n```sh\nls\n');

const documents = allDocuments();
const readable = documents.filter(isForReaders);
const runnable = programsIn(readable);

// All blocks share a project, because compiling takes most of the time.
const project = createProject();
process.once('exit', () => project[Symbol.dispose]());
const complaints = brokenBlocks([...readable, flawed, unended], project);

const test = suite('documents');

test('finds the documents', () => {
  const paths = documents.map(({ path }) => path);
  for (const path of ['README.md', 'PROTOCOL.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md'])
    assert.ok(paths.includes(path), path);
  const blocks = readable.flatMap((each) => each.blocks);
  assert.ok(blocks.length > 20, `only ${blocks.length} blocks`);
});

test('every code block compiles', () => {
  assert.equal(
    complaints.filter((each) => !/^(?:flawed|unended)\.md:/.test(each)),
    [],
  );
});

test('every link leads to a file and an anchor', () => assert.equal(brokenLinks(documents), []));

for (const [document, block] of runnable) {
  test(
    `${document.path}:${block.line} runs`,
    async () => {
      assert.is(await flawOf(document, block), undefined);
    },
    { deadline: 300_000 },
  );
}

test('finds a broken block, on its line', () => {
  const found = complaints.filter((each) => each.startsWith('flawed.md:'));
  assert.equal(found.map((each) => each.replace(/\n[^]*?( is not valid JSON)?$/, '$1')).sort(), [
    `flawed.md:10 Type 'string' is not assignable to type 'number | readonly number[] | undefined'.`,
    `flawed.md:20 Cannot find name 'declared'.`,
    `flawed.md:36 Module '"rx-oauth-callback"' has no exported member 'createServers'.`,
    `flawed.md:44 SyntaxError: Unexpected token '='`,
    `flawed.md:58 SyntaxError: Unexpected token 'b', "{ "a": b } is not valid JSON`,
    'flawed.md:63 has a block of the unknown kind "typescript"',
    'flawed.md:67 has a block of the unknown kind "ts once"',
    'flawed.md:71 has a block of the unknown kind ""',
  ]);
  assert.equal(
    complaints.filter((each) => each.startsWith('unended.md:')),
    ['unended.md:3 has a block that never ends'],
  );
});

test('finds a broken link, on its line', () => {
  const linking = documentOf(
    'docs/linking.md',
    [
      '# Links: `ofState()` and [more](../README.md)',
      '[a](../README.md#install) [b](#links-ofstate-and-more) [c](https://a.example/#b) `[d](none.md)` <a id="e"></a>[e](#e)',
      '[f](README.md)',
      '[g](../README.md#no-heading) and [h](#g)',
      '[i](/etc/hostname)',
      '[j](../../outside.md)',
      '![k](none.svg)',
      '<img src="none.png" alt="">',
      '[l]: none.md',
      '[m](../package.json#name)',
      '```text',
      '[n](none.md)',
      '```',
    ].join('\n'),
  );
  assert.equal(
    brokenLinks([...documents, linking]).filter((each) => each.startsWith('docs/linking.md')),
    [
      'docs/linking.md:3 links to README.md, but no such file',
      'docs/linking.md:4 links to ../README.md#no-heading, but there is no such anchor',
      'docs/linking.md:4 links to #g, but there is no such anchor',
      'docs/linking.md:5 links to /etc/hostname, which is outside of the repository',
      'docs/linking.md:6 links to ../../outside.md, which is outside of the repository',
      'docs/linking.md:7 links to none.svg, but no such file',
      'docs/linking.md:8 links to none.png, but no such file',
      'docs/linking.md:9 links to none.md, but no such file',
      'docs/linking.md:10 links to ../package.json#name, but only a document has anchors',
    ],
  );
});

test('names anchors as GitHub does', () => {
  assert.equal(
    ['One sign-in', '`ofState(state)`', 'A page, for *operators*!', '[Waiting](a.md) anywhere', 'Ünï_1'].map(
      slugOf,
    ),
    ['one-sign-in', 'ofstatestate', 'a-page-for-operators', 'waiting-anywhere', 'ünï_1'],
  );
  assert.equal([...documentOf('a.md', '# A\n## A\n### A').anchors], ['a', 'a-1', 'a-2']);
});

test(
  'finds a program that fails, on its line',
  async () => {
    const flaws = [];
    for (const [, block] of programsIn([flawed])) flaws.push(await flawOf(flawed, block, { limit: 5_000 }));
    assert.equal(
      flaws.map((flaw) => flaw?.replace(/\n.*/s, '')),
      [
        'flawed.md:78 ends with code 1',
        'flawed.md:83 does not end within 5000 ms',
        'flawed.md:87 prints a URL that cannot be opened: connect ECONNREFUSED 127.0.0.1:1',
        'flawed.md:91 ends with code 2',
        undefined,
        undefined,
      ],
    );
    assert.match(flaws[0]!, 'a reason');
    assert.match(flaws[1]!, 'still there');
    assert.not.match(flaws[3]!, 'goes on');
  },
  { deadline: 300_000 },
);

test.run();

function programsIn(of: readonly Document[]): [Document, Block][] {
  return of.flatMap((document) =>
    document.blocks.filter((block) => block.run).map((block): [Document, Block] => [document, block]),
  );
}

/** A project of a reader who has installed this package and every other one that a document names. */
function createProject(): Consumer {
  const cli = join(root, 'dist', 'cli.cjs');
  const { dependencies, devDependencies, peerDependencies } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  ) as Record<string, Record<string, string>>;
  const packages = Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies });
  const made = Consumer.ofBuild(...packages.filter((name) => !['rxjs', '@types/node'].includes(name)));
  // npm makes a bin executable when it installs it; the build does not.
  const bin = made.write('node_modules/.bin/rx-oauth-callback', `#!/bin/sh\nexec node '${cli}' "$@"\n`);
  chmodSync(bin, 0o755);
  return made;
}

/** Runs a program against real providers, whose user allows everything. Returns a complaint if it fails. */
async function flawOf(
  document: Document,
  block: Block,
  { limit = 60_000 } = {},
): Promise<string | undefined> {
  await using first = await startProvider({ registration: true });
  await using second = await startProvider({ registration: true });
  const isOfMcp = block.text.includes('MCP_URL');
  await using world = isOfMcp ? await startMcpWorld() : undefined;
  const env = {
    ...(world && { MCP_URL: world.servers[0].url }),
    ISSUER: first.issuer,
    ISSUERS: `${first.issuer} ${second.issuer}`,
    CLIENT_ID: clientId,
    PORT: String(await freePort()),
  };
  const { code, lines, errors, unopened } = await runAsReader(project, fileOf(document, block), {
    env,
    limit,
  });
  const flaw =
    code === null ? `does not end within ${limit} ms` : code === 0 ? unopened : `ends with code ${code}`;
  return flaw && [`${document.path}:${block.line} ${flaw}`, ...lines, errors].join('\n');
}
