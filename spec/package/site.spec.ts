/** The site of the documents is built without the network, has a page for each document, and no link leads nowhere. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { pageOf, targetOf } from '../../tools/site/site.ts';
import { executablePath, inContext, launch, noChromium } from '../browser/chromium.ts';
import * as assert from '../helpers/assert.ts';
import { root } from '../helpers/consumer.ts';
import { allDocuments } from '../helpers/documents.ts';
import { brokenReferences, foreignParts, readSite, type Site } from '../helpers/site.ts';
import { suite } from '../helpers/suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'site-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Building takes seconds, and a busy machine longer. */
const building = { deadline: 170_000 };
let site: Site = new Map();

const test = suite('site');

test(
  'is built without the network, and without a dead link',
  async () => {
    const built = await build(folder);
    assert.is(built.code, 0, built.output + built.errors);
    site = readSite(folder);
  },
  building,
);

test('has a page for each document', () => {
  const pages = allDocuments().map(({ path }) => `/${pageOf(path).replace(/md$/, 'html')}`);
  assert.ok(pages.includes('/index.html') && pages.includes('/reference/api/rx-oauth-callback.html'));
  assert.equal(
    pages.filter((page) => !site.has(page)),
    [],
  );
});

test('has no reference that leads nowhere', () => assert.equal(brokenReferences(site), []));

test('loads nothing from elsewhere', () => assert.equal(foreignParts(site), []));

test.when(executablePath !== undefined, noChromium)(
  'has a search that leads to a heading, and asks no other host',
  async () => {
    const browser = await launch();
    try {
      await inContext(browser, {}, async ({ page, seen }) => {
        // Answered from the folder, so that nothing need listen.
        await page.route('**/*', (route) => {
          const { origin, pathname } = new URL(route.request().url());
          const file = pathname === '/' ? '/index.html' : pathname;
          return origin === 'http://docs.example' && site.has(file)
            ? route.fulfill({ path: join(folder, file) })
            : route.fulfill({ status: 404 });
        });
        await page.goto('http://docs.example/');
        await page.locator('button.DocSearch-Button').click();
        await page.locator('.VPLocalSearchBox input').fill('front_channel_token');
        const results = page.locator('.VPLocalSearchBox .result');
        await results.filter({ hasText: 'Refusal reasons' }).first().click();
        await page.waitForURL('**/dispositions.html#refusal-reasons');
        await page.locator('main').getByText('front_channel_token').first().waitFor();
        assert.equal(
          seen.requests.filter((url) => !/^(?:http:\/\/docs\.example|data:)/.test(url)),
          [],
        );
        assert.equal(seen.errors, []);
      });
    } finally {
      await browser.close();
    }
  },
  { deadline: 300_000 },
);

test('is built in a process that can reach no other host', async () => {
  const built = await run([
    '--eval',
    "fetch('http://192.0.2.1/').catch((e) => console.log(e.cause.message))",
  ]);
  assert.is(built.output, 'a connection to 192.0.2.1 is not allowed\n', built.errors);
});

test('finds a reference that leads nowhere, and a part of another origin', () => {
  const broken: Site = new Map([
    [
      '/a.html',
      '<a href="/b/c.html#d">D</a> <a class="x" href="./b/c#none">N</a> <a href="/gone.html">G</a>',
    ],
    [
      '/b/c.html',
      '<h2 id="d">D</h2><img src="../p.png"> <img alt="" src="q.png"> <a href="https://a.example/">A</a>',
    ],
    ['/b/index.html', '<script src="//a.example/x.js"></script> <a href="/b/">B</a> <a href="#none">N</a>'],
    ['/p.png', undefined],
  ]);
  assert.equal(brokenReferences(broken), [
    '/a.html refers to ./b/c#none, but the page has no such id',
    '/a.html refers to /gone.html, which is not there',
    '/b/c.html refers to q.png, which is not there',
    '/b/index.html refers to //a.example/x.js, which is not there',
    '/b/index.html refers to #none, but the page has no such id',
  ]);
  assert.equal(foreignParts(broken), ['/b/index.html loads //a.example/x.js']);
});

test('leads each link of a document to its page, and none to another file', () => {
  const targets = (from: string, ...hrefs: string[]): unknown[] => hrefs.map((href) => targetOf(from, href));
  assert.equal(
    targets('README.md', 'docs/guides/tokens.md#a', 'PROTOCOL.md', 'LICENSE', '#b', 'https://a.example/'),
    ['/guides/tokens#a', '/PROTOCOL', undefined, '#b', 'https://a.example/'],
  );
  assert.equal(
    targets('docs/reference/cli.md', '../../SECURITY.md', 'options.md', '../index.md', '../../src/cli.ts'),
    ['/SECURITY', '/reference/options', '/index', undefined],
  );
});

test.run();

function build(target: string): Promise<Finished> {
  const vitepress = join(root, 'node_modules/vitepress/bin/vitepress.js');
  return run([vitepress, 'build', join(root, 'tools/site'), '--outDir', target]);
}

interface Finished {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs Node with a guard that lets it connect to this machine only. */
async function run(args: readonly string[]): Promise<Finished> {
  const guard = pathToFileURL(join(root, 'spec/fixtures/programs/loopback-only.mjs')).href;
  const child = spawn(process.execPath, ['--import', guard, ...args], { cwd: root });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, output, errors };
}
