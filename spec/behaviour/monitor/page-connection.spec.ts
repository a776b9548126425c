/** The monitor page's connection: cut, refused, opened twice, and come back to. */
import { browserSuite } from '../../browser/chromium.ts';
import { equal, is, match } from '../../helpers/assert.ts';
import { counts, token } from '../../helpers/bridge.ts';
import { startStrippingProxy } from '../../helpers/stripping-proxy.ts';
import { certificate } from '../../helpers/tls.ts';
import { complains } from '../../helpers/complains.ts';
import { overProxy, passOf, weakenedMonitor, withMonitor } from './monitored.ts';
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
  'reconnects after its connection was cut under load, without a lost or doubled row',
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
  { deadline: 300_000 },
);

test(
  'says how many events it has missed if the service no longer has them',
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
        is(await page.locator('tr.gap').innerText(), `${lost} events were lost while disconnected.`);
        equal(await saved(page), [
          ...(asSent(events.slice(0, before)) as unknown[]),
          { type: 'missed', count: lost },
          ...(asSent(events.slice(-10)) as unknown[]),
        ]);
        is((await tallies(page))['Accepted'], '6');
      },
      { bridge: { limits: { events: 10 } } },
    ),
  { deadline: 300_000 },
);

test(
  'W5 opens a link in one browser: a page of another one is asked for a token, and so is the first',
  ({ page, context }) =>
    withMonitor(async (monitored) => {
      const { monitor, events, bridge } = monitored;
      const link = monitor.url();
      await watch(page, link);
      await signIn(monitored, 1);
      await received(page, events);
      const other = await context.browser()!.newContext();
      const second = await other.newPage();
      await second.goto(link);
      await isLocked(second);
      match(await second.locator('#why').innerText(), 'opened in another browser, too');
      await isLocked(page);
      match(await page.locator('#why').innerText(), 'opened in another browser, too');
      await keep(page, 'locked');
      is(bridge.connections, 0);
      await signIn(monitored, 2);

      // The first page resumes with a token, by the keyboard: the field has the focus.
      await page.locator('#token').focus();
      await page.keyboard.type('not-the-token-at-all');
      await page.keyboard.press('Enter');
      await page.locator('#why', { hasText: 'rejected' }).waitFor();
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
      await other.close();
    }),
  { deadline: 300_000 },
);

test(
  'B21 opens a link again in the same browser: each new tab joins the page session, and the others stay',
  ({ page, context, seen }) =>
    withMonitor(async (monitored) => {
      const { monitor, events, bridge } = monitored;
      const link = monitor.url();
      await watch(page, link);
      const second = await context.newPage();
      await watch(second, link);
      const third = await context.newPage();
      await watch(third, link);
      await counts(bridge, 3);
      // The first one is opened with its own link, and later closed. The others go on without it, over a reload and for a new one.
      await page.evaluate((hash) => (location.hash = hash), new URL(link).hash);
      await signIn(monitored, 1);
      await received(page, events);
      await page.close();
      await second.reload();
      await isLive(second);
      const fourth = await context.newPage();
      await watch(fourth, link);
      await counts(bridge, 3);
      await signIn(monitored, 2);
      for (const each of [second, third, fourth]) await received(each, events);
      equal([seen.errors, seen.violations], [[], []]);
    }),
  { deadline: 300_000 },
);

test(
  'B21 opens a link in two tabs at once: one opens it, and the other joins',
  ({ page, context }) =>
    withMonitor(async ({ monitor, bridge }) => {
      const link = monitor.url();
      const second = await context.newPage();
      await Promise.all([watch(page, link), watch(second, link)]);
      await counts(bridge, 2);
    }),
  { deadline: 300_000 },
);

