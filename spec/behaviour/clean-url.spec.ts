import { createServer } from 'node:http';
import { firstValueFrom, VirtualTimeScheduler } from 'rxjs';
import type { Flow } from '../../src/index.ts';
import { equal, is, match, not, ok } from '../helpers/assert.ts';
import { withServer, type Endpoint } from '../helpers/endpoint.ts';
import { send, type HttpAnswer } from '../helpers/http.ts';
import { listenOnLoopback } from '../helpers/loopback.ts';
import { startStrippingProxy } from '../helpers/stripping-proxy.ts';
import { suite } from '../helpers/suite.ts';

const script = `>history.replaceState(null,'','?'+document.currentScript.dataset.page)</script>`;

const byScript = suite("cleanUrl: 'script'");

byScript(
  'is the default: a page that consumed a redirect carries the one script, and no other page does',
  () =>
    withServer({}, async (endpoint) => {
      const consumed = [
        await endpoint.visit(`/callback?code=c&state=${(await endpoint.server.begin()).state}`),
        await endpoint.visit(`/callback?error=x&state=${(await endpoint.server.begin()).state}`),
      ];
      const kept = [
        await endpoint.visit('/callback?code=c&state=unknown'),
        await endpoint.visit('/elsewhere?code=c'),
      ];
      equal(
        [...consumed, ...kept].map(({ status }) => status),
        [200, 400, 400, 404],
      );
      for (const { body, headers } of consumed) {
        is(body.split(script).length, 2);
        is(body.split('<script').length, 2);
        match(headers['content-security-policy']!, /script-src 'sha256-[\w+/]{43}='(?:;|$)/);
        is(headers['location'], undefined);
      }
      for (const { body, headers } of kept) {
        not.match(body, '<script');
        not.match(headers['content-security-policy']!, 'script-src');
      }
    }),
);

for (const [name, query, options, settle, sentences] of [
  [
    'a success',
    'code=c',
    {},
    undefined,
    ['The sign-in was received.', 'Connected to: https://mcp.example/own'],
  ],
  ['a cancellation', 'error=access_denied', {}, undefined, ['You cancelled the sign-in.']],
  [
    'a refusal',
    'error=access_denied&error_description=Not+assigned',
    {},
    undefined,
    ['You were not signed in', 'Not assigned', '>access_denied<'],
  ],
  ['an error', 'error=x&error_description=No+entry', {}, undefined, ['reported an error', 'No entry', '>x<']],
  [
    'a failure of the app',
    'code=c',
    { settle: 5_000 },
    { status: 'failure', message: 'No token.' },
    ['No token.'],
  ],
  ['a success of the app', 'code=c', { settle: 5_000 }, { status: 'success' }, ['Authentication successful']],
] as const) {
  byScript(`shows ${name} again at its clean URL, as often as it is reloaded`, () =>
    withServer({ ...options, serverUrl: 'https://mcp.example' }, async ({ server, visit, redirects }) => {
      const flow = await server.begin({ serverUrl: 'https://mcp.example/own' });
      flow.response.subscribe(() => settle && flow.settle(settle));
      const url = `/callback?${query}&state=${flow.state}`;
      const first = await visit(url, { 'Accept-Language': 'en' });
      const [, clean] = /<script data-page="(~[\w.-]+)">/.exec(first.body) ?? [];
      for (let reload = 0; reload < 3; reload++) {
        // The page speaks the language that it spoke first.
        const again = await visit(`/callback?${clean}`, { 'Accept-Language': 'de' });
        is(again.status, first.status);
        is(again.body, first.body.replace(/<script.*<\/script>/, ''));
        for (const sentence of sentences) match(again.body, sentence);
      }
      is(redirects.length, 1);
      // The used state itself says nothing to whoever has it.
      match((await visit(url)).body, 'This sign-in link is not active');
    }),
  );
}

