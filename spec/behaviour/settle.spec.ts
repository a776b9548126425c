import { createServer } from 'node:http';
import { firstValueFrom, map, switchMap, timer, VirtualTimeScheduler } from 'rxjs';
import { ofState, type Flow, type Outcome, type ServerOptions } from '../../src/index.ts';
import { equal, is, match, not, ok, rejects, throws } from '../helpers/assert.ts';
import { withServer, type Create, type Endpoint } from '../helpers/endpoint.ts';
import { compose, navigation, type HttpAnswer } from '../helpers/http.ts';
import { listenOnLoopback } from '../helpers/loopback.ts';
import { complains } from '../helpers/complains.ts';
import { suite } from '../helpers/suite.ts';
import { edit, weakenedModule } from '../helpers/weakened.ts';
import { dial, RawSocket } from '../helpers/raw.ts';

const waiting = suite('page that waits for flow.settle');

waiting('shows that the sign-in succeeded', () =>
  withSettle({ serverUrl: 'https://mcp.example' }, async ({ arrive }) => {
    const { flow, page, answered } = await arrive();
    is(answered(), false);
    flow.settle({ status: 'success' });
    const { status, body } = await page;
    is(status, 200);
    match(body, 'Authentication successful');
    match(body, 'Connected to: https://mcp.example');
    not.match(body, 'the app takes it from here');
  }),
);

waiting('shows that the sign-in failed, and why', () =>
  withSettle({}, async ({ arrive }) => {
    const { flow, page } = await arrive();
    flow.settle({ status: 'failure', message: 'The token endpoint said <no>.' });
    const { status, body } = await page;
    is(status, 200);
    match(body, 'Authentication failed');
    match(body, 'The token endpoint said &lt;no&gt;.');
    not.match(body, 'successful');
  }),
);

waiting('shows what happened in the language of its browser', () =>
  withSettle({}, async ({ arrive }) => {
    const { flow, page } = await arrive({ 'Accept-Language': 'ja' });
    flow.settle({ status: 'success' });
    match((await page).body, '<html lang="ja" dir="ltr">');
  }),
);

waiting('answers at once where the consumer settles while it is being told', () =>
  withSettle({}, async ({ server, visit, events }) => {
    const flow = await server.begin();
    flow.response.subscribe(() => flow.settle({ status: 'success' }));
    match((await visit(`/callback?code=c&state=${flow.state}`)).body, 'Authentication successful');
    equal(
      events.map(({ type }) => type),
      ['begun', 'redirect', 'answered', 'settled'],
    );
  }),
);

waiting('says, once the bound has passed, only that the sign-in was received', () =>
  withSettle({}, async ({ arrive, advance, events }) => {
    const { page, answered, flow } = await arrive();
    advance(999);
    is(await answered.soon(), false);
    advance(1);
    const { status, body } = await page;
    is(status, 200);
    match(body, 'Sign-in received');
    not.match(body, /successful|failed/i);
    // The app says so too late for the page; it is an event all the same.
    flow.settle({ status: 'failure', message: 'too late' });
    equal(finished(events), ['failure']);
  }),
);

waiting('shows the first of two outcomes', () =>
  withSettle({}, async ({ arrive }) => {
    const { flow, page } = await arrive();
    flow.settle({ status: 'failure', message: 'the first' });
    flow.settle({ status: 'success' });
    match((await page).body, 'the first');
  }),
);

waiting('waits for each flow separately', () =>
  withSettle({}, async ({ arrive, advance }) => {
    const first = await arrive();
    advance(600);
    const second = await arrive();
    second.flow.settle({ status: 'success' });
    match((await second.page).body, 'Authentication successful');
    is(await first.answered.soon(), false);
    advance(400);
    match((await first.page).body, 'Sign-in received');
  }),
);

