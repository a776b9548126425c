/** Only the browser or person that starts a sign-in finishes it, at every kind of host. */
import { createServer } from 'node:http';
import { firstValueFrom } from 'rxjs';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { memoryStore } from '../../src/bridge.ts';
import { connectCallbackHost } from '../../src/client.ts';
import { createStoredHost } from '../../src/store/host.ts';
import { createOAuthCallbackServer, InvalidOptionError, ofState, WrongCodeError } from '../../src/index.ts';
import { paste } from '../../src/login.ts';
import { equal, is, match, not, ok, rejects } from '../helpers/assert.ts';
import { observe, withServer, type Create } from '../helpers/endpoint.ts';
import { withBridge, type CreateBridge } from '../helpers/bridge.ts';
import { complains } from '../helpers/complains.ts';
import { send } from '../helpers/http.ts';
import { listenOnLoopback } from '../helpers/loopback.ts';
import { hasRedis, noRedis } from '../helpers/redis-server.ts';
import {
  Browser,
  codeOn,
  endpointUrl,
  hosts,
  overRedis,
  publicUrl,
  until,
  type UseHost,
} from '../helpers/starting.ts';
import { suite } from '../helpers/suite.ts';
import { edit, weakenedModule, type Change } from '../helpers/weakened.ts';

const otherBrowser = 'This sign-in was started in another browser';

/** An attacker starts a flow, and gets somebody else to bring its response. */
async function holdsTheBrowser(use: UseHost, create?: Create): Promise<void> {
  await use(
    async ({ host, endpoint, newBrowser }) => {
      const flow = await host.begin();
      const seen = observe(flow);
      const attacker = newBrowser();
      const victim = newBrowser();
      await attacker.start(flow.authorizationUrl(endpointUrl, { client_id: 'c' }));
      // A flow of the victim's own does not help.
      const own = await host.begin();
      await victim.start(own.authorizationUrl(endpointUrl, { client_id: 'c' }));
      const warned = await victim.arrive(flow);
      equal([warned.status, seen.responses.length], [403, 0]);
      match(warned.body, otherBrowser);
      is(endpoint.redirects.at(-1)?.disposition, 'wrong_browser');
      is(endpoint.redirects.at(-1)?.response.code, undefined);
      is((await attacker.arrive(flow)).status, 200);
      await until('the response', () => seen.responses.length === 1);
    },
    {},
    create ? { create } : {},
  );
}

