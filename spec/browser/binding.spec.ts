/** Attacks on a service that other people use, in real browsers: each profile is another person's. */
import type { Page } from 'playwright-core';
import type { Flow, OAuthCallbackServer, ServerOptions } from '../../src/index.ts';
import { connectCallbackHost } from '../../src/client.ts';
import { createBridge } from '../../src/bridge.ts';
import { equal, is, match } from '../helpers/assert.ts';
import { token } from '../helpers/bridge.ts';
import { complains } from '../helpers/complains.ts';
import { observe, withServer, type Create, type Endpoint } from '../helpers/endpoint.ts';
import { until } from '../helpers/starting.ts';
import { edit, weakenedModule } from '../helpers/weakened.ts';
import { selfSigned } from './certificate.ts';
import { browserSuite, headline, inContext, launch, type Tab } from './chromium.ts';
import { formPost, startSite, type Site } from './site.ts';

const tls = selfSigned();
const context = { ignoreHTTPSErrors: true };
const otherBrowser = 'This sign-in was started in another browser';

/** A service with TLS, whose flows are bound as those of a public one. */
function withService(
  body: (endpoint: Endpoint) => Promise<void>,
  options: ServerOptions = {},
  create?: Create,
): Promise<void> {
  return withServer({ tls, host: 'localhost', binding: 'cookie', ...options }, body, create);
}

/** A provider whose one link ends the sign-in of a flow. */
function providerFor({ redirectUri, state }: Flow, code = 'c'): Promise<Site> {
  const location = `${redirectUri}?code=${code}&state=${state}`;
  const pages = { '/': '<h1>Provider</h1><a href="/allow">Allow</a>', '/allow': { location } };
  return startSite({ pages, host: 'provider.localhost' });
}

async function allow(page: Page): Promise<string> {
  await page.click('a');
  await page.waitForURL(/callback/);
  return headline(page);
}

const test = browserSuite('binding in browsers');

test(
  'lets the person finish who has opened the start URL, and clears up',
  async ({ page, context: profile, seen }) => {
    await withService(async ({ server }) => {
      const flow = await server.begin();
      const told = observe(flow);
      await using provider = await providerFor(flow);
      await page.goto(flow.startUrl(`${provider.origin}/`).href);
      const [cookie, ...more] = await profile.cookies(server.redirectUri);
      equal(more, []);
      equal(
        [cookie?.name.slice(0, 15), cookie?.secure, cookie?.httpOnly, cookie?.sameSite, cookie?.path],
        ['__Host-sign-in-', true, true, 'Lax', '/'],
      );
      is(await allow(page), 'Authentication successful');
      await until('the response', () => told.responses.length === 1);
      equal([await profile.cookies(server.redirectUri), seen.violations], [[], []]);
    });
  },
  { context },
);

test(
  'takes a form that another site posts',
  async ({ page }) => {
    await withService(async ({ server }) => {
      const flow = await server.begin({ responseMode: 'form_post' });
      const told = observe(flow);
      const { redirectUri, state } = flow;
      const form = formPost(redirectUri, { code: 'c', state });
      await using provider = await startSite({ pages: { '/': form }, host: 'provider.localhost' });
      await page.goto(flow.startUrl(`${provider.origin}/`).href, { waitUntil: 'commit' });
      await page.waitForURL(/callback/);
      is(await headline(page), 'Authentication successful');
      await until('the response', () => told.responses.length === 1);
    });
  },
  { context },
);

test(
  'asks before a sign-in of a remote program, and goes on by one click',
  async ({ page, seen }) => {
    await withService(async ({ server }) => {
      const bridge = createBridge(server, { token, port: 0 });
      await bridge.listen();
      await using host = await connectCallbackHost(`ws://127.0.0.1:${bridge.address.port}/bridge`, { token });
      const flow = await host.begin();
      const told = observe(flow);
      await using provider = await providerFor(flow);
      const url = flow.startUrl(`${provider.origin}/`);
      await page.goto(url.href);
      is(await headline(page), 'Did you start this sign-in?');
      match(await page.locator('h1 + p').innerText(), `provider.localhost:${provider.port}`);
      // A page of another site that presses the button for the person gets nowhere.
      const pressing = formPost(url.href, {});
      await using evil = await startSite({ pages: { '/': pressing }, host: 'evil.localhost' });
      await page.goto(`${evil.origin}/`, { waitUntil: 'commit' });
      await page.waitForURL(/start/);
      is(await headline(page), 'This sign-in link is not active');
      await page.goto(url.href);
      await page.click('button');
      await page.waitForURL(/provider/);
      is(await allow(page), 'Authentication successful');
      await until('the response', () => told.responses.length === 1);
      equal(seen.violations, []);
    });
  },
  { context },
);

