/**
 * The monitor page under 10,000 events a minute: for how long it keeps its thread from the user. A chaos program: the suite runs
 * a twentieth of the minute.
 *
 * A task is measured by the processor time that it had, because the time on a clock is also that of whatever else the machine
 * does. At full count it also prints how many tasks were long on the clock, as a `PerformanceObserver` reports them, and how
 * busy the machine was.
 */
import { availableParallelism, loadavg } from 'node:os';
import type { Page } from 'playwright-core';
import type { createMonitor } from '../../../src/monitor.ts';
import { browserSuite } from '../../browser/chromium.ts';
import { ok } from '../../helpers/assert.ts';
import { chaosCount, chaosDeadline, isFull } from '../../helpers/chaos.ts';
import { complains } from '../../helpers/complains.ts';
import { weakenedMonitor, withMonitor } from './monitored.ts';
import { received, underLoad, watch } from './watching.ts';

const test = browserSuite('the monitor page under load');

// Each sign-in has three events.
const perSecond = Math.ceil(10_000 / 60 / 3);
const longest = 50;

/** Starts to measure the tasks of the page's thread. The result has the milliseconds of the longest one, on the processor. */
async function traced(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  const durations: number[] = [];
  session.on('Tracing.dataCollected', ({ value }) => {
    for (const event of value as { name?: string; tdur?: number }[])
      if (event.name === 'RunTask' || event.name === 'ThreadControllerImpl::RunTask')
        durations.push(event.tdur ?? 0);
  });
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['disabled-by-default-devtools.timeline', 'toplevel'] },
  });
  return async () => {
    const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
    await session.send('Tracing.end');
    await complete;
    ok(durations.length > 100, `${durations.length} tasks`);
    return durations.reduce((most, each) => Math.max(most, each), 0) / 1_000;
  };
}

const watchForLongTasks = `window.longTasks = [];
new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration)))
  .observe({ type: 'longtask' });`;

async function hasNoLongTask(page: Page, seconds: number, create?: typeof createMonitor): Promise<void> {
  await withMonitor(async (monitored) => {
    const { monitor, events } = monitored;
    await watch(page, monitor.url());
    await page.locator('#rate', { hasText: 'peak' }).waitFor();
    await page.evaluate(watchForLongTasks);
    const longestTask = await traced(page);
    await underLoad(monitored, { perSecond, seconds });
    await received(page, events);
    const most = await longestTask();
    ok(most < longest, `a task had ${most.toFixed(1)} ms of a processor`);
    if (!isFull()) return;
    const onClock = await page.evaluate<number[]>('longTasks');
    console.log(
      `${events.length} events, longest task ${most.toFixed(1)} ms; on the clock ${onClock.length} long ones, the longest ` +
        `${Math.max(0, ...onClock)} ms; load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors`,
    );
  }, create && { create });
}

test(
  `has no task of ${longest} ms while 10,000 events a minute come`,
  ({ page }) => hasNoLongTask(page, chaosCount(60)),
  { deadline: chaosDeadline(120_000) },
);

test(
  'rejects a page that computes for long with each update',
  async ({ page }) => {
    const create = await weakenedMonitor({
      file: 'monitor/page/main.ts',
      find: `  table.show();`,
      // Ten times once it is measured, because a page that never ends fails for another reason.
      replace: `  table.show();
  globalThis.updates = (globalThis.updates || 0) + (globalThis.longTasks ? 1 : 0);
  if (globalThis.longTasks && globalThis.updates <= 10)
    for (let n = 0; n < 2e8; n++) globalThis.work = Math.sqrt(n) + (globalThis.work || 0) / 2;`,
    });
    await complains(() => hasNoLongTask(page, 1, create), /a task had \d/);
  },
  { deadline: 120_000 },
);

test.run();