function contract(name: string, use: UseHost, absent?: string): void {
  const all = suite(`binding at ${name}`);
  const test = all.when(absent === undefined, absent ?? '');

  test('lets only the browser finish that has opened the start URL', () => holdsTheBrowser(use));

  test('leads the first browser on, and no other one', () =>
    use(async ({ host, newBrowser }) => {
      const flow = await host.begin();
      is(flow.binding, 'cookie');
      const url = flow.authorizationUrl(endpointUrl, { client_id: 'c' });
      match(url.href, /^https:\/\/sign-in\.example\/start\/[\w-]{22}$/);
      const [first, second] = [newBrowser(), newBrowser()];
      const led = await first.start(url);
      is(led.status, 303);
      const target = new URL(led.headers['location'] ?? '');
      equal([target.origin + target.pathname, target.searchParams.get('state')], [endpointUrl, flow.state]);
      match(
        led.raw,
        /Set-Cookie: __Host-sign-in-[\w-]{16}=\w+\.[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; Secure; SameSite=Lax\r/,
      );
      const refused = await second.open(url);
      equal([refused.status, second.cookies], [403, []]);
      match(refused.body, otherBrowser);
      // A second tab of the first browser, or a page that did not load.
      equal([(await first.open(url)).status, first.cookies.length], [303, 1]);
      const done = await first.arrive(flow);
      equal([done.status, first.cookies], [200, []]);
    }));

  test('of two browsers at once binds one', () =>
    use(async ({ host, newBrowser }) => {
      const flow = await host.begin();
      const url = flow.authorizationUrl(endpointUrl, { client_id: 'c' });
      const browsers = Array.from({ length: 10 }, newBrowser);
      const statuses = await Promise.all(browsers.map(async (browser) => (await browser.start(url)).status));
      equal(statuses.sort(), [303, ...Array.from({ length: 9 }, () => 403)]);
    }));

  test('does not take the cookie of another flow', () =>
    use(async ({ host, newBrowser }) => {
      const [mine, theirs] = [await host.begin(), await host.begin()];
      const [victim, attacker] = [newBrowser(), newBrowser()];
      await victim.start(mine.authorizationUrl(endpointUrl));
      await attacker.start(theirs.authorizationUrl(endpointUrl));
      // Its own cookie under the name of the other one too.
      const [name] = victim.cookies[0]!.split('=');
      const [, value] = attacker.cookies[0]!.split('=');
      attacker.steal(`${name}=${value}`);
      is((await attacker.arrive(mine)).status, 403);
      is((await victim.arrive(mine)).status, 200);
    }));

  test('leads to the URL that was given last before a browser came', () =>
    use(async ({ host, newBrowser }) => {
      const flow = await host.begin();
      flow.startUrl('https://as.example/first');
      const url = flow.startUrl(new URL('https://as.example/pushed?request_uri=urn:x'));
      const browser = newBrowser();
      is((await browser.start(url)).headers['location'], 'https://as.example/pushed?request_uri=urn:x');
      is(flow.startUrl('https://as.example/third').href, url.href);
      is((await browser.open(url)).headers['location'], 'https://as.example/pushed?request_uri=urn:x');
    }));

  test('posts the response of another site with a cookie that comes along', () =>
    use(async ({ host, newBrowser }) => {
      const flow = await host.begin({ responseMode: 'form_post' });
      const seen = observe(flow);
      const browser = newBrowser();
      match((await browser.start(flow.authorizationUrl(endpointUrl))).raw, '; Secure; SameSite=None\r');
      const body = `code=c&state=${flow.state}`;
      is((await newBrowser().post(flow.redirectUri, 'https://as.example', body)).status, 403);
      is((await browser.post(flow.redirectUri, 'https://as.example', body)).status, 200);
      await until('the response', () => seen.responses.length === 1);
    }));

  test('does not use a start URL up for a preview, a prefetch or a frame', () =>
    use(async ({ host, endpoint, newBrowser }) => {
      const flow = await host.begin();
      const url = flow.authorizationUrl(endpointUrl);
      const browser = newBrowser();
      for (const headers of [
        { 'Sec-Purpose': 'prefetch' },
        { Purpose: 'preview' },
        { 'Sec-Fetch-Dest': 'iframe' },
      ])
        equal([(await browser.open(url, headers)).status, browser.cookies], [403, []]);
      for (const method of ['HEAD', 'PUT', 'DELETE', 'OPTIONS'])
        is((await send(endpoint.port, { method, target: url.pathname })).status, 405);
      is((await browser.start(url)).status, 303);
    }));

  test('keeps a binding until the flow ends, and knows no other start URL', () =>
    use(async ({ host, newBrowser }) => {
      const flow = await host.begin();
      const url = flow.authorizationUrl(endpointUrl);
      flow.cancel();
      const browser = newBrowser();
      const ended = await browser.start(url);
      if (ended.status !== 303) is(ended.status, 404);
      for (const id of ['x'.repeat(22), 'x'.repeat(21), '', '%2e'.repeat(7)])
        is((await browser.open(`${publicUrl}/start/${id}`)).status, 404, id);
    }));

  test('delivers by a code once the person has typed it in', () =>
    use(async ({ host, endpoint, newBrowser }) => {
      const flow = await host.begin({ binding: 'code' });
      is(flow.binding, 'code');
      is(flow.authorizationUrl(endpointUrl).origin, 'https://as.example');
      const seen = observe(flow);
      await rejects(flow.confirm('BCDF-GHJK'), WrongCodeError);
      const page = await newBrowser().arrive(flow, 'the-code');
      is(page.status, 200);
      const code = codeOn(page);
      const { disposition, response } = endpoint.redirects.at(-1)!;
      equal([disposition, response.code, seen.responses.length], ['unconfirmed', undefined, 0]);
      is((await newBrowser().arrive(flow, 'another')).status, 400);
      await rejects(flow.confirm('BCDF-GHJK'), WrongCodeError);
      await flow.confirm(` ${code.toLowerCase().replace('-', ' ')} `);
      await until('the response', () => seen.responses.length === 1);
      equal([seen.responses[0]?.code, seen.completed], ['the-code', true]);
      // Once more does no harm.
      await flow.confirm(code);
    }));

  test('cancels a flow after five wrong codes', () =>
    use(async ({ host, newBrowser }) => {
      const flow = await host.begin({ binding: 'code' });
      const seen = observe(flow);
      const code = codeOn(await newBrowser().arrive(flow));
      for (let attempt = 0; attempt < 5; attempt++) await rejects(flow.confirm('BCDF-GHJK'), 'wrong_code');
      await until('the end', () => seen.errors.length === 1);
      is((seen.errors[0] as { code?: string }).code, 'cancelled');
      await rejects(flow.confirm(code), 'cancelled');
      is(seen.responses.length, 0);
    }));

  test('asks no code for a denial, and none of a flow that has another binding', () =>
    use(async ({ host, newBrowser }) => {
      const flow = await host.begin({ binding: 'code' });
      const response = firstValueFrom(flow.response);
      await newBrowser().open(`${flow.redirectUri}?error=access_denied&state=${flow.state}`);
      is((await response).error, 'access_denied');
      await rejects((await host.begin()).confirm('BCDF-GHJK'), InvalidOptionError);
    }));

  test('refuses targets that a browser should not be led to', () =>
    use(async ({ host }) => {
      const flow = await host.begin();
      for (const url of [
        'javascript:alert(1)',
        '/relative',
        'https://u:p@as.example/',
        `https://as.example/${'x'.repeat(8_192)}`,
      ])
        is(failureOf(() => flow.startUrl(url))?.option, 'url');
    }));

  all.run();
}

function failureOf(run: () => unknown): InvalidOptionError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error as InvalidOptionError;
  }
}

