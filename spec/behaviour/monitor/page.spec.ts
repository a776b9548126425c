/** The monitor page in a browser: what it shows under load, how it is used, and what it does not do. */
import type { Page } from 'playwright-core';
import { connectCallbackHost } from '../../../src/client.ts';
import type { Flow, ServerEvent } from '../../../src/index.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import { browserSuite } from '../../browser/chromium.ts';
import { startSite } from '../../browser/site.ts';
import { equal, is, match, not, ok } from '../../helpers/assert.ts';
import { token } from '../../helpers/bridge.ts';
import { withMonitor } from './monitored.ts';
import { asSent, keep, received, saved, shows, signIn, tallies, underLoad, watch } from './watching.ts';

const test = browserSuite('the monitor page');

test(
  'shows each of 100 events a second once, in order, and its counts are those of the server',
  ({ page, seen }) =>
    withMonitor(async (monitored) => {
      const { server, monitor, events, origin } = monitored;
      for (let n = 0; n < 5; n++) await signIn(monitored, n);
      await watch(page, monitor.url());
      is(page.url(), `${origin}/monitor`);
      const work = await measureWork(page);
      await underLoad(monitored, { perSecond: 34, seconds: 10 });
      const busy = await work();
      for (let n = 0; n < 7; n++) await server.begin();
      const gone = await server.begin();
      gone.cancel();
      await received(page, events);
      ok(events.length > 1_000, `${events.length} events`);
      equal(await saved(page), asSent(events));

      const of = (met: (event: ServerEvent) => boolean): string =>
        events.filter(met).length.toLocaleString('en');
      const redirects = (met: (disposition: string) => boolean): string =>
        of((event) => event.type === 'redirect' && met(event.disposition));
      await shows(page, 'Waiting', 7);
      await shows(page, 'Cancelled', 1);
      equal(await tallies(page), {
        Succeeded: of((event) => event.type === 'answered' && event.outcome === 'code'),
        Denied: of((event) => event.type === 'answered' && event.error === 'access_denied'),
        Failed: '0',
        Waiting: '7',
        Accepted: redirects((disposition) => disposition === 'accepted'),
        Refused: redirects((disposition) => disposition !== 'accepted'),
        Expired: '0',
        Cancelled: '1',
      });
      const refused = (await page.locator('#refusals').innerText()).replace(/^Refused: /, '').split(', ');
      equal(
        refused.sort(),
        [
          `${redirects((disposition) => disposition === 'malformed')} missing code`,
          `${redirects((disposition) => disposition === 'unmatched')} unmatched`,
        ].sort(),
      );
      match(await page.locator('#rate').innerText(), /^now \d+, peak [3-6]\d$/);
      match(await page.locator('#wait').innerText(), /^median \d+ ms, longest /);

      is(await page.locator('#rows tr').count(), 50);
      ok(busy < 2.5, `${busy.toFixed(1)} s of work for 10 s of sign-ins`);
      equal([seen.errors, seen.violations], [[], []]);
      equal(
        seen.requests.filter((url) => !/^(?:data|blob):/.test(url) && !url.startsWith(`${origin}/`)),
        [],
      );
      await keep(page, 'light', true);
    }),
  { deadline: 300_000 },
);

/** Tells how many seconds of a processor the page's thread has had since. Those of a clock would count what else the machine does. */
async function measureWork(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const work = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN;
  };
  const before = await work();
  return async () => (await work()) - before;
}

