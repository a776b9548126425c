import { equal, is } from '../helpers/assert.ts';
import { withServer } from '../helpers/endpoint.ts';
import { suite } from '../helpers/suite.ts';
import { selfSigned } from './certificate.ts';
import { executablePath, headline, inContext, launch, noChromium } from './chromium.ts';
import { comeBack, formPost, openForwarding, startProvider, startSite } from './site.ts';

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
      // What is on these ports counts as the internet, not as this machine.
      const spaces = [provider, again, poster].map(({ port }) => `127.0.0.1:${port}=public`).join(',');
      const browser = await launch(`--ip-address-space-overrides=${spaces}`);
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

test.run();
