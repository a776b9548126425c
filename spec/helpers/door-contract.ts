/** Contract of every door for redirects. A runtime without the test runner can run it too. */
import { firstValueFrom, VirtualTimeScheduler } from 'rxjs';
import { paste } from '../../src/login.ts';
import * as assert from './assert.ts';
import type { Door, OpenDoor } from './door.ts';
import { navigation } from './http.ts';

const form = { ...navigation, 'Content-Type': 'application/x-www-form-urlencoded' };

/** The checks, by what a door does. */
export const checks: Readonly<Record<string, (door: Door) => Promise<void>>> = {
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
    // No time passes, however slow the machine is: an address regains a redirect each second.
    door.open(
      { limits: { unmatched: 3, unmatchedPerSecond: 1 }, scheduler: new VirtualTimeScheduler() },
      async ({ ask }) => {
        const statuses: number[] = [];
        for (let count = 0; count < 5; count++)
          statuses.push(
            (await ask({ target: `/callback?code=c&state=s${count}`, headers: navigation })).status,
          );
        assert.equal(statuses, [400, 400, 400, 429, 429]);
      },
    ),

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

  'takes a redirect that a user pastes': (door) =>
    door.open({}, async ({ server }) => {
      const flow = await server.begin();
      const { disposition } = await paste(server, `${flow.redirectUri}?code=c&state=${flow.state}&shop=s`);
      assert.is(disposition, 'accepted');
      const { code, parameters } = await firstValueFrom(flow.response);
      assert.equal([code, { ...parameters }], ['c', { shop: 's' }]);
    }),
};
