/**
 * Makes the pictures of the documents: `npm run pictures`, after `npm run build`.
 *
 * Each is of the real thing: pages of a real server in Chromium, the built command on a real terminal, all on loopback.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { launch } from '../spec/browser/chromium.ts';
import { Cli } from '../spec/helpers/cli.ts';
import { visit } from '../spec/helpers/http.ts';
import { screenOf } from '../spec/helpers/screen.ts';
import { createBridge } from '../src/bridge.ts';
import { startAuthorizationServer } from '../src/cli/demo/authorization-server.ts';
import { createOAuthCallbackServer, type OAuthCallbackServer, type ServerOptions } from '../src/index.ts';
import { createMonitor } from '../src/monitor.ts';
import { escapeHtml } from '../src/page/page.ts';

const folder = join(import.meta.dirname, '..', 'docs', 'pictures');
const token = 'a-token-for-the-pictures-only';
const size = { desktop: { width: 960, height: 540 }, phone: { width: 390, height: 640 } };

/** Pages for the person who signs in, by what the provider answers. */
const pages: Readonly<Record<string, { query: string; options?: ServerOptions }>> = {
  success: { query: 'code=c', options: { serverUrl: 'https://mcp.notes.example' } },
  cancelled: { query: 'error=access_denied' },
  waiting: { query: 'code=c', options: { settle: 1 } },
};

async function signInPages(browser: Browser): Promise<void> {
  for (const [name, { query, options = {} }] of Object.entries(pages)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const [device, viewport] of Object.entries(size)) {
        if (device === 'phone' && colorScheme === 'dark') continue;
        const context = await browser.newContext({ colorScheme, viewport });
        const server = createOAuthCallbackServer({ productName: 'Notes', ...options });
        await server.listen();
        const flow = await server.begin();
        flow.response.subscribe({ error: () => undefined });
        const page = await context.newPage();
        await page.goto(`${server.redirectUri}?${query}&state=${flow.state}`);
        await keep(page, `page-${name}-${colorScheme}-${device}`);
        await context.close();
        await server.close();
      }
    }
  }
}

/** A service with the traffic of a few minutes: sign-ins that succeed, are denied, are cancelled and expire, and strangers. */
async function withTraffic(
  body: (service: {
    server: OAuthCallbackServer;
    bridgeUrl: string;
    monitorUrl: () => string;
  }) => Promise<void>,
): Promise<void> {
  const server = createOAuthCallbackServer({ logger: {}, productName: 'Notes' });
  const bridge = createBridge(server, { token });
  const monitor = createMonitor(server, bridge);
  await bridge.listen();
  const { port } = server.address;
  const bridgeUrl = `ws://127.0.0.1:${port}/bridge`;
  try {
    for (let n = 0; n < 60; n++) await signIn(server, port, n);
    await Promise.all(['Calendar', 'Mail', 'Files'].map((label) => server.begin({ label })));
    await body({ server, bridgeUrl, monitorUrl: () => monitor.url() });
  } finally {
    await bridge.close();
    await server.close();
  }
}

async function signIn(server: OAuthCallbackServer, port: number, n: number): Promise<void> {
  if (n % 12 === 5) await visit(port, '/callback?code=c&state=a-link-from-yesterday-evening');
  if (n % 15 === 7) await visit(port, '/callback');
  const flow = await server.begin();
  flow.response.subscribe({ error: () => undefined });
  if (n % 20 === 9) {
    flow.cancel();
    return;
  }
  const result = n % 6 === 4 ? 'error=access_denied' : 'code=c';
  await visit(port, `/callback?${result}&state=${flow.state}`);
  if (result === 'code=c')
    flow.settle({ status: n % 10 === 1 ? 'failure' : 'success', message: 'No token.' });
}

async function operatorPage(browser: Browser): Promise<void> {
  await withTraffic(async ({ server, monitorUrl }) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const viewport = { width: 1280, height: 900 };
      const context = await browser.newContext({ colorScheme, viewport });
      const page = await context.newPage();
      await page.goto(monitorUrl());
      await page.locator('#events table tbody tr').first().waitFor();
      // A few seconds of traffic while the page watches, for its charts.
      for (let n = 0; n < 40; n++) {
        await signIn(server, server.address.port, n);
        await page.waitForTimeout(100);
      }
      await keep(page, `operator-page-${colorScheme}`);
      await context.close();
    }
  });
}

async function terminals(browser: Browser): Promise<void> {
  await withTraffic(async ({ bridgeUrl }) => {
    const env = { RX_OAUTH_CALLBACK_TOKEN: token };
    await using cli = Cli.onTerminalOf(18, 84, ['watch', bridgeUrl, '--history'], env);
    await cli.sees(/answered/);
    await keepTerminal(browser, 'watch', cli);
  });
  await using provider = await startAuthorizationServer();
  const { id } = provider.clients.notes;
  const args = ['login', '--issuer', provider.issuer, '--client-id', id, '--scope', 'openid', '--no-browser'];
  await using cli = Cli.onTerminalOf(18, 84, args);
  await cli.sees(/http:\/\/127\.0\.0\.1/);
  await keepTerminal(browser, 'login', cli);
}

async function keepTerminal(browser: Browser, name: string, cli: Cli): Promise<void> {
  // The terminal shows all of it once nothing has been written for a moment.
  for (let before = ''; before !== cli.stdout; before = cli.stdout)
    await new Promise((done) => setTimeout(done, 500));
  const lines = screenOf(cli.stdout).map(escapeHtml).join('\n');
  const page = await browser.newPage({ viewport: { width: 900, height: 480 } });
  await page.setContent(
    `<style>body{margin:0;padding:24px;background:#1d2127}pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font:15px/1.5 monospace;color:#e6e9ed}</style><pre>${lines}</pre>`,
  );
  await page.locator('pre').evaluate((element) => element.scrollIntoView());
  await keep(page, `terminal-${name}`);
  await page.close();
}

async function keep(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(folder, `${name}.png`) });
  process.stdout.write(`${name}.png\n`);
}

mkdirSync(folder, { recursive: true });
const browser = await launch();
try {
  await signInPages(browser);
  await operatorPage(browser);
  await terminals(browser);
} finally {
  await browser.close();
}
