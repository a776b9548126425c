/** Sign-ins that a person opens at the monitor page. */
import type { Page } from 'playwright-core';
import { connectCallbackHost } from '../../../src/client.ts';
import type { createMonitor } from '../../../src/monitor.ts';
import { browserSuite, type Tab } from '../../browser/chromium.ts';
import { equal, is, match } from '../../helpers/assert.ts';
import { token } from '../../helpers/bridge.ts';
import { complains } from '../../helpers/complains.ts';
import { weakenedMonitor, withMonitor } from './monitored.ts';
import { received, watch } from './watching.ts';

const test = browserSuite('sign-ins at the monitor page');

const focused = (page: Page): Promise<string | null> =>
  page.evaluate<string | null>('document.activeElement.dataset.flow ?? document.activeElement.id');

const eventsOf = (page: Page): Promise<string[]> => page.locator('#flow-events .name').allInnerTexts();

async function opensByKeyboard({ page, context }: Tab, create?: typeof createMonitor): Promise<void> {
  await withMonitor(async (monitored) => {
    const { server, url, visit, monitor, events } = monitored;
    await using host = await connectCallbackHost(url, { token });
    const flow = await host.begin({ label: 'Notes', issuer: 'https://as.example' });
    flow.response.subscribe({ error: () => undefined });
    await server.begin();
    await watch(page, monitor.url());
    const item = page.locator('#waiting-flows li').first();
    await item.waitFor();
    match(
      await item.innerText(),
      /^\d[\d.]* m?s\s+Notes\s+for token\s+https:\/\/as\.example\s+expires in 10 min$/,
    );
    await visit(`/callback?code=c&state=${flow.state}&iss=https://elsewhere.example`);
    await received(page, events);
    await item.locator('button').focus();
    await page.keyboard.press('Enter');
    await page.locator('#flow[open]').waitFor();
    is(await page.locator('#flow-id').innerText(), flow.id);
    is(await page.locator('#flow-what').innerText(), 'Notes · https://as.example · for token');
    equal(await eventsOf(page), ['begun', 'wrong issuer'], 'the events in order');
    // A key of the page does nothing behind the panel.
    await page.keyboard.press('p');
    is(await page.locator('#pause').getAttribute('aria-pressed'), 'false');
    // Its events go on, and it stays when the sign-in is no longer in the list.
    await visit(`/callback?code=c&state=${flow.state}&iss=https://as.example`);
    await page.locator('#flow-events .name', { hasText: 'answered' }).waitFor();
    equal(await eventsOf(page), ['begun', 'wrong issuer', 'accepted', 'answered'], 'the events in order');

    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.locator('#flow-copy').click();
    await page.locator('#flow-copied', { hasText: 'Copied.' }).waitFor();
    is(await page.evaluate<string>('navigator.clipboard.readText()'), flow.id);
    // Over http a browser has no clipboard for pages.
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
    await page.locator('#flow-copied').evaluate('(element) => { element.textContent = "" }');
    await page.locator('#flow-copy').click();
    await page.locator('#flow-copied', { hasText: /Copied|Selected/ }).waitFor();
    is(await page.evaluate<string>('String(getSelection())'), flow.id, 'what is selected');

    await page.keyboard.press('Escape');
    await page.locator('#flow[open]').waitFor({ state: 'detached' });
    // The rows of a sign-in that waits no longer are left.
    await page.locator('#waiting-flows li', { hasText: 'Notes' }).waitFor({ state: 'detached' });
    const row = page.locator(`#rows [data-flow="${flow.id}"]`).first();
    await row.focus();
    await page.keyboard.press('Enter');
    await page.locator('#flow[open]').waitFor();
    is(
      await page.locator('#flow-what').innerText(),
      'Notes · https://as.example · for token',
      'what it was for',
    );
    await page.keyboard.press('Escape');
    await page.locator('#flow[open]').waitFor({ state: 'detached' });
    is(await focused(page), flow.id, 'the focus');
  }, create && { create });
}

test(
  'are listed while they wait, and opened by the keyboard with their events in order',
  (tab) => opensByKeyboard(tab),
  { deadline: 300_000 },
);

for (const [weakness, file, find, replace, complaint] of [
  [
    'shows events of other flows',
    'flow-panel.ts',
    'wording.flow === id',
    "wording.flow !== ''",
    /the events in order/,
  ],
  [
    'shows the latest event first',
    'flow-panel.ts',
    'this.#events.append(...rows.map(itemOf))',
    'this.#events.prepend(...[...rows].reverse().map(itemOf))',
    /the events in order/,
  ],
  [
    'forgets whose token has waited',
    'flow-panel.ts',
    'const waited = this.#model.waitedOf(flowId);',
    'const waited = this.#model.waiting?.find((flow) => flow.flowId === flowId);',
    /what it was for/,
  ],
] as const)
  test(
    `rejects a page that ${weakness}`,
    async (tab) => {
      const create = await weakenedMonitor({ file: `monitor/page/${file}`, find, replace });
      await complains(() => opensByKeyboard(tab, create), complaint);
    },
    { deadline: 300_000 },
  );

test.run();
