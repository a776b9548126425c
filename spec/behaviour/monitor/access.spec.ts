/** Access to the feed on the monitor page, tried as an attacker would: without a browser. */
import { createMonitor, TooManyLinksError, type MonitorOptions } from '../../../src/monitor.ts';
import { clockFrom } from '../../../src/base/clock.ts';
import { createBridge, memoryStore } from '../../../src/bridge.ts';
import { createOAuthCallbackServer } from '../../../src/index.ts';
import { internalsOfBridge } from '../../../src/bridge/internals.ts';
import { internalsOf } from '../../../src/server/internals.ts';
import { takeRequests } from '../../../src/http/routes.ts';
import { equal, is, match, not, ok, throws } from '../../helpers/assert.ts';
import { counts, shake, token, withPeers } from '../../helpers/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { visit } from '../../helpers/http.ts';
import { listening } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';
import { newPass, passOf, ticketOf, withMonitor } from './monitored.ts';

const test = suite('who may watch');

test('a link gives a ticket once, which gives the redacted feed and nothing else', () =>
  withMonitor(({ monitor, ask, url, origin, server, visit }) =>
    withPeers(url, async (open) => {
      const link = monitor.url();
      match(link, new RegExp(`^${origin}/monitor#[\\w-]{43}$`));
      const answer = await ask(passOf(link));
      is(answer.status, 200);
      const peer = open({ ticket: ticketOf(answer), origin });
      equal((await peer.next('welcome')).roles, ['monitor']);
      peer.say({ type: 'watch' });
      await peer.next('watching');
      const { state } = await server.begin();
      await visit(`/callback?code=CANARY&state=${state}`);
      const events = [await peer.next('event'), await peer.next('event'), await peer.next('event')];
      equal(
        events.map(({ event }) => event.type),
        ['begun', 'redirect', 'answered'],
      );
      not.match(JSON.stringify(events), new RegExp(`CANARY|${state}`));
      peer.say({ type: 'begin', ref: 1, state: newPass(), key: newPass() });
      is(await peer.closed(), 1008);
    }),
  ));

test('a ticket of the page is refused the second time, and to a page of another origin', () =>
  withMonitor(({ monitor, ask, url, origin, bridge }) =>
    withPeers(url, async (open) => {
      const ticket = ticketOf(await ask(passOf(monitor.url())));
      await open({ ticket, origin }).welcome();
      is(await open({ ticket, origin }).closed(), 1006);
      const other = ticketOf(await ask(passOf(monitor.url())));
      is(await open({ ticket: other, origin: 'http://evil.example' }).closed(), 1006);
      is(await open({ ticket: other, origin: 'http://127.0.0.1' }).closed(), 1006);
      await counts(bridge, 1);
    }),
  ));

test('the origin of the page alone is no credential', () =>
  withMonitor(({ url, origin }) =>
    withPeers(url, async (open) => {
      is(await open({ bearer: token, origin }).closed(), 1006);
      is(await open({ bearer: 'another-token-of-the-specs', origin }).closed(), 1006);
      is(await open({ ticket: newPass(), origin }).closed(), 1006);
      // The control.
      await open({ bearer: token }).welcome();
    }),
  ));

test('a link that two pages open admits neither', () =>
  withMonitor(({ monitor, ask, url, origin }) =>
    withPeers(url, async (open) => {
      const pass = passOf(monitor.url());
      const next = newPass();
      const peer = open({ ticket: ticketOf(await ask(pass, next)), origin });
      await peer.welcome();
      is((await ask(pass)).status, 401);
      is(await peer.closed(), 4401);
      is((await ask(next)).status, 401);
    }),
  ));

test('refuses more links than may be in use, and ends none of them', () =>
  withMonitor(({ monitor, ask, url, origin }) =>
    withPeers(url, async (open) => {
      const [opened, ...unopened] = Array.from({ length: 1_000 }, () => passOf(monitor.url()));
      const peer = open({ ticket: ticketOf(await ask(opened!)), origin });
      await peer.welcome();
      const error = throws(() => monitor.url(), TooManyLinksError);
      is(error.code, 'too_many_links');
      equal([(await ask(unopened[0]!)).status, (await ask(unopened.at(-1)!)).status], [200, 200]);
      await peer.heardAll();
    }),
  ));

