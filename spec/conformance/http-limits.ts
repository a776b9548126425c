import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { inspect } from 'node:util';
import { VirtualTimeScheduler } from 'rxjs';
import type { OAuthCallbackServer } from '../../src/index.ts';
import { isDoubtful } from '../../src/callback/request.ts';
import { UnmatchedLimits } from '../../src/http/unmatched-limits.ts';
import * as assert from '../helpers/assert.ts';
import { withServer, type Create } from '../helpers/endpoint.ts';
import { compose, navigation, readAnswer, send, sendBytes, type HttpRequest } from '../helpers/http.ts';
import { listenOnLoopback } from '../helpers/loopback.ts';
import { RawSocket, statuses } from '../helpers/raw.ts';
import { keeping, pipeline, serverBehind, withAccepted, withSockets } from '../helpers/sockets.ts';
import { accepted, delivers, post, real, refuses, response, signIn, target } from './sign-in.ts';
import { edit, replacing } from '../helpers/weakened.ts';
import { check, requirement, requirementsOn, server, twin } from './requirement.ts';

const form = 'application/x-www-form-urlencoded';

type Headers = Readonly<Record<string, string>>;

/** Resolves once `count` of the sockets have been closed. */
async function closings(sockets: readonly Socket[], count: number): Promise<void> {
  let left = count - sockets.filter(({ closed }) => closed).length;
  const enough = new Promise<void>((resolve) => {
    const one = (): void => {
      if (--left === 0) resolve();
    };
    for (const socket of sockets) socket.resume().once('close', one);
    if (left <= 0) resolve();
  });
  await assert.deadline(enough, `the end of ${count} of ${sockets.length} connections`);
}

/** Runs `body` with a server of its own, or with one that takes its requests from a server of Node. */
async function withFramed(
  where: 'own' | 'borrowed',
  create: Create,
  body: (server: OAuthCallbackServer, port: number) => Promise<void>,
): Promise<void> {
  if (where === 'own') {
    await withServer({}, ({ server, port }) => body(server, port), create);
    return;
  }
  await using other = await listenOnLoopback(
    createServer((_request, response) => void response.end('the app')),
  );
  const server = create({ server: other.http, logger: {} });
  try {
    await server.listen();
    await body(server, other.port);
  } finally {
    await server.close();
  }
}