waiting('waits for a consumer who asks late for the response', () =>
  withSettle({}, async ({ server, visit, redirects }) => {
    const flow = await server.begin();
    const page = visit(`/callback?code=c&state=${flow.state}`);
    await firstValueFrom(server.redirects);
    is(redirects.length, 1);
    is((await firstValueFrom(flow.response)).code, 'c');
    flow.settle({ status: 'success' });
    match((await page).body, 'Authentication successful');
  }),
);

waiting('works with a pipe that exchanges the code', () =>
  withSettle({}, async ({ server, visit }) => {
    const flow = await server.begin();
    const exchanged = firstValueFrom(
      flow.response.pipe(
        switchMap(({ code }) => Promise.resolve(`token for ${code ?? ''}`)),
        map((token) => {
          flow.settle({ status: 'success' });
          return token;
        }),
      ),
    );
    match((await visit(`/callback?code=c&state=${flow.state}`)).body, 'Authentication successful');
    is(await exchanged, 'token for c');
  }),
);

waiting('shows a provider error without waiting', () =>
  withSettle({}, async ({ server, visit }) => {
    const flow = await server.begin();
    const { status, body } = await visit(`/callback?error=access_denied&state=${flow.state}`);
    is(status, 400);
    match(body, 'You cancelled the sign-in. Start again from the app.');
    is((await firstValueFrom(flow.response)).error, 'access_denied');
  }),
);

waiting('shows a refused redirect without waiting', () =>
  withSettle({}, async ({ arrive, visit }) => {
    const { flow, page } = await arrive();
    is((await visit(`/callback?code=c&state=${flow.state}`)).status, 400);
    is((await visit('/callback?code=c&state=unknown')).status, 400);
    flow.settle({ status: 'success' });
    is((await page).status, 200);
  }),
);

waiting('does not wait if only a state is watched', () =>
  withSettle({}, async ({ server, visit }) => {
    const state = '0123456789abcdef'.repeat(3);
    const response = firstValueFrom(server.redirects.pipe(ofState(state)));
    const { status, body } = await visit(`/callback?code=c&state=${state}`);
    is(status, 200);
    match(body, 'The sign-in was received. The app continues from here.');
    is((await response).code, 'c');
  }),
);

waiting('waits if a flow that was begun is watched by its state', () =>
  withSettle({}, async ({ server, visit }) => {
    const flow = await server.begin();
    server.redirects.pipe(ofState(flow.state)).subscribe(() => flow.settle({ status: 'success' }));
    const { body } = await visit(`/callback?code=c&state=${flow.state}`);
    match(body, 'Authentication successful');
    not.match(body, 'takes it from here');
  }),
);

waiting('is dropped when its browser has gone', () =>
  withSettle({}, async ({ server, port, events, scheduler, visit }) => {
    const flow = await server.begin();
    const socket = await dial(port);
    const told = firstValueFrom(flow.response);
    socket.write(compose(port, { target: `/callback?code=c&state=${flow.state}`, headers: navigation }));
    is((await told).code, 'c');
    is(scheduler.actions.length, 1, 'the bound of the page');
    socket.destroy();
    // Each is a turn of the server, in one of which it sees that the browser has gone.
    for (let turn = 0; turn < 100 && scheduler.actions.length > 0; turn++) await visit('/elsewhere');
    is(scheduler.actions.length, 0, 'nothing waits any more');
    flow.settle({ status: 'success' });
    equal(finished(events), ['success']);
  }),
);

waiting('falls back at once when the server closes', () =>
  withSettle({}, async ({ server, arrive }) => {
    const { flow, page } = await arrive();
    await server.close();
    const { status, body } = await page;
    is(status, 200);
    match(body, 'Sign-in received');
    match(body, '</html>');
    // No page is left to hear of it.
    flow.settle({ status: 'success' });
  }),
);

