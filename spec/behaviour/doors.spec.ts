import { firstValueFrom } from 'rxjs';
import * as assert from '../helpers/assert.ts';
import { complains } from '../helpers/complains.ts';
import { byFetch, doors, type CreateFetchHandler, type Door, type OpenDoor } from '../helpers/doors.ts';
import { navigation } from '../helpers/http.ts';
import { suite } from '../helpers/suite.ts';
import { edit, weakenedModule } from '../helpers/weakened.ts';

const form = { ...navigation, 'Content-Type': 'application/x-www-form-urlencoded' };

/** Checks of what every door does with a redirect. Each one names itself, so that a twin can be told by it. */
const checks: Readonly<Record<string, (door: Door) => Promise<void>>> = {
  'gives a flow its response, and the browser its page': (door) =>
    door.open({}, async ({ server, ask }) => {
      const flow = await server.begin();
      const response = firstValueFrom(flow.response);
      const { status, headers, body } = await ask({
        target: `/callback?code=c&state=${flow.state}&realmId=%C3%A9`,
        headers: navigation,
      });
      assert.is(status, 200);
      assert.match(body, 'Authentication successful');
      assert.equal(
        [headers['content-type'], headers['cache-control'], headers['x-frame-options']],
        ['text/html; charset=utf-8', 'no-store', 'DENY'],
      );
      assert.match(String(headers['content-security-policy']), "default-src 'none'");
      const { code, parameters } = await response;
      assert.equal([code, { ...parameters }], ['c', { realmId: 'é' }]);
    }),

  'keeps a flow from redirects that are not its own': (door) =>
    door.open({}, async ({ server, ask }) => {
      const flow = await server.begin();
      const target = `/callback?code=evil&state=${flow.state}`;
      const asked = [
        { target: '/callback?code=c&state=unknown', headers: navigation },
        { target: `${target}&code=twice`, headers: navigation },
        { target, method: 'HEAD', headers: navigation },
        { target, method: 'DELETE', headers: navigation },
        { target, headers: { ...navigation, Host: 'evil.example' } },
        { target, headers: { ...navigation, 'Sec-Purpose': 'prefetch' } },
        { target, headers: { ...navigation, 'Sec-Fetch-Dest': 'image', 'Sec-Fetch-Mode': 'no-cors' } },
        { target, headers: { ...navigation, Origin: 'https://evil.example' } },
        { target: '/elsewhere', headers: navigation },
      ];
      const statuses: number[] = [];
      for (const request of asked) statuses.push((await ask(request)).status);
      assert.equal(statuses, [400, 400, 405, 405, 421, 503, 403, 403, 404]);
      assert.is(server.pending, 1);
      assert.is(
        (await ask({ target: `/callback?code=c&state=${flow.state}`, headers: navigation })).status,
        200,
      );
      assert.is((await firstValueFrom(flow.response)).code, 'c');
    }),

  'takes a form, and no larger one than it may': (door) =>
    door.open({ limits: { body: 1_000 } }, async ({ server, ask }) => {
      const flow = await server.begin({ responseMode: 'form_post' });
      const post = (body: string): ReturnType<OpenDoor['ask']> =>
        ask({
          method: 'POST',
          target: '/callback',
          headers: { ...form, 'Content-Length': String(Buffer.byteLength(body)) },
          body,
        });
      assert.is((await post(`code=c&state=${flow.state}&x=${'x'.repeat(1_000)}`)).status, 413);
      assert.is(server.pending, 1);
      assert.is((await post(`code=c%2B&state=${flow.state}&user=%7B%7D`)).status, 200);
      const { code, parameters } = await firstValueFrom(flow.response);
      assert.equal([code, { ...parameters }], ['c+', { user: '{}' }]);
    }),

  'streams a page that waits for its outcome': (door) =>
    door.open({ settle: 60_000 }, async ({ server, stream }) => {
      const flow = await server.begin();
      const parts = await stream(`/callback?code=c&state=${flow.state}`);
      let page = (await assert.deadline(parts.next(), 'the beginning of the page')) ?? '';
      assert.match(page, 'Finishing');
      assert.not.match(page, 'Authentication successful');
      flow.settle({ status: 'success' });
      for (let part = await parts.next(); part !== undefined; part = await parts.next()) page += part;
      assert.match(page, 'Authentication successful');
      assert.match(page, '</html>');
    }),

  'ends a page that waits when the server closes': (door) =>
    door.open({ settle: 60_000 }, async ({ server, stream }) => {
      const flow = await server.begin();
      flow.response.subscribe();
      const parts = await stream(`/callback?code=c&state=${flow.state}`);
      let page = (await parts.next()) ?? '';
      const closed = server.close();
      for (let part = await parts.next(); part !== undefined; part = await parts.next()) page += part;
      assert.match(page, 'Sign-in received');
      await closed;
    }),

  'slows an address that sends redirects without a flow': (door) =>
    door.open({ limits: { unmatched: 3, unmatchedPerSecond: 1 } }, async ({ ask }) => {
      const statuses: number[] = [];
      for (let count = 0; count < 5; count++)
        statuses.push(
          (await ask({ target: `/callback?code=c&state=s${count}`, headers: navigation })).status,
        );
      assert.equal(statuses, [400, 400, 400, 429, 429]);
    }),

  'shows a finished page again at its clean URL': (door) =>
    door.open({ cleanUrl: 'redirect' }, async ({ server, ask }) => {
      const { state } = await server.begin();
      const first = await ask({ target: `/callback?code=c&state=${state}`, headers: navigation });
      assert.is(first.status, 303);
      const again = await ask({
        target: `/callback${String(first.headers['location'])}`,
        headers: navigation,
      });
      assert.equal([again.status, first.body], [200, '']);
      assert.match(again.body, 'Authentication successful');
    }),
};

