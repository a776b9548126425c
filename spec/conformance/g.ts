import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { get } from 'node:https';
import { Socket, type AddressInfo } from 'node:net';
import { firstValueFrom, VirtualTimeScheduler } from 'rxjs';
import type { Flow, OAuthCallbackServer, ServerOptions } from '../../src/index.ts';
import { equal, is, match, not, ok } from '../helpers/assert.ts';
import { observe, withServer, type Create, type Endpoint } from '../helpers/endpoint.ts';
import { certificate } from '../helpers/tls.ts';
import { compose, dial, navigation, readAnswer, sendRaw, type WireAnswer } from '../helpers/wire.ts';
import type { Row } from './row.ts';

export const rows: readonly Row[] = [
  {
    id: 'G-01',
    title: 'forbids every answer to be stored',
    check: (create) =>
      onEveryAnswer(create, (answer, name) => is(answer.headers['cache-control'], 'no-store', name)),
  },
  {
    id: 'G-02',
    title: 'has no answer tell another site where it was',
    check: (create) =>
      onEveryAnswer(create, (answer, name) => is(answer.headers['referrer-policy'], 'no-referrer', name)),
  },
  {
    id: 'G-03',
    title: 'loads nothing and links nothing on any page',
    check: (create) =>
      onEveryAnswer(create, ({ body }, name) => {
        not.match(
          body,
          /https?:|href|\burl\(|@import|<(?:link|iframe|object|embed|form|base|img|meta http)/i,
        );
        not.match(body, /\ssrc=/i, name);
      }),
  },
  {
    id: 'G-03',
    title: 'makes no connection of its own',
    check: async (create) => {
      await withoutConnections(() =>
        withServer(
          { serverUrl: 'https://mcp.example/sse', settle: 5_000 },
          async (endpoint) => {
            const { server, visit } = endpoint;
            const denied = await server.begin();
            await visit(
              `/callback?error=x&error_uri=https%3A%2F%2Fevil.example%2Fhelp&state=${denied.state}`,
            );
            await deliverTo(endpoint, await server.begin());
            const flow = await server.begin({ issuer: 'https://as.example' });
            const response = firstValueFrom(flow.response);
            const page = visit(`/callback?code=c&state=${flow.state}&iss=https%3A%2F%2Fas.example`);
            await response;
            flow.settle({ status: 'success' });
            match((await page).body, 'Connected to: https://mcp.example/sse');
            return endpoint.port;
          },
          create,
        ),
      );
    },
  },
  {
    id: 'G-04',
    title: "gets the code out of the address bar by the page's only script",
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, visit } = endpoint;
          const flow = await server.begin();
          const target = `/callback?code=canary-code&state=${flow.state}`;
          const first = await visit(target);
          equal(elements(first.body, 'script'), [`history.replaceState(null,'',location.pathname)`]);
          not.match(first.raw, 'canary-code');
          not.match(first.raw, flow.state);
          const back = await visit(target);
          is(back.status, 400);
          equal(elements(back.body, 'script'), [`history.replaceState(null,'',location.pathname)`]);
          is((await firstValueFrom(flow.response)).code, 'canary-code');
          equal(dispositions(endpoint), ['accepted', 'duplicate']);
        },
        create,
      ),
  },
  {
    id: 'G-04',
    title: 'gets the code out of the address bar by a redirect, where that is asked for',
    check: (create) =>
      withServer(
        { cleanUrl: 'redirect' },
        async (endpoint) => {
          const { server, visit } = endpoint;
          const flow = await server.begin();
          const target = `/callback?code=canary-code&state=${flow.state}`;
          const first = await visit(target);
          is(first.status, 303);
          match(first.headers['location'] ?? '', /^\.\/callback\/~[\w-]{22,}$/);
          not.match(first.raw, 'canary-code');
          not.match(first.raw, flow.state);
          const clean = await visit(first.headers['location']!.slice(1));
          is(clean.status, 200);
          match(clean.body, 'Authentication successful');
          // The back button.
          is((await visit(target)).status, 400);
          is((await firstValueFrom(flow.response)).code, 'canary-code');
          equal(dispositions(endpoint), ['accepted', 'duplicate']);
        },
        create,
      ),
  },
  {
    id: 'G-05',
    title: 'has a browser refuse frames and every script and style but its own',
    check: (create) =>
      onEveryAnswer(create, ({ headers, body }, name) => {
        is(headers['x-frame-options'], 'DENY', name);
        const policy = directives(headers['content-security-policy'] ?? '');
        for (const directive of ['default-src', 'frame-ancestors', 'base-uri', 'form-action'])
          is(policy[directive], "'none'", `${directive} of ${name}`);
        // Exactly what the page holds, and nothing if it holds nothing.
        is(policy['style-src'], hashes(elements(body, 'style')), name);
        is(policy['script-src'], hashes(elements(body, 'script')), name);
        equal(
          Object.keys(policy).filter((directive) => !policyOfEvery.includes(directive)),
          [],
          name,
        );
        not.match(headers['content-security-policy'] ?? '', /unsafe|\*|data:|https?:|nonce/);
        not.match(body, /\s(?:on\w+|style)=/i);
      }),
  },
  {
    id: 'G-06',
    title: 'says of every answer what it is, and that it is for nobody else',
    check: (create) =>
      onEveryAnswer(create, ({ headers }, name) => {
        is(headers['content-type'], 'text/html; charset=utf-8', name);
        is(headers['x-content-type-options'], 'nosniff', name);
        is(headers['cross-origin-opener-policy'], 'same-origin', name);
        is(headers['cross-origin-resource-policy'], 'same-origin', name);
        is(headers['server'], undefined, name);
        is(headers['x-powered-by'], undefined, name);
      }),
  },
  {
    id: 'G-07',
    title: 'asks for HTTPS over TLS only',
    check: async (create) => {
      await onEveryAnswer(create, ({ headers }, name) =>
        is(headers['strict-transport-security'], undefined, name),
      );
      await withTls({}, create, async (ask, server) => {
        const flow = await server.begin();
        match(flow.redirectUri, /^https:\/\/127\.0\.0\.1:\d+\/callback$/);
        for (const [target, status] of [
          [`/callback?code=c&state=${flow.state}`, 200],
          ['/callback?code=c&state=unknown', 400],
          ['/elsewhere', 404],
        ] as const) {
          const answer = await ask(target);
          is(answer.status, status);
          is(answer.headers['strict-transport-security'], 'max-age=31536000');
        }
        is((await firstValueFrom(flow.response)).code, 'c');
      });
      await withTls({ cleanUrl: 'redirect' }, create, async (ask, server) => {
        const flow = await server.begin();
        const answer = await ask(`/callback?code=c&state=${flow.state}`);
        is(answer.status, 303);
        is(answer.headers['strict-transport-security'], 'max-age=31536000');
      });
      // That name belongs to every other program of this machine too.
      await withTls({ host: 'localhost' }, create, async (ask) => {
        is((await ask('/elsewhere')).headers['strict-transport-security'], undefined);
      });
    },
  },
  {
    id: 'G-08',
    title: 'reflects no part of a request, wherever it stands',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const flow = await endpoint.server.begin({ issuer: 'https://as.example' });
          for (const hostile of corpus) {
            for (const [place, bytes] of Object.entries(placed(endpoint.port, hostile, flow))) {
              const { raw, status } = await sendRaw(endpoint.port, bytes);
              ok(status >= 400, `${place} is refused: ${status}`);
              // Of the whole answer: a header is no better a place than the body.
              for (const spelling of spellings(hostile))
                not.ok(raw.includes(spelling), `${place} reflects ${spelling}`);
            }
          }
          await deliverTo(endpoint, flow);
        },
        create,
      ),
  },
  {
    id: 'G-08',
    title: 'shows the description of an accepted error sanitised and escaped',
    check: (create) =>
      withServer(
        { cleanUrl: false },
        async ({ server, visit }) => {
          const deny = async (error: string, description: string): Promise<WireAnswer> => {
            const { state } = await server.begin();
            return visit(`/callback?${form({ error, error_description: description, state })}`);
          };
          const harmless = await deny('server_error', 'harmless');
          is(harmless.status, 400);
          match(harmless.body, 'Authorization failed: harmless');
          for (const hostile of corpus) {
            const { body, status } = await deny('server_error', hostile);
            is(status, 400);
            is(tags(body), tags(harmless.body), `${hostile} stays text`);
            match(body, `Authorization failed: ${escaped(sanitised(hostile))}<`);
            // The error code is the fall-back for a description, and as much a stranger's text.
            is(tags((await deny(hostile, '')).body), tags(harmless.body));
          }
          not.match((await deny('access_denied', 'harmless')).body, 'harmless');
        },
        create,
      ),
  },
  {
    id: 'G-09',
    title: 'neither fetches, links, shows nor follows error_uri',
    check: async (create) => {
      await withoutConnections(() =>
        withServer(
          {},
          async ({ server, visit, port }) => {
            for (const uri of ['javascript:alert(1)', 'https://evil.example/help', '//evil.example']) {
              const flow = await server.begin();
              const answer = await visit(
                `/callback?${form({ error: 'x', error_uri: uri, state: flow.state })}`,
              );
              is(answer.status, 400);
              is(answer.headers['location'], undefined);
              not.ok(answer.raw.includes(uri));
              not.match(answer.raw, /href|evil|refresh/i);
              is((await firstValueFrom(flow.response)).error_uri, uri);
            }
            return port;
          },
          create,
        ),
      );
    },
  },
  {
    id: 'G-10',
    title: 'sends the browser nowhere a request names',
    check: async (create) => {
      const finish = 'https://app.example/done?tab=1';
      for (const options of [
        {},
        { cleanUrl: 'redirect' },
        { settle: 5_000, finishUrls: [finish] },
      ] as const) {
        await withServer(
          options,
          async ({ server, port }) => {
            for (const [index, parameters] of redirectors.entries()) {
              const flow = await server.begin();
              flow.response.subscribe(() => {
                if ('settle' in options) flow.settle({ status: 'redirect', url: finish });
              });
              const answer = await sendRaw(
                port,
                compose(port, {
                  target: `/callback?code=c&state=${flow.state}&${parameters}`,
                  headers: { ...navigation, ...forwarding[index % forwarding.length] },
                }),
              );
              const { location } = answer.headers;
              if ('settle' in options) is(location, finish);
              else if ('cleanUrl' in options) match(location ?? '', /^\.\/callback\/~[\w-]+$/);
              else is(location, undefined);
              not.match(answer.raw, 'evil');
            }
            for (const bytes of [
              `GET //evil.example/callback?code=c HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
              `GET /callback//evil.example HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
              `GET /callback/%2f%2fevil.example HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
              `GET /\\evil.example HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
              `GET /callback HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
              `GET http://evil.example/callback HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
            ]) {
              const answer = await sendRaw(port, bytes);
              ok(answer.status >= 400);
              is(answer.headers['location'], undefined);
            }
          },
          create,
        );
      }
    },
  },
  {
    id: 'G-11',
    title: 'follows a form_post with a GET that has no body',
    check: async (create) => {
      const seen: string[] = [];
      const app = createServer((request, response) => {
        let body = '';
        request.on('data', (chunk: Buffer) => (body += chunk.toString()));
        request.on('end', () => {
          seen.push(`${request.method ?? ''} ${request.url ?? ''} ${body}`.trim());
          response.end('done');
        });
      });
      app.listen(0, '127.0.0.1');
      await once(app, 'listening');
      try {
        const finish = `http://127.0.0.1:${(app.address() as AddressInfo).port}/done`;
        await withServer(
          { settle: 5_000, finishUrls: [finish] },
          async ({ server, send }) => {
            const post = async (): Promise<{ flow: Flow; body: string }> => {
              const flow = await server.begin({ responseMode: 'form_post' });
              flow.response.subscribe(() => flow.settle({ status: 'redirect', url: finish }));
              return { flow, body: form({ code: 'canary-code', state: flow.state }) };
            };
            const raw = await send({
              method: 'POST',
              target: '/callback',
              headers: { ...navigation, 'Content-Type': 'application/x-www-form-urlencoded' },
              body: (await post()).body,
            });
            is(raw.status, 303);
            is(raw.headers['location'], finish);
            // A client that follows redirects as the Fetch standard says.
            const { flow, body } = await post();
            const followed = await fetch(server.redirectUri, {
              method: 'POST',
              headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
              body,
            });
            is(followed.url, finish);
            is(await followed.text(), 'done');
            equal(seen, ['GET /done']);
            is((await firstValueFrom(flow.response)).code, 'canary-code');
          },
          create,
        );
      } finally {
        app.closeAllConnections();
        app.close();
      }
    },
  },
  {
    id: 'G-12',
    title: 'hands nothing to an opener',
    check: (create) =>
      onEveryAnswer(create, ({ body, headers }, name) => {
        not.match(body, /postMessage|opener|parent|BroadcastChannel|localStorage/);
        is(headers['cross-origin-opener-policy'], 'same-origin', name);
      }),
  },
  {
    id: 'G-13',
    title: 'answers used, unknown, expired and cancelled states with the same bytes',
    check: async (create) => {
      const scheduler = new VirtualTimeScheduler();
      await withServer(
        { scheduler, flowTtl: 1_000 },
        async (endpoint) => {
          const { server, visit } = endpoint;
          // One that stays, so that the connection is treated alike throughout.
          const waiting = await server.begin({ ttl: 60_000, issuer: 'https://as.example' });
          const [used, expired, cancelled] = [
            await server.begin(),
            await server.begin(),
            await server.begin(),
          ];
          const outcomes = [used, expired, cancelled, waiting].map(observe);
          is((await visit(`/callback?code=first&state=${used.state}`)).status, 200);
          cancelled.cancel();
          scheduler.maxFrames = 2_000;
          scheduler.flush();
          const asked = {
            used: `code=first&state=${used.state}`,
            'used, with another code': `code=second&state=${used.state}`,
            'used, with an error': `error=access_denied&state=${used.state}`,
            unknown: `code=first&state=${'u'.repeat(43)}`,
            expired: `code=first&state=${expired.state}`,
            cancelled: `code=first&state=${cancelled.state}`,
            'pending, of another issuer': `code=first&state=${waiting.state}&iss=https%3A%2F%2Fevil.example`,
            'without a state': 'code=first',
          };
          const answers = new Set<string>();
          for (const [name, query] of Object.entries(asked)) {
            const { raw, status } = await visit(`/callback?${query}`);
            is(status, 400, name);
            answers.add(raw.replace(/^Date: .*\r\n/m, ''));
          }
          is(answers.size, 1, [...answers].join('\n---\n'));
          await visit(`/callback?code=real&state=${waiting.state}&iss=https%3A%2F%2Fas.example`);
          equal(
            outcomes.map(({ responses }) => responses.map(({ code }) => code)),
            [['first'], [], [], ['real']],
          );
        },
        create,
      );
    },
  },
  {
    id: 'G-13',
    title: 'takes the same time over a used, an unknown and an expired state',
    deadline: 60_000,
    check: async (create) => {
      const scheduler = new VirtualTimeScheduler();
      await withServer(
        { scheduler, flowTtl: 1_000, limits: { strays: 10_000_000 } },
        async ({ server, port, visit }) => {
          const used = await server.begin();
          const expired = await server.begin();
          const waiting = await server.begin({ ttl: 60_000 });
          await visit(`/callback?code=c&state=${used.state}`);
          scheduler.maxFrames = 2_000;
          scheduler.flush();
          const states = [used.state, expired.state, 'u'.repeat(used.state.length)];
          const samples = await interleaved(port, states, 700);
          // How often the one of a random pair is slower. Of equal distributions it is 0.5, with a standard deviation
          // of 0.015 at 700 samples each; the samples are interleaved, so that load falls on all of them alike.
          // Whoever sees less than 0.35 or more than 0.65 sees ten of these.
          for (const [a, b] of [
            [0, 1],
            [0, 2],
            [1, 2],
          ] as const) {
            const share = separability(samples[a]!, samples[b]!);
            ok(share > 0.35 && share < 0.65, `states ${a} and ${b} are told apart: ${share.toFixed(3)}`);
          }
          await visit(`/callback?code=real&state=${waiting.state}`);
          is((await firstValueFrom(waiting.response)).code, 'real');
        },
        create,
      );
    },
  },
  {
    id: 'G-14',
    title: 'needs nothing but a top-level navigation, and grants a web page nothing else',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, visit, send } = endpoint;
          const flow = await server.begin();
          const target = `/callback?code=c&state=${flow.state}`;
          const preflight = await send({
            method: 'OPTIONS',
            target,
            headers: {
              Origin: 'https://as.example',
              'Access-Control-Request-Method': 'GET',
              'Access-Control-Request-Private-Network': 'true',
              'Access-Control-Request-Local-Network': 'true',
            },
          });
          is(preflight.status, 405);
          not.match(preflight.raw, /access-control/i);
          const page = await visit(target, { 'Sec-Fetch-Storage-Access': 'none', Priority: 'u=0, i' });
          is(page.status, 200);
          not.match(page.raw, /access-control/i);
          not.match(page.body, /fetch|XMLHttp|WebSocket|EventSource|sendBeacon|<iframe|<img/i);
          const policy = directives(page.headers['content-security-policy'] ?? '');
          is(policy['default-src'], "'none'");
          is(policy['connect-src'], undefined);
          is((await firstValueFrom(flow.response)).code, 'c');
        },
        create,
      ),
  },
];

