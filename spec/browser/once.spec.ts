/** Requests that a browser sends besides the user's redirect, or sends again. */
import { firstValueFrom, take, toArray } from 'rxjs';
import type { Flow } from '../../src/index.ts';
import { deadline, equal, is, ok } from '../helpers/assert.ts';
import { observe, withServer, type Endpoint } from '../helpers/endpoint.ts';
import { browserSuite, headline } from './chromium.ts';
import { comeBack, formPost, openForwarding, startProvider, startSite } from './site.ts';

const success = 'Authentication successful';
const neutral = 'This sign-in link is not active';

const accepted = ({ redirects }: Endpoint): number =>
  redirects.filter(({ disposition }) => disposition === 'accepted').length;

const test = browserSuite('once, and only by a person');

for (const cleanUrl of ['script', 'redirect', false] as const) {
  test(`G-13 answers reload, back, forward and a second tab with no second delivery, cleanUrl ${cleanUrl}`, async ({
    page,
    context,
  }) => {
    await withServer({ cleanUrl }, async (endpoint) => {
      const { server } = endpoint;
      const flow = await server.begin();
      const outcome = observe(flow);
      const url = `${server.redirectUri}?code=c&state=${flow.state}`;
      // The page at a clean URL may be looked at again; nothing is delivered by that.
      const again = cleanUrl === false ? neutral : success;
      await using provider = await startProvider(url);
      await comeBack(page, provider);
      is(await headline(page), success);

      await page.reload();
      is(await headline(page), again);
      await page.goBack();
      is(await headline(page), 'Provider');
      await page.goForward();
      is(await headline(page), again);

      const second = await context.newPage();
      await second.goto(page.url());
      is(await headline(second), again);
      await second.goto(url);
      is(await headline(second), neutral);
      await page.goto(`${provider.origin}/`);
      await comeBack(page, provider);
      is(await headline(page), neutral);

      is(accepted(endpoint), 1);
      is(outcome.responses.length, 1);
      for (const { disposition, response } of endpoint.redirects.slice(1)) {
        ok(['duplicate', 'malformed'].includes(disposition), disposition);
        is(response.code, undefined);
      }
    });
  });

  test(`D-02 takes a form_post from another site once, cleanUrl ${cleanUrl}`, async ({ page }) => {
    await withServer({ cleanUrl }, async (endpoint) => {
      const { server } = endpoint;
      const flow = await server.begin({ responseMode: 'form_post' });
      const outcome = observe(flow);
      const form = formPost(server.redirectUri, {
        code: 'c+/=&',
        state: flow.state,
        iss: 'https://as.example',
      });
      await using provider = await startSite({ pages: { '/': form } });
      await openForwarding(page, provider);
      is(await headline(page), success);
      equal(
        outcome.responses.map((response) => response.code),
        ['c+/=&'],
      );

      await page.reload();
      is(await headline(page), cleanUrl === false ? neutral : success);
      // A reload at a clean URL is a GET, and no redirect of a sign-in; without one the browser sends the form again.
      is(endpoint.redirects.at(-1)?.disposition, cleanUrl === false ? 'duplicate' : 'accepted');
      await openForwarding(page, provider);
      is(await headline(page), neutral);
      is(accepted(endpoint), 1);
      is(endpoint.redirects.at(-1)?.disposition, 'duplicate');
    });
  });
}

test('D-02 takes a form_post of a page that hides its origin', async ({ page }) => {
  await withServer({}, async ({ server }) => {
    const { state } = await server.begin({ responseMode: 'form_post' });
    const form = formPost(server.redirectUri, { code: 'c', state });
    const hidden = `<meta name="referrer" content="no-referrer">${form}`;
    await using provider = await startSite({ pages: { '/': hidden } });
    const posted = page.waitForRequest((request) => request.url() === server.redirectUri);
    await openForwarding(page, provider);
    is((await (await posted).allHeaders())['origin'], 'null');
    is(await headline(page), success);
  });
});

/** Elements with which a page of an attacker loads `url`. */
const gets: Readonly<Record<string, (url: string) => string>> = {
  'an image': (url) => `<img src="${url}">`,
  'a frame': (url) => `<iframe src="${url}"></iframe>`,
  'an object': (url) => `<object data="${url}"></object>`,
  'an embedded page': (url) => `<embed src="${url}">`,
  'a script': (url) => `<script src="${url}"></script>`,
  'a stylesheet': (url) => `<link rel="stylesheet" href="${url}">`,
  'a video': (url) => `<video src="${url}"></video>`,
  'a fetch without CORS': (url) => script(`fetch(${quoted(url)}, { mode: 'no-cors' })`),
  'a fetch': (url) => script(`fetch(${quoted(url)})`),
  'an event source': (url) => script(`new EventSource(${quoted(url)})`),
  'a WebSocket': (url) => script(`new WebSocket(${quoted(url.replace('http', 'ws'))})`),
};
/** The same for a form. */
const posts: Readonly<Record<string, (action: string, state: string) => string>> = {
  'a form in a hidden frame': (action, state) =>
    `<iframe hidden srcdoc="${formPost(action, { code: 'evil', state }).replaceAll('"', '&quot;')}"></iframe>`,
  'a POST without CORS': (action, state) =>
    script(
      `fetch(${quoted(action)}, { method: 'POST', mode: 'no-cors', body: new URLSearchParams({ code: 'evil', state: ${quoted(state)} }) })`,
    ),
  'a beacon': (action, state) =>
    script(
      `navigator.sendBeacon(${quoted(action)}, new URLSearchParams({ code: 'evil', state: ${quoted(state)} }))`,
    ),
};
const script = (text: string): string => `<script>${text}</script>`;
const quoted = (text: string): string => JSON.stringify(text);

