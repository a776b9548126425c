/** The page that waits over the bridge, in Chromium: a person, two tabs, and a provider that asks. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { BrowserContext, Page } from 'playwright-core';
import { startFakeProvider, type FakeProvider } from '../../../src/testing.ts';
import { browserSuite, headline, type Tab } from '../../browser/chromium.ts';
import { WindowOfTabs, type WindowTab } from '../../browser/window-of-tabs.ts';
import * as assert from '../../helpers/assert.ts';
import { root } from '../../helpers/consumer.ts';
import { send } from '../../helpers/http.ts';
import { RawSocket } from '../../helpers/raw.ts';

const test = browserSuite('a page that waits');
const pictures = join(root, 'artifacts/pages');
const client = { clientId: 'notes', clientSecret: 'a-secret-of-the-client' };

/** The service with its provider. One is enough, because each test has a browser without a past. */
class World {
  readonly provider: FakeProvider;
  readonly home: URL;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #stderr: Promise<string>;

  private constructor(provider: FakeProvider, child: ChildProcess, line: string, stderr: Promise<string>) {
    this.provider = provider;
    this.home = new URL(line.slice('Open '.length));
    this.#child = child;
    this.#closed = once(child, 'close');
    this.#stderr = stderr;
  }

  static async start(): Promise<World> {
    const provider = await startFakeProvider({ clients: [client], consent: 'ask' });
    const { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET } = client;
    const env = { ...process.env, ISSUER: provider.issuer, CLIENT_ID, CLIENT_SECRET, PORT: '0' };
    const child = spawn(process.execPath, ['--import', 'tsx', 'examples/browser-page/service.ts'], {
      cwd: root,
      env,
    });
    process.once('exit', () => child.kill('SIGKILL'));
    const stderr = text(child.stderr);
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const line = await assert.deadline(lines.next(), 'the address');
    if (line.done === true) throw new Error(`it ended: ${await stderr}`);
    return new World(provider, child, line.value, stderr);
  }