const policyOfEvery = [
  'default-src',
  'style-src',
  'script-src',
  'base-uri',
  'form-action',
  'frame-ancestors',
];

/** What strangers write to have it run. */
const corpus = [
  '<svg onload=alert(1)>',
  '</p></main><script>alert(1)</script>',
  '</title><script src=//evil.example/x.js></script>',
  '" autofocus onfocus=alert(1) x="',
  "' onmouseover='alert(1)",
  '<img src=x onerror=alert(1)>',
  '<style>*{background:url(//evil.example)}</style>',
  '<meta http-equiv=refresh content=0;url=//evil.example>',
  '{{constructor.constructor("alert(1)")()}}',
  '&lt;svg onload=alert(1)&gt;',
  "$&$`$'{}<b>",
  'javascript:alert(1)//canary',
];

const redirectors = [
  'next=https%3A%2F%2Fevil.example',
  'return_to=//evil.example',
  'redirect_uri=https://evil.example',
  'url=https://evil.example&continue=//evil.example',
  'Location=https://evil.example',
  'finishUrl=https%3A%2F%2Fevil.example&finish=//evil.example',
  'iss=https://evil.example',
];

const forwarding: readonly Readonly<Record<string, string>>[] = [
  {},
  { 'X-Forwarded-Host': 'evil.example' },
  { Forwarded: 'host=evil.example;proto=https' },
  { 'X-Original-URL': '//evil.example/', 'X-Rewrite-URL': '//evil.example/' },
  { Referer: 'https://evil.example/' },
];

