/** The head of the monitor page and the title of its tab. Each check rejects a weakened page. */
import { hostname } from 'node:os';
import type { Page } from 'playwright-core';
import { version } from '../../../src/base/version.ts';
import { connectCallbackHost } from '../../../src/client.ts';
import { createMonitor } from '../../../src/monitor.ts';
import { browserSuite, type Tab } from '../../browser/chromium.ts';
import { equal, is, match } from '../../helpers/assert.ts';
import { counts, token } from '../../helpers/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { hasRedis, noRedis } from '../../helpers/redis-server.ts';
import { withRedis } from '../../helpers/redis.ts';
import { overProxy, passOf, weakenedMonitor, withMonitor } from './monitored.ts';
import { isLive, isLocked, keep, shows, watch } from './watching.ts';

const all = browserSuite('the head of the monitor page');

/** Judges a page of the monitor that `create` makes. */
type Check = (tab: Tab, create: typeof createMonitor) => Promise<void>;

const productName = 'Notes';
const facts = (page: Page): Promise<string[]> => page.locator('#facts li').allInnerTexts();
/** Resolves once the head has this fact. */
const hasFact = (page: Page, text: string): Promise<void> =>
  page.locator('#facts li', { hasText: text }).waitFor();

/** Fails if a page that was not let in has any of it. */
async function saysNothing(page: Page): Promise<void> {
  await isLocked(page);
  const shown = await page.locator('#facts:visible, #store-unavailable:visible').count();
  equal(
    [await page.title(), await page.locator('h1').innerText(), shown, await facts(page)],
    ['Sign-ins', 'Sign-ins', 0, []],
    'the head before it is let in',
  );
}

const headFollows: Check = ({ page }, create) =>
  overProxy(
    async (monitored, proxy) => {
      const { monitor, server, bridge, url, port, ask } = monitored;
      (await server.begin()).response.subscribe({ error: () => undefined });
      await page.goto(`http://127.0.0.1:${proxy.port}/monitor`);
      await saysNothing(page);
      const link = monitor.url();
      await watch(page, link);
      await hasFact(page, '1 connection: 0 listening, 1 watching');
      is(await page.locator('h1').innerText(), 'Notes: sign-ins');
      const [ofVersion, up = '', ...others] = await facts(page);
      is(ofVersion, `version ${version}`);
      match(up, /^up \d[\d.]* m?s$/);
      equal(others, [
        `node ${hostname()}:${port}`,
        'store in memory',
        '1 connection: 0 listening, 1 watching',
      ]);
      is(await page.title(), '1 waiting · Notes', 'the title');
      {
        await using host = await connectCallbackHost(url, { token });
        const flow = await host.begin();
        flow.response.subscribe({ error: () => undefined });
        await hasFact(page, '2 connections: 1 listening, 1 watching');
        await shows(page, 'Waiting', 2);
        is(await page.title(), '2 waiting · Notes', 'the title');
      }
      await shows(page, 'Waiting', 1);
      is(await page.title(), '1 waiting · Notes', 'the title');

      proxy.target = undefined;
      proxy.cutAll();
      await page.locator('#status[data-state=away]').waitFor();
      is(await page.title(), 'Connection lost · Notes', 'the title');
      await counts(bridge, 0);
      proxy.target = port;
      await isLive(page);
      is(await page.title(), '1 waiting · Notes', 'the title');
      // The link is used in another browser, so both are asked for a token.
      is((await ask(passOf(link))).status, 401);
      await isLocked(page);
      is(await page.title(), 'Sign-ins', 'the title');
    },
    { create, server: { productName } },
  );

const uptimeIsOfTheService: Check = ({ page }, create) => {
  const time = virtualTime();
  return withMonitor(
    async ({ monitor }) => {
      time.advance(3 * 60 * 60_000);
      await watch(page, monitor.url());
      await page.locator('#facts:visible').waitFor();
      is((await facts(page))[1], 'up 3 h', 'the uptime');
      is(await page.title(), '0 waiting · Sign-ins', 'the title');
    },
    { create, server: { scheduler: time.scheduler } },
  );
};

const storeIsShown: Check = ({ page }, create) =>
  withRedis(
    async ({ server: redis, open }) => {
      const store = await open({ timeout: 500 });
      await withMonitor(
        async ({ monitor }) => {
          await watch(page, monitor.url());
          await hasFact(page, 'store reachable');
          is(await page.title(), '0 waiting · Notes', 'the title');
          is(await page.locator('#store-unavailable:visible').count(), 0, 'the notice');
          await redis.stop('SIGKILL');
          await hasFact(page, 'store not reachable');
          is(await page.title(), 'Store unavailable · Notes', 'the title');
          is(await page.locator('#store-unavailable:visible').count(), 1, 'the notice');
          match(await page.locator('#store-unavailable').innerText(), /^The store cannot be reached/);
          await keep(page, 'store-unavailable');
          await redis.start();
          await hasFact(page, 'store reachable');
          is(await page.title(), '0 waiting · Notes', 'the title');
          is(await page.locator('#store-unavailable:visible').count(), 0, 'the notice');
        },
        { create, server: { productName }, bridge: { store } },
      );
      // Page sessions are in the store too, and outlive it on its disk.
    },
    ...['--appendonly', 'yes', '--appendfsync', 'always'],
  );

type Weakness = readonly [weakness: string, find: string, replace: string, complaint: RegExp];

const checks: readonly [title: string, check: Check, ...weaknesses: readonly Weakness[]][] = [
  [
    'names the service, and its title says what waits or that the connection is lost',
    headFollows,
    [
      'shows its head before it is let in',
      '    if (!service) return;',
      '    this.#facts.hidden = false;\n    this.#facts.textContent = "version";\n    if (!service) return;',
      /before it is let in/,
    ],
    [
      'has numbers in its title before it is let in',
      "if (!service || state === 'locked') return 'Sign-ins';",
      'if (!service) return `${waiting} waiting`;',
      /before it is let in/,
    ],
    ['has a title that does not follow', '`${waiting} waiting`', "'1 waiting'", /the title/],
    [
      'has the title of a live page while it reconnects',
      "if (state !== 'live') return `Connection lost · ${name}`;",
      '',
      /the title/,
    ],
  ],
  [
    'says for how long the service runs, by its clock',
    uptimeIsOfTheService,
    ['uses the clock of the browser', 'now + ahead - startedAt', 'now - startedAt', /the uptime/],
  ],
];

const storeChecks: typeof checks = [
  [
    'and its title say if the store cannot be reached, and when it can be again',
    storeIsShown,
    [
      'has no mark of the store in its title',
      "service.store === 'unavailable' ? 'Store unavailable' : ",
      "service.store === 'unavailable' ? `${waiting} waiting` : ",
      /the title/,
    ],
    [
      'has no notice',
      "byId('store-unavailable').hidden = state !== 'live' || service?.store !== 'unavailable';",
      '',
      /the notice/,
    ],
  ],
];

for (const [test, some] of [
  [all, checks],
  [all.when(hasRedis, noRedis), storeChecks],
] as const)
  for (const [title, check, ...weaknesses] of some) {
    test(title, (tab) => check(tab, createMonitor), { deadline: 300_000 });
    for (const [weakness, find, replace, complaint] of weaknesses)
      test(
        `rejects a page that ${weakness}`,
        async (tab) => {
          const create = await weakenedMonitor({ file: 'monitor/page/head.ts', find, replace });
          await complains(() => check(tab, create), complaint);
        },
        { deadline: 300_000 },
      );
  }

all.run();
