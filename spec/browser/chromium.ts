import { existsSync } from 'node:fs';
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from 'playwright-core';
import { patience } from '../helpers/assert.ts';
import { suite, type TestBody, type TestOptions } from '../helpers/suite.ts';

const findPath = (...paths: readonly (string | undefined)[]): string | undefined =>
  paths.find((path) => path !== undefined && existsSync(path));

/** Path of this machine's Chromium with its windows, permissions and profiles, if there is one. */
export const executablePath = findPath(
  process.env['CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
);

// The same browser without a window for each context, which takes less than half of the time.
const shellPath = findPath(process.env['CHROMIUM'], '/usr/bin/chromium-headless-shell') ?? executablePath;

export const noChromium = 'no Chromium here; CHROMIUM may hold the path of one';

// Nothing of the browser's own goes out, so that what a log of requests shows is the page's.
export const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launch(): Promise<Browser> {
  return chromium.launch(launchOptions(shellPath));
}

/** A browser with permissions and all else that a person's has. */
export function launchWhole(...more: readonly string[]): Promise<Browser> {
  return chromium.launch(launchOptions(executablePath, more));
}

/** A browser that keeps its history and cache in a directory, as a person's does. */
export function launchProfile(directory: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(directory, launchOptions(executablePath));
}

function launchOptions(path: string | undefined, more: readonly string[] = []) {
  if (path === undefined) throw new Error(noChromium);
  return { executablePath: path, headless: true, args: [...flags, ...more], timeout: 60_000 };
}

/** A tab of a browser without a past, and what was seen of it. */
export interface Tab {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly seen: Seen;
}

/** Actions of all tabs of one context, in order. */
export interface Seen {
  /** The URL of each request. */
  readonly requests: string[];
  /** Each violation of a Content-Security-Policy: directive and what was blocked. */
  readonly violations: string[];
  /** Errors that a script has thrown. */
  readonly errors: string[];
}

export interface BrowserTestOptions extends TestOptions {
  context?: BrowserContextOptions;
}

export type BrowserTest = (
  name: string,
  body: (tab: Tab) => Promise<void>,
  options?: BrowserTestOptions,
) => void;

/**
 * A suite whose tests get a tab each, in a context of its own. They share one browser, since to start one takes
 * longer than most tests; the last of them closes it.
 */
export function browserSuite(
  title: string,
): BrowserTest & { when(available: boolean, reason: string): BrowserTest; run(): void } {
  const inner = suite(title);
  let browser: Promise<Browser> | undefined;
  let left = 0;

  const test: BrowserTest = (name, body, { context, ...options } = {}) => {
    left++;
    const inBrowser: TestBody = async () => {
      try {
        // If the browser does not start, the next test tries again.
        browser ??= launch().catch((error: unknown) => {
          browser = undefined;
          throw error;
        });
        await inContext(await browser, context, body);
      } finally {
        left--;
        if (left === 0) await (await browser)?.close();
      }
    };
    inner.when(executablePath !== undefined, noChromium)(name, inBrowser, options);
  };
  const when = (available: boolean, reason: string): BrowserTest =>
    available ? test : (name) => inner.skip(name, () => undefined, reason);
  return Object.assign(test, { when, run: () => inner.run() });
}

/** Runs `body` with a tab of a new context, and closes that whatever happens. */
export async function inContext<T>(
  browser: Browser,
  options: BrowserContextOptions = {},
  body: (tab: Tab) => Promise<T>,
): Promise<T> {
  const context = await browser.newContext({ locale: 'en-GB', ...options });
  try {
    // Within the deadline of a test, so that what does not happen is named.
    context.setDefaultTimeout(patience);
    const seen = await watch(context);
    return await body({ context, page: await context.newPage(), seen });
  } finally {
    await context.close();
  }
}

const violation = 'policy violated: ';

// Scripts of the page are text here: the specs are compiled without the types of a browser.
const reportViolations = `addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
  console.error('${violation}' + effectiveDirective + ' ' + blockedURI))`;

async function watch(context: BrowserContext): Promise<Seen> {
  const seen: Seen = { requests: [], violations: [], errors: [] };
  await context.addInitScript({ content: reportViolations });
  context.on('request', (request) => seen.requests.push(request.url()));
  context.on('weberror', (error) => seen.errors.push(String(error.error())));
  context.on('console', (message) => {
    const text = message.text();
    if (text.startsWith(violation)) seen.violations.push(text.slice(violation.length));
  });
  return seen;
}

/** The heading of the page, which says what became of the sign-in. */
export function headline(page: Page): Promise<string> {
  // A streamed page has that of its beginning too.
  return page.locator('h1:visible').innerText();
}

/** Every URL that back and forward lead to in this tab, and that the address bar shows. */
export async function history(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  try {
    const { entries } = await session.send('Page.getNavigationHistory');
    return [page.url(), ...entries.map(({ url }) => url)];
  } finally {
    await session.detach();
  }
}