byScript('shows nothing of a clean URL of another server', () =>
  withServer({}, ({ server, visit }) =>
    withServer({}, async (other) => {
      const { body } = await visit(`/callback?code=c&state=${(await server.begin()).state}`);
      const [, clean] = /data-page="([^"]+)"/.exec(body) ?? [];
      is((await visit(`/callback?${clean}`)).status, 200);
      const strange = await other.visit(`/callback?${clean}`);
      is(strange.status, 404);
      match(strange.body, 'This sign-in link is not active');
    }),
  ),
);

const off = suite('cleanUrl: false');

off('has no script and no redirect, and a policy that allows none', () =>
  withServer({ cleanUrl: false }, async ({ server, visit }) => {
    for (const target of [
      `/callback?code=c&state=${(await server.begin()).state}`,
      '/callback',
      '/elsewhere',
    ]) {
      const { body, headers } = await visit(target);
      not.match(body, '<script');
      not.match(headers['content-security-policy']!, 'script-src');
      is(headers['location'], undefined);
    }
  }),
);

const redirect = suite("cleanUrl: 'redirect'");

redirect('moves the page to a URL without the code, where it can be reloaded', () =>
  withServer({ cleanUrl: 'redirect', serverUrl: 'https://mcp.example' }, async (endpoint) => {
    const { visit, redirects } = endpoint;
    const flow = await endpoint.server.begin();
    const moved = await visit(`/callback?code=canary&state=${flow.state}`);
    is(moved.status, 303);
    is((await firstValueFrom(flow.response)).code, 'canary');
    not.match(moved.raw, 'canary');
    not.match(moved.raw, flow.state);
    const clean = target(moved, '/callback');
    match(clean, /^\/callback\?~received\.en\.[\w-]{16}\.[\w-]{22}$/);
    const first = await visit(clean);
    is(first.status, 200);
    match(first.body, 'Authentication successful');
    match(first.body, 'Connected to: https://mcp.example');
    not.match(first.body, '<script');
    for (let reload = 0; reload < 3; reload++) is((await visit(clean)).body, first.body);
    equal(
      redirects.map(({ disposition }) => disposition),
      ['accepted'],
    );
  }),
);

redirect('moves a provider error too, in the language of its browser', () =>
  withServer({ cleanUrl: 'redirect' }, async ({ server, visit }) => {
    const { state } = await server.begin();
    const denial = `/callback?error=x&error_description=No+entry&state=${state}`;
    const moved = await visit(denial, { 'Accept-Language': 'fr' });
    is(moved.status, 303);
    not.match(moved.raw, 'entry');
    const page = await visit(target(moved, '/callback'));
    is(page.status, 400);
    match(page.body, 'Le serveur d’autorisation a signalé une erreur.');
    match(page.body, '<p lang="" dir="auto">No entry</p>');
  }),
);

redirect('answers rejected redirects with the neutral page, at their own URL', () =>
  withServer({ cleanUrl: 'redirect' }, async ({ server, visit }) => {
    const { state } = await server.begin();
    const good = `/callback?code=c&state=${state}`;
    is((await visit(good)).status, 303);
    for (const refused of [good, '/callback', '/callback?code=c&state=unknown']) {
      const answer = await visit(refused);
      is(answer.status, 400);
      is(answer.headers['location'], undefined);
      match(answer.body, 'This sign-in link is not active');
    }
  }),
);

