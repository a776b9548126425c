import { createServer, type IncomingMessage } from 'node:http';
import { inspect } from 'node:util';
import { text } from 'node:stream/consumers';
import { createOAuthCallbackServer } from '../../../src/index.ts';
import { Browser } from '../../../src/testing/browser.ts';
import { formsIn, textOf } from '../../../src/testing/html.ts';
import { startFakeProvider, visit } from '../../../src/testing.ts';
import { firstValueFrom } from 'rxjs';
import * as assert from '../../helpers/assert.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('visit');

interface Seen {
  readonly line: string;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

/** Serves pages by path. A page is HTML, or the headers of a redirect. */
async function withSite(
  pages: Readonly<Record<string, string | Readonly<Record<string, string>>>>,
  body: (origin: string, seen: readonly Seen[]) => Promise<void>,
): Promise<void> {
  const seen: Seen[] = [];
  const web = await listenOnLoopback(
    createServer((incoming, response) => {
      void text(incoming).then((sent) => {
        const { method = '', url = '/', headers } = incoming;
        seen.push({ line: `${method} ${url}`, body: sent, headers });
        const page = pages[url.split('?')[0] ?? ''];
        if (page === undefined) response.writeHead(404).end('<title>None</title>');
        else if (typeof page === 'string') response.end(page);
        else response.writeHead(Number(page['status'] ?? 302), page).end();
      });
    }),
  );
  try {
    await body(web.origin, seen);
  } finally {
    await web[Symbol.asyncDispose]();
  }
}

test('follows redirects with cookies and resolves with the last page', () =>
  withSite(
    {
      '/': { Location: '/next', 'Set-Cookie': 'a=1; Path=/' },
      '/next':
        '<html><head><title>A &amp; B</title><style>x{}</style></head><body><h1>Hello</h1>\n<p>you</p></body>',
    },
    async (origin, seen) => {
      const page = await visit(origin);
      assert.equal(
        [page.status, page.title, page.text, page.url.href],
        [200, 'A & B', 'Hello you', `${origin}/next`],
      );
      assert.is(seen[1]?.headers.cookie, 'a=1');
      assert.is((await visit(`${origin}/none`)).status, 404);
    },
  ));

test('forgets a cookie that has expired', () =>
  withSite(
    {
      '/': { Location: '/age', 'Set-Cookie': 'a=1; Path=/' },
      '/age': {
        Location: '/date',
        'Set-Cookie': 'a=; Path=/; Max-Age=0; Expires=Fri, 01 Jan 2100 00:00:00 GMT',
      },
      '/date': { Location: '/past', 'Set-Cookie': 'b=2; Path=/; Expires=Fri, 01 Jan 2100 00:00:00 GMT' },
      '/past': { Location: '/end', 'Set-Cookie': 'b=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT' },
      '/end': 'End',
    },
    async (origin, seen) => {
      await visit(origin);
      assert.equal(
        seen.map(({ headers }) => headers.cookie),
        [undefined, 'a=1', undefined, 'b=2', undefined],
      );
    },
  ));

test('submits forms, each with its hidden fields and its first button', () =>
  withSite(
    {
      '/': `<form method="post" action="/second"><input type="hidden" name="q" value="&lt;&#39;&#x22;&amp;">
        <input type=checkbox name=on value=1 checked><input type="checkbox" name="off" value="1">
        <button name="decision" value="yes"> Yes </button><button name="decision" value="no">No</button></form>`,
      '/second': `<FORM></FORM><FORM METHOD=POST action='/third'><INPUT type=submit name=go value=Go></FORM>`,
      '/third': '<form action="/search"><input name="q"><button>Search</button></form>Done',
    },
    async (origin, seen) => {
      assert.is((await visit(origin)).text, 'Search Done');
      await visit(origin, { press: 'No' });
      const sent = seen
        .filter(({ line }) => line.startsWith('POST'))
        .map(({ line, body }) => `${line} ${body}`);
      const fields = new URLSearchParams({ q: `<'"&`, on: '1' });
      assert.equal(sent, [
        `POST /second ${String(fields)}&decision=yes`,
        'POST /third go=Go',
        `POST /second ${String(fields)}&decision=no`,
        'POST /third go=Go',
      ]);
      assert.equal([seen[1]?.headers.origin, seen[1]?.headers['sec-fetch-site']], [origin, 'same-origin']);
      assert.is((await visit(origin, { forms: 'leave' })).url.pathname, '/');
    },
  ));

const chooses = (open: typeof visit = visit): Promise<void> =>
  withSite(
    {
      '/': `<form method="post" action="/language"><button>English</button></form>
        <form method="post" action="/in"><input name="user"><button>In</button></form>
        <form method="post" action="/allowed"><button>Allow</button><button formaction="/later">Later</button></form>
        <form method="post" action="/denied"><button>Deny</button></form>`,
      ...Object.fromEntries(
        ['language', 'in', 'allowed', 'later', 'denied'].map((name) => [`/${name}`, name]),
      ),
    },
    async (origin) => {
      assert.is((await open(origin, { press: 'Deny' })).text, 'denied');
      assert.is((await open(origin, { press: 'Later' })).text, 'later');
      assert.is((await open(origin, { fields: { user: 'ada' } })).text, 'in');
      assert.is((await open(origin, { fields: { user: 'ada' }, press: 'Allow' })).text, 'allowed');
      assert.is((await open(origin)).text, 'language');
    },
  );

test('chooses the form of the button to press, or of the fields to fill in', () => chooses());

test('the control: a person who takes the first form is found out', async () => {
  const twin = (await weakenedModule(
    'testing.ts',
    edit('complete.find(({ buttons }) => buttons.some(({ text }) => text === press)) ??', ''),
  )) as { visit: typeof visit };
  await complains(() => chooses(twin.visit), /denied/);
});

test('sends what a browser sends, and no form of a comment or script', () =>
  withSite(
    {
      '/': `<!-- <form method="post" action="/none"></form> --><script>'<form method="post" action="/none"></form>'</script>
        <form method="post" action="/sent"><input name="a" value="1" disabled><input type="reset" name="b" value="2">
        <button type="button" name="c" value="3">No</button><button name="d" value="4" disabled>No</button>
        <input type="hidden" name="e" value="5"><button name="f" value="6">Yes</button></form>`,
      '/sent': 'Sent',
    },
    async (origin, seen) => {
      assert.is((await visit(origin)).text, 'Sent');
      assert.is(seen.at(-1)?.body, 'e=5&f=6');
    },
  ));

test('follows the Refresh of a page, and keeps the fragment of a redirect', () =>
  withSite(
    {
      '/': '<meta http-equiv="refresh" content="0; url=/next?a=1&amp;b=2">',
      '/next': { Location: '/end' },
      '/end': '<title>End</title>',
      '/again': '<meta http-equiv="refresh" content="5">',
    },
    async (origin, seen) => {
      assert.is((await visit(origin)).title, 'End');
      assert.is(seen[1]?.line, 'GET /next?a=1&b=2');
      assert.is((await visit(`${origin}/next#a`)).url.href, `${origin}/end#a`);
      assert.is((await visit(`${origin}/again`)).url.pathname, '/again');
    },
  ));

test('ends at the URL of an outcome that comes after the page has begun', () =>
  withSite({ '/finish': '<title>Finish</title>' }, async (origin) => {
    const { scheduler, advance } = virtualTime();
    const finishUrls = [`${origin}/finish`];
    await using server = createOAuthCallbackServer({ scheduler, settle: 60_000, finishUrls });
    await server.listen();
    const flow = await server.begin();
    const page = visit(`${flow.redirectUri}?code=c&state=${flow.state}`);
    await firstValueFrom(flow.response);
    // The page begins then.
    advance(100);
    flow.settle({ status: 'redirect', url: `${origin}/finish` });
    assert.is((await page).title, 'Finish');
  }));

test('tells where a redirect leads that no browser follows, but not the code in it', () =>
  withSite(
    {
      '/app': { Location: 'my-app://callback?code=the-code' },
      '/none': { Location: 'http://[none?code=the-code' },
    },
    async (origin) => {
      for (const [path, complaint] of [
        ['/app', /\/app redirects to a URL of my-app:/],
        ['/none', /\/none redirects to what is no URL/],
      ] as const) {
        const error = await assert.rejects(visit(origin + path));
        assert.match(error.message, complaint);
        assert.not.match(inspect(error), 'the-code');
      }
    },
  ));

/** A site at 127.0.0.1 sets cookies, and a page of another site sends a form and leads there. */
test('sends cookies as their SameSite, Domain and Path say', () =>
  withSite(
    {
      '/set/': {
        Location: '/set/form',
        'Set-Cookie': 'lax=1; Path=/; SameSite=Lax',
      },
      '/set/form': { Location: '/set/more', 'Set-Cookie': 'strict=1; Path=/; SameSite=Strict' },
      '/set/more': { Location: '/set/last', 'Set-Cookie': 'none=1; Path=/; SameSite=None' },
      '/set/last': { Location: '/other', 'Set-Cookie': 'below=1' },
      '/other': { Location: '/end', 'Set-Cookie': 'foreign=1; Domain=example.com' },
      '/end': 'End',
    },
    async (origin, seen) => {
      const browser = new Browser();
      await browser.open(new URL(`${origin}/set/`));
      assert.is(seen.at(-1)?.headers.cookie, 'lax=1; strict=1; none=1');
      await browser.open(new URL(`${origin}/end`), 'cross-site');
      assert.is(seen.at(-1)?.headers.cookie, 'lax=1; none=1');
      await browser.send({ url: new URL('http://other.example/') }, `${origin}/end`, new URLSearchParams());
      assert.is(seen.at(-1)?.headers.cookie, 'none=1');
      await browser.open(new URL(`${origin}/set/none`));
      assert.is(seen.at(-1)?.headers.cookie, 'lax=1; strict=1; none=1; below=1');
    },
  ));

test('leaves a form that it has no values for', () =>
  withSite(
    { '/': '<form method="post" action="/in"><input name="user"><button>In</button></form>', '/in': 'In' },
    async (origin, seen) => {
      assert.is((await visit(origin)).url.pathname, '/');
      assert.is((await visit(origin, { fields: { user: 'ada' } })).text, 'In');
      assert.is(seen.at(-1)?.body, 'user=ada');
    },
  ));

test('sends a form again for 307 and 308 only', () =>
  withSite(
    {
      '/': '<form method="post" action="/303"><input type="hidden" name="a" value="1"></form>',
      '/303': { Location: '/307', status: '303' },
      '/307': { Location: '/end', status: '307' },
      '/again': '<form method="post" action="/307"><input type="hidden" name="a" value="1"></form>',
      '/end': 'End',
    },
    async (origin, seen) => {
      await visit(origin);
      await visit(`${origin}/again`);
      assert.equal(
        seen.map(({ line, body }) => `${line} ${body}`.trim()),
        ['GET /', 'POST /303 a=1', 'GET /307', 'GET /end', 'GET /again', 'POST /307 a=1', 'POST /end a=1'],
      );
    },
  ));

test('ends in a circle of redirects or of forms, and when its signal aborts', () =>
  withSite(
    { '/loop': { Location: '/loop' }, '/form': '<form method="post"><button>Again</button></form>' },
    async (origin) => {
      assert.match((await assert.rejects(visit(`${origin}/loop`))).message, 'more than 10 redirects');
      assert.match((await assert.rejects(visit(`${origin}/form`))).message, 'more than 10 forms');
      const aborted = visit(`${origin}/form`, { signal: AbortSignal.abort() });
      await assert.rejects(aborted, ({ name }: Error) => name === 'AbortError');
    },
  ));

test('rejects with the reason of its signal, also while a page is on its way', async () => {
  const { http, origin, ...web } = await listenOnLoopback(createServer());
  try {
    const controller = new AbortController();
    const reason = new Error('enough');
    http.on('request', (_incoming, response) => {
      response.write('<p>');
      setImmediate(() => controller.abort(reason));
    });
    assert.is(await assert.rejects(visit(origin, { signal: controller.signal })), reason);
  } finally {
    await web[Symbol.asyncDispose]();
  }
});

test('rejects what is no web address, and options that it does not know', async () => {
  for (const url of ['', '/relative', 'file:///etc/passwd', 'javascript:1'])
    await assert.rejects(visit(url), 'invalid_option');
  await assert.rejects(visit('http://127.0.0.1', { button: 'x' } as object), 'invalid_option');
  for (const options of [{ forms: 'x' }, { press: 1 }, { fields: 'x' }, { signal: {} }])
    await assert.rejects(visit('http://127.0.0.1', options as object), 'invalid_option');
});

test('reads pages that are not as they should be', () => {
  assert.equal(formsIn('<form method="post"><input name="a"'), []);
  assert.equal(formsIn('<p>no form</p>'), []);
  assert.is(
    textOf('a&nbsp;&unknown;&#1114112;&#x41;<!-- <b>no</b> --><script>no()</script> b'),
    'a &unknown;&#1114112;A b',
  );
});

test('presses Continue on the start page, and Deny at a provider that asks', async () => {
  await using provider = await startFakeProvider({ consent: 'ask' });
  await using server = createOAuthCallbackServer({ consent: 'always' });
  await server.listen();
  const flow = await server.begin({ binding: 'cookie' });
  const url = flow.authorizationUrl(provider.authorizationEndpoint, { client_id: provider.clientId });
  const [response, page] = await Promise.all([firstValueFrom(flow.response), visit(url, { press: 'Deny' })]);
  assert.equal([response.error, response.iss, page.status], ['access_denied', provider.issuer, 400]);
});

test.run();