for (const [name, use] of Object.entries(hosts)) contract(name, use);
contract('one of two nodes over Redis', overRedis, hasRedis ? undefined : noRedis);

const own = suite('binding');

/** The factory of servers with these changes in their source. */
async function weakened(...changes: readonly Change[]): Promise<Create> {
  const twin = (await weakenedModule('index.ts', ...changes)) as { createOAuthCallbackServer: Create };
  return twin.createOAuthCallbackServer;
}

own('rejects a server that does not compare browsers', async () => {
  const create = await weakened(
    edit(`return browserFits(expected, arrival) ? undefined : 'wrong_browser';`, `return undefined;`),
  );
  await complains(() => holdsTheBrowser(hosts['a server of this process']!, create), /200/);
});

own('binds nothing on loopback unless it is told to', () =>
  withServer({}, async ({ server, port }) => {
    const plain = await server.begin();
    equal([plain.binding, plain.authorizationUrl(endpointUrl).origin], ['none', 'https://as.example']);
    const flow = await server.begin({ binding: 'cookie' });
    const url = flow.authorizationUrl(endpointUrl);
    is(url.origin, new URL(server.redirectUri).origin);
    const browser = new Browser(port);
    match(
      (await browser.start(url)).raw,
      /Set-Cookie: sign-in-[\w-]{16}=\S+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax\r/,
    );
    is((await new Browser(port).arrive(flow)).status, 403);
    is((await browser.arrive(flow)).status, 200);
  }),
);

own('has at most 20 cookies in a browser, of which the oldest goes', () =>
  withServer({ publicUrl, flowTtl: 60_000 }, async ({ server, port }) => {
    const browser = new Browser(port);
    const flows = [];
    for (let index = 0; index < 25; index++) {
      const flow = await server.begin();
      await browser.start(flow.authorizationUrl(endpointUrl));
      flows.push(flow);
    }
    is(browser.cookies.length, 20);
    equal([(await browser.arrive(flows[24]!)).status, (await browser.arrive(flows[5]!)).status], [200, 200]);
    is((await browser.arrive(flows[0]!)).status, 403);
  }),
);