redirect('answers a clean URL that is not its own with the neutral page, and takes it for no redirect', () =>
  withServer({ cleanUrl: 'redirect' }, async ({ server, visit, send: ask, redirects }) => {
    const moved = await visit(`/callback?code=c&state=${(await server.begin()).state}`);
    const clean = target(moved, '/callback');
    for (const unknown of [
      `/callback?~${'A'.repeat(43)}`,
      '/callback?~',
      '/callback?~__proto__',
      `${clean.slice(0, -1)}_x`,
      `${clean.slice(0, -1)}${clean.endsWith('A') ? 'Q' : 'A'}`,
      `${clean}&state=x`,
      clean.replace('received', 'RECEIVED'),
    ]) {
      const answer = await visit(unknown);
      is(answer.status, 404, unknown);
      match(answer.body, 'This sign-in link is not active');
      not.match(answer.body, 'part of an address');
    }
    // The page is there to be looked at, not to be asked for in other ways or by another name.
    is((await ask({ method: 'HEAD', target: clean })).status, 405);
    is((await ask({ method: 'POST', target: clean, body: 'x' })).status, 405);
    is((await visit(clean, { Host: 'evil.example' })).status, 421);
    is((await visit(clean.replace('?', '/'))).status, 404);
    is((await visit(clean)).status, 200);
    equal(
      redirects.map(({ disposition, reason }) => reason ?? disposition),
      ['accepted', 'wrong_host'],
    );
  }),
);

redirect('gives every page a URL of its own', () =>
  withServer({ cleanUrl: 'redirect' }, async ({ server, visit }) => {
    const urls = new Set<string>();
    for (let index = 0; index < 20; index++) {
      const moved = await visit(`/callback?code=c&state=${(await server.begin()).state}`);
      urls.add(moved.headers['location']!);
    }
    is(urls.size, 20);
  }),
);

redirect('forgets the texts of the oldest pages, not of the newest, but not what they are', () =>
  withServer({ cleanUrl: 'redirect', unmatched: 'accept' }, async ({ visit }) => {
    const urls: string[] = [];
    for (let index = 0; index < 2_001; index++) {
      const moved = await visit(`/callback?error=e${index}&state=s${index}`);
      urls.push(target(moved, '/callback'));
    }
    const oldest = await visit(urls[0]!);
    is(oldest.status, 400);
    match(oldest.body, 'Authentication failed');
    match(oldest.body, 'The authorization server reported an error.');
    not.match(oldest.body, '<code>');
    match((await visit(urls[1_001]!)).body, '<code>e1001<');
    match((await visit(urls[2_000]!)).body, '<code>e2000<');
  }),
);

redirect('works with a redirect URI of its own for a flow', () =>
  withServer({ cleanUrl: 'redirect' }, async ({ server, visit }) => {
    const flow = await server.begin({ context: 'as-1.example' });
    const path = new URL(flow.redirectUri).pathname;
    is(path, '/callback/as-1.example');
    const moved = await visit(`${path}?code=c&state=${flow.state}`);
    const clean = target(moved, path);
    match(clean, /^\/callback\/as-1\.example\?~/);
    is((await visit(clean)).status, 200);
    is((await firstValueFrom(flow.response)).code, 'c');
  }),
);

for (const callbackPath of ['/', '/oauth/callback', '/callback/', '/cb?env=1']) {
  redirect(`works with the callback path ${callbackPath}`, () =>
    withServer({ cleanUrl: 'redirect', callbackPath }, async ({ server, visit }) => {
      for (const context of [undefined, 'ctx']) {
        const flow = await server.begin(context === undefined ? {} : { context });
        const { pathname, search } = new URL(flow.redirectUri);
        const moved = await visit(`${pathname}${search ? `${search}&` : '?'}code=c&state=${flow.state}`);
        is(moved.status, 303);
        const page = await visit(target(moved, pathname));
        is(page.status, 200);
        match(page.body, 'Authentication successful');
        is((await firstValueFrom(flow.response)).code, 'c');
      }
    }),
  );
}

redirect('works with a form_post, whose page is then got by GET', () =>
  withServer({ cleanUrl: 'redirect' }, async ({ server, visit, send: ask }) => {
    const flow = await server.begin({ responseMode: 'form_post' });
    const moved = await ask({
      method: 'POST',
      target: '/callback',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: 'null' },
      body: `code=c&state=${flow.state}`,
    });
    is(moved.status, 303);
    is((await visit(target(moved, '/callback'))).status, 200);
    is((await firstValueFrom(flow.response)).code, 'c');
  }),
);