test('refuses more page sessions of one token than may be in use, and those of others none', () =>
  withMonitor(
    async ({ ask, monitor }) => {
      const first = newPass();
      is((await ask('token-of-the-first-one', first)).status, 200);
      for (let more = 1; more < 100; more++) is((await ask('token-of-the-first-one')).status, 200);
      const refused = await ask('token-of-the-first-one');
      equal([refused.status, refused.headers['retry-after']], [429, '60']);
      // Other credentials, links and the sessions of this token go on.
      is((await ask('token-of-another-one')).status, 200);
      is((await ask(passOf(monitor.url()))).status, 200);
      is((await ask(first)).status, 200);
    },
    {
      bridge: {
        tokens: [
          { name: 'first', token: 'token-of-the-first-one', roles: ['monitor'] },
          { name: 'another', token: 'token-of-another-one', roles: ['monitor'] },
        ],
      },
    },
  ));

test('a link that is shown again ends its page session, though the page has shown other passes since', () =>
  withMonitor(({ monitor, ask, url, origin }) =>
    withPeers(url, async (open) => {
      const [link, second] = [passOf(monitor.url()), newPass()];
      let pass = second;
      is((await ask(link, second)).status, 200);
      // More than are remembered beside the link.
      for (let shown = 0; shown < 150; shown++) {
        const next = newPass();
        is((await ask(pass, next)).status, 200);
        pass = next;
      }
      const peer = open({ ticket: ticketOf(await ask(pass, newPass())), origin });
      await peer.welcome();
      is((await ask(link)).status, 401);
      is(await peer.closed(), 4401);
    }),
  ));

test('B21 a tab that the page lets in has passes of its own, and ends with the page session', () =>
  withMonitor(({ monitor, ask, url, origin }) =>
    withPeers(url, async (open) => {
      const [link, first, tab, second] = [passOf(monitor.url()), newPass(), newPass(), newPass()];
      const letsIn = { 'New-Tab-Pass': tab };
      is((await ask(link, first, letsIn)).status, 200);
      // A lost answer is asked for again.
      is((await ask(link, first, letsIn)).status, 200);
      const peer = open({ ticket: ticketOf(await ask(tab, second)), origin });
      await peer.welcome();
      is((await ask(first, newPass())).status, 200);
      is((await ask(second, newPass(), { 'New-Tab-Pass': 'too-short' })).status, 401);
      await peer.heardAll();
      is((await ask(tab)).status, 401);
      is(await peer.closed(), 4401);
      is((await ask(second)).status, 401);
    }),
  ));

test('K-12 the only token leaves room for the page', () =>
  withMonitor(
    ({ monitor, ask, url, port, origin }) =>
      withPeers(url, async (open) => {
        // As many as a name may have in any case.
        const listeners = Array.from({ length: 16 }, () => open());
        for (const listener of listeners) await listener.welcome();
        is((await shake(port)).status, 429);
        const page = open({ ticket: ticketOf(await ask(passOf(monitor.url()))), origin });
        await page.welcome();
        for (const peer of [...listeners, page]) await peer.heardAll();
      }),
    { bridge: { limits: { connections: 17 } } },
  ));

test('two monitors of one bridge have page sessions of their own, which each of them ends', () =>
  withMonitor(({ monitor, ask, send, url, origin, server, bridge }) =>
    withPeers(url, async (open) => {
      using other = createMonitor(server, bridge, { path: '/other' });
      const askOther = (credential: string, next: string) =>
        send({
          method: 'POST',
          target: '/other/ticket',
          headers: { Authorization: `Bearer ${credential}`, 'Next-Pass': next, Origin: origin },
        });
      const link = passOf(other.url());
      const peer = open({ ticket: ticketOf(await askOther(link, newPass())), origin });
      const here = open({ ticket: ticketOf(await ask(passOf(monitor.url()))), origin });
      await peer.welcome();
      await here.welcome();
      is((await ask(link)).status, 401);
      await peer.heardAll();
      is((await askOther(link, newPass())).status, 401);
      is(await peer.closed(), 4401);
      await here.heardAll();
    }),
  ));

test('B3 a page that watches at another node is in use, and one that was closed makes room', async () => {
  const time = virtualTime();
  const store = Object.defineProperty(memoryStore({ clock: clockFrom(time.scheduler) }), 'shared', {
    value: true,
  });
  const setup = { server: { scheduler: time.scheduler }, bridge: { store } };
  /** Lets the nodes look at the store, as often as they do in this time. */
  const pass = async (seconds: number): Promise<void> => {
    for (let past = 0; past < seconds; past += 5) {
      time.advance(5_000);
      await new Promise(setImmediate);
    }
  };
  await withMonitor(
    (one) =>
      withMonitor(
        (two) =>
          withPeers(two.url, async (open) => {
            const [first, ...closed] = Array.from({ length: 100 }, newPass);
            const next = newPass();
            for (const pass of [first!, ...closed]) is((await one.ask(token, pass)).status, 200);
            await pass(70);
            const peer = open({ ticket: ticketOf(await two.ask(first!, next)), origin: two.origin });
            await peer.welcome();
            await pass(120);
            is((await one.ask(token)).status, 200);
            await pass(10);
            await peer.heardAll();
            is((await one.ask(next)).status, 200);
            const statuses = [];
            for (const pass of closed) statuses.push((await two.ask(pass)).status);
            equal([statuses.filter((status) => status === 401).length, statuses.length], [1, 99]);
          }),
        setup,
      ),
    setup,
  );
});

