import type { Socket } from 'node:net';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { firstValueFrom, VirtualTimeScheduler } from 'rxjs';
import * as assert from '../helpers/assert.ts';
import { withServer } from '../helpers/endpoint.ts';
import { pipeline, serverBehind, withAccepted } from '../helpers/sockets.ts';
import { compose, dial, navigation, readAnswer, sendRaw, type WireRequest } from '../helpers/wire.ts';
import type { Row } from './row.ts';
import { accepted, delivers, post, refuses, response, signIn, target, type SignIn } from './sign-in.ts';

const form = 'application/x-www-form-urlencoded';
const canary = 'CANARY-of-a-code';

type Headers = Readonly<Record<string, string>>;

/** Composed for a connection that is kept. */
function keeping(port: number, path: string, headers: Headers = {}, method = 'GET'): string {
  return compose(port, { method, target: path, headers: { ...headers, Connection: 'keep-alive' } });
}

/** The flow's own redirect. */
function real({ flow }: SignIn): string {
  return target(flow, response(flow));
}

/** Runs `body`; gives what this process wrote meanwhile, and what would have ended it. */
async function overheard(body: () => Promise<void>): Promise<string> {
  const heard: string[] = [];
  const hear = (error: unknown): void => void heard.push(inspect(error));
  const streams = [process.stdout, process.stderr];
  const writes = streams.map((stream) => stream.write.bind(stream));
  process.on('warning', hear).on('uncaughtException', hear);
  for (const stream of streams) stream.write = (text: string | Uint8Array) => heard.push(String(text)) > 0;
  try {
    await body();
  } finally {
    for (const [index, stream] of streams.entries()) stream.write = writes[index]!;
    process.off('warning', hear).off('uncaughtException', hear);
  }
  return heard.join('\n');
}

/** Sends request lines, so many ahead of their answers; none may be answered with success. */
async function fuzz(port: number, lines: readonly string[], ahead: number): Promise<void> {
  const rest = `\r\nHost: 127.0.0.1:${port}\r\nConnection: keep-alive\r\n\r\n`;
  const answers = await pipeline(
    port,
    lines.map((line) => line + rest),
    ahead,
  );
  for (const [index, { status }] of answers.entries()) {
    const refused = status === 0 || (status >= 400 && status < 500);
    assert.ok(refused, `${inspect(lines[index])} is answered ${status}`);
  }
}

