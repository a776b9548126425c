/** A person at the monitor page, and sign-ins for them to see. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import type { ServerEvent } from '../../../src/index.ts';
import type { Monitored } from './monitored.ts';
import { patience } from '../../helpers/assert.ts';

const pictures = join(import.meta.dirname, '../../../artifacts/pages');

export function keep(page: Page, name: string, fullPage = false): Promise<Buffer> {
  return page.screenshot({ path: join(pictures, `monitor-${name}.png`), fullPage });
}

/** Opens a link; resolves once the page is live. */
export async function watch(page: Page, link: string): Promise<void> {
  await page.goto(link);
  await isLive(page);
}

// A page waits twice as long after each attempt to reconnect that failed.
const reconnecting = { timeout: 3 * patience };

export const isLive = (page: Page): Promise<void> =>
  page.locator('#status[data-state=live]').waitFor(reconnecting);
export const isLocked = (page: Page): Promise<void> =>
  page.locator('#status[data-state=locked]').waitFor(reconnecting);

/** Resolves once the page shows that it has received so many events. */
export async function received(page: Page, events: readonly ServerEvent[]): Promise<void> {
  const text = `${events.length.toLocaleString('en')} received`;
  await page.locator('#shown', { hasText: new RegExp(`^${text}`) }).waitFor();
}

/** Resolves once the page shows this number at the top. */
export async function shows(page: Page, name: string, number: number): Promise<void> {
  const shown = number.toLocaleString('en');
  const outcome = page
    .locator('#outcomes div', { hasText: new RegExp(`^${name}`, 'i') })
    .locator('.since', { hasText: new RegExp(`^${shown} since`) });
  await page
    .locator('#tallies div', { hasText: new RegExp(`^${name}${shown}$`) })
    .or(outcome)
    .waitFor();
}

/** The numbers at the top, by their names: of the outcomes those since the start. */
export function tallies(page: Page): Promise<Record<string, string>> {
  return page.evaluate<Record<string, string>>(`Object.fromEntries(
    [...document.querySelectorAll('#outcomes div, #tallies div')].map((group) => {
      const [name, ...numbers] = [...group.children].map(({ textContent }) => textContent);
      return [name[0].toUpperCase() + name.slice(1), numbers.at(-1).replace(' since the start', '')];
    }),
  )`);
}

/** All rows that the page has, from the file that it saves. */
export async function saved(page: Page): Promise<unknown[]> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
  const lines = readFileSync(await download.path(), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as unknown);
}

export const asSent = (events: readonly ServerEvent[]): unknown => JSON.parse(JSON.stringify(events));

/** Sign-ins that begin, are refused for one reason or another, and end. Three events each and a few more. */
export async function signIn({ server, visit }: Monitored, n: number): Promise<void> {
  const { state } = await server.begin();
  if (n % 10 === 0) await visit('/callback?code=c&state=nobody-knows-this-state-at-all');
  if (n % 15 === 0) await visit(`/callback?state=${state}`);
  await visit(`/callback?${n % 20 === 0 ? 'error=access_denied' : 'code=c'}&state=${state}`);
}

/** Runs `body` while people sign in, about three events each; resolves when the last has. */
export async function underLoad(
  monitored: Monitored,
  { perSecond, seconds }: { perSecond: number; seconds: number },
  body: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const running: Promise<void>[] = [];
  let timer: NodeJS.Timeout | undefined;
  const allBegun = new Promise<void>((resolve) => {
    timer = setInterval(() => {
      running.push(signIn(monitored, running.length));
      if (running.length === perSecond * seconds) resolve();
    }, 1_000 / perSecond);
  });
  try {
    await Promise.all([body(), allBegun.then(() => clearInterval(timer))]);
  } finally {
    clearInterval(timer);
    await Promise.all(running);
  }
}