test('a page whose pass was copied is told so, and a stranger is not', () =>
  withMonitor(async ({ monitor, ask }) => {
    const [link, next] = [passOf(monitor.url()), newPass()];
    await ask(link, next);
    const errors = [];
    for (const pass of [link, next, newPass(), '']) {
      const { status, body } = await ask(pass);
      errors.push([status, (JSON.parse(body) as { error: string }).error]);
    }
    equal(errors, [
      [401, 'copied_pass'],
      [401, 'copied_pass'],
      [401, 'unknown_pass'],
      [401, 'unknown_pass'],
    ]);
  }));

test('B3 page sessions that have ended leave nothing behind', async () => {
  const { scheduler, advance } = virtualTime();
  const store = memoryStore({ clock: clockFrom(scheduler) });
  await withMonitor(
    async ({ ask }) => {
      const keys = new Set<string>();
      const { replace } = store.records!;
      Object.assign(store.records!, {
        replace(...given: Parameters<typeof replace>) {
          keys.add(given[0]);
          return replace.apply(store.records, given);
        },
      });
      for (let round = 0; round < 5; round++) {
        let pass = newPass();
        const first = pass;
        is((await ask(token, pass)).status, 200);
        for (let shown = 0; shown < 20; shown++) {
          const next = newPass();
          is((await ask(pass, next)).status, 200);
          pass = next;
        }
        is((await ask(first)).status, 401);
      }
      // Passes that are refused are not kept either.
      is((await ask(newPass())).status, 401);
      const left = async (): Promise<number> =>
        (await Promise.all([...keys].map((key) => store.records!.read(key)))).filter(Boolean).length;
      ok(keys.size > 100);
      // For a minute, that a pass was copied; and tickets.
      ok((await left()) < 5 * 50);
      advance(60_001);
      is(await left(), 0);
      // Without a timer of its own, which would keep a program alive.
      is(scheduler.actions.filter(({ delay }) => delay > 3_600_000).length, 0);
    },
    { server: { scheduler }, bridge: { store } },
  );
});

test('B13 tells who listens to connections why a page got no ticket', () =>
  withMonitor(
    async ({ monitor, ask, bridge }) => {
      const reasons: string[] = [];
      internalsOfBridge(bridge).onConnection((event) => {
        if (event.type === 'rejected') reasons.push(`${event.status} ${event.reason}`);
      });
      const link = passOf(monitor.url());
      await ask(link);
      await ask(link);
      await ask(newPass());
      await ask('token-of-a-listener');
      await ask(link, newPass(), { Origin: 'http://evil.example' });
      equal(reasons, [
        '401 a link or pass of the monitor page was shown twice, so its page session has ended',
        '401 the link, pass or token of the monitor page is unknown, used or expired',
        '401 the token of the monitor page lacks the role monitor',
        '403 the request for a ticket does not come from the page',
      ]);
    },
    { bridge: { tokens: [{ name: 'listener', token: 'token-of-a-listener', roles: ['listener'] }] } },
  ));

test('each pass is replaced by the next, and a lost answer can be asked for again', () =>
  withMonitor(async ({ monitor, ask }) => {
    const [first, second, third] = [passOf(monitor.url()), newPass(), newPass()];
    equal([(await ask(first, second)).status, (await ask(first, second)).status], [200, 200]);
    equal([(await ask(second, third)).status, (await ask(second, third)).status], [200, 200]);
    // An old request that arrives again does not end the session.
    is((await ask(first, second)).status, 401);
    is((await ask(third)).status, 200);
  }));

test('a copied pass ends the page session, whichever page shows it first', () =>
  withMonitor(async ({ monitor, ask }) => {
    const stolen = newPass();
    await ask(passOf(monitor.url()), stolen);
    const [thief, page] = [newPass(), newPass()];
    equal([(await ask(stolen, thief)).status, (await ask(stolen, page)).status], [200, 401]);
    equal([(await ask(thief)).status, (await ask(page)).status], [401, 401]);
  }));

