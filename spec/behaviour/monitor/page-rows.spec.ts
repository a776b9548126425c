/** Rows, numbers and lines that the monitor page draws. Each check rejects a weakened page. */
import type { Page } from 'playwright-core';
import type { Flow } from '../../../src/index.ts';
import { createMonitor } from '../../../src/monitor.ts';
import { browserSuite, type Tab } from '../../browser/chromium.ts';
import { equal, is, ok } from '../../helpers/assert.ts';
import { counts } from '../../helpers/bridge.ts';
import { virtualTime, type VirtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { everyEnding, everyRow } from '../../helpers/endings.ts';
import type { Edit } from '../../helpers/weakened.ts';
import { overProxy, weakenedMonitor, withMonitor, type Monitored } from './monitored.ts';
import { asSent, isLive, received, saved, shows, signIn, tallies, watch } from './watching.ts';

const test = browserSuite('what the monitor page draws');

/** Judges a page of the monitor that `create` makes. */
type Check = (tab: Tab, create: typeof createMonitor) => Promise<void>;

/**
 * Waits until the page has every row once, up to the number that `last` gives: they are numbered as they come, and the
 * latest is on top. Fails with the rows that it has if that is not so within a few seconds.
 */
async function rowsFall(page: Page, last: () => number, when: string, most = 50): Promise<void> {
  const falling = (): number[] =>
    Array.from({ length: Math.min(last() + 1, most) }, (_, index) => last() - index);
  const numbers = (): Promise<number[]> =>
    page.evaluate<number[]>(
      "[...document.querySelectorAll('#rows tr')].map(({ dataset }) => Number(dataset.n))",
    );
  for (let look = 0; look < 100 && (await numbers()).join() !== falling().join(); look++)
    await page.waitForTimeout(50);
  equal(await numbers(), falling(), `the rows ${when}`);
}

const rowsStayWhole: Check = ({ page }, create) =>
  withMonitor(
    async (monitored) => {
      const { monitor, events } = monitored;
      const come = async (signIns: number, when: string): Promise<void> => {
        for (let n = 0; n < signIns; n++) await signIn(monitored, n);
        await received(page, events);
        await rowsFall(page, () => events.length - 1, when);
      };
      await signIn(monitored, 1);
      await watch(page, monitor.url());
      await come(0, 'at first');
      await come(3, 'as they come');
      await page.click('#pause');
      await page.locator('#shown', { hasText: 'paused' }).waitFor();
      await signIn(monitored, 1);
      await page.locator('#shown', { hasText: `${events.length} received` }).waitFor();
      await rowsFall(page, () => events.length - 4, 'while it is paused');
      await page.click('#pause');
      await page.locator('#shown', { hasText: /received$/ }).waitFor();
      await come(1, 'after a pause');
      await come(70, 'where there are more than it shows');
      await page.click('#pause');
      await page.locator('#shown', { hasText: /the latest 200 shown, paused$/ }).waitFor();
      await rowsFall(page, () => events.length - 1, 'of a pause with more than it shows', 200);
    },
    { create },
  );

const rowsSurvive: Check = ({ page }, create) =>
  overProxy(
    async (monitored, proxy) => {
      const { monitor, events, bridge, server } = monitored;
      await watch(page, monitor.url());
      await signIn(monitored, 1);
      await received(page, events);
      proxy.target = undefined;
      proxy.cutAll();
      await page.locator('#status[data-state=away]').waitFor();
      await counts(bridge, 0);
      await signIn(monitored, 2);
      proxy.target = monitored.port;
      await isLive(page);
      await signIn(monitored, 3);
      // The last event of all.
      (await server.begin()).cancel();
      await shows(page, 'Cancelled', 1);
      equal(await saved(page), asSent(events), 'the events after a break');
      await rowsFall(page, () => events.length - 1, 'after a break');
    },
    { create },
  );

const endingsAreShown: Check = async ({ page }, create) => {
  const time = virtualTime();
  await withMonitor(
    async (monitored) => {
      await watch(page, monitored.monitor.url());
      await everyEnding(monitored, time);
      await shows(page, 'Waiting', 2);
      equal(
        await tallies(page),
        {
          Succeeded: '1',
          Denied: '1',
          Failed: '0',
          Expired: '1',
          Cancelled: '2',
          Waiting: '2',
          Accepted: '2',
          Refused: '1',
        },
        'the numbers at the top',
      );
      const rows = async (): Promise<string[]> => {
        const cells = await page.evaluate<string[][]>(
          "[...document.querySelectorAll('#rows tr')].map(({ cells }) => [...cells].map((cell) => cell.textContent))",
        );
        return cells.map(([, ...shown]) => shown.filter(Boolean).join(' '));
      };
      equal(await rows(), everyRow, 'the rows');
      for (const kind of ['expired', 'cancelled']) {
        await page.selectOption('#kind', kind);
        const found = everyRow.filter((row) => row.startsWith(kind));
        await page.locator('#rows tr').first().waitFor();
        equal(await rows(), found, `the rows that are ${kind}`);
      }
    },
    { create, server: { scheduler: time.scheduler } },
  );
};

interface Drawn {
  count: number;
  height: number;
  /** The longest piece without a gap, from left to right. */
  width: number;
}

/** How many pixels of a colour of the style sheet a chart has, and how far they reach. */
function drawn(page: Page, chart: string, color: string): Promise<Drawn> {
  return page.evaluate<Drawn>(`(() => {
    const style = getComputedStyle(document.documentElement).getPropertyValue('${color}').trim();
    const canvas = document.querySelector('#${chart} canvas');
    const probe = document.createElement('canvas').getContext('2d');
    probe.fillStyle = style;
    probe.fillRect(0, 0, 1, 1);
    const wanted = probe.getImageData(0, 0, 1, 1).data;
    const { width, height } = canvas;
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
    const found = [];
    const columns = new Set();
    for (let at = 0; at < data.length; at += 4) {
      const near = [0, 1, 2].every((part) => Math.abs(data[at + part] - wanted[part]) < 16);
      if (!near || data[at + 3] <= 200) continue;
      found.push(Math.floor(at / 4 / width));
      columns.add((at / 4) % width);
    }
    let [piece, widest] = [0, 0];
    for (let column = 0; column < width; column++) {
      piece = columns.has(column) ? piece + 1 : 0;
      widest = Math.max(widest, piece);
    }
    return {
      count: found.length,
      height: found.length === 0 ? 0 : Math.max(...found) - Math.min(...found),
      width: widest,
    };
  })()`);
}

const linesAreDrawn: Check = ({ page }, create) =>
  withMonitor(
    async (monitored) => {
      for (let n = 0; n < 16; n++) await signIn(monitored, n);
      await watch(page, monitored.monitor.url());
      await page.locator('#rate', { hasText: /peak [1-9]/ }).waitFor();
      for (const [chart, color, least] of [
        ['rate-chart', '--good', 30],
        ['rate-chart', '--bad', 5],
        ['wait-chart', '--accent', 0],
        ['wait-chart', '--warn', 0],
        ['outcomes-chart', '--good', 30],
        ['outcomes-chart', '--warn', 3],
      ] as const) {
        const { count, height } = await drawn(page, chart, color);
        ok(count > 3, `${chart} has ${count} pixels of ${color}`);
        ok(height >= least, `the line ${color} of ${chart} is ${height} high`);
      }
    },
    { create },
  );

/** In each of 20 seconds flows begin, and those end that have waited for so many seconds. Ends with the peak of the rate. */
async function waitEvenly(
  { server, visit }: Monitored,
  { advance }: VirtualTime,
  seconds: readonly number[],
): Promise<void> {
  const begun: Flow[][] = [];
  for (let second = 0; second < 20; second++) {
    begun.push(await Promise.all(seconds.map(() => server.begin())));
    for (const [index, waited] of seconds.entries()) {
      const flow = begun[second - waited]?.[index];
      if (flow) await visit(`/callback?code=c&state=${flow.state}`);
    }
    advance(1_000);
  }
  for (let n = 0; n < peakOf(seconds); n++)
    await visit('/callback?code=c&state=nobody-knows-this-state-at-all');
}

const peakOf = (seconds: readonly number[]): number => seconds.length + 1;

const flatLinesAreDrawn: Check = async ({ page }, create) => {
  for (const [seconds, told, colors] of [
    [[0], 'median 0 ms, longest 0 ms', ['--warn']],
    [[1, 3], 'median 1.0 s, longest 3.0 s', ['--accent', '--warn']],
  ] as const) {
    const time = virtualTime();
    // All of it is over when the page opens, and not too long ago for its charts.
    time.advance(Date.now() - 40_000);
    await withMonitor(
      async (monitored) => {
        await waitEvenly(monitored, time, seconds);
        await watch(page, monitored.monitor.url());
        // Waits for the last numbers: then all of them are there.
        await page.locator('#rate', { hasText: new RegExp(`peak ${peakOf(seconds)}$`) }).waitFor();
        is(await page.locator('#wait').innerText(), told);
        for (const color of colors) {
          const { width } = await drawn(page, 'wait-chart', color);
          ok(width >= 100, `the flat line ${color} of ${told} is ${width} wide`);
        }
      },
      { create, server: { scheduler: time.scheduler } },
    );
  }
};

interface Twin {
  weakness: string;
  edits: readonly Edit[];
  complaint: RegExp;
}

const edit = (file: string, find: string, replace: string): Edit[] => [
  { file: `monitor/page/${file}`, find, replace },
];

const checks: readonly { title: string; check: Check; twins: readonly Twin[] }[] = [
  {
    title: 'has each row once, numbers falling by one, paused or not',
    check: rowsStayWhole,
    twins: [
      {
        weakness: 'adds rows again that are there',
        edits: edit('table.ts', `this.#last = this.#journal.last;`, ``),
        complaint: /the rows (?:at first|as they come)/,
      },
      {
        weakness: 'goes on after a pause with what comes next',
        edits: edit(
          'table.ts',
          `      this.#pause.setAttribute(`,
          `      if (!this.#paused) {
        this.#last = this.#journal.rows.at(-1)?.n ?? -1;
        this.#pause.setAttribute('aria-pressed', 'false');
        changed();
        return;
      }
      this.#pause.setAttribute(`,
        ),
        complaint: /the rows after a pause/,
      },
      {
        weakness: 'shows what comes while it is paused',
        edits: edit('table.ts', `if (!this.#paused) yield*`, `if (!this.#paused || this.#last >= 0) yield*`),
        complaint: /the rows while it is paused/,
      },
    ],
  },
  {
    title: 'has each row once after its connection broke',
    check: rowsSurvive,
    twins: [
      {
        weakness: 'asks after a break for what it has had',
        edits: [
          {
            file: 'client/remote-feed.ts',
            find: `this.#place.since = n + 1;`,
            replace: `this.#place.since = n;`,
          },
        ],
        complaint: /the events after a break/,
      },
    ],
  },
  {
    title: 'draws each line of its charts',
    check: linesAreDrawn,
    twins: [
      {
        weakness: 'draws axes alone',
        edits: edit(
          'charts.ts',
          `this.#rate.show([x, accepted, refused]);`,
          `this.#rate.show([x, x.map(() => null), x.map(() => null)]);`,
        ),
        complaint: /rate-chart has 0 pixels of --good/,
      },
      {
        weakness: 'draws nothing but zero',
        edits: edit(
          'charts.ts',
          `this.#rate.show([x, accepted, refused]);`,
          `this.#rate.show([x, x.map(() => 0), refused]);`,
        ),
        complaint: /the line --good of rate-chart is \d+ high/,
      },
      {
        weakness: 'draws no waiting times',
        edits: edit(
          'charts.ts',
          `this.#wait.show([x, median, longest]);`,
          `this.#wait.show([x, x.map(() => null), longest]);`,
        ),
        complaint: /wait-chart has 0 pixels of --accent/,
      },
      {
        weakness: 'draws only the bars of those who have succeeded',
        edits: edit('charts.ts', `slice(0, stack.length - top)`, `slice(0, 1)`),
        complaint: /outcomes-chart has 0 pixels of --warn/,
      },
    ],
  },
  {
    title: 'draws waiting times that stay the same',
    check: flatLinesAreDrawn,
    twins: [
      {
        weakness: 'draws a dot for each second, and no line',
        edits: edit('chart.ts', `width: 1.5,`, `width: line.dots ? 0 : 1.5,`),
        complaint: /the flat line --warn of median 0 ms, longest 0 ms is \d wide/,
      },
      {
        weakness: 'has no scale where nobody had to wait',
        edits: edit('chart.ts', `[0, max > 0 ? max * 1.15 : 1]`, `[0, max * 1.15]`),
        complaint: /the flat line --warn of median 0 ms, longest 0 ms is 0 wide/,
      },
      {
        weakness: 'draws the longest waiting time alone',
        edits: edit(
          'charts.ts',
          `this.#wait.show([x, median, longest]);`,
          `this.#wait.show([x, longest, longest]);`,
        ),
        complaint: /the flat line --accent of median 1.0 s, longest 3.0 s is 0 wide/,
      },
    ],
  },
  {
    title: 'shows each way in which a flow ends, and counts it',
    check: endingsAreShown,
    twins: [
      {
        weakness: 'counts nobody whose time was over',
        edits: edit(
          'outcomes.ts',
          `number(service.outcomes[outcome])`,
          `number(outcome === 'expired' ? 0 : 1)`,
        ),
        complaint: /the numbers at the top/,
      },
      {
        weakness: 'counts who has cancelled as expired too',
        edits: edit(
          'outcomes.ts',
          `number(service.outcomes[outcome])`,
          `number(service.outcomes[outcome] + (outcome === 'expired' ? 2 : 0))`,
        ),
        complaint: /the numbers at the top/,
      },
      {
        weakness: 'does not say that somebody was denied',
        edits: [
          { file: 'monitor/wording.ts', find: `event.error ?? event.outcome`, replace: `event.outcome` },
        ],
        complaint: /the rows[^]*access_denied/,
      },
      {
        weakness: 'shows everything whichever kind is asked for',
        edits: [
          { file: 'monitor/journal.ts', find: `if (kind !== '' && `, replace: `if (kind === 'refused' && ` },
        ],
        complaint: /the rows that are expired/,
      },
    ],
  },
];

for (const { title, check, twins } of checks) {
  test(title, (tab) => check(tab, createMonitor), { deadline: 300_000 });
  for (const { weakness, edits, complaint } of twins)
    test(
      `"${title}" sees a page that ${weakness}`,
      async (tab) => {
        const create = await weakenedMonitor(...edits);
        await complains(() => check(tab, create), complaint);
      },
      { deadline: 300_000 },
    );
}

test('a page without a weakness passes', async (tab) => {
  await linesAreDrawn(tab, await weakenedMonitor());
  equal([tab.seen.errors, tab.seen.violations], [[], []]);
});

test('the keys / and p go to the filter and pause, but not while the user types', ({ page }) =>
  withMonitor(async (monitored) => {
    const { monitor, events } = monitored;
    await watch(page, monitor.url());
    await signIn(monitored, 1);
    await received(page, events);
    await page.keyboard.press('p');
    await page.locator('#pause[aria-pressed=true]').waitFor();
    await page.keyboard.press('Control+p');
    await page.keyboard.press('p');
    await page.locator('#pause[aria-pressed=false]').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('/p no such row');
    is(await page.locator('#filter').inputValue(), '/p no such row');
    await page.locator('#shown', { hasText: '0 of' }).waitFor();
    is(await page.locator('#pause').getAttribute('aria-pressed'), 'false');
    await page.keyboard.press('Escape');
    is(await page.locator('#filter').inputValue(), '');
    await page.locator('#shown', { hasText: /received$/ }).waitFor();
    await page.keyboard.press('p');
    await page.locator('#pause[aria-pressed=true]').waitFor();
  }));

test.run();
