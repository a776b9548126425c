/** The monitor page's connection: cut, refused, opened twice, and come back to. */
import { browserSuite } from '../browser/chromium.ts';
import { equal, is, match } from '../helpers/assert.ts';
import { counts, token } from '../helpers/bridge.ts';
import { certificate } from '../helpers/tls.ts';
import { overProxy, withMonitor } from './monitored.ts';
import { startStrippingProxy } from './stripping-proxy.ts';
import {
  asSent,
  isLive,
  isLocked,
  keep,
  received,
  saved,
  shows,
  signIn,
  tallies,
  underLoad,
  watch,
} from './watching.ts';

const test = browserSuite('the connection of the monitor page');

test(
  'comes back after its connection was cut under load, and has neither lost nor doubled a row',
  ({ page }) =>
    overProxy(async (monitored, proxy) => {
      const { monitor, events, bridge } = monitored;
      await watch(page, monitor.url());
      await underLoad(monitored, { perSecond: 34, seconds: 8 }, async () => {
        await page.locator('#shown', { hasText: /^\d{3} received/ }).waitFor();
        proxy.target = undefined;
        proxy.cutAll();
        await page.locator('#status[data-state=away]').waitFor();
        await counts(bridge, 0);
        proxy.target = monitored.port;
        await isLive(page);
      });
      await received(page, events);
      equal(await saved(page), asSent(events));
      is(await page.locator('tr.gap').count(), 0);
      await shows(page, 'Waiting', 0);
    }),
  { deadline: 60_000 },
);

test(
  'says how many events it has missed, where the service no longer has them',
  ({ page }) =>
    overProxy(
      async (monitored, proxy) => {
        const { monitor, events, bridge } = monitored;
        await watch(page, monitor.url());
        await signIn(monitored, 1);
        await received(page, events);
        const before = events.length;
        proxy.target = undefined;
        proxy.cutAll();
        await counts(bridge, 0);
        for (let n = 1; n <= 5; n++) await signIn(monitored, n);
        proxy.target = monitored.port;
        const lost = events.length - before - 10;
        await page.locator('tr.gap').waitFor();
        is(
          await page.locator('tr.gap').innerText(),
          `${lost} events were lost while the connection was away.`,
        );
        equal(await saved(page), [
          ...(asSent(events.slice(0, before)) as unknown[]),
          { type: 'missed', count: lost },
          ...(asSent(events.slice(-10)) as unknown[]),
        ]);
        is((await tallies(page))['Accepted'], '6');
      },
      { bridge: { limits: { events: 10 } } },
    ),
  { deadline: 40_000 },
);

test(
  'opens a link once: the second page is asked for a token, and so is the first',
  ({ page, context }) =>
    withMonitor(async (monitored) => {
      const { monitor, events, bridge } = monitored;
      const link = monitor.url();
      await watch(page, link);
      await signIn(monitored, 1);
      await received(page, events);
      const second = await context.newPage();
      await second.goto(link);
      await isLocked(second);
      match(await second.locator('#why').innerText(), 'does not take that link or token');
      await isLocked(page);
      await keep(page, 'locked');
      is(bridge.connections, 0);
      await signIn(monitored, 2);

      // The first goes on where it was, with a token, by the keyboard: its field has the focus.
      await page.locator('#token').focus();
      await page.keyboard.type('not-the-token-at-all');
      await page.keyboard.press('Enter');
      await page.locator('#why', { hasText: 'does not take' }).waitFor();
      is(await page.locator('#token').inputValue(), '');
      await page.locator('#token').fill(token);
      await page.keyboard.press('Enter');
      await isLive(page);
      await received(page, events);
      equal(await saved(page), asSent(events));
      is(page.url().includes(token), false);
      // And a link does as well as a token, put into the address bar of the page that waits.
      await second.goto(monitor.url());
      await isLive(second);
      is(second.url(), link.slice(0, link.indexOf('#')));
    }),
  { deadline: 40_000 },
);

test(
  'asks for a token where there is no link, and keeps its right over a reload, in its own tab only',
  ({ page, context }) =>
    withMonitor(async (monitored) => {
      const { origin, events, monitor } = monitored;
      await signIn(monitored, 1);
      await page.goto(`${origin}/monitor`);
      await isLocked(page);
      match(await page.locator('#why').innerText(), 'open a new link from the service, or type a token');
      is(await page.evaluate<string>('document.activeElement.id'), 'token');
      is(await page.locator('#rows tr').count(), 0);
      await page.goto(monitor.url());
      await isLive(page);
      is(await page.evaluate<number>('sessionStorage.length + localStorage.length'), 0);
      for (let n = 0; n < 2; n++) {
        await page.reload();
        await isLive(page);
        await received(page, events);
      }
      equal(await saved(page), asSent(events));
      is(await page.evaluate<number>('sessionStorage.length + localStorage.length'), 0);
      is(await page.evaluate<string>('document.cookie'), '');
      const other = await context.newPage();
      await other.goto(`${origin}/monitor`);
      await isLocked(other);
    }),
  { deadline: 40_000 },
);

test('connects under a path that a proxy strips', async ({ page }) => {
  await using proxy = await startStrippingProxy('/team');
  await withMonitor(
    async ({ monitor, server, port }) => {
      proxy.target = port;
      match(monitor.url(), `${proxy.origin}/team/monitor#`);
      await watch(page, monitor.url());
      await server.begin();
      await page.locator('#rows', { hasText: 'begun' }).waitFor();
    },
    { server: { publicUrl: `${proxy.origin}/team` } },
  );
});

test(
  'connects over TLS, and where the bridge has a port of its own',
  async ({ page, seen }) => {
    await withMonitor(
      async ({ monitor, server }) => {
        match(monitor.url(), /^https:/);
        await watch(page, monitor.url());
        await server.begin();
        await page.locator('#rows', { hasText: 'begun' }).waitFor();
      },
      { server: { tls: certificate } },
    );
    await withMonitor(({ monitor }) => watch(page, monitor.url()), { bridge: { port: 0 } });
    equal([seen.errors, seen.violations], [[], []]);
  },
  { context: { ignoreHTTPSErrors: true } },
);

test.run();