test('a token with the role monitor begins a page session; one without it, and an unknown one, do not', () =>
  withMonitor(
    async ({ ask, url, origin, bridge }) => {
      await withPeers(url, async (open) => {
        equal(
          [(await ask('token-of-a-listener')).status, (await ask('token-of-nobody-here')).status],
          [401, 401],
        );
        const next = newPass();
        const answer = await ask('token-of-an-operator', next);
        is(answer.status, 200);
        const peer = open({ ticket: ticketOf(answer), origin });
        equal((await peer.next('welcome')).roles, ['monitor']);
        const [ticket, later] = [ticketOf(await ask(next)), newPass()];
        // The token that began the page session is revoked.
        bridge.setTokens([]);
        is(await peer.closed(), 4401);
        is(await open({ ticket, origin }).closed(), 1006);
        is((await ask(next, later)).status, 401);
      });
    },
    {
      bridge: {
        tokens: [
          { name: 'listener', token: 'token-of-a-listener', roles: ['listener'] },
          { name: 'operator', token: 'token-of-an-operator', roles: ['monitor', 'listener'] },
        ],
      },
    },
  ));

test('only pages of the server itself get tickets', () =>
  withMonitor(async ({ monitor, ask, send }) => {
    const pass = passOf(monitor.url());
    const next = newPass();
    const foreign: Readonly<Record<string, string | null>>[] = [
      { Origin: null },
      { Origin: 'null' },
      { Origin: 'http://evil.example' },
      { Origin: 'http://127.0.0.1' },
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
    ];
    for (const headers of foreign) is((await ask(pass, next, headers)).status, 403, JSON.stringify(headers));
    is((await ask(pass, next, { 'Next-Pass': null })).status, 400);
    is((await ask(pass, 'too-short')).status, 401);
    is((await ask(pass, pass)).status, 401);
    is((await ask(pass, next, { Host: 'evil.example' })).status, 421);
    const get = await send({ target: '/monitor/ticket' });
    equal([get.status, get.headers['allow']], [405, 'POST']);
    is((await send({ method: 'OPTIONS', target: '/monitor/ticket' })).status, 405);
    // The control: none of them has used the link up.
    is((await ask(pass, next)).status, 200);
  }));

test('a page that was closed makes room for another one of its token, and one that is open does not', async () => {
  const time = virtualTime();
  await withMonitor(
    ({ ask, url, origin }) =>
      withPeers(url, async (open) => {
        const first = newPass();
        const peer = open({ ticket: ticketOf(await ask(token, first)), origin });
        await peer.welcome();
        const second = newPass();
        await ask(token, second);
        for (let more = 2; more < 100; more++) await ask(token);
        time.advance(59_999);
        is((await ask(token)).status, 429);
        time.advance(1);
        is((await ask(token)).status, 200);
        await peer.heardAll();
        equal([(await ask(first)).status, (await ask(second)).status], [200, 401]);
      }),
    { server: { scheduler: time.scheduler } },
  );
});

test('a link and a page session each expire after their own time', async () => {
  const time = virtualTime();
  const setup = {
    monitor: { linkTtl: 60_000, pageSessionTtl: 600_000 },
    server: { scheduler: time.scheduler },
  };
  await withMonitor(
    ({ monitor, ask, url, origin }) =>
      withPeers(url, async (open) => {
        const [early, late] = [passOf(monitor.url()), passOf(monitor.url())];
        time.advance(59_999);
        const next = newPass();
        const answer = await ask(early, next);
        is(answer.status, 200);
        time.advance(1);
        is((await ask(late)).status, 401);
        const peer = open({ ticket: ticketOf(answer), origin });
        await peer.welcome();
        time.advance(599_998);
        const last = newPass();
        is((await ask(next, last)).status, 200);
        time.advance(1);
        is(await peer.closed(), 4401);
        is((await ask(last)).status, 401);
      }),
    setup,
  );
});