test('filters, pauses and goes on, by the keyboard alone', ({ page }) =>
  withMonitor(async (monitored) => {
    const { monitor, events } = monitored;
    for (let n = 0; n < 20; n++) await signIn(monitored, n);
    await watch(page, monitor.url());
    await received(page, events);
    const rows = page.locator('#rows tr');
    const focused = (): Promise<string> =>
      page.evaluate<string>('document.activeElement.id || document.activeElement.className');
    const order: string[] = [];
    for (let n = 0; n < 7; n++) {
      await page.keyboard.press('Tab');
      order.push(await focused());
      const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
      is(outline, 'solid', `the focus shows on ${order.at(-1)}`);
    }
    equal(order, ['skip', 'as-table', 'kind', 'filter', 'pause', 'save', 'scroll']);

    await page.locator('#kind').focus();
    for (const key of 'ref') await page.keyboard.press(key);
    const refused = events.filter((event) => event.type === 'redirect' && event.disposition !== 'accepted');
    await page.locator('#shown', { hasText: `${refused.length} of ${events.length} kept match` }).waitFor();
    equal([...new Set(await page.locator('#rows td:nth-child(2)').allInnerTexts())].sort(), [
      'malformed',
      'unmatched',
    ]);
    await page.keyboard.press('Tab');
    await page.keyboard.type('missing');
    await page.locator('#shown', { hasText: '2 of' }).waitFor();
    // It says so from the first letters on; each next one takes the rows away until they are drawn again.
    await page.locator('#rows td:nth-child(4)').nth(1).waitFor();
    equal(await page.locator('#rows td:nth-child(4)').allInnerTexts(), ['missing code', 'missing code']);
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Delete');
    await page.locator('#kind').focus();
    await page.keyboard.press('Home');
    const allShown = new RegExp(`^${events.length} received, the latest 50 shown$`);
    await page.locator('#shown', { hasText: allShown }).waitFor();

    await page.locator('#pause').focus();
    await page.keyboard.press('Space');
    is(await page.locator('#pause').getAttribute('aria-pressed'), 'true');
    const top = await rows.first().innerText();
    const shown = await rows.count();
    await signIn(monitored, 1);
    await page.locator('#shown', { hasText: new RegExp(`^${events.length} received, paused`) }).waitFor();
    equal([await rows.first().innerText(), await rows.count()], [top, shown]);
    is((await tallies(page))['Accepted'], '21');
    await page.keyboard.press('Space');
    await page.locator('#shown', { hasText: /received, the latest 50 shown$/ }).waitFor();
    equal([shown, await rows.count()], [64, 50]);
    not.equal(await rows.first().innerText(), top);
  }));

test('has landmarks, names and roles for screen readers', ({ page }) =>
  withMonitor(async (monitored) => {
    await signIn(monitored, 1);
    await watch(page, monitored.monitor.url());
    await received(page, monitored.events);
    await page.locator('#rate', { hasText: 'peak' }).waitFor();
    const tree = await page.locator('body').ariaSnapshot();
    for (const part of [
      '- banner:',
      '- heading "Sign-ins" [level=1]',
      '- status: Live',
      '- main:',
      '- list "The service":',
      '- region "Do people succeed?":',
      '- term: succeeded',
      '- region "What waits now":',
      '- region "Waiting and redirects":',
      '- term: Waiting',
      '- region "The last five minutes":',
      '- img "Sign-ins per ten seconds',
      '- img "Redirects per second now',
      '- img "Waiting time ',
      '- group: The charts as a table',
      '- region "Events":',
      '- region "Table of events":',
      '- combobox "Show":',
      '- searchbox "Filter"',
      '- button "Pause"',
      '- columnheader "Event"',
      '- cell "accepted"',
    ])
      match(tree, part);
    is(await page.evaluate<number>("document.querySelectorAll('[aria-live]').length"), 0);
  }));

test(
  'has the charts as a table, which changes only by its rows',
  ({ page }) =>
    withMonitor(async (monitored) => {
      const { monitor, events } = monitored;
      for (let n = 1; n < 4; n++) await signIn(monitored, n);
      await watch(page, monitor.url());
      await received(page, events);
      const tree = (): Promise<string> => page.locator('#numbers').ariaSnapshot();
      not.match(await tree(), 'row');
      await page.locator('#as-table').focus();
      await page.keyboard.press('Enter');
      // Until the ten seconds are over.
      await page.locator('#spans tr').waitFor();
      const first = /row "\d\d:\d\d:\d0 [123] 0 0 0 0 [123] 0 \d+ ms \d+ ms"/;
      const whole = await tree();
      for (const part of ['columnheader "Accepted"', 'columnheader "Longest wait"', 'rowheader "', first])
        match(whole, part);
      await page.evaluate("window.row = document.querySelector('#spans tr')");
      await signIn(monitored, 15);
      await page.locator('#spans tr', { hasText: /^\d\d:\d\d:\d01000011/ }).waitFor();
      ok(await page.evaluate("window.row.isConnected && window.row !== document.querySelector('#spans tr')"));
      const accepted = await page.locator('#spans td:nth-child(7)').allInnerTexts();
      equal(
        accepted.reduce((sum, count) => sum + Number(count), 0),
        4,
      );
      const named = (part: RegExp): Promise<void> =>
        page.getByRole('img', { name: part }).first().waitFor({ state: 'visible' });
      await named(/^Redirects per second now \d+, peak [1-9]/);
      await named(/^Waiting time median \d+ ms, longest \d+ ms$/);
      await page.setViewportSize({ width: 320, height: 800 });
      is(
        await page.evaluate(
          "[...document.querySelectorAll('#numbers :is(th, td)')].filter((cell) => cell.scrollWidth > cell.clientWidth).length",
        ),
        0,
      );
      await keep(page, 'numbers', true);
    }),
  { deadline: 300_000 },
);

