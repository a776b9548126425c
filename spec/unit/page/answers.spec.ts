import { createHash } from 'node:crypto';
import { firstValueFrom } from 'rxjs';
import { createServer } from 'node:http';
import {
  CallbackResponse,
  createOAuthCallbackServer,
  type PageView,
  type ServerOptions,
} from '../../../src/index.ts';
import type { Answer } from '../../../src/page/answer.ts';
import { cleanUrlScript } from '../../../src/page/page.ts';
import { languages, type Language } from '../../../src/page/texts.ts';
import { equal, is, match, not, ok } from '../../helpers/assert.ts';
import { withServer, type Endpoint } from '../../helpers/endpoint.ts';
import { visit, type HttpAnswer } from '../../helpers/http.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import { suite } from '../../helpers/suite.ts';
import { pagesOf, texts } from '../../helpers/texts.ts';

const kinds = suite('pages');

for (const language of languages) {
  kinds(`are all in ${language}`, () => {
    const said = texts[language];
    const shown: readonly (readonly [Answer, number, string, readonly string[]])[] = [
      [pagesOf().finished('received', language), 200, 'success', [said.success, said.received, said.close]],
      [pagesOf().finished('succeeded', language), 200, 'success', [said.success, said.close]],
      [
        pagesOf().finished('undecided', language),
        200,
        'neutral',
        [said.waiting, said.waitingHint, said.close],
      ],
      [pagesOf().failed('it broke', language), 200, 'failure', [said.failure, 'it broke', said.close]],
      [
        pagesOf().finished('cancelled', language),
        400,
        'cancelled',
        [said.cancelled, said.cancelledHint, said.close],
      ],
      [pagesOf().finished('denied', language), 400, 'failure', [said.failure, said.failed, said.close]],
      [
        pagesOf().finished('notSignedIn', language),
        400,
        'cancelled',
        [said.notSignedIn, said.accessDenied, said.close],
      ],
      [denied({ error: 'x' }, language), 400, 'failure', [said.failure, said.failed, '>x<']],
      [pagesOf().neutral(404, language), 404, 'neutral', [said.inactive, said.inactiveHint, said.close]],
    ];
    for (const [{ status, headers, body }, expected, kind, parts] of shown) {
      const html = body.toString();
      is(status, expected);
      match(html, `<html lang="${language}" dir="${language === 'ar' ? 'rtl' : 'ltr'}">`);
      match(html, `<main class="${kind}">`);
      for (const part of parts) match(html, part);
      is(headers[headers.indexOf('Content-Length') + 1], String(body.length));
      if (language === 'en') continue;
      for (const text of Object.values({ ...texts.en })) not.match(html, text);
    }
  });
}

kinds('differ in their titles by outcome and language', () => {
  const titlesIn = (language: Language): readonly (string | undefined)[] => {
    const made = pagesOf({ title: undefined });
    return [
      ...(['succeeded', 'undecided', 'cancelled', 'notSignedIn', 'denied'] as const).map((kind) =>
        made.finished(kind, language),
      ),
      ...[
        made.neutral(400, language),
        made.other('headTooLarge', language),
        made.other('unavailable', language),
      ],
    ].map((answer) => /<title>([^<]*)<\/title>/.exec(html(answer))?.[1]);
  };
  for (const language of languages) is(new Set(titlesIn(language)).size, 8, language);
  for (const language of languages.filter((each) => each !== 'en'))
    for (const title of titlesIn(language)) not.ok(titlesIn('en').includes(title), title);
  for (const [options, expected] of [
    [{ title: undefined }, 'Sign-in cancelled'],
    [{ title: undefined, productName: 'Notes' }, 'Sign-in cancelled – Notes'],
    [{ title: 'A <b>', productName: 'Notes' }, 'Sign-in cancelled – A &lt;b&gt;'],
  ] as const)
    match(html(pagesOf(options).finished('cancelled', 'en')), `<title>${expected}</title>`);
});

kinds('show what the authorization server says as text of an unknown language, beside its code', () => {
  const page = html(
    denied({ error: 'invalid_scope', error_description: 'אין', error_uri: 'https://as.example/e?a&b' }, 'de'),
  );
  match(page, '<p lang="" dir="auto">אין</p>');
  match(page, '<p dir="ltr"><code>invalid_scope</code></p>');
  match(page, '<p dir="ltr"><code>https://as.example/e?a&amp;b</code></p>');
  not.match(page, /href|<a\b/);
  not.match(html(denied({ error: 'x', error_uri: 'javascript:alert(1)' }, 'en')), 'alert');
  match(html(pagesOf({ serverUrl: 's' }).finished('received', 'de')), '<p>Verbunden mit: s</p>');
});