/** Sites of a request that a stranger fills, each with the bytes that put `hostile` there. None is to be accepted. */
function placed(port: number, hostile: string, { state }: Flow): Readonly<Record<string, string>> {
  const ask = (target: string, headers: Readonly<Record<string, string>> = {}): string =>
    compose(port, { target, headers: { ...navigation, ...headers } });
  const unknown = 'u'.repeat(43);
  const bytes: Record<string, string> = {};
  for (const name of ['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'response', 'x']) {
    const parameters = { code: 'c', state: unknown, [name]: hostile };
    bytes[`parameter ${name}`] = ask(`/callback?${form(parameters)}`);
    bytes[`raw parameter ${name}`] = ask(
      `/callback?state=${unknown}&${name}=${hostile.replaceAll(' ', '+')}`,
    );
    bytes[`error and ${name}`] = ask(`/callback?${form({ error: 'e', state: unknown, [name]: hostile })}`);
  }
  bytes['the description of another issuer'] = ask(
    `/callback?${form({ error: hostile, error_description: hostile, iss: 'https://evil.example', state })}`,
  );
  bytes['a parameter name'] = ask(`/callback?${encodeURIComponent(hostile)}=1`);
  bytes['path'] = ask(`/${encodeURIComponent(hostile)}`);
  bytes['raw path'] = ask(`/callback/${hostile.replaceAll(' ', '')}`);
  bytes['method'] = compose(port, { method: hostile.replaceAll(' ', ''), target: '/callback' });
  bytes['body'] = compose(port, { method: 'POST', target: '/callback', body: form({ state: hostile }) });
  for (const name of [
    'User-Agent',
    'Referer',
    'Accept-Language',
    'Cookie',
    'X-Forwarded-Host',
    'Origin',
    'Host',
  ])
    bytes[name] = ask(`/callback?code=c&state=${unknown}`, { [name]: hostile });
  for (const name of ['Sec-Fetch-Dest', 'Sec-Purpose', 'Content-Type', 'Expect', 'Upgrade'])
    bytes[name] = ask(`/callback?code=c&state=${unknown}`, { [name]: hostile });
  return bytes;
}

function spellings(text: string): readonly string[] {
  return [text, encodeURIComponent(text), escaped(text), form({ text }).slice('text='.length)];
}

function form(parameters: Readonly<Record<string, string>>): string {
  return new URLSearchParams(parameters).toString();
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#x27;');
}

/** To the characters that RFC 6749 appendix A.8 allows. */
function sanitised(text: string): string {
  return text.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]+/g, '?');
}