test('shows the number of pending flows of its node, although another node reports their end', async ({
  page,
}) => {
  const setup = { bridge: { store: memoryStore() } };
  await withMonitor(
    (here) =>
      withMonitor(async (there) => {
        await watch(page, here.monitor.url());
        await using host = await connectCallbackHost(here.url, { token });
        const flows: Flow[] = [await host.begin(), await host.begin()];
        await shows(page, 'Waiting', 2);
        const [{ state }] = flows as [Flow];
        is((await there.visit(`/callback?code=c&state=${state}`)).status, 200);
        await shows(page, 'Waiting', 1);
        // The other node has had an end, and no beginning.
        await watch(page, there.monitor.url());
        await received(page, there.events);
        is((await tallies(page))['Waiting'], '0');
      }, setup),
    setup,
  );
});

test('runs no script but its own, and loads nothing from elsewhere', async ({ page, seen }) => {
  await using elsewhere = await startSite({ pages: { '/x': 'x' }, host: 'elsewhere.localhost' });
  await withMonitor(async ({ monitor, origin }) => {
    await watch(page, monitor.url());
    // The last thing that is tried.
    const blocked = page.waitForEvent('console', (message) => message.text().includes('form-action'));
    const tried = await page.evaluate<string[]>(`(async () => {
      const tried = [];
      const attempt = async (name, run) => { try { await run(); tried.push(name + ' ran'); } catch (error) { tried.push(name + ' ' + error.name); } };
      const add = (name, change) => { const element = document.createElement(name); change(element); document.body.append(element); };
      await attempt('text', () => add('script', (script) => { script.textContent = 'window.injected = 1'; }));
      await attempt('src', () => add('script', (script) => { script.src = '${origin}/callback'; }));
      await attempt('html', () => { document.body.innerHTML += '<img src=x onerror="window.injected = 2">'; });
      await attempt('policy', () => trustedTypes.createPolicy('p', { createHTML: (text) => text }));
      await attempt('fetch', () => fetch('${elsewhere.origin}/x'));
      await attempt('socket', () => new Promise((resolve, reject) => {
        const socket = new WebSocket('${elsewhere.origin.replace('http', 'ws')}/x');
        socket.onerror = () => reject(new TypeError());
        socket.onopen = resolve;
      }));
      add('img', (image) => { image.src = '${elsewhere.origin}/x'; });
      await attempt('handler', () => add('p', (paragraph) => paragraph.setAttribute('onclick', 'window.injected = 3')));
      const form = document.createElement('form');
      form.action = '${elsewhere.origin}/x';
      document.body.append(form);
      form.submit();
      return tried;
    })()`);
    await blocked;
    equal(tried, [
      'text TypeError',
      'src TypeError',
      'html TypeError',
      'policy TypeError',
      'fetch TypeError',
      'socket TypeError',
      'handler TypeError',
    ]);
    is(await page.evaluate('window.injected'), undefined);
    equal(elsewhere.requests, []);
    for (const directive of [
      'require-trusted-types-for',
      'trusted-types',
      'connect-src',
      'img-src',
      'form-action',
    ])
      ok(
        seen.violations.some((violation) => violation.startsWith(directive)),
        `${directive}: ${seen.violations.join(', ')}`,
      );
    is(await page.evaluate<string>("document.getElementById('status').dataset.state"), 'live');
  });
});

test.run();