kinds('leave out paths that have nothing to do with a sign-in: these get a few words', () =>
  withServer({ productName: 'Acme' }, async ({ visit }) => {
    for (const target of ['/', '/robots.txt', '/favicon.ico', '/callback/', '/elsewhere?code=c&state=s']) {
      const { status, body, headers: sent } = await visit(target, { 'Accept-Language': 'de' });
      equal([status, body, sent['content-type']], [404, 'Not Found\n', 'text/plain; charset=utf-8'], target);
    }
    const { status, body } = await visit('/', { Host: 'other.example' });
    equal([status, body], [421, 'Misdirected Request\n']);
  }),
);

kinds('show a success only after the app has reported it', () => {
  match(html(pagesOf().finished('received', 'en')), texts.en.received);
  not.match(html(pagesOf().finished('succeeded', 'en')), texts.en.received);
  not.match(html(pagesOf().finished('undecided', 'en')), /successful|connected/i);
});

kinds('name the connected server only on a success', () => {
  const named = pagesOf({ serverUrl: 'https://mcp.example/sse' });
  match(html(named.finished('received', 'en')), 'Connected to: https://mcp.example/sse');
  match(html(named.finished('succeeded', 'de')), 'Verbunden mit: https://mcp.example/sse');
  for (const page of [named.neutral(400, 'en'), named.failed('no', 'en'), named.finished('undecided', 'en')])
    not.match(html(page), 'mcp.example');
});

kinds('are made once if they contain nothing of a request', () => {
  const made = pagesOf();
  is(made.finished('received', 'en'), made.finished('received', 'en'));
  is(made.neutral(400, 'de'), made.neutral(400, 'de'));
  is.not(made.neutral(400, 'en'), made.neutral(400, 'de'));
  is.not(made.neutral(400, 'en'), made.neutral(404, 'en'));
  is.not(made.failed('a', 'en'), made.failed('b', 'en'));
});

kinds('keep the headers of one refusal out of another', () => {
  const made = pagesOf();
  const allow = ({ headers }: Answer): string | undefined => headers[headers.indexOf('Allow') + 1];
  is(allow(made.neutral(405, 'en', 'Allow', 'GET')), 'GET');
  is(allow(made.neutral(405, 'en', 'Allow', 'GET, POST')), 'GET, POST');
  not.ok(made.neutral(405, 'en').headers.includes('Allow'));
});

const language = suite('language of the pages');

language('is the language that the browser prefers', () =>
  withServer({}, async (endpoint) => {
    for (const [header, expected] of [
      ['de', 'de'],
      ['fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5', 'fr'],
      ['en;q=0.1, ja;q=0.2', 'ja'],
      ['sv, es;q=0', 'en'],
      ['zh-TW, zh;q=0.9', 'zh-Hant'],
      ['"><script>', 'en'],
    ] as const) {
      match(
        (await endpoint.visit('/callback', { 'Accept-Language': header })).body,
        `<html lang="${expected}" dir=`,
      );
      const { body } = await success(endpoint, { 'Accept-Language': header });
      match(body, texts[expected].success);
    }
    match((await endpoint.visit('/callback')).body, '<html lang="en" dir="ltr">');
  }),
);

language('counts a header that comes twice as one', () =>
  withServer({}, async ({ port, send }) => {
    const headers = [
      ['Host', `127.0.0.1:${port}`],
      ['Accept-Language', 'de;q=0.5'],
      ['Accept-Language', 'fr;q=0.9'],
    ] as const;
    match((await send({ target: '/callback', headers })).body, '<html lang="fr" dir="ltr">');
  }),
);

language('is the configured language, whatever the browser prefers', () =>
  withServer({ language: 'pt-BR' }, async (endpoint) => {
    match(
      (await endpoint.visit('/callback', { 'Accept-Language': 'de' })).body,
      '<html lang="pt-BR" dir="ltr">',
    );
    match((await success(endpoint, { 'Accept-Language': 'de' })).body, texts['pt-BR'].success);
  }),
);

language('is cached for a bounded number of headers', () => {
  const made = pagesOf();
  const heap = (): number => {
    globalThis.gc!();
    return process.memoryUsage().heapUsed;
  };
  const padding = 'x'.repeat(1_000);
  const before = heap();
  for (let index = 0; index < 50_000; index++) {
    // Flattened, so that each takes the room it seems to.
    const header = Buffer.from(`x-${index}${padding}, de;q=0.5`).toString();
    is(made.languageFor(header), 'de');
  }
  const grown = heap() - before;
  is(made.languageFor('fr'), 'fr');
  // All of them would be 50 MB.
  ok(grown < 10_000_000, `${grown} bytes are kept`);
});

const look = suite('look of the pages');
const hostile = `</title><script>alert("1")</script>'&`;
const harmless = '&lt;/title&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#x27;&amp;';

