import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { firstValueFrom } from 'rxjs';
import { readTarget, speculative } from '../../src/callback/request.ts';
import { isLoopback } from '../../src/base/loopback.ts';
import * as assert from '../helpers/assert.ts';
import { withServer } from '../helpers/endpoint.ts';
import { compose, navigation, readAnswer, send, sendBytes, type HttpRequest } from '../helpers/http.ts';
import { keeping, pipeline, withSockets } from '../helpers/sockets.ts';
import { askOverHttp2 } from '../helpers/http2.ts';
import { accepted, delivers, post, real, refuses, response, signIn, target, type SignIn } from './sign-in.ts';
import { edit, replacing } from '../helpers/weakened.ts';
import { check, exportsOf, requirement, requirementsOn, server, twin } from './requirement.ts';

const operatorPort = exportsOf<typeof import('../../src/telemetry/port.ts')>('telemetry/port.ts');

const form = 'application/x-www-form-urlencoded';

const canary = 'CANARY-of-a-code';

type Headers = Readonly<Record<string, string>>;

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
  // A single line each, which gets a single answer.
  .map((parts) => parts.join(' ').replace(/[\r\n]/g, '_'));

export const requirements = requirementsOn(
  'Validation of HTTP requests',
  requirement(
    'F-01',
    {
      demand: 'Accept only the exact Host values of this server.',
      source: 'MCP streamable HTTP, security; CVE-2025-24010',
    },
    check(
      server,
      'answers to its own authorities only',
      (create) =>
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
      [
        twin(
          'goes by every name',
          [
            edit('this.#bound?.authorities.includes(authority) ?? false', 'true'),
            edit('this.#bound?.advertised.includes(authority) ?? false', 'true'),
          ],
          /Host: evil\.example: is answered 200/,
        ),
      ],
    ),
    check(
      server,
      'answers to the public host, with its default port or without, and to its own literals, behind a proxy',
      async (create) => {
        for (const [publicUrl, hosts, others] of [
          [
            'https://Sign-In.example',
            ['sign-in.example', 'SIGN-IN.example', 'sign-in.example:443', 'SIGN-IN.EXAMPLE:443'],
            [
              ...['sign-in.example.evil', 'x.sign-in.example', 'sign-in.example.', 'sign-in.example:0443'],
              ...[
                'sign-in.example:80',
                'sign-in.example:443:443',
                'sign-in.example.:443',
                'sign-in.example:',
              ],
            ],
          ],
          [
            'http://localhost',
            ['localhost', 'localhost:80', 'LocalHost:80'],
            ['localhost:443', 'localhost:8080'],
          ],
          ['http://[::1]', ['[::1]', '[::1]:80'], ['[::1]:443', '::1', '::1:80']],
          [
            'https://sign-in.example:8443',
            ['sign-in.example:8443'],
            ['sign-in.example', 'sign-in.example:443'],
          ],
          ['https://sign-in.example:80', ['sign-in.example:80'], ['sign-in.example', 'sign-in.example:443']],
        ] as const)
          await withServer(
            { publicUrl, binding: 'none' },
            async (endpoint) => {
              const { server, port } = endpoint;
              for (const host of [...hosts, `127.0.0.1:${port}`]) {
                const waiting = await signIn(server);
                for (const other of others) {
                  const request = { target: real(waiting), headers: { ...navigation, Host: other } };
                  await refuses(endpoint, waiting, request, `Host: ${other}`, [421, 400]);
                }
                const { status } = await endpoint.send({
                  target: real(waiting),
                  headers: { ...navigation, Host: host },
                });
                assert.is(status, 200, `Host: ${host}: is answered ${status}`);
                assert.is(waiting.seen.responses.length, 1);
              }
            },
            create,
          );
      },
      [
        twin(
          'knows no default port',
          edit(`url.port === '' ? [url.host,`, `url.port !== '' ? [url.host,`),
          /Host: sign-in\.example:443: is answered 421/,
        ),
        twin(
          'takes the default port of the other scheme too',
          edit(
            '[url.host, `${url.hostname}:${defaultPortOf(url)}`]',
            '[url.host, `${url.hostname}:443`, `${url.hostname}:80`]',
          ),
          /Host: sign-in\.example:80: is answered 200/,
        ),
      ],
    ),
    check(
      server,
      'goes by the :authority of HTTP/2, as it goes by a Host',
      async (create) => {
        const other = createHttp2Server();
        other.listen(0, '127.0.0.1');
        await once(other, 'listening');
        const { port } = other.address() as AddressInfo;
        const server = create({ server: other, publicUrl: 'https://sign-in.example', binding: 'none' });
        try {
          await server.listen();
          const as = async (
            names: Readonly<Record<string, string | null>>,
            ...expected: readonly number[]
          ): Promise<void> => {
            const { flow, seen } = await signIn(server);
            const asked = { ...navigation, ...names, ':path': target(flow, response(flow)) };
            const { status } = await askOverHttp2(`http://127.0.0.1:${port}`, asked);
            assert.ok(expected.includes(status), `${JSON.stringify(names)}: is answered ${status}`);
            assert.is(seen.responses.length, status === 200 ? 1 : 0);
            flow.cancel();
          };
          for (const name of [
            'sign-in.example',
            'SIGN-IN.example',
            'sign-in.example:443',
            `127.0.0.1:${port}`,
          ]) {
            await as({ ':authority': name }, 200);
            // A gateway from HTTP/1 may leave it out. @see RFC 9113 section 8.3.1
            await as({ ':authority': null, host: name }, 200);
            await as({ ':authority': name, host: name.toUpperCase() }, 200);
            await as({ ':authority': name, host: 'evil.example' }, 400);
            await as({ ':authority': 'evil.example', host: name }, 400);
          }
          // Node resets some of them itself.
          await as({ ':authority': null, host: '' }, 400, 0);
          for (const name of ['evil.example', 'sign-in.example:80', 'sign-in.example.evil', 'localhost'])
            await as({ ':authority': name }, 421);
          for (const name of ['user@sign-in.example', 'sign-in.example/', ''])
            await as({ ':authority': name }, 400, 0);
        } finally {
          await server.close();
          other.close();
        }
      },
      [
        twin(
          'knows no :authority',
          edit("case ':authority':", "case ':nothing':"),
          /":authority":"sign-in\.example"}: is answered 400/,
        ),
        twin(
          'goes by :authority, whatever Host says',
          edit("host.toLowerCase() === authority.toLowerCase() ? authority : ''", 'authority'),
          /"host":"evil\.example"}: is answered 200/,
        ),
      ],
    ),
    check(
      operatorPort,
      'the port of an operator answers no page that has rebound its name to loopback',
      async ({ openOperatorPort }) => {
        const metrics = (): Promise<never> => Promise.reject(new Error('a secret'));
        const operator = await openOperatorPort(0, { metrics, unready: () => undefined });
        const { port } = operator.address;
        try {
          const as = async (Host: string): Promise<number> =>
            (await send(port, { target: '/readyz', headers: { Host } })).status;
          for (const name of ['evil.example', `127.0.0.1.nip.io:${port}`, 'localhost.evil.example'])
            assert.is(await as(name), 421, `as ${name}`);
          assert.is(await as(`127.0.0.1:${port}`), 200);
        } finally {
          await operator.close();
        }
      },
      [
        twin(
          'answers whoever has found the port, by any name',
          replacing({ isLoopback }, () => () => true),
          /as evil\.example/,
        ),
        twin(
          'takes a name that begins like loopback for it',
          replacing({ isLoopback }, () => (host) => host.startsWith('127.')),
          /as 127\.0\.0\.1\.nip\.io/,
        ),
      ],
    ),
  ),

  requirement(
    'F-02',
    {
      demand: 'Answer 400 to a missing, repeated or malformed Host.',
      source: 'RFC 9112 section 3.2',
    },
    check(
      server,
      'answers 400 to a Host that is missing, repeated or malformed',
      (create) =>
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
                  named.length > 0
                    ? [...named, ...Object.entries(navigation)]
                    : { ...navigation, Host: null };
                const bytes = compose(port, { target: real(waiting), headers, version });
                const { status } = await sendBytes(port, Buffer.from(bytes, 'latin1'));
                assert.is(status, 400, `${what}, HTTP/${version}: is answered ${status}`);
                assert.is(waiting.seen.responses.length, 0);
              }
            assert.equal(accepted(endpoint), []);
            await delivers(endpoint, waiting);
          },
          create,
        ),
      [
        twin(
          'goes by the last of several hosts',
          edit(
            "const host = headers.host?.toLowerCase() ?? '';",
            "const host = headers.host?.toLowerCase().replace(/,.*/, '') ?? '';",
          ),
          /the same twice, .*: is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'F-03',
    {
      demand: 'Judge an absolute-form target by its own authority, and let no slashes change the route.',
      source: 'RFC 9112 section 3.2.2',
    },
    check(
      server,
      'judges an absolute-form target by its own authority, and is not re-routed by slashes',
      (create) =>
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
      [
        twin(
          'judges an absolute-form target by its Host',
          replacing({ readTarget }, (real) => (target) => {
            const read = real(target);
            return read && { ...read, authority: undefined };
          }),
          /http:\/\/evil\.example\/callback.*: is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'F-04',
    {
      demand: 'Survive every request line, and repeat none of it in a log or an error.',
      source: 'Node: ERR_INVALID_URL holds the whole URL',
    },
    check(
      server,
      'survives every request line, and repeats none of them',
      (create) =>
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
              // A line that ends its connection would lose the answers before it.
              await fuzz(port, fc.sample(tameLines, 9_000), 50);
              await fuzz(port, fc.sample(wildLines, 1_000), 1);
            });
            assert.is(heard, '');
            assert.not.match(log.join() + JSON.stringify(events), canary);
            await delivers(endpoint, waiting);
          },
          create,
        ),
      [
        twin(
          'says in its log what it could not read',
          replacing({ readTarget }, (real) => (target) => {
            const read = real(target);
            if (!read) console.error(target);
            return read;
          }),
          /code=CANARY-of-a-code/,
        ),
      ],
      { deadline: 300_000 },
    ),
  ),

  requirement(
    'F-05',
    {
      demand: 'Accept fetch metadata only if it describes a top-level navigation.',
      source: 'W3C Fetch Metadata; OWASP CSRF prevention',
    },
    check(
      server,
      'accepts a top-level navigation and a client that does not say, and consumes nothing for any other fetch',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const { server, port } = endpoint;
            const waiting = await signIn(server);
            const cases = await Promise.all(
              fetches.map(async (each) => ({
                ...each,
                signIn: each.allowed ? await signIn(server) : waiting,
              })),
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
      [
        twin(
          'does not look at fetch metadata',
          replacing({ speculative }, (real) => (headers) => {
            const reason = real(headers);
            return reason === 'not_navigation' ? undefined : reason;
          }),
          /\+\+403 .*\n--200/,
        ),
      ],
    ),
    check(server, 'holds a form_post to the same', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, send } = endpoint;
          const waiting = await signIn(server, { responseMode: 'form_post' });
          const submit = ({ flow }: SignIn, headers: Headers): HttpRequest => ({
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
    ),
  ),

  requirement(
    'F-06',
    {
      demand: 'Consume nothing for a prefetch or prerender.',
      source: 'WICG navigational speculation',
    },
    check(
      server,
      'consumes nothing for a speculative load, whose answer is used for nothing',
      (create) =>
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
      [
        twin(
          'serves a prefetch',
          replacing({ speculative }, (real) => (headers) => {
            const reason = real(headers);
            return reason === 'prefetch' ? undefined : reason;
          }),
          /'Sec-Purpose': 'prefetch' }: is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'F-07',
    {
      demand: 'Reject a GET with an Origin, and require no Referer.',
      source: 'Fetch standard',
    },
    check(
      server,
      'refuses a GET with an Origin, and asks for no Referer',
      (create) =>
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
              assert.is(
                (await endpoint.send({ target: real(other), headers })).status,
                200,
                inspect(headers),
              );
              assert.is(other.seen.responses.length, 1);
            }
          },
          create,
        ),
      [
        twin(
          'takes a GET with any Origin',
          edit(`if (headers.origin !== undefined && method !== 'POST')`, 'if (false)'),
          /Origin: https:\/\/evil\.example: is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'F-08',
    {
      demand: 'Let requests for a favicon and other files touch no sign-in.',
      source: 'this product',
    },
    check(
      server,
      'lets probes for other files touch no sign-in, before, during and after the redirect',
      (create) =>
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
      [
        twin(
          'takes every path for the callback',
          edit('if (path === this.#options.callbackPath) return true;', 'return true;'),
          /\/favicon\.ico is answered/,
        ),
      ],
    ),
    check(server, 'does not wait for a favicon connection when it closes', (create) =>
      withServer(
        { closeTimeout: 60_000, limits: { keepAliveTimeout: 60_000 } },
        async ({ server, port }) => {
          await server.begin();
          await withSockets(port, [keeping(port, '/favicon.ico')], async ([socket]) => {
            const { headers } = await readAnswer(socket!);
            assert.is(headers['connection'], 'keep-alive');
            await assert.deadline(server.close(), 'close()');
          });
        },
        create,
      ),
    ),
  ),
);