interface Attack {
  readonly server: OAuthCallbackServer;
  /** The flow that the attacker has begun. */
  readonly flow: Flow;
  readonly attacker: Tab;
  readonly victim: Tab;
}

/** Each makes the victim bring a response to the attacker's flow. */
const attacks: Readonly<Record<string, (attack: Attack) => Promise<void>>> = {
  'a link to the authorization server': async ({ flow, attacker, victim }) => {
    await using provider = await providerFor(flow);
    await attacker.page.goto(flow.startUrl(`${provider.origin}/`).href);
    await victim.page.goto(attacker.page.url());
    is(await allow(victim.page), otherBrowser);
  },
  'a link to a response that the attacker has got': async ({ flow, attacker, victim }) => {
    await using provider = await providerFor(flow);
    await attacker.page.goto(flow.startUrl(`${provider.origin}/`).href);
    await victim.page.goto(`${flow.redirectUri}?code=of-the-attacker&state=${flow.state}`);
    is(await headline(victim.page), otherBrowser);
  },
  'a cookie of another flow': async ({ server, flow, attacker, victim }) => {
    const own = await server.begin();
    await using provider = await providerFor(flow);
    await victim.page.goto(own.startUrl(`${provider.origin}/`).href);
    await attacker.page.goto(flow.startUrl(`${provider.origin}/`).href);
    const [mine] = await victim.context.cookies(server.redirectUri);
    const [theirs] = await attacker.context.cookies(server.redirectUri);
    const { hostname } = new URL(server.redirectUri);
    // The victim's value under the name of the attacker's flow.
    const planted = { ...theirs!, value: mine!.value, domain: hostname };
    await victim.context.addCookies([planted]);
    await victim.page.goto(`${provider.origin}/`);
    is(await allow(victim.page), otherBrowser);
  },
  'a second tab, in which the victim signs in elsewhere': async ({ server, flow, attacker, victim }) => {
    const own = await server.begin();
    const told = observe(own);
    await using mine = await providerFor(own, 'of-the-victim');
    await using theirs = await providerFor(flow);
    await attacker.page.goto(flow.startUrl(`${theirs.origin}/`).href);
    await victim.page.goto(own.startUrl(`${mine.origin}/`).href);
    const second = await victim.context.newPage();
    await second.goto(`${theirs.origin}/`);
    is(await allow(second), otherBrowser);
    is(await allow(victim.page), 'Authentication successful');
    await until('the response', () => told.responses[0]?.code === 'of-the-victim');
  },
  'a start URL that both open at once': async ({ flow, attacker, victim }) => {
    await using provider = await providerFor(flow);
    const url = flow.startUrl(`${provider.origin}/`).href;
    await attacker.page.goto(url);
    await victim.page.goto(url);
    is(await headline(victim.page), otherBrowser);
    await victim.page.goto(`${provider.origin}/`);
    is(await allow(victim.page), otherBrowser);
  },
};

/** An attack with two profiles, after which the attacker's flow has nothing. */
async function fails(attack: (typeof attacks)[string], attacker: Tab, create?: Create): Promise<void> {
  await inContext(attacker.context.browser()!, context, (victim) =>
    withService(
      async ({ server }) => {
        const flow = await server.begin();
        const told = observe(flow);
        await attack({ server, flow, attacker, victim });
        is(told.responses.length, 0);
        is(server.pending > 0, true);
      },
      {},
      create,
    ),
  );
}

for (const [name, attack] of Object.entries(attacks))
  test(`withstands ${name}`, (tab) => fails(attack, tab), { context });

test(
  'rejects a server that does not compare browsers',
  async (tab) => {
    const { createOAuthCallbackServer: create } = (await weakenedModule(
      'index.ts',
      edit(`return browserFits(expected, arrival) ? undefined : 'wrong_browser';`, `return undefined;`),
    )) as { createOAuthCallbackServer: Create };
    const attack = attacks['a link to the authorization server']!;
    await complains(() => fails(attack, tab, create), /Authentication.successful/);
  },
  { context },
);

test(
  'delivers nothing of 20 attempts in a second profile',
  async (attacker) => {
    const browser = await launch();
    try {
      await inContext(browser, context, (victim) =>
        withService(async ({ server }) => {
          const flow = await server.begin();
          const told = observe(flow);
          await using provider = await providerFor(flow);
          await attacker.page.goto(flow.startUrl(`${provider.origin}/`).href);
          for (let attempt = 0; attempt < 20; attempt++) {
            await victim.page.goto(`${provider.origin}/`);
            is(await allow(victim.page), otherBrowser);
          }
          equal([told.responses.length, server.pending], [0, 1]);
          is(await allow(attacker.page), 'Authentication successful');
        }),
      );
    } finally {
      await browser.close();
    }
  },
  { context },
);

test.run();
