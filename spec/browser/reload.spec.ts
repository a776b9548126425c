/** Each kind of page: loaded, reloaded, and come back to. A page that asks for a reload can be reloaded. */
import type { Page } from 'playwright-core';
import type { Flow, ServerOptions } from '../../src/index.ts';
import { StoreUnavailableError } from '../../src/model/errors.ts';
import type { FlowStore } from '../../src/model/flow-store.ts';
import { createStoredHost } from '../../src/redis.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { equal, is, match, not } from '../helpers/assert.ts';
import { observe, withServer, type Endpoint } from '../helpers/endpoint.ts';
import { browserSuite, headline } from './chromium.ts';
import { startSite } from './site.ts';

const success = 'Authentication successful';
const failure = 'Authentication failed';
const received = 'Sign-in received';
const neutral = 'This sign-in link is not active';

interface Kind {
  readonly name: string;
  readonly query: (flow: Flow) => string;
  readonly options?: ServerOptions;
  /** Ends the sign-in while its page waits. */
  readonly settle?: (flow: Flow) => void;
  readonly first: string;
  /** Headline after a reload of a page that a clean URL shows. */
  readonly consumed: boolean;
}

const kinds: readonly Kind[] = [
  { name: 'received', query: ({ state }) => `code=c&state=${state}`, first: success, consumed: true },
  {
    name: 'cancelled',
    query: ({ state }) => `error=access_denied&state=${state}`,
    first: 'Sign-in cancelled',
    consumed: true,
  },
  {
    name: 'denied',
    query: ({ state }) => `error=server_error&state=${state}`,
    first: failure,
    consumed: true,
  },
  {
    name: 'succeeded',
    query: ({ state }) => `code=c&state=${state}`,
    options: { settle: 30_000 },
    settle: (flow) => flow.settle({ status: 'success' }),
    first: success,
    consumed: true,
  },
  {
    name: 'failed',
    query: ({ state }) => `code=c&state=${state}`,
    options: { settle: 30_000 },
    settle: (flow) => flow.settle({ status: 'failure', message: 'No token.' }),
    first: failure,
    consumed: true,
  },
  {
    name: 'undecided',
    query: ({ state }) => `code=c&state=${state}`,
    options: { settle: 1 },
    first: received,
    consumed: true,
  },
  {
    name: 'unmatched',
    query: () => 'code=c&state=nobody-has-begun-this-one',
    first: neutral,
    consumed: false,
  },
  { name: 'nothing', query: () => '', first: neutral, consumed: false },
];

const test = browserSuite('pages that are asked for again');

for (const cleanUrl of ['script', 'redirect', false] as const) {
  for (const kind of kinds) {
    // Without cleaning, all pages that consumed a redirect are one kind.
    if (cleanUrl === false && kind.consumed && kind.name !== 'received') continue;
    test(`G-04 ${kind.name}: load, reload, back, cleanUrl ${cleanUrl}`, async ({ page }) => {
      await using other = await startSite({ pages: { '/': '<title>other</title><h1>Other</h1>' } });
      await withServer({ ...kind.options, cleanUrl }, async (endpoint) => {
        const flow = await endpoint.server.begin();
        flow.response.subscribe({ next: () => kind.settle?.(flow) });
        const query = kind.query(flow);
        await page.goto(`${endpoint.server.redirectUri}?${query}`);
        is(await headline(page), kind.first);
        const address = new URL(page.url());
        equal(
          [address.search.includes('state='), address.search.startsWith('?~')],
          [query !== '' && !(kind.consumed && cleanUrl !== false), kind.consumed && cleanUrl !== false],
        );
        const again = kind.consumed && cleanUrl === false ? neutral : kind.first;
        const text = await page.innerText('main');
        await page.reload();
        is(await headline(page), again);
        if (again === kind.first) is(await page.innerText('main'), text);
        if (kind.consumed) not.match(await page.innerText('main'), '#');
        await page.goto(`${other.origin}/`);
        await page.goBack();
        is(await headline(page), again);
        is(accepted(endpoint), kind.consumed ? 1 : 0);
      });
    });
  }

  test(`G-04 an unavailable store: the reload that its page asks for signs in, cleanUrl ${cleanUrl}`, async ({
    page,
  }) => {
    await withServer({ cleanUrl }, async (endpoint) => {
      const store = memoryStore();
      let available = true;
      const consume: FlowStore['consume'] = (...args) =>
        available
          ? store.consume(...args)
          : Promise.reject(new StoreUnavailableError('the store cannot be reached'));
      const host = createStoredHost(endpoint.server, new Proxy(store, forwarding({ consume })));
      const flow = await host.begin();
      const outcome = observe(flow);
      const url = `${endpoint.server.redirectUri}?code=c&state=${flow.state}`;
      available = false;
      const answer = await page.goto(url);
      equal([answer?.status(), answer?.headers()['retry-after']], [503, '2']);
      is(page.url(), url);
      const text = await page.innerText('main');
      match(text, 'reload this page');
      not.match(text, 'close this tab');
      await page.reload();
      is(page.url(), url);
      available = true;
      await page.reload();
      is(await headline(page), success);
      equal(
        outcome.responses.map(({ code }) => code),
        ['c'],
      );
      await host.close();
    });
  });
}

test('G-04 too many unmatched redirects: the page may be reloaded, and says nothing else', async ({
  page,
}) => {
  await withServer({ limits: { unmatched: 1, unmatchedPerSecond: 1 } }, async ({ server }) => {
    const url = `${server.redirectUri}?code=c&state=nobody-has-begun-this-one`;
    await page.goto(url);
    const slowed = await page.goto(url);
    equal([slowed?.status(), slowed?.headers()['retry-after']], [429, '1']);
    is(page.url(), url);
    await expectNoClosing(page);
  });
});

async function expectNoClosing(page: Page): Promise<void> {
  not.match(await page.innerText('main'), 'close this tab');
}

const accepted = ({ redirects }: Endpoint): number =>
  redirects.filter(({ disposition }) => disposition === 'accepted').length;

/** Handler of a proxy for a store with some of its methods replaced. */
function forwarding(own: Partial<FlowStore>): ProxyHandler<FlowStore> {
  return {
    get(target, name) {
      if (Object.hasOwn(own, name)) return own[name as keyof FlowStore];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  };
}

test.run();