for (const door of doors) {
  const test = suite(`door: ${door.name}`);
  for (const [what, check] of Object.entries(checks)) test(what, () => check(door));
  test.run();
}

const test = suite('doors');

test('a fetch handler has a place free again once the browser of a held redirect has left', () =>
  byFetch().open({ unmatched: { holdFor: 60_000, max: 1 } }, async ({ server, stream, ask }) => {
    const held = firstValueFrom(server.redirects);
    const leaving = new AbortController();
    const { redirectUri } = server;
    const first = fetch(`${redirectUri}?code=c&state=${'first'.repeat(6)}`, { signal: leaving.signal });
    first.catch(() => undefined);
    assert.is((await held).disposition, 'held');
    leaving.abort();
    const state = 'second-of-two-states-0123456789';
    // The place is free as soon as the server has noticed.
    for (;;) {
      const again = firstValueFrom(server.redirects);
      const page = stream(`/callback?code=d&state=${state}`);
      if ((await again).disposition === 'held') {
        assert.is((await firstValueFrom((await server.begin({ state })).response)).code, 'd');
        await page;
        break;
      }
      await page;
    }
    assert.is((await ask({ target: '/callback', headers: navigation })).status, 400);
  }));

test('a fetch handler takes no request whose body was read', () =>
  byFetch().open({}, async ({ server }) => {
    const { createFetchHandler } = await import('../../src/fetch.ts');
    const handle = createFetchHandler(server);
    const request = new Request(server.redirectUri, { method: 'POST', body: 'code=c' });
    await request.text();
    await assert.rejects(handle(request), 'invalid_option');
    await assert.rejects(handle({} as Request), 'invalid_option');
    assert.throws(() => createFetchHandler({} as typeof server));
  }));

const twins: readonly (readonly [
  what: string,
  check: keyof typeof checks,
  from: string,
  to: string,
  at: RegExp,
])[] = [
  [
    'reads a body of any length',
    'takes a form, and no larger one than it may',
    'if (size > maxBytes) {',
    'if (size > Infinity) {',
    /strictly equal/,
  ],
  [
    'loses the end of a page',
    'streams a page that waits for its outcome',
    '      this.#chunks.push(new Uint8Array(body));\n      this.#pump();',
    '      this.#pump();',
    /Authentication successful/,
  ],
];

for (const [what, check, from, to, at] of twins)
  test(`a twin of the fetch handler that ${what} is found`, async () => {
    const twin = (await weakenedModule('fetch.ts', edit(from, to))) as {
      createFetchHandler: CreateFetchHandler;
    };
    await complains(() => checks[check]!(byFetch(twin.createFetchHandler)), at);
  });

test.run();