for (const [where, host] of [
  ['another site', 'attacker.localhost'],
  ['another port', '127.0.0.1'],
] as const) {
  // Each of them knows the state of a flow, which an attacker does not: only how it is sent gives it away.
  test(`F-05 accepts nothing that a page on ${where} loads, and accepts the user's redirect after it`, async ({
    page,
  }) => {
    await withServer({}, async (endpoint) => {
      const { server, redirects } = endpoint;
      const attacks: { flow: Flow; html: string; what: string }[] = [];
      for (const [what, html] of Object.entries(gets)) {
        const flow = await server.begin();
        attacks.push({ flow, what, html: html(`${server.redirectUri}?code=evil&state=${flow.state}`) });
      }
      for (const [what, html] of Object.entries(posts)) {
        const flow = await server.begin({ responseMode: 'form_post' });
        attacks.push({ flow, what, html: html(server.redirectUri, flow.state) });
      }
      const arrived = firstValueFrom(server.redirects.pipe(take(attacks.length), toArray()));
      await using attacker = await startSite({
        host,
        pages: { '/': `<!doctype html>${attacks.map(({ html }) => html).join('\n')}` },
      });
      await page.goto(`${attacker.origin}/`);
      await deadline(arrived, 'all of them');
      for (const { disposition } of redirects) is(disposition, 'refused');
      // A form is refused before its body is read, so those are not known by their state.
      equal(
        attacks
          .filter(({ flow }) => !redirects.some(({ response }) => response.state === flow.state))
          .map(({ what }) => what),
        Object.keys(posts),
      );

      await page.goto('about:blank');
      for (const { flow, what } of attacks) {
        const outcome = observe(flow);
        const fields = { code: 'good', state: flow.state };
        if (what in posts) {
          await using provider = await startSite({ pages: { '/': formPost(server.redirectUri, fields) } });
          await openForwarding(page, provider);
        } else {
          await page.goto(`${server.redirectUri}?${new URLSearchParams(fields).toString()}`);
        }
        equal(
          outcome.responses.map(({ code }) => code),
          ['good'],
          what,
        );
      }
    });
  });
}

const rules = (kind: string, url: string): string =>
  `<script type="speculationrules">${JSON.stringify({ [kind]: [{ urls: [url], eagerness: 'immediate' }] })}</script>`;

/** Ways to have a page loaded before anybody has asked for it. Chromium prerenders for the same site only. */
const speculations = [
  ['a prefetch', 'provider.localhost', (url) => `<link rel="prefetch" href="${url}">`],
  ['a speculative prefetch', 'provider.localhost', (url) => rules('prefetch', url)],
  ['a speculative prefetch', '127.0.0.1', (url) => rules('prefetch', url)],
  ['a prerender', '127.0.0.1', (url) => rules('prerender', url)],
] as const satisfies [string, string, (url: string) => string][];

for (const [name, host, html] of speculations) {
  test(`F-06 accepts nothing by ${name} of ${host}, and accepts the click after it`, async ({ page }) => {
    await withServer({}, async (endpoint) => {
      const { server, redirects } = endpoint;
      const flow = await server.begin();
      const outcome = observe(flow);
      const url = `${server.redirectUri}?code=c&state=${flow.state}`;
      await using provider = await startSite({
        host,
        pages: { '/': `${html(url)}<a href="${url}">Continue</a>` },
      });
      const arrived = firstValueFrom(server.redirects);
      await page.goto(`${provider.origin}/`);
      const { disposition, reason } = await deadline(arrived, name);
      equal({ disposition, reason }, { disposition: 'refused', reason: 'prefetch' });
      equal(outcome.responses, []);

      await Promise.all([page.waitForURL(/\?~received/), page.click('a')]);
      is(await headline(page), success);
      is(outcome.responses.length, 1);
      is(redirects.at(-1)?.disposition, 'accepted');
    });
  });
}

test('shows a popup with a guessed state the neutral page', async ({ page }) => {
  await withServer({}, async (endpoint) => {
    const { server } = endpoint;
    const flow = await server.begin();
    const guess = `${server.redirectUri}?code=evil&state=${'guess'.repeat(8)}`;
    await using attacker = await startSite({
      host: 'attacker.localhost',
      pages: {
        '/': `<button onclick="window.open(${quoted(guess).replaceAll('"', "'")})">You have won</button>`,
      },
    });
    await page.goto(`${attacker.origin}/`);
    const [popup] = await Promise.all([page.waitForEvent('popup'), page.click('button')]);
    await popup.waitForURL(guess);
    is(await headline(popup), neutral);
    await page.goto(`${server.redirectUri}?code=c&state=${flow.state}`);
    is(await headline(page), success);
    equal(
      endpoint.redirects.map(({ disposition }) => disposition),
      ['unmatched', 'accepted'],
    );
  });
});

test.run();
