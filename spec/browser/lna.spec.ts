import { equal, is } from '../helpers/assert.ts';
import { shake, withBridge, withTicket } from '../helpers/bridge.ts';
import { withServer } from '../helpers/endpoint.ts';
import { suite } from '../helpers/suite.ts';
import { selfSigned } from './certificate.ts';
import { executablePath, headline, inContext, launchWhole, noChromium } from './chromium.ts';
import { comeBack, formPost, openForwarding, startProvider, startSite, type Site } from './site.ts';

const test = suite('local network access');

/** `prompt` until the browser has asked; without a window to ask in, Chromium then answers `denied` itself. */
const permission = `navigator.permissions.query({ name: 'loopback-network' }).then(({ state }) => state)`;

test.when(executablePath !== undefined, noChromium)(
  'G-14 is reached from a public https site without a permission',
  () =>
    withServer({}, async ({ server, redirects }) => {
      const outcome = () => redirects.map(({ disposition }) => disposition);
      const urlOf = async () => `${server.redirectUri}?code=c&state=${(await server.begin()).state}`;
      const form = await server.begin({ responseMode: 'form_post' });
      const tls = selfSigned();
      await using provider = await startProvider(await urlOf(), { tls });
      await using again = await startProvider(await urlOf(), { tls });
      await using poster = await startSite({
        tls,
        pages: { '/': formPost(server.redirectUri, { code: 'c', state: form.state }) },
      });
      // Servers on these ports count as the internet, not as this machine.
      const spaces = [provider, again, poster].map(({ port }) => `127.0.0.1:${port}=public`).join(',');
      const browser = await launchWhole(`--ip-address-space-overrides=${spaces}`);
      try {
        await inContext(browser, { ignoreHTTPSErrors: true }, async ({ page }) => {
          await comeBack(page, provider);
          is(await headline(page), 'Authentication successful');
          await page.goto(`${provider.origin}/`);
          is(await page.evaluate<boolean>('isSecureContext'), true);
          is(await page.evaluate<string>(permission), 'prompt');

          // The control: a fetch from the same page does ask, and does not come through.
          await page.goto(`${again.origin}/`);
          const fetched = `fetch(${JSON.stringify(await urlOf())}, { mode: 'no-cors' }).then(() => 'sent', () => 'blocked')`;
          is(await page.evaluate<string>(fetched), 'blocked');
          is(await page.evaluate<string>(permission), 'denied');
          equal(outcome(), ['accepted']);

          await comeBack(page, again);
          is(await headline(page), 'Authentication successful');
          await openForwarding(page, poster);
          is(await headline(page), 'Authentication successful');
          equal(outcome(), ['accepted', 'accepted', 'accepted']);
        });
      } finally {
        await browser.close();
      }
    }),
);

/** Opens the bridge's WebSocket in a page; resolves with the first message, or the code of its end. */
const connecting = (url: string, ticket: string): string => `new Promise((resolve) => {
  const socket = new WebSocket(${JSON.stringify(url)}, ['rx-oauth-callback.v1', 'ticket.${ticket}']);
  socket.onmessage = ({ data }) => resolve(JSON.parse(data).type);
  socket.onclose = ({ code }) => resolve(code);
})`;

test.when(executablePath !== undefined, noChromium)(
  'G-14 a WebSocket to a bridge on loopback needs a permission from a public page, and none from a page on loopback',
  async () => {
    const tls = selfSigned();
    const pages = { '/': '<h1>App</h1>' };
    await using app = await startSite({ tls, pages });
    await using local = await startSite({ tls, pages });
    // The server on this port counts as the internet, not as this machine.
    const browser = await launchWhole(`--ip-address-space-overrides=127.0.0.1:${app.port}=public`);
    try {
      await withBridge(
        async ({ bridge, port, url }) => {
          const outcome = (site: Site, ticket: string, ...granted: string[]) =>
            inContext(browser, { ignoreHTTPSErrors: true }, async ({ context, page }) => {
              if (granted.length > 0) await context.grantPermissions(granted, { origin: site.origin });
              await page.goto(`${site.origin}/`);
              const became = await page.evaluate<unknown>(connecting(url, ticket));
              return [became, await page.evaluate<string>(permission)];
            });
          const ticketFor = ({ origin }: Site) => bridge.issueTicket({ origin });
          const unused = ticketFor(app);
          equal(await outcome(app, unused), [1006, 'denied']);
          // The bridge has seen nothing of it.
          is((await shake(port, withTicket(unused, app.origin))).status, 101);
          equal(await outcome(app, ticketFor(app), 'local-network-access'), ['welcome', 'granted']);
          equal(await outcome(local, ticketFor(local)), ['welcome', 'prompt']);
        },
        { origins: [app.origin, local.origin] },
      );
    } finally {
      await browser.close();
    }
  },
);

test.run();