for (const [fault, status] of [
  ['answers 503 once', 503],
  ['answers 429 once, as a proxy does', 429],
  ['loses its answer once', 0],
] as const)
  test(
    `B21 a service that ${fault} while a tab is let in ends no page session`,
    ({ page, context }) =>
      withMonitor(async ({ monitor, bridge }) => {
        const link = monitor.url();
        await watch(page, link);
        await page.route(
          '**/ticket',
          async (route) => {
            if (status === 0) {
              await route.fetch();
              await route.abort();
            } else await route.fulfill({ status });
          },
          { times: 1 },
        );
        const second = await context.newPage();
        await watch(second, link);
        await counts(bridge, 2);
        await isLive(page);
      }),
    { deadline: 300_000 },
  );

test(
  'B21 a link that is typed into a page that waits is a link: a tab that has it is joined',
  ({ page, context }) =>
    withMonitor(async ({ monitor, origin, bridge }) => {
      const link = monitor.url();
      for (const [each, typed] of [
        [page, link],
        [await context.newPage(), passOf(link)],
      ] as const) {
        await each.goto(`${origin}/monitor`);
        await isLocked(each);
        await each.locator('#token').fill(typed);
        await each.keyboard.press('Enter');
        await isLive(each);
      }
      const third = await context.newPage();
      await watch(third, link);
      await counts(bridge, 3);
    }),
  { deadline: 300_000 },
);

test(
  'B21 a tab that was reloaded while it waits to be let in does not show its link to the service',
  ({ page, context }) =>
    withMonitor(async ({ monitor, bridge }) => {
      const link = monitor.url();
      await watch(page, link);
      // Held until the other tab has been reloaded.
      let go = (): void => undefined;
      const held = new Promise<void>((resolve) => (go = resolve));
      const asked = page.waitForRequest('**/ticket');
      await page.route('**/ticket', async (route) => {
        await held;
        await route.continue();
      });
      const second = await context.newPage();
      await second.goto(link);
      await asked;
      await second.reload();
      go();
      await isLive(second);
      await isLive(page);
      await counts(bridge, 2);
    }),
  { deadline: 300_000 },
);

test(
  'B21 sees a page that lets no other tab in',
  ({ page, context }) =>
    complains(async () => {
      const create = await weakenedMonitor({ find: 'await this.#tabs.join(link)', replace: 'undefined' });
      await withMonitor(
        async ({ monitor }) => {
          const link = monitor.url();
          await watch(page, link);
          const second = await context.newPage();
          await second.goto(link);
          const settled = second.locator('#status[data-state=live], #status[data-state=locked]');
          is(await settled.getAttribute('data-state'), 'live');
        },
        { create },
      );
    }, /locked/),
  { deadline: 300_000 },
);

test(
  'B21 the tabs of a page session that has ended let nobody in',
  ({ page, context }) =>
    withMonitor(async ({ monitor, ask }) => {
      const link = monitor.url();
      await watch(page, link);
      is((await ask(passOf(link))).status, 401);
      await isLocked(page);
      const second = await context.newPage();
      await second.goto(link);
      await isLocked(second);
      match(await second.locator('#why').innerText(), 'opened in another browser, too');
    }),
  { deadline: 300_000 },
);

test(
  'says what to do about a token that has too many pages',
  ({ page }) =>
    withMonitor(async ({ origin, ask }) => {
      for (let more = 0; more < 100; more++) is((await ask(token)).status, 200);
      await page.goto(`${origin}/monitor`);
      await isLocked(page);
      // No numbers before it is let in: it knows none.
      equal(new Set(Object.values(await tallies(page))), new Set(['–']));
      await page.locator('#token').fill(token);
      await page.keyboard.press('Enter');
      await page.locator('#why', { hasText: 'too many open pages. Close some of them first.' }).waitFor();
    }),
  { deadline: 300_000 },
);

test(
  'asks for a token without a link, and keeps its access over a reload in its own tab only',
  ({ page, context }) =>
    withMonitor(async (monitored) => {
      const { origin, events, monitor } = monitored;
      await signIn(monitored, 1);
      await page.goto(`${origin}/monitor`);
      await isLocked(page);
      match(await page.locator('#why').innerText(), 'open a new link from the service or enter a token');
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
  { deadline: 300_000 },
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
  'connects over TLS, and to a bridge on a port of its own',
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