waiting('delays no request behind it', () =>
  withSettle({}, async ({ arrive, server, visit }) => {
    const pages = await Promise.all(Array.from({ length: 20 }, () => arrive()));
    const flow = await server.begin();
    flow.response.subscribe(() => flow.settle({ status: 'success' }));
    is((await visit(`/callback?code=c&state=${flow.state}`)).status, 200);
    for (const each of pages) each.flow.settle({ status: 'success' });
    for (const { page } of pages) match((await page).body, 'Authentication successful');
  }),
);

const redirecting = suite('flow.settle with a redirect');
const done = 'https://app.example/done?tab=1#top';

redirecting('sends the browser to a configured URL', () =>
  withSettle({ finishUrls: ['https://other.example/', done] }, async ({ arrive, events }) => {
    const { flow, page } = await arrive();
    flow.settle({ status: 'redirect', url: done });
    const { status, headers, body } = await page;
    is(status, 303);
    is(headers['location'], done);
    not.match(body, '<');
    equal(finished(events), ['redirect']);
  }),
);

redirecting('ends at the configured URL for a browser that follows', async () => {
  await using app = await listenOnLoopback(
    createServer((request, response) => response.end(`the app at ${request.url ?? ''}`)),
  );
  const url = `${app.origin}/done`;
  await withSettle({ finishUrls: [url] }, async ({ server }) => {
    const flow = await server.begin();
    flow.response.subscribe(() => flow.settle({ status: 'redirect', url }));
    const followed = await fetch(`${server.redirectUri}?code=c&state=${flow.state}`);
    is(await followed.text(), 'the app at /done');
  });
});