look('escapes all configured texts', () =>
  withServer(
    { title: hostile, productName: hostile, serverUrl: hostile, cleanUrl: false },
    async (endpoint) => {
      const { body } = await success(endpoint);
      match(body, ` – ${harmless}</title>`);
      match(body, `<p class="product">${harmless}</p>`);
      match(body, `Connected to: ${harmless}</p>`);
      not.match(body, '<script');
      match((await endpoint.visit('/callback')).body, ` – ${harmless}</title>`);
    },
  ),
);

look('has the title, the product and the logo on every page, and no product or logo unless configured', () =>
  withServer({}, async (plain) => {
    const { body, headers } = await success(plain);
    match(body, `<title>${texts.en.success}</title>`);
    not.match(body, /class="product"|<img/);
    not.match(headers['content-security-policy']!, 'img-src');
    const logo = 'data:image/svg+xml;base64,PHN2Zy8+';
    await withServer({ title: 'A', productName: 'Acme', logo }, async (own) => {
      for (const page of [
        await success(own),
        await own.visit('/callback'),
        await own.visit('/callback?code=c&state=x'),
      ]) {
        match(page.body, ' – A</title>');
        match(page.body, '<p class="product">Acme</p>');
        match(page.body, `src="${logo}"`);
        is(directive(page, 'img-src'), 'data:');
      }
    });
  }),
);

look('keeps a logo within its attribute', () =>
  withServer({ logo: 'data:image/svg+xml,<svg/>" onerror="alert(1)' }, async (endpoint) => {
    const { body } = await success(endpoint);
    match(body, 'src="data:image/svg+xml,&lt;svg/&gt;&quot; onerror=&quot;alert(1)"');
  }),
);

look('shows the sentence of a failed sign-in as text', () =>
  withServer({ settle: 5_000 }, async ({ server, visit }) => {
    const flow = await server.begin();
    flow.response.subscribe(() => flow.settle({ status: 'failure', message: hostile }));
    const { body, status } = await visit(`/callback?code=c&state=${flow.state}`);
    is(status, 200);
    match(body, `<div class="detail"><p lang="" dir="auto">${harmless}</p>`);
  }),
);

const own = suite('own pages by render');