test('the page holds no data and every header of the other pages, and a stricter policy', () =>
  withMonitor(async ({ send, server, port }) => {
    const { state } = await server.begin();
    const { status, headers, body } = await send({ target: '/monitor' });
    const { headers: others } = await send({ target: '/callback' });
    is(status, 200);
    not.match(body, new RegExp(`${state}|${token}`));
    const same = Object.keys(others).filter(
      (name) => !['content-length', 'date', 'content-security-policy'].includes(name),
    );
    for (const name of same) is(headers[name], others[name], name);
    const policy = headers['content-security-policy'] ?? '';
    for (const part of [
      "default-src 'none'",
      "connect-src 'self';",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ])
      match(policy, part);
    match(policy, /script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}=';/);
    not.match(policy, /unsafe|\*|https?:/);
    const zipped = await send({ target: '/monitor', headers: { 'Accept-Encoding': 'br, gzip' } });
    equal([zipped.headers['content-encoding'], zipped.headers['vary']], ['gzip', 'Accept-Encoding']);
    ok(Number(zipped.headers['content-length']) < body.length / 2);
    const unzipped = await send({ target: '/monitor', headers: { 'Accept-Encoding': 'gzip;q=0' } });
    is(unzipped.headers['content-encoding'], undefined);
    const head = await send({ method: 'HEAD', target: '/monitor' });
    equal([head.status, head.body], [200, '']);
    is((await send({ method: 'POST', target: '/monitor' })).status, 405);
    is((await send({ target: '/monitor', headers: { Host: `evil.example:${port}` } })).status, 421);
  }));

test('allows the page to connect to a bridge on a port of its own', () =>
  withMonitor(
    async ({ bridge, send, ask, monitor, origin }) => {
      const at = `ws://127.0.0.1:${bridge.address.port}/bridge`;
      const { headers, body } = await send({ target: '/monitor' });
      match(headers['content-security-policy'] ?? '', `connect-src 'self' ${at};`);
      match(body, `data-bridge="${at}"`);
      await withPeers(at, async (open) => {
        await open({ ticket: ticketOf(await ask(passOf(monitor.url()))), origin }).welcome();
      });
    },
    { bridge: { port: 0 } },
  ));

test('answers 500 while a bridge on a port of its own does not listen yet, and lives on', async () => {
  const reported: unknown[] = [];
  const logger = { warn: (problem: unknown) => reported.push(problem) };
  await using server = await listening({ logger });
  const bridge = createBridge(server, { token, port: 0 });
  using monitor = createMonitor(server, bridge);
  is((await visit(monitor.url())).status, 500);
  is(reported.length, 1);
  await bridge.listen();
  is((await visit(monitor.url())).status, 200);
});

test('takes no path if it cannot take them all', async () => {
  await using server = await listening();
  const bridge = createBridge(server, { token });
  const undo = takeRequests(internalsOf(server), '/monitor/ticket', (_request, response) => response.end());
  throws(() => createMonitor(server, bridge), 'invalid_option');
  undo();
  createMonitor(server, bridge).close();
});

test('removes its page and ends its page sessions when it is closed, and can be created again', () =>
  withMonitor(({ monitor, ask, send, url, origin, server, bridge }) =>
    withPeers(url, async (open) => {
      const next = newPass();
      const peer = open({ ticket: ticketOf(await ask(passOf(monitor.url()), next)), origin });
      await peer.welcome();
      const unopened = passOf(monitor.url());
      monitor.close();
      monitor.close();
      is(await peer.closed(), 4401);
      equal([(await send({ target: '/monitor' })).status, (await ask(next)).status], [404, 404]);
      using again = createMonitor(server, bridge);
      for (const pass of [next, unopened]) is((await ask(pass)).status, 401);
      is((await ask(passOf(again.url()))).status, 200);
    }),
  ));

test('rejects invalid options, and names them', async () => {
  await using server = await listening();
  const bridge = createBridge(server, { token });
  for (const [options, message] of [
    [{ path: 'monitor' }, 'path must be a URL path such as /monitor; got "monitor"'],
    [{ path: '/' }, 'path must be a URL path such as /monitor; got "/"'],
    [{ path: '/callback' }, 'path is taken'],
    [{ path: '/bridge' }, 'path must not be that of the bridge'],
    [{ linkTtl: 0 }, 'linkTtl must be a whole number from 1 to 2147483647; got 0'],
    [{ pageSessionTtl: 1.5 }, 'pageSessionTtl must be a whole number from 1 to 2147483647; got 1.5'],
    [{ ttl: 1 }, 'ttl is not an option of the monitor'],
  ] as const)
    is(
      throws(() => createMonitor(server, bridge, options as MonitorOptions), 'invalid_option').message,
      message,
    );
  throws(() => createMonitor(server, {} as typeof bridge), 'invalid_option');
  const other = createOAuthCallbackServer();
  is(throws(() => createMonitor(other, bridge)).message, 'bridge must be one of this server');
  throws(() => createMonitor(other, createBridge(other, { token })).url(), 'not_listening');
});

test.run();