own('reads cookies among others, and none that is malformed', () =>
  withServer({ publicUrl }, async ({ server, port }) => {
    const flow = await server.begin();
    const browser = new Browser(port);
    await browser.start(flow.authorizationUrl(endpointUrl));
    const [cookie = ''] = browser.cookies;
    const [name = '', value = ''] = cookie.split('=');
    const arrive = (header: string) =>
      new Browser(port).open(`${flow.redirectUri}?code=c&state=${flow.state}`, { Cookie: header });
    for (const header of [
      `${name}=${value}x`,
      `${name}="${value}"`,
      `${name}=`,
      `${name.toUpperCase()}=${value}`,
      `x${name}=${value}`,
      `${name.replace('__Host-', '')}=${value}`,
      `${name}=0.${'A'.repeat(43)}`,
      `a=${cookie}`,
      ';;;=;,',
    ])
      is((await arrive(header)).status, 403, header);
    is((await arrive(`theme=dark; ${cookie} ;x`)).status, 200);
  }),
);

own('works in a framework, below the path of a public URL', async () => {
  await using server = createOAuthCallbackServer({
    server: 'mounted',
    publicUrl: 'https://app.example/base',
    callbackPath: '/auth/callback',
  });
  await server.listen();
  const app = createServer((request, response) => {
    // As a proxy that takes the path of the public URL away.
    request.url = request.url?.replace(/^\/base/, '');
    response.appendHeader('Set-Cookie', 'app=1');
    server.handler(request, response, () => response.writeHead(418).end());
  });
  await using site = await listenOnLoopback(app);
  const { port } = site;
  const flow = await server.begin();
  const url = flow.authorizationUrl(endpointUrl);
  match(url.href, /^https:\/\/app\.example\/base\/auth\/start\/[\w-]{22}$/);
  const browser = new Browser(port);
  const headers = { Host: 'app.example' };
  is((await browser.open(url, headers)).status, 303);
  // The cookie of the app stays.
  equal(browser.cookies.length, 2);
  const back = `${flow.redirectUri}?code=c&state=${flow.state}`;
  is((await new Browser(port).open(back, headers)).status, 403);
  is((await browser.open(back, headers)).status, 200);
  is((await browser.open('https://app.example/base/auth/start/x', headers)).status, 418);
});

own('takes what a person has pasted, without a cookie or a code', () =>
  withServer({ publicUrl }, async ({ server }) => {
    for (const binding of ['cookie', 'code'] as const) {
      const flow = await server.begin({ binding });
      const response = firstValueFrom(flow.response);
      const { disposition } = await paste(
        server,
        `${flow.redirectUri}?code=pasted&state=${flow.state}`,
        flow,
      );
      equal([disposition, (await response).code], ['accepted', 'pasted']);
    }
  }),
);

own('gives the response of a code to ofState, and to no subscriber of the redirects', () =>
  withServer({ publicUrl }, async ({ server, port, redirects }) => {
    const events: string[] = [];
    server.events.subscribe(({ type }) => events.push(type));
    const flow = await server.begin({ binding: 'code' });
    const response = firstValueFrom(server.redirects.pipe(ofState(flow.state)));
    const code = codeOn(await new Browser(port).arrive(flow, 'secret-code'));
    not.match(JSON.stringify(redirects.map((redirect) => redirect.response.toDict())), 'secret-code');
    await flow.confirm(code);
    is((await response).code, 'secret-code');
    equal(events, ['begun', 'redirect', 'answered']);
  }),
);

own('shows the code again when the page is reloaded', () =>
  withServer({ publicUrl, cleanUrl: 'redirect' }, async ({ server, port }) => {
    const flow = await server.begin({ binding: 'code' });
    const browser = new Browser(port);
    const moved = await browser.arrive(flow);
    const clean = new URL(moved.headers['location'] ?? '', flow.redirectUri);
    const code = codeOn(await browser.open(clean));
    is(codeOn(await browser.open(clean)), code);
  }),
);
own.run();

const remote = suite('binding of remote programs');
const bridged = hosts['a service over the bridge']!;

/** A program begins a flow without a binding, and sends the link to somebody else. */
async function keepsTheBinding(bridge?: CreateBridge): Promise<void> {
  await bridged(
    async ({ host }) => {
      await rejects(host.begin({ binding: 'none' }), InvalidOptionError);
    },
    {},
    bridge ? { bridge } : {},
  );
}

remote('cannot do without', () => keepsTheBinding());

