/** The client for browsers, in one: a page gets a ticket from its own server, and waits for a sign-in over the bridge. */
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { equal, is, match } from '../helpers/assert.ts';
import { withBridge, type Bridged } from '../helpers/bridge.ts';
import { browserSuite } from './chromium.ts';
import { startSite, type Site } from './site.ts';

const root = join(import.meta.dirname, '../..');
const pictures = join(root, 'artifacts/pages');

/** Shows what becomes of one sign-in, in the heading; what a redirect needs is in the page for the spec to read. */
const program = `
import { connectCallbackHost } from './src/client-browser.ts';
const show = (headline, detail = '') => {
  document.querySelector('h1').textContent = headline;
  document.querySelector('p').textContent = detail;
};
const main = document.querySelector('main');
try {
  const { url, ticket } = await (await fetch('/ticket')).json();
  const host = await connectCallbackHost(url, { ticket });
  const flow = await host.begin();
  Object.assign(main.dataset, { state: flow.state, redirectUri: flow.redirectUri });
  show('Waiting for the sign-in', flow.redirectUri);
  flow.response.subscribe({
    next: ({ code }) => show('Signed in', 'The code has ' + code.length + ' characters.'),
    error: ({ name }) => show('Not signed in', name),
  });
} catch ({ name, code }) {
  show('Could not connect', name + ' ' + code);
}
main.ariaBusy = 'false';`;

const bundled = build({
  stdin: { contents: program, resolveDir: root },
  bundle: true,
  format: 'esm',
  minify: true,
  platform: 'browser',
  write: false,
});

async function html(): Promise<string> {
  const [script] = (await bundled).outputFiles;
  return `<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<title>A page that waits</title>
<style>
  body { font: 1rem/1.5 system-ui; display: grid; place-content: center; min-height: 90vh; color: #1f2937; }
  main { padding: 2rem 3rem; border: 1px solid #d1d5db; border-radius: 12px; }
</style>
<main aria-busy="true"><h1>Connecting</h1><p></p></main>
<script type="module">${script?.text.replaceAll('</script', '<\\/script') ?? ''}</script>
</html>`;
}

/** A program's own web server, whose page gets its tickets from `/ticket`. */
async function startApp(host: string): Promise<Site & { pages: Record<string, string> }> {
  const pages: Record<string, string> = { '/': await html() };
  return Object.assign(await startSite({ pages, host }), { pages });
}

/** Opens the page; resolves once it waits for its sign-in, or has given up. */
async function open(page: Page, app: Site): Promise<string> {
  await page.goto(`${app.origin}/`);
  await page.locator('main[aria-busy=false]').waitFor();
  return page.locator('h1').innerText();
}

const keep = (page: Page, name: string): Promise<Buffer> =>
  page.screenshot({ path: join(pictures, `bridge-${name}.png`) });

const test = browserSuite('the client in a browser');

/** An app whose origin the bridge lists, and one whose origin it does not. */
async function withApps(
  body: (bridged: Bridged, app: Awaited<ReturnType<typeof startApp>>, other: typeof app) => Promise<void>,
) {
  await using app = await startApp('app.localhost');
  await using other = await startApp('other.localhost');
  await withBridge(
    async (bridged) => {
      const { bridge, url } = bridged;
      for (const { pages } of [app, other])
        pages['/ticket'] = JSON.stringify({ url, ticket: bridge.issueTicket({ origin: app.origin }) });
      await body(bridged, app, other);
    },
    { origins: [app.origin] },
  );
}

test('gets a ticket from its own server, connects, and shows the result when its redirect comes', ({
  page,
  seen,
}) =>
  withApps(async ({ server, bridge, visit }, app) => {
    equal(
      [await open(page, app), await page.locator('p').innerText()],
      ['Waiting for the sign-in', server.redirectUri],
    );
    await keep(page, 'waiting');
    is(bridge.connections, 1);
    const { state = '', redirectUri } = await page.evaluate<Record<string, string>>(
      "({ ...document.querySelector('main').dataset })",
    );
    is(redirectUri, server.redirectUri);

    is((await visit(`/callback?code=a-code&state=${state}`)).status, 200);
    await page.getByRole('heading', { name: 'Signed in' }).waitFor();
    is(await page.locator('p').innerText(), 'The code has 6 characters.');
    await keep(page, 'signed-in');
    equal(seen.errors, []);
  }));

test('cannot connect from a page of another origin, whose ticket does not help', ({ page }) =>
  withApps(async ({ server, bridge, port }, app, other) => {
    const refused = page.waitForEvent('console', (message) => message.text().includes('WebSocket'));
    is(await open(page, other), 'Could not connect');
    is(await page.locator('p').innerText(), 'ConnectionError connection_failed');
    // The console says what the page is not told.
    match(
      (await refused).text(),
      `127.0.0.1:${port}/bridge' failed: Error during WebSocket handshake: Unexpected response code: 403`,
    );
    await keep(page, 'refused');
    is(bridge.connections, 0);

    // The control: the ticket was good, and still is.
    equal(
      [await open(page, app), await page.locator('p').innerText()],
      ['Waiting for the sign-in', server.redirectUri],
    );
  }));

test.run();