redirect('moves the page that has waited for the app, and no other', () => {
  const scheduler = new VirtualTimeScheduler();
  const finishUrls = ['https://app.example/done'];
  const options = { cleanUrl: 'redirect', settle: 1_000, scheduler, finishUrls } as const;
  return withServer(options, async (endpoint) => {
    const { visit } = endpoint;
    const failed = await settled(endpoint, (flow) =>
      flow.settle({ status: 'failure', message: 'No token.' }),
    );
    match((await visit(target(failed, '/callback'))).body, 'No token.');
    const undecided = await settled(endpoint, () => {
      scheduler.maxFrames = scheduler.frame + 1_000;
      scheduler.flush();
    });
    is(undecided.status, 303);
    // It waits on at its clean URL, until the time is over.
    const page = visit(target(undecided, '/callback'));
    is((await visit('/elsewhere')).status, 404);
    scheduler.flush();
    match((await page).body, 'Sign-in received');
    const [url = ''] = finishUrls;
    const done = await settled(endpoint, (flow) => flow.settle({ status: 'redirect', url }));
    is(done.status, 303);
    is(done.headers['location'], url);
  });
});

redirect('can be followed by a client as the Fetch standard says', () =>
  withServer({ cleanUrl: 'redirect' }, async ({ server }) => {
    const flow = await server.begin();
    const followed = await fetch(`${flow.redirectUri}?code=canary&state=${flow.state}`);
    is(followed.status, 200);
    match(followed.url, /\/callback\?~[\w.-]+$/);
    match(await followed.text(), 'Authentication successful');
  }),
);

redirect('works behind a proxy that strips a prefix', async () => {
  await using proxy = await startStrippingProxy('/apps/cli');
  const publicUrl = `${proxy.origin}/apps/cli`;
  await withServer({ cleanUrl: 'redirect', publicUrl }, async ({ server, port }) => {
    proxy.target = port;
    for (const context of [undefined, 'ctx']) {
      const flow = await server.begin(context === undefined ? {} : { context });
      ok(flow.redirectUri.startsWith(`${publicUrl}/callback`));
      const followed = await fetch(`${flow.redirectUri}?code=canary&state=${flow.state}`);
      is(followed.status, 200);
      ok(followed.url.startsWith(`${flow.redirectUri}?~`), followed.url);
      match(await followed.text(), 'Authentication successful');
      is((await fetch(followed.url)).status, 200);
      is((await firstValueFrom(flow.response)).code, 'canary');
    }
  });
});

redirect('works on a borrowed server, whose other paths stay its own', async () => {
  await using theirs = await listenOnLoopback(createServer((_request, response) => response.end('theirs')));
  await withServer({ cleanUrl: 'redirect', server: theirs.http }, async ({ server, visit }) => {
    const moved = await visit(`/callback?code=c&state=${(await server.begin()).state}`);
    match((await visit(target(moved, '/callback'))).body, 'Authentication successful');
    is((await visit('/~somebody')).body, 'theirs');
  });
  is((await send(theirs.port, { target: '/callback?~x' })).body, 'theirs');
});

/** Returns the path and query that a page at `path` redirects to. */
function target({ headers }: HttpAnswer, path: string): string {
  const { pathname, search, host } = new URL(headers['location']!, `http://callback.example${path}`);
  is(host, 'callback.example');
  return pathname + search;
}

async function settled({ server, visit }: Endpoint, settle: (flow: Flow) => void): Promise<HttpAnswer> {
  const flow = await server.begin();
  const page = visit(`/callback?code=c&state=${flow.state}`);
  await firstValueFrom(flow.response);
  settle(flow);
  return page;
}

byScript.run();
off.run();
redirect.run();
