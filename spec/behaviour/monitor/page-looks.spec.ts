/** How the monitor page looks: measured, and kept as pictures in artifacts/pages for somebody to look at. */
import { browserSuite } from '../../browser/chromium.ts';
import { lowestContrast } from '../../browser/contrast.ts';
import { deadline, is, ok } from '../../helpers/assert.ts';
import { withMonitor, type Monitored } from './monitored.ts';
import { keep, received, signIn, watch } from './watching.ts';

const test = browserSuite('the looks of the monitor page');

for (const colorScheme of ['light', 'dark'] as const) {
  test(
    `has contrast and room, ${colorScheme}`,
    ({ page }) =>
      withMonitor(async (monitored) => {
        const { monitor, server, events, redirects } = monitored;
        for (let n = 0; n < 30; n++) await signIn(monitored, n);
        await server.begin({ label: 'A product with a name that is long enough for two lines on a phone' });
        (await server.begin()).cancel();
        await server.begin({ ttl: 1 });
        await deadline(expiry(monitored), 'an expiry');
        ok(redirects.length > 30);
        await watch(page, monitor.url());
        await received(page, events);
        await page.locator('#rate', { hasText: 'peak' }).waitFor();
        for (const [size, width] of Object.entries({ desktop: 1280, zoomed: 640, phone: 360, small: 320 })) {
          await page.setViewportSize({ width, height: 800 });
          const { contrast, text } = await lowestContrast(page);
          ok(contrast >= 4.5, `${size}: contrast ${contrast.toFixed(2)} of "${text}"`);
          // On the smallest of screens the table scrolls within its own region.
          for (const box of size === 'small' ? ['html'] : ['html', '#events .scroll']) {
            const over = `(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('${box}'))`;
            is(await page.evaluate<number>(over), 0, `${size}: ${box} is too wide by`);
          }
          await keep(page, `${colorScheme}-${size}`, true);
          await page.locator('#waiting-flows button').first().click();
          const opened = await lowestContrast(page);
          ok(opened.contrast >= 4.5, `${size}: contrast ${opened.contrast.toFixed(2)} of "${opened.text}"`);
          const { left, right } = await page.evaluate<DOMRect>(
            "document.getElementById('flow').getBoundingClientRect().toJSON()",
          );
          ok(left >= 0 && right <= width, `${size}: the panel is from ${left} to ${right}`);
          await keep(page, `${colorScheme}-${size}-flow`);
          await page.keyboard.press('Escape');
        }
      }),
    { context: { colorScheme } },
  );
}

function expiry({ server }: Monitored): Promise<void> {
  return new Promise((resolve) => {
    server.events.subscribe(({ type }) => {
      if (type === 'expired') resolve();
    });
  });
}

test.run();