export const requirements = requirementsOn(
  'Limits of HTTP',
  requirement(
    'F-09',
    {
      demand:
        'Accept request lines of 8,000 octets, and reject longer ones and too many headers instead of truncating them.',
      source: 'RFC 9112 section 3; RFC 6585 section 5',
    },
    check(
      server,
      'takes a request line of 8,000 octets and refuses what is longer, never cutting it',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server);
            const long = (length: number): string => {
              const start = `${target(waiting.flow, `state=${waiting.flow.state}`)}&code=`;
              return start + 'x'.repeat(length - start.length);
            };
            for (const length of [70_000, 200_000])
              await refuses(endpoint, waiting, long(length), `a target of ${length} octets`, [414, 431]);
            const most = long(8_192);
            assert.is((await endpoint.visit(most)).status, 200);
            assert.is(waiting.seen.responses[0]?.code, most.slice(most.lastIndexOf('=') + 1));
          },
          create,
        ),
    ),
    check(
      server,
      'refuses a request with too many headers instead of dropping the last of them',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const { server } = endpoint;
            const filler = (count: number): [string, string][] =>
              Array.from({ length: count }, (_, index) => [`a${index}`, '']);
            const waiting = await signIn(server);
            const image = { ...navigation, 'Sec-Fetch-Dest': 'image', 'Sec-Fetch-Mode': 'no-cors' };
            for (const count of [300, 1_000, 2_000, 3_000, 5_000]) {
              const headers = [...filler(count), ...Object.entries(image)];
              await refuses(endpoint, waiting, { target: real(waiting), headers }, `${count} headers`, [431]);
            }
            // With Host and Connection, 100 and 101 of them.
            const all = (count: number): HttpRequest => ({
              target: real(waiting),
              headers: [...filler(count), ...Object.entries(navigation)],
            });
            await refuses(endpoint, waiting, all(95), '101 headers', [431]);
            assert.is((await endpoint.send(all(94))).status, 200);
            assert.is(waiting.seen.responses.length, 1);
          },
          create,
        ),
      [
        twin(
          'drops headers over the limit in silence',
          edit('server.maxHeadersCount = 0;', 'server.maxHeadersCount = limits.headers / 2;'),
          /300 headers: is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'F-10',
    {
      demand: 'Limit bodies, reject encoded ones, and read no body of a GET.',
      source: 'RFC 9110 sections 15.5.14 and 15.5.16',
    },
    check(
      server,
      'refuses a body over its limit, a coded one, and one that is cut off',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const { server, port, send } = endpoint;
            const waiting = await signIn(server, { responseMode: 'form_post' });
            const body = response(waiting.flow);
            const filled = (size: number): HttpRequest => post('/callback', `${body}&x=`.padEnd(size, 'x'));
            const most = 65_536;
            await refuses(endpoint, waiting, filled(most + 1), 'a byte too many', [413]);
            await refuses(endpoint, waiting, filled(most * 4), 'four times too many', [413]);
            for (const coding of ['gzip', 'br', 'deflate', 'identity', 'x']) {
              const { headers, ...rest } = post('/callback', body);
              const request = { ...rest, headers: { ...(headers as Headers), 'Content-Encoding': coding } };
              await refuses(endpoint, waiting, request, `Content-Encoding: ${coding}`, [415]);
            }
            for (const framing of [{ 'Content-Length': '1000' }, { 'Transfer-Encoding': 'chunked' }]) {
              const headers = { 'Content-Type': form, ...framing };
              const head = compose(port, { method: 'POST', target: '/callback', headers });
              const sent =
                'Transfer-Encoding' in framing ? `${body.length.toString(16)}\r\n${body}\r\n` : body;
              await withSockets(port, [head + sent], async ([socket]) => {
                socket!.end();
                await closings([socket!], 1);
              });
            }
            // Shorter than it is: what is beyond is no part of it, and no second request that is answered.
            const short = post('/callback', body);
            short.headers = { ...(short.headers as Headers), 'Content-Length': String(body.length - 20) };
            await refuses(endpoint, waiting, short, 'a Content-Length too short');
            assert.equal(waiting.seen, { responses: [], errors: [], completed: false });

            assert.is((await send(filled(most))).status, 200);
            assert.is(waiting.seen.responses.length, 1);
          },
          create,
        ),
      [
        twin(
          'cuts a body at its limit',
          edit('else resolve(undefined);', "else resolve(Buffer.concat(chunks).toString('latin1'));"),
          /a byte too many: is answered 200/,
        ),
      ],
    ),
    check(server, 'reads no further than the limit of a body that does not end', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port } = endpoint;
          const waiting = await signIn(server, { responseMode: 'form_post' });
          const headers = { 'Content-Type': form, 'Transfer-Encoding': 'chunked' };
          const head = compose(port, { method: 'POST', target: '/callback', headers });
          // Stops to look for the answer: 413, though more is to come.
          const first = `${head}20000\r\n${`${response(waiting.flow)}&x=`.padEnd(0x20000, 'x')}\r\n`;
          assert.is((await sendBytes(port, first)).status, 413);
          // Never stops.
          await withAccepted(async ({ sockets }) => {
            await withSockets(port, [head], async ([socket]) => {
              const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
              const pour = (): void => {
                while (!socket!.destroyed && socket!.write(chunk));
              };
              socket!.on('drain', pour);
              pour();
              await closings([socket!], 1);
            });
            const taken = sockets.map(({ bytesRead }) => bytesRead);
            assert.is(taken.length, 1);
            assert.ok(taken[0]! < 4 * 1024 * 1024, `${taken[0]!} bytes were read`);
          });
          assert.is((await endpoint.send(post('/callback', response(waiting.flow)))).status, 200);
          assert.is(waiting.seen.responses.length, 1);
        },
        create,
      ),
    ),
    check(server, 'takes no parameter from the body of a GET', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server } = endpoint;
          const headers = { ...navigation, 'Content-Type': form };
          const byQuery = await signIn(server);
          const byForm = await signIn(server, { responseMode: 'form_post' });
          for (const waiting of [byQuery, byForm])
            for (const path of ['/callback', `/callback?state=${waiting.flow.state}`]) {
              const request = { target: path, headers, body: response(waiting.flow) };
              await refuses(endpoint, waiting, request, `GET ${path} with a body`);
            }
          await delivers(endpoint, byQuery);
          assert.is((await endpoint.send(post('/callback', response(byForm.flow)))).status, 200);
          assert.is(byForm.seen.responses.length, 1);
        },
        create,
      ),
    ),
  ),

  requirement(
    'F-11',
    {
      demand: 'Disconnect clients that take longer than 10 s for headers or 15 s for a request.',
      source: 'CVE-2018-12122',
    },
    check(
      server,
      'gives a client 10 s for its headers and 15 s for its request, and looks every second',
      (create) =>
        withServer(
          {},
          async ({ visit }) => {
            const { headersTimeout, requestTimeout, ...rest } = await serverBehind(() => visit('/'));
            assert.is(headersTimeout, 10_000);
            assert.is(requestTimeout, 15_000);
            assert.is((rest as { connectionsCheckingInterval?: number }).connectionsCheckingInterval, 1_000);
          },
          create,
        ),
    ),
    check(
      server,
      'cuts off 500 clients that send a byte now and then, and serves a redirect meanwhile',
      (create) =>
        withServer(
          { limits: { headersTimeout: 2_000, requestTimeout: 3_000 } },
          async (endpoint) => {
            const { server, port } = endpoint;
            const waiting = await signIn(server);
            await server.begin({ responseMode: 'form_post' });
            const head = compose(port, { target: '/callback' });
            const posted = compose(port, {
              method: 'POST',
              target: '/callback',
              headers: { 'Content-Type': form, 'Content-Length': '1000' },
            });
            const openings = [
              '',
              'G',
              head.slice(0, -2),
              posted,
              posted.replace('Content-Length: 1000', 'Transfer-Encoding: chunked'),
            ];
            const all = Array.from({ length: 500 }, (_, index) => openings[index % openings.length]!);
            await withSockets(port, all, async (sockets) => {
              const silent = sockets[0]!;
              const dribble = setInterval(() => {
                for (const socket of sockets) if (socket !== silent && socket.writable) socket.write('a');
              }, 50);
              try {
                const [answer] = await Promise.all([
                  readAnswer(silent),
                  closings(sockets, sockets.length),
                  delivers(endpoint, waiting),
                ]);
                assert.is(answer.status, 408);
              } finally {
                clearInterval(dribble);
              }
            });
            assert.equal(accepted(endpoint).length, 1);
          },
          create,
        ),
    ),
  ),

  requirement(
    'F-12',
    {
      demand: 'Limit connections, and let a real redirect in while the limit is reached.',
      source: 'Node: maxConnections is not set',
    },
    check(
      server,
      'keeps 512 connections, drops the oldest that does nothing, and lets a redirect in',
      (create) =>
        withServer(
          { limits: { headersTimeout: 60_000, requestTimeout: 60_000 } },
          async (endpoint) => {
            const { server, port } = endpoint;
            const limit = 512;
            const byForm = await signIn(server, { responseMode: 'form_post' });
            const submission = compose(port, post('/callback', response(byForm.flow)));
            // Silent; in the middle of the headers; in the middle of a body; between two requests.
            const openings = ['', 'GET / HTTP/1.1\r\n', submission.slice(0, -5), keeping(port, '/')];
            for (const opening of openings) {
              const waiting = await signIn(server);
              await withAccepted(async ({ sockets: taken }) => {
                const open = (): number => taken.filter(({ destroyed }) => !destroyed).length;
                const all = Array.from({ length: limit + 50 }, () => opening);
                await withSockets(port, all, async (sockets) => {
                  await closings(sockets, 50);
                  assert.is(open(), limit, `${open()} are open that sent ${inspect(opening)}`);
                  await delivers(endpoint, waiting);
                  assert.ok(open() <= limit);
                });
              });
            }
            assert.is(byForm.seen.responses.length, 0);
          },
          create,
        ),
      [
        twin(
          'turns connections away once it has enough',
          edit(
            'if (this.#places.size >= this.#options.max) this.#makeRoom();',
            'if (this.#places.size >= this.#options.max) return void socket.destroy();',
          ),
          /the real redirect is answered 0/,
        ),
      ],
    ),
    check(server, 'keeps no connection after the page of the last sign-in', (create) =>
      withServer(
        {},
        async ({ server, port, visit }) => {
          const connectionOf = async (path: string): Promise<string | undefined> =>
            withSockets(port, [keeping(port, path, navigation)], async ([socket]) => {
              const { headers } = await readAnswer(socket!);
              if (headers['connection'] === 'close') await closings([socket!], 1);
              return headers['connection'];
            });
          const first = await signIn(server);
          const second = await signIn(server);
          assert.is(await connectionOf(real(first)), 'keep-alive');
          assert.is(await connectionOf(real(second)), 'close');
          assert.is(await connectionOf('/favicon.ico'), 'close');
          const { keepAliveTimeout } = await serverBehind(() => visit('/'));
          assert.ok(keepAliveTimeout <= 5_000);
        },
        create,
      ),
    ),
  ),

  requirement(
    'F-13',
    {
      demand: 'Reject ambiguous framing, and handle nothing that follows it.',
      source: 'RFC 9112 section 6.3',
    },
    check(
      server,
      'refuses ambiguous framing and handles nothing that follows it',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const { server, port } = endpoint;
            const waiting = await signIn(server);
            await server.begin({ responseMode: 'form_post' });
            const next = keeping(port, real(waiting), navigation);
            const host = `Host: 127.0.0.1:${port}\r\n`;
            const submit = `POST /callback HTTP/1.1\r\n${host}Content-Type: ${form}\r\n`;
            const get = `GET / HTTP/1.1\r\n${host}`;
            const ambiguous: Readonly<Record<string, string>> = {
              'CL and TE': `${submit}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
              'TE and CL': `${submit}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
              'two lengths': `${submit}Content-Length: 3\r\nContent-Length: 4\r\n\r\nx=1`,
              'one length twice': `${submit}Content-Length: 3\r\nContent-Length: 3\r\n\r\nx=1`,
              'a list of lengths': `${submit}Content-Length: 3, 3\r\n\r\nx=1`,
              'a signed length': `${submit}Content-Length: +3\r\n\r\nx=1`,
              'a negative length': `${submit}Content-Length: -1\r\n\r\n`,
              'a hexadecimal length': `${submit}Content-Length: 0x3\r\n\r\nx=1`,
              'chunked that is not last': `${submit}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
              'an obscured TE': `${submit}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
              'a chunk size that is none': `${submit}Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n`,
              'bare LF between lines': `${get.replaceAll('\r\n', '\n')}\n`,
              'bare LF after a header': `${get}X: 1\nY: 2\r\n\r\n`,
              'bare CR in a header': `${get}X: 1\rY: 2\r\n\r\n`,
              'obs-fold': `${get}X: 1\r\n Y: 2\r\n\r\n`,
              'a folded Host': `GET / HTTP/1.1\r\nHost:\r\n 127.0.0.1:${port}\r\n\r\n`,
              'a space before the first header': `GET / HTTP/1.1\r\n ${host}\r\n`,
              'a NUL in a header': `${get}X: \0\r\n\r\n`,
            };
            for (const [what, bytes] of Object.entries(ambiguous))
              await withSockets(port, [bytes + next], async ([socket]) => {
                const [answer] = await Promise.all([readAnswer(socket!), closings([socket!], 1)]);
                assert.is(answer.status, 400, `${what}: is answered ${answer.status}`);
                assert.is(answer.headers['connection'], 'close', what);
                assert.equal(waiting.seen.responses, [], `${what}: what follows is handled`);
              });
            await delivers(endpoint, waiting);
          },
          create,
        ),
      [
        twin(
          'has the lenient parser',
          edit('insecureHTTPParser: false', 'insecureHTTPParser: true'),
          /CL and TE: what follows is handled/,
        ),
      ],
    ),
    check(
      server,
      'answers a GET with any transfer coding by one 400, and handles nothing that follows it',
      async (create) => {
        const codings = [
          ...[
            'chunked',
            ' Chunked ',
            'CHUNKED',
            'identity',
            'gzip',
            'xchunked',
            'chunked, gzip',
            'gzip, chunked',
          ],
          ...['chunked, chunked', 'chunked;x=y', ','],
        ];
        for (const where of ['own', 'borrowed'] as const)
          await withFramed(where, create, async (server, port) => {
            const host = `Host: 127.0.0.1:${port}\r\n`;
            const waiting = await signIn(server);
            // Keeps connections open, which otherwise end with the page of the last sign-in.
            await server.begin({ responseMode: 'form_post' });
            let redirects = 0;
            server.redirects.subscribe(() => redirects++);
            const again = `GET ${real(waiting)} HTTP/1.1\r\n${host}\r\n`;
            const head = (method: string, path: string, coding: string): string =>
              `${method} ${path} HTTP/1.1\r\n${host}Content-Type: ${form}\r\nTransfer-Encoding: ${coding}\r\n\r\n`;
            const doubtful = [
              ...codings.map((coding) => head('GET', real(waiting), coding)),
              // A body may be compressed, and Node does not tell where that one ends.
              ...['gzip, chunked', 'chunked, chunked'].map((coding) => head('POST', '/callback', coding)),
            ];
            for (const start of doubtful)
              for (const rest of ['', '0\r\n\r\n', 'xyz', '5\r\nhello\r\n0\r\n\r\n'])
                for (const next of ['', again, `${again}\0\0\r\n\r\n`]) {
                  using socket = await RawSocket.open({ address: '127.0.0.1', port });
                  await socket.write(start + rest + next);
                  // Ends the exchange in any case.
                  socket.end();
                  await assert.deadline(socket.closed, `the end after ${inspect(start + rest + next)}`);
                  const what = `${where}, ${JSON.stringify(start.replace(/\?.*HTTP/, ' HTTP') + rest + next.slice(0, 12))}`;
                  assert.equal(statuses(socket.received), [400], `${what}: is answered otherwise`);
                  assert.is(/^connection: close\r$/im.test(socket.received), true, what);
                  assert.equal(waiting.seen.responses, [], `${what}: what follows is handled`);
                }
            assert.is(redirects, 0);
            const { status } = await send(port, { target: real(waiting), headers: navigation });
            assert.equal([status, waiting.seen.responses.length], [200, 1]);
          });
      },
      [
        twin(
          'takes a GET with a transfer coding',
          replacing({ isDoubtful }, () => () => false),
          /own, .*GET .*: is answered otherwise/,
        ),
        twin(
          'takes chunked for a coding that a GET may have',
          edit(`method === 'GET' || transferEncoding`, 'transferEncoding'),
          /own, .*chunked.*: is answered otherwise/,
        ),
        twin(
          'answers what the parser of an own server rejects afterwards',
          edit('if (isEnding(socket)) return;', ''),
          /own, .*: is answered otherwise/,
        ),
        twin(
          'handles what follows on a borrowed server',
          edit('if (this.#options.ended.has(request.socket)) return;', ''),
          /borrowed, .*: what follows is handled/,
        ),
      ],
      { deadline: 60_000 },
    ),
    check(server, 'takes no request out of a body', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port } = endpoint;
          const waiting = await signIn(server);
          const body = compose(port, { target: real(waiting), headers: navigation });
          for (const method of ['GET', 'POST', 'PUT', 'OPTIONS', 'HEAD'])
            for (const path of ['/', '/callback']) {
              const { status } = await endpoint.send({ method, target: path, body });
              assert.ok(status >= 400, `${method} is answered ${status}`);
              assert.equal(waiting.seen.responses, [], `${method} ${path}: its body is handled`);
            }
          await delivers(endpoint, waiting);
        },
        create,
      ),
    ),
  ),

  requirement(
    'F-14',
    {
      demand: 'Limit the rate of unknown states for each address, without delaying a valid redirect.',
      source: 'RFC 6585 section 4; OWASP Multi-Tenant section 5',
    },
    check(
      server,
      'slows down 10,000 unknown states of one address, and no redirect that is waited for',
      (create) =>
        withServer(
          // Time stands still, so that nothing is regained.
          { scheduler: new VirtualTimeScheduler() },
          async (endpoint) => {
            const { server, port } = endpoint;
            const first = await signIn(server);
            const second = await signIn(server);
            const used = await signIn(server);
            await delivers(endpoint, used);
            const flood = Array.from({ length: 10_000 }, (_, index) =>
              keeping(
                port,
                index % 100 === 0 ? real(used) : `/callback?code=x&state=guess-${index}-${'x'.repeat(20)}`,
                navigation,
              ),
            );
            const answers = await pipeline(port, flood);
            for (const [index, { status, raw }] of answers.entries()) {
              assert.is(status, index < 2_000 ? 400 : 429, `stray ${index} is answered ${status}`);
              assert.is(/^retry-after: \d+\r$/im.test(raw), status === 429, 'Retry-After');
            }
            await delivers(endpoint, first);
            // Nor is it counted: one that is waited for comes after it.
            await delivers(endpoint, second);
            assert.is((await endpoint.visit(real(first))).status, 429);
            assert.is(accepted(endpoint).length, 3);
          },
          create,
        ),
      [
        twin(
          'slows nobody down',
          replacing(
            { UnmatchedLimits },
            (Real) =>
              class extends Real {
                override exceeds(): boolean {
                  return false;
                }
              },
          ),
          /stray 2000 is answered 400/,
        ),
        twin(
          'slows down the redirect that is waited for as well',
          edit(
            `if (disposition !== 'unmatched' && disposition !== 'duplicate' && disposition !== 'late')
      return undefined;`,
            '',
          ),
          /stray 1999 is answered 429/,
        ),
      ],
    ),
  ),

  requirement(
    'F-15',
    {
      demand: 'Ignore forwarding headers unless the peer is a configured proxy.',
      source: 'RFC 9700 section 4.13',
      scope: 'service',
      note: 'the option trustedProxies names the proxies; without it no forwarding header is read',
    },
    check(
      server,
      'believes no forwarding header',
      (create) =>
        withServer(
          { limits: { unmatched: 5, unmatchedPerSecond: 1 }, cleanUrl: 'redirect' },
          async (endpoint) => {
            const { server, port, send } = endpoint;
            const good = `127.0.0.1:${port}`;
            const waiting = await signIn(server);
            const { redirectUri } = server;
            const forwarded = (host: string, index = 0): Headers => ({
              Forwarded: `for=192.0.2.${index};host=${host};proto=https`,
              'X-Forwarded-For': `192.0.2.${index}`,
              'X-Real-IP': `192.0.2.${index}`,
              'X-Forwarded-Host': host,
              'X-Forwarded-Server': host,
              'X-Forwarded-Proto': 'https',
              'X-Forwarded-Port': '443',
              'X-Forwarded-Prefix': '/x',
              'X-Original-URL': real(waiting),
              'X-Rewrite-URL': real(waiting),
              'X-HTTP-Method-Override': 'GET',
            });
            const plain = { target: real(waiting), headers: { ...navigation } };
            // The host that is judged, the path, the method.
            const foreign = {
              ...plain,
              headers: { ...navigation, ...forwarded(good), Host: 'evil.example' },
            };
            await refuses(endpoint, waiting, foreign, 'a foreign Host', [421]);
            await refuses(
              endpoint,
              waiting,
              { ...plain, target: '/', headers: forwarded(good) },
              'another path',
              [404],
            );
            await refuses(
              endpoint,
              waiting,
              { ...plain, method: 'PUT', headers: forwarded(good) },
              'another method',
              [405],
            );
            // The address that is slowed down.
            const statuses: number[] = [];
            for (let index = 0; index < 20; index++)
              statuses.push(
                (
                  await send({
                    target: `/callback?code=x&state=stray-${index}`,
                    headers: forwarded(good, index),
                  })
                ).status,
              );
            assert.is(statuses[0], 400);
            assert.is(statuses.at(-1), 429, 'a forwarded address counts as another one');
            // The scheme, the URL in a Location and the one that is advertised.
            const answer = await send({ ...plain, headers: { ...navigation, ...forwarded('evil.example') } });
            assert.is(answer.status, 303);
            assert.match(answer.headers['location'] ?? '', /^\?~[\w.-]+$/);
            assert.is(answer.headers['strict-transport-security'], undefined);
            assert.not.match(answer.raw, /evil|https/);
            assert.is(waiting.seen.responses.length, 1);
            assert.is(server.redirectUri, redirectUri);
          },
          create,
        ),
      [
        twin(
          'believes X-Forwarded-Host',
          edit(
            `const host = headers.host?.toLowerCase() ?? '';`,
            `const host = (request.rawHeaders[request.rawHeaders.findIndex((name) => /^x-forwarded-host$/i.test(name)) + 1 || -1] ?? headers.host ?? '').toLowerCase();`,
          ),
          /a foreign Host: is answered 303/,
        ),
      ],
    ),
  ),
);