/** Many connections at once, each with a few bytes of a request, closed whatever happens. */
async function withSockets<T>(
  port: number,
  openings: readonly string[],
  body: (sockets: readonly Socket[]) => Promise<T>,
): Promise<T> {
  const sockets: Socket[] = [];
  try {
    for (const opening of openings) {
      const socket = await dial(port);
      sockets.push(socket);
      socket.write(opening);
    }
    return await body(sockets);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

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
  await assert.deadline(enough, 15_000, `the end of ${count} of ${sockets.length} connections`);
}

const absent = undefined;
const dests = [
  absent,
  'document',
  'image',
  'iframe',
  'frame',
  'empty',
  'script',
  'style',
  'embed',
  'object',
  'worker',
  'fencedframe',
  'x',
];
const modes = [absent, 'navigate', 'no-cors', 'cors', 'same-origin', 'websocket'];
const sites = [absent, 'cross-site', 'same-site', 'same-origin', 'none'];

interface FetchMetadata {
  headers: Headers;
  /** A top-level navigation, or a client that does not say what it is. */
  allowed: boolean;
}

/** Every combination of destination, mode and site. */
const fetches: readonly FetchMetadata[] = dests.flatMap((dest) =>
  modes.flatMap((mode) =>
    sites.map((site) => ({
      headers: {
        ...(dest !== undefined && { 'Sec-Fetch-Dest': dest }),
        ...(mode !== undefined && { 'Sec-Fetch-Mode': mode }),
        ...(site !== undefined && { 'Sec-Fetch-Site': site }),
      },
      // A lone mode is what `fetch` of Node sends.
      allowed: (dest === absent && site === absent) || (dest === 'document' && mode === 'navigate'),
    })),
  ),
);

const speculations: readonly Headers[] = [
  { 'Sec-Purpose': 'prefetch' },
  { 'Sec-Purpose': 'prefetch;prerender' },
  { 'Sec-Purpose': 'prefetch;anonymous-client-ip' },
  { 'sec-purpose': 'Prefetch' },
  { Purpose: 'prefetch' },
  { Purpose: 'preview' },
  { 'X-Purpose': 'preview' },
  { 'X-Purpose': 'instant, prefetch' },
  { 'X-Moz': 'prefetch' },
];

const pieces = fc.constantFrom(
  ...'/ // \\ /\\ % %2 %00 %FF ? # & = @ : ; [ [::1 ] .. * http:// HTTPS:// javascript:'.split(' '),
  ...`callback /callback code=${canary} state= 127.0.0.1 evil`.split(' '),
);

const parseable = fc
  .tuple(
    fc.constantFrom('/', '//', '///', '/\\', '/%', '/?', '/callback', '/callback?', '*'),
    fc.array(pieces, { maxLength: 10 }),
  )
  .map(([start, rest]) => start + rest.join(''));

/** Request lines that no program would send, none of them with a state: such as Node's parser hands on, and any. */
const tameLines = parseable.map((path) => `GET ${path} HTTP/1.1`);
const wildLines = fc
  .tuple(
    fc.constantFrom('GET', 'POST', 'OPTIONS', 'CONNECT', 'get', 'GE\0T', 'X', ''),
    fc.oneof(
      parseable,
      parseable.map((path) => `http:/${path}`),
      fc.string({ maxLength: 40 }),
      fc.string({ unit: 'binary', maxLength: 20 }),
    ),
    fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/', ''),
  )
  // One line each, so that each has one answer.
  .map((parts) => parts.join(' ').replace(/[\r\n]/g, '_'));

export const rows: readonly Row[] = [
  {
    id: 'F-01',
    title: 'answers to its own authorities only',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port, redirects } = endpoint;
          const waiting = await signIn(server);
          const foreign = [
            'evil.example',
            `evil.example:${port}`,
            'localhost',
            `localhost:${port}`,
            '127.0.0.1',
            `127.0.0.1:${port === 65_535 ? 1 : port + 1}`,
            `127.0.0.1:0${port}`,
            `127.0.0.1.:${port}`,
            `127.0.0.1.nip.io:${port}`,
            `localhost.evil:${port}`,
            `evil.127.0.0.1:${port}`,
            `127.0.0.2:${port}`,
            `127.1:${port}`,
            `127.0.0.01:${port}`,
            `0.0.0.0:${port}`,
            `2130706433:${port}`,
            `0x7f000001:${port}`,
            `[::ffff:127.0.0.1]:${port}`,
            `[::]:${port}`,
            `::1:${port}`,
            `[0:0:0:0:0:0:0:1]:${port}`,
            `127.0.0.1:${port}.evil`,
            `127.0.0.1:${port}:${port}`,
            `127.0.0.1%00:${port}`,
          ];
          for (const host of foreign) {
            const request = { target: real(waiting), headers: { ...navigation, Host: host } };
            const { status } = await refuses(endpoint, waiting, request, `Host: ${host}`, [421, 400]);
            const page = { target: '/', headers: { Host: host } };
            assert.ok([421, 400].includes((await endpoint.send(page)).status), `Host: ${host} at /`);
            if (status === 421) assert.is(redirects.at(-1)?.reason, 'wrong_host');
          }
          await delivers(endpoint, waiting);
        },
        create,
      ),
  },
  {
    id: 'F-01',
    title: 'answers to the public host, and to its own literals, behind a proxy',
    check: (create) =>
      withServer(
        { publicUrl: 'https://Sign-In.example' },
        async (endpoint) => {
          const { server, port } = endpoint;
          for (const host of ['sign-in.example', 'SIGN-IN.example', `127.0.0.1:${port}`]) {
            const waiting = await signIn(server);
            for (const other of [
              'sign-in.example.evil',
              'x.sign-in.example',
              'sign-in.example:80',
              'sign-in.example.',
            ]) {
              const request = { target: real(waiting), headers: { ...navigation, Host: other } };
              await refuses(endpoint, waiting, request, `Host: ${other}`, [421]);
            }
            const { status } = await endpoint.send({
              target: real(waiting),
              headers: { ...navigation, Host: host },
            });
            assert.is(status, 200, `Host: ${host}`);
            assert.is(waiting.seen.responses.length, 1);
          }
        },
        create,
      ),
  },
  {
    id: 'F-02',
    title: 'answers 400 to a Host that is missing, repeated or malformed',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port } = endpoint;
          const waiting = await signIn(server);
          const good = `127.0.0.1:${port}`;
          const hosts: Readonly<Record<string, readonly string[]>> = {
            none: [],
            'the same twice': [good, good],
            'a foreign second': [good, 'evil.example'],
            'a foreign first': ['evil.example', good],
            'an empty second': [good, ''],
            empty: [''],
            blank: [' '],
            userinfo: [`user@${good}`],
            'a password': [`user:password@${good}`],
            'a path': [`${good}/`],
            'a longer path': [`${good}/callback`],
            'a query': [`${good}?x`],
            'a fragment': [`${good}#x`],
            'a backslash': [`${good}\\x`],
            'a scheme': [`http://${good}`],
            'a list': [`${good}, ${good}`],
            'a space': [`127.0.0.1 :${port}`],
            'a port that is none': ['127.0.0.1:x'],
            'a port too long': [`127.0.0.1:0000${port}`],
            'a bracket left open': [`[::1:${port}`],
            'a tab': [`127.0.0.1\t:${port}`],
            'a byte beyond ASCII': [`127.0.0.1\xe9:${port}`],
          };
          for (const [what, given] of Object.entries(hosts))
            for (const version of ['1.1', '1.0']) {
              const named = given.map((host): [string, string] => ['Host', host]);
              const headers =
                named.length > 0 ? [...named, ...Object.entries(navigation)] : { ...navigation, Host: null };
              const bytes = compose(port, { target: real(waiting), headers, version });
              const { status } = await sendRaw(port, Buffer.from(bytes, 'latin1'));
              assert.is(status, 400, `${what}, HTTP/${version}: is answered ${status}`);
              assert.is(waiting.seen.responses.length, 0);
            }
          assert.equal(accepted(endpoint), []);
          await delivers(endpoint, waiting);
        },
        create,
      ),
  },
  {
    id: 'F-03',
    title: 'judges an absolute-form target by its own authority, and is not re-routed by slashes',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port, send } = endpoint;
          const waiting = await signIn(server);
          const path = real(waiting);
          const good = `127.0.0.1:${port}`;
          const statuses: Readonly<Record<string, number>> = {
            [`http://evil.example${path}`]: 421,
            [`HTTP://EVIL.example${path}`]: 421,
            [`https://evil.example${path}`]: 421,
            [`http://127.0.0.1${path}`]: 421,
            [`http://localhost:${port}${path}`]: 421,
            [`http://${good}@evil.example${path}`]: 421,
            [`http://user@${good}${path}`]: 421,
            [`http://${good}.evil.example${path}`]: 421,
            [`http://${path}`]: 421,
            [`http:///${good}${path}`]: 421,
            [`http://evil.example\\@${good}${path}`]: 400,
            [`//evil.example${path}`]: 404,
            [`//${good}${path}`]: 404,
            [`/${path}`]: 404,
            [`///${path}`]: 404,
            [`/\\evil.example${path}`]: 404,
            [`/\\${good}${path}`]: 404,
            [`/.${path}`]: 404,
            [`/x/..${path}`]: 404,
            [`http:${path}`]: 400,
            [`ftp://${good}${path}`]: 400,
            [`\\\\${good}${path}`]: 400,
            [`\\${path.slice(1)}`]: 400,
            [path.slice(1)]: 400,
          };
          for (const [absolute, status] of Object.entries(statuses))
            await refuses(endpoint, waiting, { target: absolute, headers: navigation }, absolute, [status]);
          // RFC 9112 section 3.2.2: what Host says then does not count, as long as it is one.
          const headers = { ...navigation, Host: 'evil.example' };
          assert.is((await send({ target: `http://${good}${path}`, headers })).status, 200);
          assert.is(waiting.seen.responses.length, 1);
        },
        create,
      ),
  },
  {
    id: 'F-04',
    title: 'survives every request line, and repeats none of them',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port, log, events } = endpoint;
          const waiting = await signIn(server);
          const known = [
            '//',
            '/\\',
            'http://',
            'http://[::1',
            '*',
            '/%',
            'http://[::1]:x/',
            '/callback?%',
            '//callback',
            '///',
          ].flatMap((path) => [path, `${path}?code=${canary}`, `${path}/callback?code=${canary}&state=x`]);
          const heard = await overheard(async () => {
            for (const path of known) {
              const { status } = await endpoint.send({ target: path });
              assert.ok(status >= 400 && status < 500, `${path} is answered ${status}`);
            }
            // What ends its connection would take the answers before it along.
            await fuzz(port, fc.sample(tameLines, 9_000), 50);
            await fuzz(port, fc.sample(wildLines, 1_000), 1);
          });
          assert.is(heard, '');
          assert.not.match(log.join() + JSON.stringify(events), canary);
          await delivers(endpoint, waiting);
        },
        create,
      ),
    deadline: 40_000,
  },
  {
    id: 'F-05',
    title:
      'accepts a top-level navigation and a client that does not say, and consumes nothing for any other fetch',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port } = endpoint;
          const waiting = await signIn(server);
          const cases = await Promise.all(
            fetches.map(async (each) => ({ ...each, signIn: each.allowed ? await signIn(server) : waiting })),
          );
          const answers = await pipeline(
            port,
            cases.map(({ headers, signIn }) => keeping(port, real(signIn), headers)),
          );
          for (const [index, { headers, allowed, signIn }] of cases.entries()) {
            const what = inspect(headers);
            assert.is(answers[index]?.status, allowed ? 200 : 403, what);
            assert.is(signIn.seen.responses.length, allowed ? 1 : 0, what);
          }
          const { 'Sec-Fetch-Dest': dest, ...others } = navigation;
          for (const twice of [
            ['document', 'image'],
            ['image', 'document'],
          ]) {
            const headers = [
              ...Object.entries(others),
              ...twice.map((each): [string, string] => ['Sec-Fetch-Dest', each]),
            ];
            await refuses(
              endpoint,
              waiting,
              { target: real(waiting), headers },
              `${dest} and more: ${twice.join()}`,
              [403],
            );
          }
          await delivers(endpoint, waiting);
        },
        create,
      ),
  },
  {
    id: 'F-05',
    title: 'holds a form_post to the same',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, send } = endpoint;
          const waiting = await signIn(server, { responseMode: 'form_post' });
          const submit = ({ flow }: SignIn, headers: Headers): WireRequest => ({
            ...post('/callback', response(flow)),
            headers: { 'Content-Type': form, Origin: 'https://as.example', ...headers },
          });
          for (const { headers, allowed } of fetches) {
            const what = inspect(headers);
            if (!allowed) {
              await refuses(endpoint, waiting, submit(waiting, headers), what, [403]);
              continue;
            }
            const other = await signIn(server, { responseMode: 'form_post' });
            assert.is((await send(submit(other, headers))).status, 200, what);
            assert.is(other.seen.responses.length, 1, what);
          }
          assert.is((await send(submit(waiting, navigation))).status, 200);
          assert.is(waiting.seen.responses.length, 1);
        },
        create,
      ),
  },
  {
    id: 'F-06',
    title: 'consumes nothing for a speculative load, whose answer is used for nothing',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          for (const headers of speculations) {
            const waiting = await signIn(endpoint.server);
            for (const around of [{}, navigation]) {
              const request = { target: real(waiting), headers: { ...around, ...headers } };
              const answer = await refuses(endpoint, waiting, request, inspect(headers), [503]);
              assert.is(answer.headers['cache-control'], 'no-store');
              assert.is(endpoint.redirects.at(-1)?.reason, 'prefetch');
            }
            await delivers(endpoint, waiting);
          }
        },
        create,
      ),
  },
  {
    id: 'F-07',
    title: 'refuses a GET with an Origin, and asks for no Referer',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port } = endpoint;
          const waiting = await signIn(server);
          for (const origin of [
            'https://evil.example',
            'null',
            'https://as.example',
            `http://localhost:${port}`,
            '',
          ])
            for (const around of [{}, navigation]) {
              const request = { target: real(waiting), headers: { ...around, Origin: origin } };
              await refuses(endpoint, waiting, request, `Origin: ${origin}`, [403]);
            }
          await delivers(endpoint, waiting);
          for (const headers of [
            { Referer: 'https://as.example/authorize' },
            { Referer: 'https://evil.example/' },
            {},
          ]) {
            const other = await signIn(server);
            assert.is((await endpoint.send({ target: real(other), headers })).status, 200, inspect(headers));
            assert.is(other.seen.responses.length, 1);
          }
        },
        create,
      ),
  },
  {
    id: 'F-08',
    title: 'lets probes for other files touch no sign-in, before, during and after the redirect',
    check: (create) =>
      withServer(
        { settle: 60_000 },
        async (endpoint) => {
          const { server, redirects, visit } = endpoint;
          const probes = async (): Promise<void> => {
            for (const path of [
              '/favicon.ico',
              '/robots.txt',
              '/apple-touch-icon.png',
              '/.well-known/x',
              '/',
              '/health',
            ]) {
              const { status, headers } = await visit(path, {
                'Sec-Fetch-Dest': 'image',
                'Sec-Fetch-Mode': 'no-cors',
              });
              assert.ok(status === 404 || status === 204, `${path} is answered ${status}`);
              assert.is(headers['cache-control'], 'no-store');
            }
          };
          await probes();
          const waiting = await signIn(server);
          await probes();
          const page = visit(real(waiting));
          // The page waits until the app has said how the sign-in ended.
          await Promise.race([page, firstValueFrom(waiting.flow.response)]);
          await probes();
          waiting.flow.settle({ status: 'success' });
          assert.is((await page).status, 200);
          await probes();
          assert.equal(
            redirects.map(({ disposition }) => disposition),
            ['accepted'],
          );
        },
        create,
      ),
  },
  {
    id: 'F-08',
    title: 'does not wait for a favicon connection when it closes',
    check: (create) =>
      withServer(
        { closeTimeout: 60_000, limits: { keepAliveTimeout: 60_000 } },
        async ({ server, port }) => {
          await server.begin();
          await withSockets(port, [keeping(port, '/favicon.ico')], async ([socket]) => {
            const { headers } = await readAnswer(socket!);
            assert.is(headers['connection'], 'keep-alive');
            await assert.deadline(server.close(), 10_000, 'close()');
          });
        },
        create,
      ),
  },
  {
    id: 'F-09',
    title: 'takes a request line of 8,000 octets and refuses what is longer, never cutting it',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const waiting = await signIn(endpoint.server);
          const long = (length: number): string => {
            const start = `${target(waiting.flow, `state=${waiting.flow.state}`)}&code=`;
            return start + 'x'.repeat(length - start.length);
          };
          for (const length of [20_000, 70_000])
            await refuses(endpoint, waiting, long(length), `a target of ${length} octets`, [414, 431]);
          const most = long(8_192);
          assert.is((await endpoint.visit(most)).status, 200);
          assert.is(waiting.seen.responses[0]?.code, most.slice(most.lastIndexOf('=') + 1));
        },
        create,
      ),
  },
  {
    id: 'F-09',
    title: 'refuses a request with too many headers instead of dropping the last of them',
    check: (create) =>
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
          const all = (count: number): WireRequest => ({
            target: real(waiting),
            headers: [...filler(count), ...Object.entries(navigation)],
          });
          await refuses(endpoint, waiting, all(95), '101 headers', [431]);
          assert.is((await endpoint.send(all(94))).status, 200);
          assert.is(waiting.seen.responses.length, 1);
        },
        create,
      ),
  },
  {
    id: 'F-10',
    title: 'refuses a body over its limit, a coded one, and one that is cut off',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port, send } = endpoint;
          const waiting = await signIn(server, { responseMode: 'form_post' });
          const body = response(waiting.flow);
          const filled = (size: number): WireRequest => post('/callback', `${body}&x=`.padEnd(size, 'x'));
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
            const sent = 'Transfer-Encoding' in framing ? `${body.length.toString(16)}\r\n${body}\r\n` : body;
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
  },
  {
    id: 'F-10',
    title: 'reads no further than the limit of a body that does not end',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port } = endpoint;
          const waiting = await signIn(server, { responseMode: 'form_post' });
          const headers = { 'Content-Type': form, 'Transfer-Encoding': 'chunked' };
          const head = compose(port, { method: 'POST', target: '/callback', headers });
          // Stops to look for the answer: 413, though more is to come.
          const first = `${head}20000\r\n${`${response(waiting.flow)}&x=`.padEnd(0x20000, 'x')}\r\n`;
          assert.is((await sendRaw(port, first)).status, 413);
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
  },
  {
    id: 'F-10',
    title: 'takes no parameter from the body of a GET',
    check: (create) =>
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
  },
  {
    id: 'F-11',
    title: 'gives a client 10 s for its headers and 15 s for its request, and looks every second',
    check: (create) =>
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
  },
  {
    id: 'F-11',
    title: 'cuts off 500 clients that send a byte now and then, and serves a redirect meanwhile',
    check: (create) =>
      withServer(
        { limits: { headersTimeout: 400, requestTimeout: 800 } },
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
                readAnswer(silent, 15_000),
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
  },
  {
    id: 'F-12',
    title: 'keeps 512 connections, drops the oldest that does nothing, and lets a redirect in',
    check: (create) =>
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
  },
  {
    id: 'F-12',
    title: 'keeps no connection after the page of the last sign-in',
    check: (create) =>
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
  },
  {
    id: 'F-13',
    title: 'refuses ambiguous framing and handles nothing that follows it',
    check: (create) =>
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
  },
  {
    id: 'F-13',
    title: 'takes no request out of a body',
    check: (create) =>
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
  },
  {
    id: 'F-14',
    title: 'slows down 10,000 unknown states of one address, and no redirect that is waited for',
    check: (create) =>
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
  },
  {
    id: 'F-15',
    title: 'believes no forwarding header',
    check: (create) =>
      withServer(
        { limits: { strays: 5, straysPerSecond: 1 }, cleanUrl: 'redirect' },
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
          const foreign = { ...plain, headers: { ...navigation, ...forwarded(good), Host: 'evil.example' } };
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
          assert.match(answer.headers['location'] ?? '', /^\.\/callback\/~[\w-]+$/);
          assert.is(answer.headers['strict-transport-security'], undefined);
          assert.not.match(answer.raw, /evil|https/);
          assert.is(waiting.seen.responses.length, 1);
          assert.is(server.redirectUri, redirectUri);
        },
        create,
      ),
  },
];