function tags(html: string): number {
  return html.split('<').length - 1;
}

function elements(html: string, tag: string): string[] {
  return [...html.matchAll(new RegExp(`<${tag}\\b[^>]*>([^]*?)</${tag}>`, 'gi'))].map(
    ([, text]) => text ?? '',
  );
}

/** As a CSP source list; undefined where there is nothing to list. */
function hashes(texts: readonly string[]): string | undefined {
  const sources = texts.map((text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`);
  return sources.length > 0 ? sources.join(' ') : undefined;
}

function directives(policy: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    policy.split(';').map((directive) => {
      const [name = '', ...sources] = directive.trim().split(/\s+/);
      return [name, sources.join(' ')];
    }),
  );
}

function dispositions({ redirects }: Endpoint): string[] {
  return redirects.map(({ disposition }) => disposition);
}

/** The real redirect, which must still find its flow. */
async function deliverTo({ visit }: Endpoint, flow: Flow): Promise<void> {
  const answer = visit(`/callback?code=real&state=${flow.state}&iss=https%3A%2F%2Fas.example`);
  is((await firstValueFrom(flow.response)).code, 'real');
  flow.settle({ status: 'success' });
  is((await answer).status, 200);
}

/** Runs a check that gives the port of its server, and sees that nobody connected anywhere else meanwhile. */
async function withoutConnections(check: () => Promise<number>): Promise<void> {
  const connect = Object.getOwnPropertyDescriptor(Socket.prototype, 'connect')!;
  const targets: unknown[] = [];
  // Whatever the client (`fetch` is one), it ends here.
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
    const [first] = args.flat() as [{ host?: string; port?: number } | undefined];
    targets.push(`${first?.host ?? ''}:${first?.port ?? ''}`);
    return (connect.value as (...args: unknown[]) => Socket).apply(this, args);
  };
  let port: number;
  try {
    port = await check();
  } finally {
    Object.defineProperty(Socket.prototype, 'connect', connect);
  }
  ok(targets.length > 0, 'the requests of the check itself are seen');
  equal(
    targets.filter((target) => target !== `127.0.0.1:${port}`),
    [],
  );
}

type TlsAsk = (
  target: string,
) => Promise<{ status: number | undefined; headers: NodeJS.Dict<string | string[]> }>;

async function withTls(
  options: ServerOptions,
  create: Create,
  body: (ask: TlsAsk, server: OAuthCallbackServer) => Promise<void>,
): Promise<void> {
  await withServer(
    { ...options, tls: certificate },
    async ({ server, port }) => {
      const { host } = new URL(server.redirectUri);
      const ask: TlsAsk = (path) =>
        new Promise((resolve, reject) => {
          const headers = { Host: host, ...navigation };
          get(
            { host: '127.0.0.1', port, path, headers, rejectUnauthorized: false, agent: false },
            (answer) => {
              answer.resume();
              answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers }));
            },
          ).on('error', reject);
        });
      await body(ask, server);
    },
    create,
  );
}

/** Milliseconds to each answer, by state, all over one connection and taking turns. */
async function interleaved(port: number, states: readonly string[], rounds: number): Promise<number[][]> {
  const asked = states.map((state) =>
    compose(port, {
      target: `/callback?code=c&state=${state}`,
      headers: { ...navigation, Connection: 'keep-alive' },
    }),
  );
  const sample = await dial(port);
  sample.write(asked[0]!);
  const size = Buffer.byteLength((await readAnswer(sample)).raw);
  sample.destroy();
  const socket = await dial(port);
  let received = 0;
  let answered = (): void => undefined;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received >= size) answered();
  });
  const samples: number[][] = states.map(() => []);
  const warmUp = 100;
  try {
    for (let round = 0; round < rounds + warmUp; round++) {
      for (let turn = 0; turn < states.length; turn++) {
        // Each state comes first, second and last equally often.
        const index = (round + turn) % states.length;
        const answer = new Promise<void>((resolve) => (answered = resolve));
        received = 0;
        const start = performance.now();
        socket.write(asked[index]!);
        await answer;
        if (round >= warmUp) samples[index]!.push(performance.now() - start);
      }
    }
  } finally {
    socket.destroy();
  }
  return samples;
}

/** The share of pairs in which the one of `a` is the greater: the area under the ROC curve. */
function separability(a: readonly number[], b: readonly number[]): number {
  let greater = 0;
  for (const x of a) for (const y of b) greater += x > y ? 1 : x === y ? 0.5 : 0;
  return greater / (a.length * b.length);
}

type Answers = ReadonlyMap<string, WireAnswer>;

const collected = new WeakMap<Create, Promise<Answers>>();

async function onEveryAnswer(
  create: Create,
  judge: (answer: WireAnswer, name: string) => void,
): Promise<void> {
  let answers = collected.get(create);
  if (!answers) collected.set(create, (answers = collect(create)));
  for (const [name, answer] of await answers) judge(answer, name);
}

/** One answer of every kind there is. */
async function collect(create: Create): Promise<Answers> {
  const answers = new Map<string, WireAnswer>();
  const add = (status: number, name: string, answer: WireAnswer): void => {
    is(answer.status, status, name);
    answers.set(`${status}, ${name}`, answer);
  };
  await withServer({ limits: { body: 100 } }, (endpoint) => collectRefusals(endpoint, add), create);
  await withServer({ cleanUrl: 'redirect' }, (endpoint) => collectRedirected(endpoint, add), create);
  const scheduler = new VirtualTimeScheduler();
  await withServer(
    { settle: 1_000, scheduler, flowTtl: 60_000, finishUrls: ['https://app.example/done'] },
    (endpoint) => collectSettled(endpoint, scheduler, add),
    create,
  );
  await withServer(
    { limits: { strays: 1 } },
    async ({ visit }) => {
      await visit('/callback?code=c&state=unknown');
      add(429, 'a flood', await visit('/callback?code=c&state=unknown'));
    },
    create,
  );
  await withServer(
    { limits: { headersTimeout: 100 } },
    async ({ port }) => {
      const slow = await dial(port);
      slow.write('GET /callback HTTP/1.1\r\nHost: ');
      add(408, 'headers that do not end', await readAnswer(slow));
    },
    create,
  );
  return answers;
}

type Add = (status: number, name: string, answer: WireAnswer) => void;

async function collectRefusals({ server, port, visit, send }: Endpoint, add: Add): Promise<void> {
  const flow = await server.begin();
  const denied = await server.begin();
  const good = `/callback?code=c&state=${flow.state}`;
  const host = `Host: 127.0.0.1:${port}\r\nConnection: close\r\n`;
  const raw = (bytes: string): Promise<WireAnswer> => sendRaw(port, bytes);
  add(400, 'an unknown state', await visit('/callback?code=c&state=unknown'));
  add(400, 'no parameters', await visit('/callback'));
  add(400, 'no Host', await raw('GET /callback HTTP/1.1\r\nConnection: close\r\n\r\n'));
  add(400, 'two Hosts', await raw(`GET /callback HTTP/1.1\r\nHost: a\r\n${host}\r\n`));
  add(400, 'not HTTP', await raw('canary\r\n\r\n'));
  add(400, 'two framings', await raw(`POST /callback HTTP/1.1\r\n${host}${ambiguous}\r\n0\r\n\r\n`));
  add(403, 'a frame', await visit(good, { 'Sec-Fetch-Dest': 'iframe' }));
  add(403, 'a fetch of another origin', await visit(good, { Origin: 'https://evil.example' }));
  add(404, 'another path', await visit('/elsewhere'));
  add(404, 'the icon', await visit('/favicon.ico'));
  add(405, 'PUT', await send({ method: 'PUT', target: good }));
  add(405, 'OPTIONS', await send({ method: 'OPTIONS', target: good }));
  add(417, 'an expectation', await visit(good, { Expect: 'the unexpected' }));
  add(421, 'another Host', await visit(good, { Host: 'evil.example' }));
  add(431, 'a long target', await visit(`/callback?x=${'x'.repeat(20_000)}`));
  const many = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`X-${index}`, 'x']));
  add(431, 'many headers', await visit(good, many));
  add(503, 'a prefetch', await visit(good, { 'Sec-Purpose': 'prefetch;prerender' }));
  add(204, 'a probe', await visit('/callback', { 'Rx-OAuth-Callback-Probe': 'nonce' }));
  await server.begin({ responseMode: 'form_post' });
  const post = { method: 'POST', target: '/callback', body: 'x'.repeat(200) };
  const type = 'application/x-www-form-urlencoded';
  add(413, 'a long body', await send({ ...post, headers: { 'Content-Type': type } }));
  add(415, 'a body that is no form', await send({ ...post, headers: { 'Content-Type': 'text/plain' } }));
  add(400, 'a provider error', await visit(`/callback?error=server_error&state=${denied.state}`));
  add(200, 'a success', await visit(good));
  add(400, 'a reload', await visit(good));
  is((await firstValueFrom(flow.response)).code, 'c');
}

const ambiguous = 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n';

async function collectRedirected({ server, visit }: Endpoint, add: Add): Promise<void> {
  for (const [name, status, query] of [
    ['a success', 200, 'code=c'],
    ['a provider error', 400, 'error=server_error'],
  ] as const) {
    const moved = await visit(`/callback?${query}&state=${(await server.begin()).state}`);
    add(303, `${name}, moved to a clean URL`, moved);
    add(
      status,
      `${name}, at its clean URL`,
      await visit(`/${moved.headers['location'] ?? ''}`.replace('/./', '/')),
    );
  }
}

async function collectSettled(
  { server, visit }: Endpoint,
  scheduler: VirtualTimeScheduler,
  add: Add,
): Promise<void> {
  const settled = async (settle: (flow: Flow) => void): Promise<WireAnswer> => {
    const flow = await server.begin();
    const answer = visit(`/callback?code=c&state=${flow.state}`);
    await firstValueFrom(flow.response);
    settle(flow);
    return answer;
  };
  add(200, 'settled as a success', await settled((flow) => flow.settle({ status: 'success' })));
  add(
    200,
    'settled as a failure',
    await settled((flow) => flow.settle({ status: 'failure', message: 'no' })),
  );
  const url = 'https://app.example/done';
  add(303, 'settled as a redirect', await settled((flow) => flow.settle({ status: 'redirect', url })));
  const waitOut = (): void => {
    scheduler.maxFrames = scheduler.frame + 1_000;
    scheduler.flush();
  };
  add(200, 'not settled in time', await settled(waitOut));
}