for (const url of [
  'https://app.example/done',
  'https://app.example/done?tab=1',
  'https://app.example/done?tab=1#TOP',
  'HTTPS://app.example/done?tab=1#top',
  'https://app.example/done?tab=1#top ',
  'https://app.example/done?tab=1#top\r\nSet-Cookie: a=b',
  'https://app.example:443/done?tab=1#top',
  'https://evil.example/',
  '//evil.example/',
  'javascript:alert(1)',
  '/done',
  '',
  undefined,
  [done],
]) {
  redirecting(`refuses any other URL, such as ${JSON.stringify(url)}, and keeps waiting`, () =>
    withSettle({ finishUrls: [done] }, async ({ arrive, events }) => {
      const { flow, page, answered } = await arrive();
      const error = throws(() => flow.settle({ status: 'redirect', url: url as string }), 'invalid_option');
      match(error.message, /^url must be one of the server's finishUrls; got /);
      is(await answered.soon(), false);
      equal(finished(events), []);
      flow.settle({ status: 'success' });
      match((await page).body, 'Authentication successful');
    }),
  );
}

const refusing = suite('flow.settle with an outcome that is none');

for (const [what, outcome] of Object.entries({
  'no status': {},
  'another status': { status: 'done' },
  'a failure without a message': { status: 'failure' },
  'a failure whose message is an error': { status: 'failure', message: new Error('no') },
})) {
  refusing(`refuses ${what}, and keeps waiting`, () =>
    withSettle({}, async ({ arrive, events }) => {
      const { flow, page } = await arrive();
      throws(() => flow.settle(outcome as Outcome), 'invalid_option');
      equal(finished(events), []);
      flow.settle({ status: 'failure', message: 'now in words' });
      match((await page).body, 'now in words');
    }),
  );
}

const telling = suite('flow.settle without a page that waits');

telling('is an event, and the page has said that the sign-in was received', () =>
  withServer({}, async ({ server, visit, events }) => {
    const flow = await server.begin();
    const { status, body } = await visit(`/callback?code=c&state=${flow.state}`);
    is(status, 200);
    match(body, 'The sign-in was received. The app continues from here.');
    flow.settle({ status: 'failure', message: 'no token' });
    const [event] = events.filter(({ type }) => type === 'settled');
    equal({ ...event, at: 0 }, { type: 'settled', at: 0, flowId: flow.id, outcome: 'failure' });
    not.match(JSON.stringify(events), 'no token');
  }),
);

telling('checks the outcome nevertheless', () =>
  withServer({}, async ({ server, events }) => {
    const flow = await server.begin();
    throws(() => flow.settle({ status: 'redirect', url: done }), 'invalid_option');
    equal(finished(events), []);
  }),
);

telling('harms nothing before the redirect has come', () =>
  withSettle({}, async ({ server, arrive, advance }) => {
    const early = await server.begin();
    early.settle({ status: 'success' });
    const { flow, page } = await arrive({}, early);
    is(flow.id, early.id);
    advance(1_000);
    match((await page).body, 'Sign-in received');
  }),
);

telling('harms nothing once the flow has ended', () =>
  withSettle({}, async ({ server }) => {
    const flow = await server.begin();
    flow.cancel();
    await rejects(firstValueFrom(flow.response), 'cancelled');
    flow.settle({ status: 'success' });
  }),
);

const streaming = suite('page that is streamed while it waits');

/** Head and beginning of the page, as they arrive, and the rest of it. */
interface Streamed {
  flow: Flow;
  /** Bytes that arrive before the outcome. */
  beginning: string;
  /** Everything, once the server has closed the connection. */
  whole: () => Promise<string>;
  socket: RawSocket;
}

/** Sends a redirect, and receives what is sent after a moment without an outcome. */
async function stream(
  { server, port, advance }: Settling,
  { version = '1.1', until = 'Finishing sign-in' }: { version?: string; until?: string | RegExp } = {},
): Promise<Streamed> {
  const flow = await server.begin();
  const response = firstValueFrom(flow.response);
  const socket = await RawSocket.open({ address: '127.0.0.1', port });
  await socket.write(
    `GET /callback?code=secret-code&state=${flow.state} HTTP/${version}\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
  );
  await response;
  advance(100);
  const beginning = await socket.until(until);
  const whole = async (): Promise<string> => {
    await socket.closed;
    return socket.received;
  };
  return { flow, beginning, whole, socket };
}

const beginsAndEnds = (create?: Create): Promise<void> =>
  withSettle(
    { serverUrl: 'https://mcp.example' },
    async (settling) => {
      const { flow, beginning, whole } = await stream(settling);
      match(beginning, 'HTTP/1.1 200 OK');
      match(beginning, /^Transfer-Encoding: chunked\r$/m);
      match(beginning, /^X-Accel-Buffering: no\r$/m);
      match(beginning, /^Cache-Control: no-store, no-transform\r$/m);
      match(beginning, '<title>Finishing sign-in');
      ok(beginning.length > 1_024);
      not.match(beginning, /successful|failed|<\/html>/);
      flow.settle({ status: 'success' });
      const page = await whole();
      match(page, 'Authentication successful');
      match(page, 'Connected to: https://mcp.example');
      match(page, '#rx-waiting{display:none}');
      is(page.split('</html>').length, 2);
    },
    create,
  );

streaming('shows after a moment that the sign-in is being finished, and the outcome after it', () =>
  beginsAndEnds(),
);

for (const [twin, change, complaint] of [
  ['hides nothing', edit('style(hiding) + endOf', 'endOf'), /display:none/],
  [
    'lets a proxy buffer',
    edit(`'X-Accel-Buffering', 'no'`, `'X-Accel-Buffering', 'yes'`),
    /X-Accel-Buffering: no/,
  ],
  ['ends at once', edit('if (more) response.write(body);', 'if (more) response.end(body);'), /chunked/],
  [
    'forgets the outcome',
    edit('response.end(endOf(answer));', 'response.end(endOf(fallback()));'),
    /Authentication successful/,
  ],
] as const)
  streaming(`fails if the page ${twin}`, async () => {
    const { createOAuthCallbackServer } = (await weakenedModule('index.ts', change)) as {
      createOAuthCallbackServer: Create;
    };
    await complains(() => beginsAndEnds(createOAuthCallbackServer), complaint);
  });

streaming('is sent in one piece if the outcome comes within a moment', () =>
  withSettle({}, async ({ arrive, advance }) => {
    const { flow, page } = await arrive();
    advance(99);
    flow.settle({ status: 'success' });
    const { headers, body } = await page;
    ok(headers['content-length']);
    not.match(body, 'Finishing');
  }),
);

streaming('tells a failure, and says at the end of its time that there is no result', () =>
  withSettle({}, async (settling) => {
    const failed = await stream(settling);
    failed.flow.settle({ status: 'failure', message: 'No <token>.' });
    match(await failed.whole(), 'No &lt;token&gt;.');
    const undecided = await stream(settling);
    settling.advance(899);
    not.match(undecided.socket.received, 'Sign-in received');
    settling.advance(1);
    match(await undecided.whole(), 'Sign-in received');
  }),
);

streaming('leads to where the program redirects, without a script', () =>
  withSettle({ finishUrls: [`${done}&a="b`] }, async (settling) => {
    const { flow, whole } = await stream(settling);
    flow.settle({ status: 'redirect', url: `${done}&a="b` });
    const url = 'https://app.example/done?tab=1#top&amp;a=%22b';
    match(await whole(), `<meta http-equiv="refresh" content="0;url=${url}">`);
    match(await whole(), `<a href="${url}">`);
  }),
);

