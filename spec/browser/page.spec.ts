/** The pages in a real browser: what they load, run, keep and give away. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { firstValueFrom } from 'rxjs';
import type { OAuthCallbackServer, ServerOptions } from '../../src/index.ts';
import { equal, is, match, not, ok } from '../helpers/assert.ts';
import { observe, withServer, type Endpoint } from '../helpers/endpoint.ts';
import { browserSuite, headline, history, launchProfile } from './chromium.ts';
import { comeBack, startProvider, startSite } from './site.ts';

const code = 'canary-5b1f0c';
const logo = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg"/>')}`;

async function urlOf(server: OAuthCallbackServer, query = `code=${code}`): Promise<string> {
  const { state } = await server.begin();
  return `${server.redirectUri}?${query}&state=${state}`;
}

/** Opens each kind of page. */
async function openAll(page: Page, { server }: Endpoint): Promise<string[]> {
  const urls = [
    await urlOf(server),
    await urlOf(server, 'error=access_denied'),
    await urlOf(server, 'error=server_error&error_description=Try%20again%20<b>later'),
    `${server.redirectUri}?code=${code}&state=unknown`,
    new URL('/elsewhere', server.redirectUri).href,
  ];
  const bodies: string[] = [];
  for (const url of urls) {
    bodies.push((await (await page.goto(url))?.text()) ?? '');
    // Another turn, after which the effects are known here.
    await page.evaluate('0');
  }
  return bodies;
}

const accepted = ({ redirects }: Endpoint): number =>
  redirects.filter(({ disposition }) => disposition === 'accepted').length;

const test = browserSuite('the page in a browser');

