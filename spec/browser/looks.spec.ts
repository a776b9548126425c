/** How the pages look: measured, and kept as pictures in artifacts/pages for somebody to look at. */
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { withServer } from '../helpers/endpoint.ts';
import type { ServerOptions } from '../../src/index.ts';
import { languages } from '../../src/page/texts.ts';
import { equal, is, ok } from '../helpers/assert.ts';
import { browserSuite } from './chromium.ts';
import { contrastFunction, type Contrast } from './contrast.ts';

const pictures = join(import.meta.dirname, '../../artifacts/pages');

const logo = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="14" fill="#4f46e5"/><path d="M18 46V18l28 28V18" fill="none" stroke="#fff" stroke-width="6"/></svg>',
)}`;

const description =
  'The client is not allowed to request the scope https://api.example/auth/very.long.scope.name.that.nobody.' +
  'breaks.into.words.because.it.is.one for this tenant. Ask an administrator of Example Incorporated to approve ' +
  'the application, then start again. Correlation id 3f0c9a52d4b74e0f8f1c2d3e4b5a69788796a5b4c3d2e1f00112233445566778899.';

/** Every page a person can get: what the provider answers, and what the server is told. */
const pages = {
  success: { query: '?code=c' },
  cancelled: { query: '?error=access_denied' },
  failure: { query: `?error=invalid_scope&error_description=${encodeURIComponent(description)}` },
  neutral: { query: '?error=nothing' },
  // The program never settles it.
  waiting: { query: '?code=c', options: { settle: 1 } },
} satisfies Record<string, { query: string; options?: ServerOptions }>;

type Kind = keyof typeof pages;

const branded: ServerOptions = {
  productName: 'Notes for Teams',
  logo,
  serverUrl: 'https://mcp.notes.example/v1/tenants/acme/streamable-http',
};

const test = browserSuite('the looks of the pages');

for (const colorScheme of ['light', 'dark'] as const) {
  test(
    `has contrast and room on every page, ${colorScheme}`,
    async ({ page }) => {
      for (const [look, options] of Object.entries({ plain: {}, branded })) {
        for (const kind of Object.keys(pages) as Kind[]) {
          await show(page, kind, options);
          for (const [size, width] of Object.entries({ desktop: 1280, phone: 390, small: 320 })) {
            await page.setViewportSize({ width, height: 720 });
            await measure(page, `${kind} ${look} ${size}`);
            if (size !== 'small' && (look === 'branded' || size === 'phone'))
              await keep(page, `${kind}-${look}-${colorScheme}-${size}`);
          }
        }
      }
    },
    { context: { colorScheme } },
  );
}

test('has room for its sentences in every language, in at most 2.4 KB', async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  for (const language of languages) {
    for (const kind of Object.keys(pages) as Kind[]) {
      const html = await show(page, kind, { language, serverUrl: 'https://mcp.example/notes' });
      is(await page.evaluate<string>('document.documentElement.lang'), language);
      await measure(page, `${kind} ${language}`);
      const bytes = Buffer.byteLength(html);
      ok(kind === 'failure' || bytes <= 2_400, `${kind} ${language}: ${bytes} bytes`);
      if (['de', 'ja', 'ko', 'zh-Hans', 'ar'].includes(language)) await keep(page, `${kind}-${language}`);
    }
  }
});

/** Opens a page of a server that then closes: a page needs nothing more of it. Gives the HTML as it was sent. */
function show(page: Page, kind: Kind, options: ServerOptions): Promise<string> {
  const { query, options: own }: { query: string; options?: ServerOptions } = pages[kind];
  return withServer({ ...options, ...own }, async ({ server }) => {
    const { state } = await server.begin();
    const to = `${server.redirectUri}${query}&state=${kind === 'neutral' ? '' : state}`;
    const response = await page.goto(to);
    return (await response?.text()) ?? '';
  });
}

function keep(page: Page, name: string): Promise<Buffer> {
  return page.screenshot({ path: join(pictures, `${name}.png`) });
}

interface Measured extends Contrast {
  /** How far the page is wider than the window. */
  overflow: number;
  /** Elements that stick out of the card. */
  outside: string[];
  /** Position at which the page begins, so that the user can see its top. */
  top: number;
}

async function measure(page: Page, what: string): Promise<void> {
  const { contrast, text, overflow, outside, top } = await page.evaluate<Measured>(measurement);
  ok(contrast >= 4.5, `${what}: contrast ${contrast.toFixed(2)} of "${text}"`);
  is(overflow, 0, `${what}: is ${overflow} px too wide`);
  equal(outside, [], what);
  ok(top >= 0, `${what}: begins ${top} px above the window`);
}

const measurement = `(() => {
  ${contrastFunction}
  const worst = lowestContrast();
  const card = document.querySelector('main').getBoundingClientRect();
  const outside = [...document.querySelectorAll('main *')].filter((element) => {
    const { left, right } = element.getBoundingClientRect();
    return left < card.left || right > card.right || element.scrollWidth > element.clientWidth;
  });
  const { scrollWidth, clientWidth } = document.documentElement;
  return { ...worst, overflow: scrollWidth - clientWidth, outside: outside.map((element) => element.outerHTML), top: card.top };
})()`;

test.run();