own('get a view whose every string is escaped', () => {
  const views: PageView[] = [];
  const render = (view: PageView): string => {
    views.push(view);
    return 'mine';
  };
  const options = {
    title: hostile,
    productName: hostile,
    serverUrl: hostile,
    logo: `data:image/x,${hostile}`,
    render,
  };
  return withServer(options, async (endpoint) => {
    is((await success(endpoint)).body.startsWith('mine'), true);
    const failing = await endpoint.server.begin();
    const description = new URLSearchParams({ error: 'x', error_description: hostile, state: failing.state });
    is(
      (await endpoint.visit(`/callback?${description.toString()}`, { 'Accept-Language': 'de' })).status,
      400,
    );
    is((await endpoint.visit('/callback')).status, 400);
    equal(
      views.map(({ kind, language: of }) => [kind, of]),
      [
        ['success', 'en'],
        ['failure', 'de'],
        ['neutral', 'en'],
      ],
    );
    const [first, second, third] = views;
    equal(
      { ...first },
      {
        kind: 'success',
        language: 'en',
        direction: 'ltr',
        title: `${texts.en.success} – ${harmless}`,
        productName: harmless,
        logo: `data:image/x,${harmless}`,
        headline: texts.en.success,
        message: texts.en.received,
        detail: `Connected to: ${harmless}`,
        note: texts.en.close,
      },
    );
    equal(
      [second?.message, second?.detail, second?.error, second?.errorUri],
      [texts.de.failed, harmless, 'x', undefined],
    );
    is(third?.detail, undefined);
    for (const view of views)
      for (const value of Object.values(view) as (string | undefined)[]) not.match(value ?? '', /[<>"']/);
  });
});

own('are replaced by the default page if they throw, and that is reported', () => {
  const failing = (): never => {
    throw new Error('the template is broken');
  };
  return falls(failing, /the template is broken/);
});

for (const [what, returned] of Object.entries({
  nothing: undefined,
  null: null,
  'an object': {},
  'a promise': Promise.resolve('<p>late</p>'),
})) {
  own(`are replaced by the default page if they are ${what}, and that is reported`, () =>
    falls(() => returned as string, /render must return a string/),
  );
}

own('are replaced by the default page if they are rejected, and the process lives on', async () => {
  const failing = async (): Promise<string> => {
    await Promise.resolve();
    throw new Error('the template is late');
  };
  await falls(failing as unknown as () => string, /render must return a string/);
  await new Promise(setImmediate);
});

own('have their styles, however written, and no script', () => {
  const page =
    `<style>a{color:red}</style><STYLE media="screen">\r\nb{color:red}\r\n</STYLE >` +
    `<style\n>c{\rcolor:red}</style><script>alert(1)</script><p onclick="alert(2)">`;
  return withServer({ render: () => page }, async (endpoint) => {
    const answer = await success(endpoint);
    // A browser hashes what it has parsed, and parses every line ending as one character.
    equal(directive(answer, 'style-src')?.split(' '), [
      sha256('a{color:red}'),
      sha256('\nb{color:red}\n'),
      sha256('c{\ncolor:red}'),
    ]);
    is(directive(answer, 'script-src'), sha256(cleanUrlScript));
    match(answer.body, '<script>alert(1)</script>');
    await withServer({ render: () => page, cleanUrl: false }, async (unclean) => {
      is(directive(await success(unclean), 'script-src'), undefined);
    });
  });
});

own('still clean the address bar', () =>
  withServer({ render: () => '<!doctype html><p>mine</p>' }, async (endpoint) => {
    const { body } = await success(endpoint);
    match(body, /^<!doctype html><p>mine<\/p><script data-page="~received\.en\.[\w.-]{39}">/);
    is(body.slice(body.indexOf('>his') + 1), `${cleanUrlScript}</script>`);
  }),
);

const ownTexts = suite('own texts');

ownTexts('replace single sentences of a language, as plain text, and leave the others', () =>
  withServer(
    {
      serverUrl: 'mcp <b>',
      texts: {
        en: { success: `Welcome ${hostile}`, connected: 'On {}', close: undefined },
        ar: { success: 'أهلًا' },
      },
    },
    async (endpoint) => {
      const { body } = await success(endpoint);
      match(body, `<h1>Welcome ${harmless}</h1>`);
      match(body, `<title>Welcome ${harmless}</title>`);
      match(body, '<p>On mcp &lt;b&gt;</p>');
      match(body, texts.en.close);
      match((await success(endpoint, { 'Accept-Language': 'ar' })).body, '<h1>أهلًا</h1>');
      match((await success(endpoint, { 'Accept-Language': 'de' })).body, texts.de.success);
    },
  ),
);

const mounted = suite('pages of a server that has not been started');

mounted('are a few words, and are pages once it listens', async () => {
  const server = createOAuthCallbackServer({
    server: 'mounted',
    publicUrl: 'https://app.example',
    binding: 'none',
  });
  await using there = await listenOnLoopback(createServer(server.handler));
  const ask = (): Promise<HttpAnswer> => visit(there.port, '/callback', { Host: 'app.example' });
  const { status, headers } = await ask();
  equal([status, headers['content-type']], [421, 'text/plain; charset=utf-8']);
  await server.listen();
  match((await ask()).body, texts.en.nothing);
  await server.close();
});

const policy = suite('the policy of a page');

for (const [name, options] of Object.entries({
  'a plain page': {},
  'a page without a script': { cleanUrl: false },
  'a page with a logo': { logo: 'data:image/gif;base64,R0lGOD' },
  'an own page': { render: () => '<style>p{}</style><p>mine</p>' },
} satisfies Record<string, ServerOptions>)) {
  policy(`allows the parts of ${name}, and nothing else`, () =>
    withServer(options, async (endpoint) => {
      for (const answer of [await success(endpoint), await endpoint.visit('/callback')]) {
        for (const [element, source] of [
          ['style', 'style-src'],
          ['script', 'script-src'],
        ] as const) {
          const held = [...answer.body.matchAll(new RegExp(`<${element}\\b[^>]*>([^]*?)</${element}>`, 'g'))];
          is(directive(answer, source), held.map(([, text = '']) => sha256(text)).join(' ') || undefined);
        }
        is(directive(answer, 'img-src'), answer.body.includes('<img') ? 'data:' : undefined);
        is(directive(answer, 'default-src'), "'none'");
      }
    }),
  );
}

function denied(fields: Record<string, string>, of: Language): Answer {
  return pagesOf().denied('denied', CallbackResponse.fromDict(fields), of);
}

function html({ body }: Answer): string {
  return body.toString();
}

/** The page of a sign-in that was accepted. */
async function success(
  { server, visit }: Endpoint,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  const flow = await server.begin();
  const answer = await visit(`/callback?code=c&state=${flow.state}`, headers);
  is(answer.status, 200);
  is((await firstValueFrom(flow.response)).code, 'c');
  return answer;
}

function falls(render: () => string, reported: RegExp): Promise<void> {
  return withServer({ render }, async (endpoint) => {
    const { body } = await success(endpoint);
    match(body, texts.en.success);
    match(body, '</html>');
    match(endpoint.log.join('\n'), reported);
  });
}

function directive({ headers }: HttpAnswer, name: string): string | undefined {
  const found = headers['content-security-policy']?.split('; ').find((each) => each.startsWith(`${name} `));
  return found?.slice(name.length + 1);
}

function sha256(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

kinds.run();
language.run();
look.run();
own.run();
ownTexts.run();
mounted.run();
policy.run();
