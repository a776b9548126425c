import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { Socket } from 'node:net';
import { firstValueFrom, VirtualTimeScheduler } from 'rxjs';
import type { Flow, OAuthCallbackServer, ServerOptions } from '../../src/index.ts';
import { pageHeaders } from '../../src/page/security-headers.ts';
import * as assert from '../helpers/assert.ts';
import { type Create, type Endpoint, observe, withServer } from '../helpers/endpoint.ts';
import {
  compose,
  type HttpAnswer,
  navigation,
  readAnswer,
  sendBytes,
  visit,
  visit as visitPort,
} from '../helpers/http.ts';
import { listenOnLoopback } from '../helpers/loopback.ts';
import { certificate } from '../helpers/tls.ts';
import { dial } from '../helpers/raw.ts';
import { edit, replacing } from '../helpers/weakened.ts';
import { check, requirement, requirementsOn, server, twin } from './requirement.ts';

export const requirements = requirementsOn(
  'The page',
  requirement(
    'G-01',
    {
      demand: 'Forbid every answer to be stored.',
      source: 'OAuth 2.0 Form Post Response Mode section 2; RFC 9111 section 5.2.2.5',
    },
    check(
      server,
      'forbids every answer to be stored',
      (create) =>
        onEveryAnswer(create, ({ headers }, name) =>
          assert.match(headers['cache-control'] ?? 'none', /^no-store(?:, no-transform)?$/, name),
        ),
      [
        twin(
          'lets answers be stored',
          replacing(
            { pageHeaders },
            (real) => (html) => real(html).map((value) => value.replace('no-store', 'no-cache')),
          ),
          /400, an unknown state/,
        ),
      ],
    ),
  ),

  requirement(
    'G-02',
    {
      demand: 'Send no Referer to another site.',
      source: 'RFC 9700 section 4.2.4',
    },
    check(
      server,
      'has no answer tell another site where it was',
      (create) =>
        onEveryAnswer(create, (answer, name) =>
          assert.is(answer.headers['referrer-policy'], 'no-referrer', name),
        ),
      [
        twin(
          'lets the next site know its origin',
          replacing(
            { pageHeaders },
            (real) => (html) => real(html).map((value) => value.replace('no-referrer', 'origin')),
          ),
          /400, an unknown state/,
        ),
      ],
    ),
  ),

  requirement(
    'G-03',
    {
      demand: 'Load nothing on a page, and connect to nothing from the server.',
      source: 'RFC 9700 section 4.2.4; RFC 6749 section 3.1.2.5',
    },
    check(server, 'loads nothing and links nothing on any page', (create) =>
      onEveryAnswer(create, ({ body }, name) => {
        assert.not.match(
          body,
          /https?:|href|\burl\(|@import|<(?:link|iframe|object|embed|form|base|img|meta http)/i,
        );
        assert.not.match(body, /\ssrc=/i, name);
      }),
    ),
    check(server, 'makes no connection of its own', async (create) => {
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
            assert.match((await page).body, 'Connected to: https://mcp.example/sse');
            return endpoint.port;
          },
          create,
        ),
      );
    }),
  ),

  requirement(
    'G-04',
    {
      demand: 'Remove the code from the address bar.',
      source: 'RFC 6749 section 3.1.2.5; RFC 9700 section 4.3.1',
    },
    check(
      server,
      "gets the code out of the address bar by the page's only script",
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const { server, visit } = endpoint;
            const flow = await server.begin();
            const target = `/callback?code=canary-code&state=${flow.state}`;
            const first = await visit(target);
            assert.equal(elements(first.body, 'script'), [
              `history.replaceState(null,'','?'+document.currentScript.dataset.page)`,
            ]);
            assert.not.match(first.raw, 'canary-code');
            assert.not.match(first.raw, flow.state);
            const back = await visit(target);
            assert.is(back.status, 400);
            // Only a page that consumed a redirect cleans its URL: any other one may be worth a reload.
            assert.equal(elements(back.body, 'script'), []);
            assert.is((await firstValueFrom(flow.response)).code, 'canary-code');
            assert.equal(dispositions(endpoint), ['accepted', 'duplicate']);
          },
          create,
        ),
      [
        twin(
          'leaves the code in the address bar',
          edit(`cleanQuery ? cleanUrlElement(cleanQuery) : ''`, `''`),
          /\+\+··"history\.replaceState/,
        ),
        twin(
          'cleans the address of a page that consumed nothing',
          edit(`cleanQuery ? cleanUrlElement(cleanQuery) : ''`, `cleanUrlElement(cleanQuery ?? '')`),
          /--··"history\.replaceState/,
        ),
      ],
    ),
    check(
      server,
      'shows the page at its clean URL even if the app closes the server at once',
      (create) =>
        withServer(
          { cleanUrl: 'redirect' },
          async ({ server, visit, port }) => {
            const flow = await server.begin();
            const moved = await visit(`/callback?code=c&state=${flow.state}`);
            const closed = server.close();
            const page = await visitPort(port, `/callback${moved.headers['location']}`);
            assert.is(page.status, 200);
            assert.match(page.body, 'Authentication successful');
            await assert.deadline(closed, 'close()');
            // Nobody is on the way now.
            await assert.rejects(visitPort(port, '/callback'));
          },
          create,
        ),
      [
        twin(
          'closes the port before the browser has followed the redirect',
          edit(`await this.#handler.followed(this.#settings.closeTimeout);`, ''),
          /ECONNREFUSED|ECONNRESET|socket hang up/,
        ),
      ],
    ),
    check(
      server,
      'takes no clean URL that it has not signed',
      (create) =>
        withServer(
          { cleanUrl: 'redirect' },
          async ({ server, visit }) => {
            const { state } = await server.begin();
            const moved = await visit(`/callback?error=access_denied&state=${state}`);
            const clean = `/callback${moved.headers['location']}`;
            assert.is((await visit(clean)).status, 400);
            for (const forged of [
              clean.replace('~cancelled', '~received'),
              clean.replace('.en.', '.de.'),
              clean.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A')),
              clean.replace(/\.[\w-]+$/, ''),
              `${clean}A`,
            ]) {
              assert.is((await visit(forged)).status, 404, forged);
            }
          },
          create,
        ),
      [
        twin(
          'shows what a URL says',
          edit(
            `given.length === expected.length && timingSafeEqual(given, expected)`,
            `given.length === expected.length`,
          ),
          /~received[^]*404/,
        ),
      ],
    ),
    check(
      server,
      'shows how a sign-in ended when its page is reloaded, and nothing when its redirect is sent again',
      (create) =>
        withServer(
          {},
          async ({ server, visit, redirects }) => {
            const { state } = await server.begin();
            const target = `/callback?error=access_denied&state=${state}`;
            const first = await visit(target);
            const [, clean] = /<script data-page="([^"]*)">/.exec(first.body) ?? [];
            const reloaded = await visit(`/callback?${clean}`);
            assert.is(reloaded.status, 400);
            assert.match(reloaded.body, 'You cancelled the sign-in. Start again from the app.');
            assert.match((await visit(target)).body, 'This sign-in link is not active');
            assert.equal(
              redirects.map(({ disposition }) => disposition),
              ['accepted', 'duplicate'],
            );
          },
          create,
        ),
      [
        twin(
          'takes a reload for a redirect without a response',
          edit(`query.startsWith('~')) return { kind: 'finished', query };`, `false) throw new Error();`),
          /You cancelled the sign-in/,
        ),
      ],
    ),
    check(server, 'gets the code out of the address bar by a redirect, where that is asked for', (create) =>
      withServer(
        { cleanUrl: 'redirect' },
        async (endpoint) => {
          const { server, visit } = endpoint;
          const flow = await server.begin();
          const target = `/callback?code=canary-code&state=${flow.state}`;
          const first = await visit(target);
          assert.is(first.status, 303);
          assert.match(first.headers['location'] ?? '', /^\?~received\.en\.[\w.-]{39}$/);
          assert.not.match(first.raw, 'canary-code');
          assert.not.match(first.raw, flow.state);
          const clean = await visit(`/callback${first.headers['location']}`);
          assert.is(clean.status, 200);
          assert.match(clean.body, 'Authentication successful');
          // The back button.
          assert.is((await visit(target)).status, 400);
          assert.is((await firstValueFrom(flow.response)).code, 'canary-code');
          assert.equal(dispositions(endpoint), ['accepted', 'duplicate']);
        },
        create,
      ),
    ),
  ),

  requirement(
    'G-05',
    {
      demand: 'Forbid frames, and every script and style but those of the page itself.',
      source: 'RFC 6749 section 10.13; RFC 9700 section 4.16',
    },
    check(
      server,
      'has a browser refuse frames and every script and style but its own',
      (create) =>
        onEveryAnswer(create, ({ headers, body }, name) => {
          assert.is(headers['x-frame-options'], 'DENY', name);
          const policy = directives(headers['content-security-policy'] ?? '');
          for (const directive of ['default-src', 'frame-ancestors', 'base-uri', 'form-action'])
            assert.is(policy[directive], "'none'", `${directive} of ${name}`);
          // Exactly what the page holds, and nothing if it holds nothing. The end of a streamed page is not known yet.
          const nonce = /^'nonce-([\w-]{16})'$/.exec(policy['style-src'] ?? '')?.[1];
          const styles = nonce === undefined ? hashes(elements(body, 'style')) : `'nonce-${nonce}'`;
          assert.is(policy['style-src'], styles, name);
          const scripts = hashes(elements(body, 'script')) ?? '';
          assert.is(policy['script-src'], [...new Set(scripts.split(' '))].join(' ') || undefined, name);
          assert.equal(
            Object.keys(policy).filter((directive) => !policyOfEvery.includes(directive)),
            [],
            name,
          );
          const others = headers['content-security-policy']?.replace(`style-src 'nonce-${nonce}'`, '') ?? '';
          assert.not.match(others, /unsafe|\*|data:|https?:|nonce/);
          assert.not.match(body, /\s(?:on\w+|style)=/i);
        }),
      [
        twin(
          'lets itself be framed',
          replacing(
            { pageHeaders },
            (real) => (html) => real(html).map((value) => value.replace("; frame-ancestors 'none'", '')),
          ),
          /frame-ancestors of/,
        ),
      ],
    ),
  ),

  requirement(
    'G-06',
    {
      demand: 'Declare the type of every answer, and share no browsing context.',
      source: 'OWASP HTTP Headers',
    },
    check(server, 'says of every answer what it is, and that it is for nobody else', (create) =>
      onEveryAnswer(create, ({ headers }, name) => {
        const isPlain = ['another path', 'the icon', 'no Host', 'two Hosts'].some((each) =>
          name.includes(each),
        );
        assert.is(headers['content-type'], `text/${isPlain ? 'plain' : 'html'}; charset=utf-8`, name);
        assert.is(headers['x-content-type-options'], 'nosniff', name);
        assert.is(headers['cross-origin-opener-policy'], 'same-origin', name);
        assert.is(headers['cross-origin-resource-policy'], 'same-origin', name);
        assert.is(headers['server'], undefined, name);
        assert.is(headers['x-powered-by'], undefined, name);
      }),
    ),
  ),

  requirement(
    'G-07',
    {
      demand: 'Ask for HTTPS over TLS only.',
      source: 'RFC 6797 section 7.2',
    },
    check(server, 'asks for HTTPS over TLS only', async (create) => {
      await onEveryAnswer(create, ({ headers }, name) =>
        assert.is(headers['strict-transport-security'], undefined, name),
      );
      await withTls({}, create, async (ask, server) => {
        const flow = await server.begin();
        assert.match(flow.redirectUri, /^https:\/\/127\.0\.0\.1:\d+\/callback$/);
        for (const [target, status] of [
          [`/callback?code=c&state=${flow.state}`, 200],
          ['/callback?code=c&state=unknown', 400],
          ['/elsewhere', 404],
        ] as const) {
          const answer = await ask(target);
          assert.is(answer.status, status);
          assert.is(answer.headers['strict-transport-security'], 'max-age=31536000');
        }
        assert.is((await firstValueFrom(flow.response)).code, 'c');
      });
      await withTls({ cleanUrl: 'redirect' }, create, async (ask, server) => {
        const flow = await server.begin();
        const answer = await ask(`/callback?code=c&state=${flow.state}`);
        assert.is(answer.status, 303);
        assert.is(answer.headers['strict-transport-security'], 'max-age=31536000');
      });
      // That name belongs to every other program of this machine too.
      await withTls({ host: 'localhost' }, create, async (ask) => {
        assert.is((await ask('/elsewhere')).headers['strict-transport-security'], undefined);
      });
    }),
  ),

  requirement(
    'G-08',
    {
      demand:
        'Reflect no part of a request, except the sanitised and escaped code, description and URI of an accepted error.',
      source: 'RFC 6749 section 10.14',
    },
    check(server, 'reflects no part of a request, wherever it stands', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const flow = await endpoint.server.begin({ issuer: 'https://as.example' });
          for (const hostile of corpus) {
            for (const [place, bytes] of Object.entries(placed(endpoint.port, hostile, flow))) {
              const { raw, status } = await sendBytes(endpoint.port, bytes);
              assert.ok(status >= 400, `${place} is refused: ${status}`);
              // Searches the whole answer: a header is no better a place than the body.
              for (const spelling of spellings(hostile))
                assert.not.ok(raw.includes(spelling), `${place} reflects ${spelling}`);
            }
          }
          await deliverTo(endpoint, flow);
        },
        create,
      ),
    ),
    check(
      server,
      'shows the description of an accepted error sanitised and escaped',
      (create) =>
        withServer(
          { cleanUrl: false },
          async ({ server, visit }) => {
            const deny = async (error: string, description: string): Promise<HttpAnswer> => {
              const { state } = await server.begin();
              return visit(`/callback?${form({ error, error_description: description, state })}`);
            };
            const harmless = await deny('server_error', 'harmless');
            assert.is(harmless.status, 400);
            assert.match(harmless.body, '<p lang="" dir="auto">harmless</p>');
            for (const hostile of corpus) {
              const { body, status } = await deny('server_error', hostile);
              assert.is(status, 400);
              assert.is(tags(body), tags(harmless.body), `${hostile} stays text`);
              assert.match(body, `dir="auto">${escaped(sanitised(hostile))}</p>`);
              // The error code is as much a stranger's text.
              assert.is(tags((await deny(hostile, 'harmless')).body), tags(harmless.body));
            }
            // A denial may be a rule of the server, which only its description tells.
            const denied = await deny('access_denied', 'not <assigned>');
            assert.match(denied.body, 'dir="auto">not &lt;assigned&gt;</p>');
            assert.not.match(denied.body, 'You cancelled');
          },
          create,
        ),
      [
        twin(
          'shows the description as HTML',
          edit(`error_description && escapeHtml(error_description)`, `error_description`),
          /<svg onload=alert\(1\)> stays text/,
        ),
        twin(
          'calls every denial a cancellation',
          edit(`isOwnWord || byUser.some`, `true || byUser.some`),
          /not &lt;assigned&gt;/,
        ),
      ],
    ),
  ),

  requirement(
    'G-09',
    {
      demand: 'Neither fetch, link nor follow an error_uri.',
      source: 'RFC 6749 sections 4.1.2.1 and 10.15',
    },
    check(
      server,
      'neither fetches, links nor follows error_uri, and shows a web address as text',
      async (create) => {
        await withoutConnections(() =>
          withServer(
            {},
            async ({ server, visit, port }) => {
              for (const uri of ['javascript:alert(1)', 'https://evil.example/help', '//evil.example']) {
                const flow = await server.begin();
                const answer = await visit(
                  `/callback?${form({ error: 'x', error_uri: uri, state: flow.state })}`,
                );
                assert.is(answer.status, 400);
                assert.is(answer.headers['location'], undefined);
                assert.is(answer.raw.includes(`<code>${uri}</code>`), uri.startsWith('https:'));
                assert.is(answer.raw.split(uri).length - 1, uri.startsWith('https:') ? 1 : 0);
                assert.not.match(answer.raw, /href|refresh/i);
                assert.is((await firstValueFrom(flow.response)).error_uri, uri);
              }
              return port;
            },
            create,
          ),
        );
      },
      [
        twin(
          'links error_uri',
          edit(
            `? escapeHtml(error_uri) : undefined`,
            '? `<a href="${escapeHtml(error_uri)}">?</a>` : undefined',
          ),
          /\+\+true .*\n--false/,
        ),
      ],
    ),
  ),

  requirement(
    'G-10',
    {
      demand: 'Redirect the browser to no URL that a request names.',
      source: 'RFC 9700 section 4.11.1; OAuth 2.1 section 7.13.1',
    },
    check(server, 'sends the browser nowhere a request names', async (create) => {
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
              const answer = await sendBytes(
                port,
                compose(port, {
                  target: `/callback?code=c&state=${flow.state}&${parameters}`,
                  headers: { ...navigation, ...forwarding[index % forwarding.length] },
                }),
              );
              const { location } = answer.headers;
              if ('settle' in options) assert.is(location, finish);
              else if ('cleanUrl' in options) assert.match(location ?? '', /^\?~[\w.-]+$/);
              else assert.is(location, undefined);
              assert.not.match(answer.raw, 'evil');
            }
            for (const bytes of [
              `GET //evil.example/callback?code=c HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
              `GET /callback//evil.example HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
              `GET /callback/%2f%2fevil.example HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
              `GET /\\evil.example HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
              `GET /callback HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
              `GET http://evil.example/callback HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
            ]) {
              const answer = await sendBytes(port, bytes);
              assert.ok(answer.status >= 400);
              assert.is(answer.headers['location'], undefined);
            }
          },
          create,
        );
      }
    }),
  ),

  requirement(
    'G-11',
    {
      demand: 'Redirect after a response with 303.',
      source: 'RFC 9700 section 4.12; OAuth 2.1 section 7.5.3',
    },
    check(
      server,
      'follows a form_post with a GET that has no body',
      async (create) => {
        const seen: string[] = [];
        const app = createServer((request, response) => {
          let body = '';
          request.on('data', (chunk: Buffer) => (body += chunk.toString()));
          request.on('end', () => {
            seen.push(`${request.method ?? ''} ${request.url ?? ''} ${body}`.trim());
            response.end('done');
          });
        });
        await using there = await listenOnLoopback(app);
        const finish = `${there.origin}/done`;
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
            assert.is(raw.status, 303);
            assert.is(raw.headers['location'], finish);
            // A client that follows redirects as the Fetch standard says.
            const { flow, body } = await post();
            const followed = await fetch(server.redirectUri, {
              method: 'POST',
              headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
              body,
            });
            assert.is(followed.url, finish);
            assert.is(await followed.text(), 'done');
            assert.equal(seen, ['GET /done']);
            assert.is((await firstValueFrom(flow.response)).code, 'canary-code');
          },
          create,
        );
      },
      [
        twin(
          'redirects with 307',
          edit(`this.#empty(303, 'Location'`, `this.#empty(307, 'Location'`),
          /\+\+303 .*\n--307/,
        ),
      ],
    ),
  ),

  requirement(
    'G-12',
    {
      demand: 'Pass nothing to the window that opened the page.',
      source: 'RFC 9700 section 4.17.2',
    },
    check(server, 'hands nothing to an opener', (create) =>
      onEveryAnswer(create, ({ body, headers }, name) => {
        assert.not.match(body, /postMessage|opener|parent|BroadcastChannel|localStorage/);
        assert.is(headers['cross-origin-opener-policy'], 'same-origin', name);
      }),
    ),
  ),

  requirement(
    'G-13',
    {
      demand: 'Answer used, unknown and expired states with the same bytes in the same time.',
      source: 'RFC 9700 section 4.2.4',
    },
    check(
      server,
      'answers used, unknown, expired and cancelled states with the same bytes',
      async (create) => {
        const scheduler = new VirtualTimeScheduler();
        await withServer(
          { scheduler, flowTtl: 1_000 },
          async (endpoint) => {
            const { server, visit } = endpoint;
            // A flow that stays, so that the connection is treated alike throughout.
            const waiting = await server.begin({ ttl: 60_000, issuer: 'https://as.example' });
            const [used, expired, cancelled] = [
              await server.begin(),
              await server.begin(),
              await server.begin(),
            ];
            const outcomes = [used, expired, cancelled, waiting].map(observe);
            assert.is((await visit(`/callback?code=first&state=${used.state}`)).status, 200);
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
              assert.is(status, 400, name);
              answers.add(raw.replace(/^Date: .*\r\n/m, ''));
            }
            assert.is(answers.size, 1, [...answers].join('\n---\n'));
            await visit(`/callback?code=real&state=${waiting.state}&iss=https%3A%2F%2Fas.example`);
            assert.equal(
              outcomes.map(({ responses }) => responses.map(({ code }) => code)),
              [['first'], [], [], ['real']],
            );
          },
          create,
        );
      },
      [
        twin(
          'tells a used state from an unknown one',
          edit(
            `answer: this.#rejection(disposition, reason, status, language),`,
            `answer: this.#options.pages.neutral(disposition === 'duplicate' ? 409 : 400, language),`,
          ),
          /^Assertion: used/,
        ),
      ],
    ),
    check(
      server,
      'takes the same time over a used, an unknown and an expired state',
      async (create) => {
        const scheduler = new VirtualTimeScheduler();
        await withServer(
          { scheduler, flowTtl: 1_000, limits: { unmatched: 10_000_000 } },
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
            // An observer who measures less than 0.35 or more than 0.65 can tell them apart after ten of these.
            for (const [a, b] of [
              [0, 1],
              [0, 2],
              [1, 2],
            ] as const) {
              const share = separability(samples[a]!, samples[b]!);
              assert.ok(
                share > 0.35 && share < 0.65,
                `states ${a} and ${b} are told apart: ${share.toFixed(3)}`,
              );
            }
            await visit(`/callback?code=real&state=${waiting.state}`);
            assert.is((await firstValueFrom(waiting.response)).code, 'real');
          },
          create,
        );
      },
      [],
      { deadline: 300_000 },
    ),
  ),

  requirement(
    'G-14',
    {
      demand: 'Need nothing but a top-level navigation under Local Network Access.',
      source: 'WICG Local Network Access',
      scope: 'loopback',
    },
    check(server, 'needs nothing but a top-level navigation, and grants a web page nothing else', (create) =>
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
          assert.is(preflight.status, 405);
          assert.not.match(preflight.raw, /access-control/i);
          const page = await visit(target, { 'Sec-Fetch-Storage-Access': 'none', Priority: 'u=0, i' });
          assert.is(page.status, 200);
          assert.not.match(page.raw, /access-control/i);
          assert.not.match(page.body, /fetch|XMLHttp|WebSocket|EventSource|sendBeacon|<iframe|<img/i);
          const policy = directives(page.headers['content-security-policy'] ?? '');
          assert.is(policy['default-src'], "'none'");
          assert.is(policy['connect-src'], undefined);
          assert.is((await firstValueFrom(flow.response)).code, 'c');
        },
        create,
      ),
    ),
  ),
);