streaming('ends at the end of the connection for HTTP/1.0', () =>
  withSettle({}, async (settling) => {
    const { flow, beginning, whole } = await stream(settling, { version: '1.0' });
    not.match(beginning, /chunked/i);
    flow.settle({ status: 'success' });
    match(await whole(), /Authentication successful[^]*<\/html>\n$/);
  }),
);

streaming('ends within the bound when the server closes', () =>
  withSettle({}, async (settling) => {
    const { whole } = await stream(settling);
    await settling.server.close();
    match(await whole(), /Sign-in received[^]*<\/html>/);
  }),
);

streaming('harms nothing if its browser goes away', () =>
  withSettle({}, async (settling) => {
    const { server, scheduler, visit, events, log } = settling;
    const { flow, socket } = await stream(settling);
    socket[Symbol.dispose]();
    for (let turn = 0; turn < 100 && scheduler.actions.length > 0; turn++) await visit('/elsewhere');
    is(scheduler.actions.length, 0, 'nothing waits any more');
    flow.settle({ status: 'success' });
    equal(finished(events), ['success']);
    await server.close();
    equal(log, []);
  }),
);

streaming(
  'takes the code out of the address by the script at once, and shows the outcome when reloaded',
  () =>
    withSettle({}, async (settling) => {
      const { visit } = settling;
      const { flow, beginning, whole } = await stream(settling, { until: /history[^]*<\/script>/ });
      const [, waits] = /<script data-page="(~undecided[^"]*)"/.exec(beginning) ?? [];
      const reloaded = visit(`/callback?${waits}`);
      await visit('/elsewhere');
      flow.settle({ status: 'failure', message: 'No token.' });
      match((await reloaded).body, 'No token.');
      const [, ended] = /<script data-page="(~failed[^"]*)"/.exec(await whole()) ?? [];
      for (const query of [waits, ended]) match((await visit(`/callback?${query}`)).body, 'No token.');
      match(await whole(), /<script data-title="Authentication failed[^"]*">document\.title=/);
    }),
);

streaming('waits at the clean URL if the code leaves the address by a redirect', () =>
  withSettle({ cleanUrl: 'redirect' }, async (settling) => {
    const { port, advance, visit } = settling;
    const { flow, beginning } = await stream(settling, { until: /Location: [^\r]+\r/ });
    match(beginning, 'HTTP/1.1 303');
    const [, clean] = /^Location: (\?~undecided[^\r]*)/m.exec(beginning) ?? [];
    using socket = await RawSocket.open({ address: '127.0.0.1', port });
    await socket.write(compose(port, { target: `/callback${clean}`, headers: navigation }));
    // The server has read the request once it answers a later one.
    await visit('/elsewhere');
    advance(100);
    await socket.until('Finishing sign-in');
    flow.settle({ status: 'failure', message: 'No token.' });
    await socket.until('No token.');
    const { status, body } = await visit(`/callback${clean}`);
    is(status, 200);
    match(body, 'No token.');
    not.match(body, '<script');
  }),
);

