import { firstValueFrom } from 'rxjs';
import * as assert from '../helpers/assert.ts';
import { complains } from '../helpers/complains.ts';
import { checks } from '../helpers/door-contract.ts';
import { byFetch, doors, type CreateFetchHandler } from '../helpers/doors.ts';
import { navigation } from '../helpers/http.ts';
import { suite } from '../helpers/suite.ts';
import { edit, weakenedModule } from '../helpers/weakened.ts';

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

test('a fetch handler answers a client that has left with nothing, and reports nothing', () =>
  byFetch().open({ settle: 60_000 }, async ({ server }) => {
    const { createFetchHandler } = await import('../../src/fetch.ts');
    const leaving = new AbortController();
    const flow = await server.begin();
    const received = firstValueFrom(flow.response);
    const url = `${server.redirectUri}?code=c&state=${flow.state}`;
    const answer = createFetchHandler(server)(new Request(url, { signal: leaving.signal }));
    // The program has its response, whatever becomes of the page.
    assert.is((await received).code, 'c');
    leaving.abort();
    const { status, body } = await answer;
    assert.equal([status, body], [400, null]);
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