const policyOfEvery = [
  'default-src',
  'style-src',
  'script-src',
  'base-uri',
  'form-action',
  'frame-ancestors',
];

/** Texts of attackers who want them to be run. */
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

/** On one line, without control and format characters. */
function sanitised(text: string): string {
  const visible = Array.from(text, (each) =>
    /\p{White_Space}/u.test(each) ? ' ' : each.replace(/[\p{Cc}\p{Cf}]/u, ''),
  );
  return visible.join('').replace(/ +/g, ' ').trim();
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
  assert.is((await firstValueFrom(flow.response)).code, 'real');
  flow.settle({ status: 'success' });
  assert.is((await answer).status, 200);
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
  assert.ok(targets.length > 0, 'the requests of the check itself are seen');
  assert.equal(
    targets.filter((target) => target !== `127.0.0.1:${port}`),
    [],
  );
}

type TlsAsk = (target: string) => Promise<HttpAnswer>;

async function withTls(
  options: ServerOptions,
  create: Create,
  body: (ask: TlsAsk, server: OAuthCallbackServer) => Promise<void>,
): Promise<void> {
  await withServer(
    { ...options, tls: certificate },
    async ({ server, port }) => {
      const { host } = new URL(server.redirectUri);
      const ask: TlsAsk = (path) => visit(`https://127.0.0.1:${port}`, path, { Host: host });
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

type Answers = ReadonlyMap<string, HttpAnswer>;

const collected = new WeakMap<Create, Promise<Answers>>();

async function onEveryAnswer(
  create: Create,
  judge: (answer: HttpAnswer, name: string) => void,
): Promise<void> {
  let answers = collected.get(create);
  if (!answers) collected.set(create, (answers = collect(create)));
  for (const [name, answer] of await answers) judge(answer, name);
}

/** Collects an answer of each kind. */
async function collect(create: Create): Promise<Answers> {
  const answers = new Map<string, HttpAnswer>();
  const add = (status: number, name: string, answer: HttpAnswer): void => {
    assert.is(answer.status, status, name);
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
    { limits: { unmatched: 1 }, scheduler: new VirtualTimeScheduler() },
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

type Add = (status: number, name: string, answer: HttpAnswer) => void;

async function collectRefusals({ server, port, visit, send }: Endpoint, add: Add): Promise<void> {
  const flow = await server.begin();
  const denied = await server.begin();
  const good = `/callback?code=c&state=${flow.state}`;
  const host = `Host: 127.0.0.1:${port}\r\nConnection: close\r\n`;
  const raw = (bytes: string): Promise<HttpAnswer> => sendBytes(port, bytes);
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
  add(431, 'a long target', await visit(`/callback?x=${'x'.repeat(70_000)}`));
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
  assert.is((await firstValueFrom(flow.response)).code, 'c');
}

const ambiguous = 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n';

async function collectRedirected({ server, visit }: Endpoint, add: Add): Promise<void> {
  for (const [name, status, query] of [
    ['a success', 200, 'code=c'],
    ['a provider error', 400, 'error=server_error'],
  ] as const) {
    const moved = await visit(`/callback?${query}&state=${(await server.begin()).state}`);
    add(303, `${name}, moved to a clean URL`, moved);
    add(status, `${name}, at its clean URL`, await visit(`/callback${moved.headers['location']}`));
  }
}

async function collectSettled(
  { server, visit }: Endpoint,
  scheduler: VirtualTimeScheduler,
  add: Add,
): Promise<void> {
  const settled = async (settle: (flow: Flow) => void): Promise<HttpAnswer> => {
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