remote('rejects a service at which they can', async () => {
  const change = edit(`if (binding === 'none' && usual !== 'none' && isRemote)`, `if (false as boolean)`);
  const twin = (await weakenedModule('bridge/server.ts', change)) as { createBridge: CreateBridge };
  await complains(() => keepsTheBinding(twin.createBridge), /Expected promise to reject/);
});

remote('may do without where the service does', () =>
  bridged(
    async ({ host, newBrowser }) => {
      const flow = await host.begin();
      is(flow.binding, 'none');
      is((await newBrowser().arrive(flow)).status, 200);
      is((await host.begin({ binding: 'cookie' })).binding, 'cookie');
    },
    { binding: 'none' },
  ),
);

remote('make the page ask, with their name and where it leads', () =>
  bridged(async ({ host, newBrowser }) => {
    const flow = await host.begin({ label: 'Your company <b>' });
    const url = flow.authorizationUrl(endpointUrl);
    const browser = newBrowser();
    const asked = await browser.open(url, { 'Accept-Language': 'en' });
    equal([asked.status, browser.cookies], [200, []]);
    match(asked.body, 'The program token asks you to sign in at as.example.');
    not.match(asked.body, 'Your company');
    // Chromium applies form-action to where a form redirects to, so it must not be restricted.
    not.match(asked.headers['content-security-policy'] ?? '', 'form-action');
    match(asked.headers['content-security-policy'] ?? '', "frame-ancestors 'none'");
    // Another site cannot press the button.
    for (const origin of ['https://evil.example', 'null'])
      equal([(await browser.post(url, origin)).status, browser.cookies], [403, []]);
    is((await browser.post(url)).status, 303);
    is((await browser.arrive(flow)).status, 200);
  }),
);

remote('have names on that page that cannot reorder the host', () =>
  withBridge(
    async ({ url, port }) => {
      await using host = await connectCallbackHost(url, { token: 'the-token-of-a-program' });
      const flow = await host.begin();
      const asked = await new Browser(port).open(flow.authorizationUrl(endpointUrl));
      match(asked.body, 'The program a?b&lt;i&gt; asks you to sign in at as.example.');
    },
    { tokens: [{ name: 'a\u202eb<i>', token: 'the-token-of-a-program', roles: ['listener'] }] },
    { publicUrl },
  ),
);

/** The clock of the node is ten minutes ahead of the one that the flows of its store expire by. */
async function keepsTime(createHost = createStoredHost): Promise<void> {
  const clock: Clock = { ...systemClock, now: () => systemClock.now() - 600_000 };
  await withServer({ publicUrl }, async ({ server, port }) => {
    await using host = createHost(server, memoryStore({ clock }));
    const flow = await host.begin({ ttl: 60_000 });
    const url = flow.startUrl(endpointUrl);
    const browser = new Browser(port);
    const [, seconds] = /Max-Age=(\d+)/.exec((await browser.open(url)).raw) ?? [];
    ok(Number(seconds) > 1 && Number(seconds) <= 60, `the cookie lives for ${seconds} s`);
    is((await browser.open(url)).status, 303);
  });
}

remote('L-10 have a cookie for as long as the flow lives, whatever the clock of the node says', () =>
  keepsTime(),
);

remote('L-10 reject a server whose cookies live by the clock of the node', async () => {
  const change = edit('const left = link.expiresAt - now();', 'const left = link.expiresAt - Date.now();');
  const twin = (await weakenedModule('store/host.ts', change)) as {
    createStoredHost: typeof createStoredHost;
  };
  await complains(() => keepsTime(twin.createStoredHost), /the cookie lives for 1 s/);
});

remote('make no page ask where the service does not want that', () =>
  bridged(
    async ({ host, newBrowser }) => {
      const flow = await host.begin();
      is((await newBrowser().open(flow.authorizationUrl(endpointUrl))).status, 303);
    },
    { consent: 'never' },
  ),
);

remote('leave the question to flows of the process if it wants that', () =>
  withServer({ publicUrl, consent: 'always', productName: 'Notes' }, async ({ server, port }) => {
    const flow = await server.begin();
    const asked = await new Browser(port).open(flow.authorizationUrl(endpointUrl));
    match(asked.body, 'The program Notes asks you to sign in at as.example.');
  }),
);
remote.run();