  /** Interrupts the service; resolves with how it ended. */
  async end(): Promise<[code: number | null, stderr: string]> {
    this.#child.kill('SIGINT');
    await assert.deadline(this.#closed, 'the end of the service');
    await this.provider.close();
    return [this.#child.exitCode, await this.#stderr];
  }
}

let started: Promise<World> | undefined;

const inWorld =
  (body: (tab: Tab, world: World) => Promise<void>) =>
  async (tab: Tab): Promise<void> =>
    body(tab, await (started ??= World.start()));

const says = (page: Page, sentence: string): Promise<void> =>
  page.locator('#status', { hasText: sentence }).waitFor();

/** Presses the button; resolves with the tab that opens. */
async function signIn(page: Page, context: BrowserContext): Promise<Page> {
  const [tab] = await Promise.all([context.waitForEvent('page'), page.click('#sign-in')]);
  await tab.locator(allow).waitFor();
  return tab;
}

const [allow, deny] = ['button[value=allow]', 'button[value=deny]'];

/** Text of each answer that the browser gets. */
function answersOf(context: BrowserContext): string[] {
  const answers: string[] = [];
  context.on('response', (response) => {
    response.text().then(
      (content) => answers.push(content),
      // A redirect has none, and neither has a page that was left.
      () => undefined,
    );
  });
  return answers;
}

const storage = (page: Page): Promise<number> => page.evaluate<number>('sessionStorage.length');

test(
  'signs in in another tab, and keeps every secret out of the page',
  inWorld(async ({ page, context, seen }, { provider, home }) => {
    const answers = answersOf(context);
    await page.goto(home.href);
    await says(page, 'Sign in to see your notes.');
    const tab = await signIn(page, context);
    await says(page, 'Waiting for your sign-in in the other tab.');
    assert.is(await page.locator('#link').getAttribute('href'), tab.url());
    await page.screenshot({ path: join(pictures, 'browser-page-waiting.png') });
    await tab.click(allow);
    await says(page, 'You are signed in as ada.');
    assert.match(await page.title(), 'You are signed in as ada.');
    await page.screenshot({ path: join(pictures, 'browser-page-signed-in.png') });
    await tab.getByRole('heading', { name: 'Authentication successful' }).waitFor();
    assert.is(await headline(tab), 'Authentication successful');
    assert.is(await tab.evaluate<unknown>('window.opener'), null);

    assert.is(await storage(page), 0);
    await page.reload();
    await says(page, 'You are signed in as ada.');
    assert.equal([seen.violations, seen.errors], [[], []]);
    const tokens = provider.tokens.map(({ value }) => value);
    assert.ok(tokens.length > 0 && answers.length > 4);
    const received = answers.join('\n');
    assert.match(received, /^ada$/m);
    for (const secret of [...tokens, client.clientSecret]) assert.not.match(received, secret);
  }),
);

test(
  'says that access was denied, and signs in afterwards',
  inWorld(async ({ page, context }, { home }) => {
    await page.goto(home.href);
    await (await signIn(page, context)).click(deny);
    await says(page, 'You are not signed in: access was denied.');
    assert.is(await storage(page), 0);
    await page.screenshot({ path: join(pictures, 'browser-page-denied.png') });
    await (await signIn(page, context)).click(allow);
    await says(page, 'You are signed in as ada.');
  }),
);

test(
  'goes on after a reload, also if the user has signed in meanwhile',
  inWorld(async ({ page, context }, { home }) => {
    await page.goto(home.href);
    const tab = await signIn(page, context);
    await page.reload();
    await says(page, 'Waiting for your sign-in in the other tab.');
    assert.is(await page.locator('#link').getAttribute('href'), tab.url());
    await page.goto('about:blank');
    await tab.click(allow);
    await tab.locator('h1').waitFor();
    await page.goto(home.href);
    await says(page, 'You are signed in as ada.');
    await tab.getByRole('heading', { name: 'Authentication successful' }).waitFor();
  }),
);

test(
  'shows the result on a tab in the background, and in one that was frozen there',
  inWorld(async (_tab, { provider, home }) => {
    await using window = await WindowOfTabs.open();
    const page = await window.tab(home.href);
    const signIn = async (): Promise<WindowTab> => {
      await page.until("document.querySelector('#sign-in')?.hidden === false");
      await page.value("document.querySelector('#sign-in').click()");
      const tab = await window.tabAt(provider.issuer);
      await tab.until(`document.querySelector('${allow}')`);
      assert.is(await page.value('document.visibilityState'), 'hidden');
      return tab;
    };
    await (await signIn()).value(`document.querySelector('${deny}').click()`);
    await page.until("document.title.startsWith('You are not signed in: access was denied.')");
    assert.is(await page.value('document.visibilityState'), 'hidden');

    const tab = await signIn();
    await page.freeze();
    await tab.value(`document.querySelector('${allow}').click()`);
    await tab.until("document.body?.innerText.includes('Finishing sign-in')");
    assert.match(await page.title(), 'Waiting for your sign-in in the other tab.');
    await page.bringToFront();
    await page.until("document.title.startsWith('You are signed in as ada.')");
    assert.is(await page.value('document.visibilityState'), 'visible');
  }),
  // It starts a second browser.
  { deadline: 120_000 },
);

test(
  'can be cancelled, and says so',
  inWorld(async ({ page, context }, { home }) => {
    await page.goto(home.href);
    const tab = await signIn(page, context);
    await page.click('#cancel');
    await says(page, 'You are not signed in: the sign-in was cancelled.');
    await tab.click(allow);
    assert.is(await headline(tab), 'This sign-in link is not active');
    assert.is(await storage(page), 0);
  }),
);

test(
  'gives tickets to its own page only',
  inWorld(async ({ page, context }, { home }) => {
    await page.goto(home.href);
    const [cookie] = await context.cookies();
    assert.equal([cookie?.httpOnly, cookie?.sameSite], [true, 'Strict']);
    const { origin } = home;
    const Cookie = `session=${cookie?.value}`;
    const ask = async (headers: Record<string, string>): Promise<number> =>
      (await send(origin, { method: 'POST', target: '/ticket', headers })).status;
    assert.is(await ask({ Cookie, Origin: origin }), 200);
    assert.is(await ask({ Cookie, Origin: 'http://other.example' }), 403);
    assert.is(await ask({ Cookie }), 403);
    assert.is(await ask({ Origin: origin }), 403);
    const { headers } = await send(origin, { target: '/' });
    assert.match(
      headers['content-security-policy'] ?? '',
      "default-src 'none'; script-src 'self'; style-src 'self'; ",
    );
  }),
);

test(
  'ends though a browser holds a connection that it has not used',
  inWorld(async (_tab, world) => {
    using unused = await RawSocket.open({ address: '127.0.0.1', port: Number(world.home.port) });
    assert.equal(await world.end(), [0, '']);
    await unused.closed;
  }),
);

test.run();
