import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { createOAuthCallbackServer } from '../../../src/index.ts';
import { formsIn, textOf } from '../../../src/testing/html.ts';
import { startFakeProvider, visit } from '../../../src/testing.ts';
import { firstValueFrom } from 'rxjs';
import * as assert from '../../helpers/assert.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import { suite } from '../../helpers/suite.ts';

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

test('rejects what is no web address, and options that it does not know', async () => {
  for (const url of ['', '/relative', 'file:///etc/passwd', 'javascript:1'])
    await assert.rejects(visit(url), 'invalid_option');
  await assert.rejects(visit('http://127.0.0.1', { button: 'x' } as object), 'invalid_option');
  await assert.rejects(visit('http://127.0.0.1', { forms: 'x' } as object), 'invalid_option');
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