streaming('keeps to one time if the code leaves the address by a redirect', () =>
  withSettle({ cleanUrl: 'redirect' }, async (settling) => {
    const { beginning } = await stream(settling, { until: /Location: [^\r]+\r/ });
    const [, clean] = /^Location: (\?~[^\r]*)/m.exec(beginning) ?? [];
    const page = settling.visit(`/callback${clean}`);
    await settling.visit('/elsewhere');
    settling.advance(900);
    match((await page).body, 'Sign-in received');
    settling.advance(10_000);
    const late = settling.visit(`/callback${clean}`);
    await settling.visit('/elsewhere');
    settling.advance(0);
    match((await late).body, 'Sign-in received');
  }),
);

streaming('shows own pages one after the other, with their styles', () =>
  withSettle(
    {
      render: ({ kind, headline }) =>
        `<!doctype html><html><head><title>"${kind}"</title><style>.${kind}{color:red}</style></head><body class="${kind}">${headline}</body></html>`,
    },
    async (settling) => {
      const { flow, beginning, whole } = await stream(settling);
      const [, nonce] = /style-src 'nonce-([\w-]{16})'/.exec(beginning) ?? [];
      match(beginning, `<style nonce="${nonce}">.waiting{color:red}</style>`);
      flow.settle({ status: 'success' });
      const page = await whole();
      match(page, `<style nonce="${nonce}">.success{color:red}</style>`);
      match(page, 'data-title="&quot;success&quot;"');
      is(page.match(/<style(?! nonce)/), null);
    },
  ),
);

interface Arrived {
  flow: Flow;
  page: Promise<HttpAnswer>;
  /** Tells if the page has come. */
  answered: (() => boolean) & {
    /** After the server has answered another request. */
    soon: () => Promise<boolean>;
  };
}

interface Settling extends Endpoint {
  scheduler: VirtualTimeScheduler;
  advance: (ms: number) => void;
  /** A redirect whose response its flow has got, and whose page waits. */
  arrive: (headers?: Readonly<Record<string, string>>, flow?: Flow) => Promise<Arrived>;
}

/** A server whose page waits for a second of virtual time. */
function withSettle(
  options: ServerOptions,
  body: (settling: Settling) => Promise<void>,
  create?: Create,
): Promise<void> {
  const scheduler = new VirtualTimeScheduler();
  return withServer(
    { settle: 1_000, scheduler, ...options },
    (endpoint) => {
      const { server, visit } = endpoint;
      const arrive: Settling['arrive'] = async (headers = {}, given) => {
        const flow = given ?? (await server.begin());
        let came = false;
        const response = firstValueFrom(flow.response);
        const page = visit(`/callback?code=c&state=${flow.state}`, headers).finally(() => (came = true));
        await response;
        const soon = async (): Promise<boolean> => {
          is((await visit('/elsewhere')).status, 404);
          return came;
        };
        return { flow, page, answered: Object.assign(() => came, { soon }) };
      };
      const advance = (ms: number): void => {
        timer(ms, scheduler).subscribe();
        scheduler.maxFrames = scheduler.frame + ms;
        scheduler.flush();
      };
      return body({ ...endpoint, scheduler, arrive, advance });
    },
    create,
  );
}

function finished(events: Endpoint['events']): string[] {
  return events.flatMap((event) => (event.type === 'settled' ? [event.outcome] : []));
}

waiting.run();
streaming.run();
redirecting.run();
refusing.run();
telling.run();