test('G-03 loads nothing, from its own origin or any other', async ({ page, seen }) => {
  await withServer({}, async (endpoint) => {
    const bodies = await openAll(page, endpoint);
    // Without a window a browser does not ask for an icon either.
    is(seen.requests.length, bodies.length);
    for (const body of bodies) not.match(body, /https?:|\/\//);
  });
});

test('G-03 lets a page of render load nothing either', async ({ page, seen }) => {
  await using other = await startSite({ pages: {} });
  const { origin } = other;
  const external = `<link rel="stylesheet" href="${origin}/a.css"><img src="${origin}/b.png"><img src="/c.png">`;
  const render: ServerOptions['render'] = (view) => `<h1>${view.headline}</h1>${external}`;
  await withServer({ render }, async (endpoint) => {
    const bodies = await openAll(page, endpoint);
    equal(other.requests, []);
    // That it tried can be seen, so its images and styles were there. Another path has no page.
    is(seen.violations.length, (bodies.length - 1) * 3);
  });
});

for (const cleanUrl of ['script', 'redirect'] as const) {
  test(`G-04 leaves no code in the address bar and the tab's history, by ${cleanUrl}`, async ({ page }) => {
    await withServer({ cleanUrl }, async ({ server }) => {
      for (const query of [`code=${code}`, `error=server_error&error_description=${code}`]) {
        const url = await urlOf(server, query);
        await using provider = await startProvider(url);
        await comeBack(page, provider);
        match(page.url(), /\/callback\?~\w+\.en\.[\w.-]{39}$/);
        await page.goBack();
        for (const entry of await history(page)) {
          not.match(entry, code);
          not.match(entry, 'state=');
        }
      }
    });
  });
}

test('G-04 keeps the address of a page that was refused: it consumed nothing', async ({ page }) => {
  await withServer({}, async ({ server }) => {
    const refused = `${server.redirectUri}?code=${code}&state=unknown`;
    await page.goto(refused);
    is(page.url(), refused);
  });
});

test('G-04 keeps no code in the cache of a profile and, by redirect, in its history and the tabs to restore', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'profile-'));
  try {
    const found = await historyAfterSignIns(directory);
    for (const file of await readdir(directory, { recursive: true, withFileTypes: true })) {
      if (!file.isFile() || !/Cache|Sessions/.test(file.parentPath)) continue;
      const path = join(file.parentPath, file.name);
      found.push([path.slice(directory.length), await readFile(path, 'latin1')]);
    }
    const places = (canary: string) =>
      found.filter(([, text]) => text.includes(canary)).map(([place]) => place);
    equal(places('canary-redirect'), []);
    // A script comes too late for the browser's history, a search of which finds the code, and for its note of the tabs.
    equal(
      places('canary-script').filter((place) => place.includes('Cache')),
      [],
    );
    // The control: without cleaning, both have it.
    ok(places('canary-false').includes('history'));
    ok(places('canary-false').some((place) => place.includes('Sessions')));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

/** Signs in with each way to clean the URL; gives what a search of the browser's history then finds. */
async function historyAfterSignIns(profile: string): Promise<[place: string, text: string][]> {
  const context = await launchProfile(profile);
  try {
    for (const cleanUrl of ['script', 'redirect', false] as const) {
      // The list merges pages of one title.
      await withServer({ cleanUrl, title: `by ${cleanUrl}` }, async ({ server }) => {
        await using provider = await startProvider(await urlOf(server, `code=canary-${cleanUrl}`));
        const page = await context.newPage();
        await comeBack(page, provider);
        is(await headline(page), 'Authentication successful');
      });
    }
    const page = await context.newPage();
    await page.goto('chrome://history/?q=canary');
    const links = page.locator('history-item a');
    await page.locator('history-item a[href*=canary-false]').waitFor();
    return await Promise.all(
      (await links.all()).map(async (link): Promise<[string, string]> => [
        'history',
        (await link.getAttribute('href')) ?? '',
      ]),
    );
  } finally {
    await context.close();
  }
}

test('G-05 violates its own policy nowhere', async ({ page, seen }) => {
  for (const cleanUrl of ['script', 'redirect', false] as const) {
    for (const options of [{}, { logo, productName: 'Notes', serverUrl: 'https://mcp.example' }]) {
      await withServer({ cleanUrl, ...options }, (endpoint) => openAll(page, endpoint));
    }
  }
  equal(seen.violations, []);
  equal(seen.errors, []);
});

test('G-05 runs the script that cleans the address bar, and no other', async ({ page, seen }) => {
  const hostile = '<script>window.ran = "script"</script><img src="data:," onerror="window.ran = `handler`">';
  const options: ServerOptions = {
    render: ({ headline: text }) => `<style>h1{color:red}</style><h1>${text}</h1>${hostile}`,
  };
  await withServer(options, async (endpoint) => {
    await page.goto(await urlOf(endpoint.server));
    match(page.url(), /\/callback\?~received/);
    is(await page.evaluate<string>(`getComputedStyle(document.querySelector('h1')).color`), 'rgb(255, 0, 0)');
    await page.evaluate(
      `document.body.append(Object.assign(document.createElement('script'), { text: 'window.ran = "late"' }))`,
    );
    is(await page.evaluate<string>('typeof window.ran'), 'undefined');
    equal(seen.violations, ['script-src-elem inline', 'script-src-attr inline', 'script-src-elem inline']);
    is(accepted(endpoint), 1);
  });
});

test('G-05 is shown in no frame', async ({ page }) => {
  await withServer({}, async (endpoint) => {
    const { server } = endpoint;
    const urls = [await urlOf(server), server.redirectUri, new URL('/elsewhere', server.redirectUri).href];
    const frames = urls.map((url) => `<iframe src="${url}"></iframe>`).join('');
    await using attacker = await startSite({ host: 'attacker.localhost', pages: { '/': frames } });
    await page.goto(`${attacker.origin}/`);
    for (const frame of page.mainFrame().childFrames()) {
      await frame.waitForURL('chrome-error://chromewebdata/', { waitUntil: 'commit' });
    }
    is(page.mainFrame().childFrames().length, urls.length);
    is(accepted(endpoint), 0);
    await page.goto(urls[0]!);
    is(accepted(endpoint), 1);
  });
});

test('G-06 is cut off from the page that opened its window', async ({ page }) => {
  await withServer({}, async (endpoint) => {
    const url = await urlOf(endpoint.server);
    const open = `<script>window.popup = () => { window.opened = open(${JSON.stringify(url)}) }</script>`;
    await using opener = await startSite({
      pages: { '/': `${open}<button onclick="popup()">Sign in</button>` },
    });
    await page.goto(`${opener.origin}/`);
    const [popup] = await Promise.all([page.waitForEvent('popup'), page.click('button')]);
    await popup.waitForURL(/\?~received/);
    is(await headline(popup), 'Authentication successful');
    is(await popup.evaluate<string>('String(window.opener)'), 'null');
    is(await page.evaluate<boolean>('window.opened.closed'), true);
  });
});

test('G-02 is left by a link without a Referer', async ({ page }) => {
  await using other = await startSite({ pages: { '/control': '<a href="/next">on</a>', '/next': 'there' } });
  const render: ServerOptions['render'] = ({ headline: text }) =>
    `<h1>${text}</h1><a href="${other.origin}/next" referrerpolicy="">on</a>`;
  const leave = async (url: string): Promise<string | undefined> => {
    await page.goto(url);
    await Promise.all([page.waitForURL(`${other.origin}/next`), page.click('a')]);
    return other.requests.at(-1)?.headers.referer;
  };
  is(await leave(`${other.origin}/control`), `${other.origin}/control`);
  for (const cleanUrl of ['script', 'redirect', false] as const) {
    await withServer({ cleanUrl, render }, async ({ server }) =>
      is(await leave(await urlOf(server)), undefined),
    );
  }
});

test(
  'works without script',
  async ({ page }) => {
    for (const cleanUrl of ['script', 'redirect', false] as const) {
      await withServer({ cleanUrl, settle: 10_000 }, async ({ server }) => {
        const flow = await server.begin();
        const response = firstValueFrom(flow.response);
        const shown = page.goto(`${server.redirectUri}?code=${code}&state=${flow.state}`);
        is((await response).code, code);
        flow.settle({ status: 'failure', message: 'No licence is left.' });
        await shown;
        is(await headline(page), 'Authentication failed');
        is(page.url().includes(code), cleanUrl !== 'redirect');
      });
    }
  },
  { context: { javaScriptEnabled: false } },
);

test('waits for the outcome of the sign-in, and shows it', async ({ page }) => {
  await using app = await startSite({ pages: { '/done': '<h1>Welcome to the app</h1>' } });
  const done = `${app.origin}/done`;
  await withServer({ settle: 10_000, finishUrls: [done] }, async ({ server }) => {
    for (const [outcome, expected, text] of [
      [{ status: 'success' }, 'Authentication successful', 'You can safely close this tab now.'],
      [
        { status: 'failure', message: 'No <licence> is left.' },
        'Authentication failed',
        'No <licence> is left.',
      ],
      [{ status: 'redirect', url: done }, 'Welcome to the app', ''],
    ] as const) {
      const flow = await server.begin();
      const response = firstValueFrom(flow.response);
      const shown = page.goto(`${server.redirectUri}?code=${code}&state=${flow.state}`);
      await response;
      flow.settle(outcome);
      await shown;
      // A page that was streamed before leads there by itself.
      if (outcome.status === 'redirect') await page.waitForURL(done);
      is(await headline(page), expected);
      ok((await page.locator('body').innerText()).includes(text));
      match(page.url(), outcome.status === 'redirect' ? done : /\/callback\?~\w/);
    }
  });
});

for (const cleanUrl of ['script', 'redirect', false] as const) {
  for (const javaScriptEnabled of [true, false]) {
    test(
      `streams the page that waits, ${javaScriptEnabled ? 'with' : 'without'} script and cleanUrl: ${cleanUrl}`,
      async ({ page, seen }) => {
        const done = 'https://app.example/done';
        await withServer({ cleanUrl, settle: 30_000, finishUrls: [done] }, async ({ server }) => {
          for (const [outcome, expected] of [
            [{ status: 'success' }, 'Authentication successful'],
            [{ status: 'failure', message: 'No licence is left.' }, 'Authentication failed'],
          ] as const) {
            const flow = await server.begin();
            await page.goto(`${server.redirectUri}?code=${code}&state=${flow.state}`, {
              waitUntil: 'commit',
            });
            await page.getByText('Finishing sign-in').first().waitFor();
            const secret = cleanUrl === false || (cleanUrl === 'script' && !javaScriptEnabled);
            is(page.url().includes(code), secret);
            const card = page.locator('main:visible');
            is(await card.locator('h1').innerText(), 'Finishing sign-in…');
            is(await page.getByRole('status').count(), 1);
            flow.settle(outcome);
            await page.waitForLoadState();
            equal(await card.locator('h1').allInnerTexts(), [expected]);
            is(await page.getByText('Finishing sign-in').first().isVisible(), false);
            const scripted = javaScriptEnabled && cleanUrl === 'script';
            is(await page.title(), scripted ? expected : 'Finishing sign-in…');
            is(page.url().includes(code), secret);
          }
          equal(seen.violations, []);
        });
      },
      { context: { javaScriptEnabled } },
    );
  }
}

test(
  'leads from a streamed page to the app, without script',
  async ({ page }) => {
    await using app = await startSite({ pages: { '/done?a=1&b=2': '<h1>Welcome to the app</h1>' } });
    const url = `${app.origin}/done?a=1&b=2`;
    await withServer({ settle: 30_000, finishUrls: [url] }, async ({ server }) => {
      const flow = await server.begin();
      await page.goto(`${server.redirectUri}?code=${code}&state=${flow.state}`, { waitUntil: 'commit' });
      await page.getByText('Finishing sign-in').first().waitFor();
      flow.settle({ status: 'redirect', url });
      await page.waitForURL(url);
      is(await headline(page), 'Welcome to the app');
    });
  },
  { context: { javaScriptEnabled: false } },
);

test('says that the app reported no outcome', async ({ page }) => {
  await withServer({ settle: 1 }, async (endpoint) => {
    const flow = await endpoint.server.begin();
    const outcome = observe(flow);
    await page.goto(`${endpoint.server.redirectUri}?code=${code}&state=${flow.state}`);
    is(await headline(page), 'Sign-in received');
    is(outcome.responses.length, 1);
  });
});

test.run();
