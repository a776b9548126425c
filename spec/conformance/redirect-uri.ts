import { InvalidOptionError } from '../../src/index.ts';
import { readTarget } from '../../src/callback/request.ts';
import { mismatch } from '../../src/model/expectation.ts';
import * as assert from '../helpers/assert.ts';
import { withServer } from '../helpers/endpoint.ts';
import { navigation, send, type HttpRequest } from '../helpers/http.ts';
import { accepted, delivers, notTold, refuses, response, signIn, target } from './sign-in.ts';
import { edit, replacing } from '../helpers/weakened.ts';
import { check, requirement, requirementsOn, server, twin } from './requirement.ts';

const issuer = 'https://as.example';

const evil = 'https://evil.example';

/** A navigation with headers of its own. */
const navigate = (path: string, headers: Record<string, string> = {}): HttpRequest => ({
  target: path,
  headers: { ...navigation, ...headers },
});

export const requirements = requirementsOn(
  'Redirect URIs',
  requirement(
    'C-08',
    {
      demand: 'Accept a response only on exactly the redirect URI of its flow: host, port, path and query.',
      source: 'RFC 8252 section 8.10; RFC 9700 section 4.4.2.2',
    },
    check(
      server,
      'takes a response on exactly the redirect URI of its flow',
      (create) =>
        withServer(
          { callbackPath: '/cb' },
          async (endpoint) => {
            const waiting = await signIn(endpoint.server, { context: 'a' });
            const plain = await signIn(endpoint.server);
            await signIn(endpoint.server, { context: 'b' });
            const statuses = [400, 404, 421];
            for (const [{ flow }, paths] of [
              [
                waiting,
                [
                  '/cb/b',
                  '/cb/a/',
                  '/CB/A',
                  '/cb/A',
                  '/cb/%61',
                  '//cb/a',
                  '/cb/a;x',
                  '/cb',
                  '/cb/',
                  '/cb//a',
                  '/a',
                ],
              ],
              [
                waiting,
                ['/cb/./a', '/cb/b/../a', '/cb/a/.', '/cb\\a', '/cb%2Fa', '/cb/a%3F', '/cb/a%00', '/x/cb/a'],
              ],
              [
                plain,
                ['/cb/a', '/cb/', '/cb/b', '/CB', '/%63b', '//cb', '/cb;x', '/cb.', '/./cb', '/cb/../cb'],
              ],
            ] as const) {
              for (const path of paths) {
                const url = `${path}?${response(flow, 'CANARY')}`;
                await refuses(endpoint, waiting, url, path, statuses);
                assert.equal(plain.seen, { responses: [], errors: [], completed: false }, path);
              }
            }
            notTold(endpoint, 'CANARY');
            await delivers(endpoint, waiting);
            await delivers(endpoint, plain);
          },
          create,
        ),
      [
        twin(
          'forgives a slash and the case of the path',
          replacing(
            { readTarget },
            (real) => (target) =>
              real(target.replace(/^[^?]*/, (path) => path.toLowerCase().replace(/\/$/, ''))),
          ),
          /\/cb\/a\/: is answered 200/,
        ),
      ],
    ),
    check(
      server,
      'takes a response on exactly the host and port of its redirect URI',
      (create) =>
        withServer(
          {},
          (endpoint) =>
            withServer(
              {},
              async (other) => {
                const waiting = await signIn(endpoint.server);
                const url = target(waiting.flow, response(waiting.flow, 'CANARY'));
                const { port } = endpoint;
                const statuses = [400, 421];
                for (const host of [
                  `[::1]:${port}`,
                  `localhost:${port}`,
                  `127.0.0.2:${port}`,
                  `127.1:${port}`,
                  `127.0.0.1.:${port}`,
                  `127.0.0.1:0${port}`,
                  `127.0.0.1:${other.port}`,
                  '127.0.0.1',
                  'evil.example',
                ]) {
                  await refuses(endpoint, waiting, navigate(url, { Host: host }), `Host ${host}`, statuses);
                  const absolute = navigate(`http://${host}${url}`);
                  await refuses(endpoint, waiting, absolute, `http://${host}`, statuses);
                }
                const astray = await send(other.port, navigate(url));
                assert.is(astray.status, 400);
                assert.equal(accepted(other), []);
                notTold(endpoint, 'CANARY');
                notTold(other, 'CANARY');
                await delivers(endpoint, waiting);
              },
              create,
            ),
          create,
        ),
      [
        twin(
          'takes a response on any address of its own',
          edit('!this.#isRedirectUri(authority, query)', '!retains(query, this.#options.callbackQuery)'),
          /Host \[::1\]:\d+: is answered 200/,
        ),
      ],
    ),
    check(server, 'begins on no redirect URI that a browser would change on its way', (create) => {
      for (const callbackPath of [
        '/a/../b',
        '/./cb',
        '/cb/..',
        '/cb/%2e%2E',
        '//cb',
        '/cb?a b',
        '/cb?a\r\nb',
        '/cb?a#b',
      ]) {
        const error = assert.throws(() => create({ callbackPath }), InvalidOptionError);
        assert.is(error.option, 'callbackPath', callbackPath);
      }
      for (const callbackPath of ['/', '/cb/', '/..cb', '/cb...', '/a%2Fb', '/cb?to=/../x'])
        create({ callbackPath });
      return Promise.resolve();
    }),
  ),

  requirement(
    'C-09',
    {
      demand: 'Give each context its own redirect URI, and reject a state that arrives on that of another.',
      source: 'RFC 8252 section 8.10; OAuth security topics update section 2.2.2',
    },
    check(
      server,
      'gives each context a redirect URI of its own, and takes no state on that of another',
      (create) =>
        withServer(
          { callbackPath: '/cb' },
          async (endpoint) => {
            const { server } = endpoint;
            const toolA = await signIn(server, { context: 'tool-a', issuer: evil });
            const toolB = await signIn(server, { context: 'tool-b', issuer });
            const uris = [server.redirectUri, toolA.flow.redirectUri, toolB.flow.redirectUri];
            assert.is(new Set(uris).size, 3);
            assert.equal(
              uris.slice(1),
              ['tool-a', 'tool-b'].map((context) => `${server.redirectUri}/${context}`),
            );
            for (const { flow } of [toolA, toolB]) {
              const url = flow.authorizationUrl('https://as.example/authorize');
              assert.is(url.searchParams.get('redirect_uri'), flow.redirectUri);
            }
            for (const [mine, yours] of [
              [toolA, toolB],
              [toolB, toolA],
            ] as const) {
              for (const text of ['code=CANARY', 'error=access_denied&error_description=CANARY']) {
                const url = target(yours.flow, `${text}&state=${mine.flow.state}`);
                await refuses(endpoint, mine, url, url);
                assert.is(endpoint.redirects.at(-1)!.disposition, 'wrong_redirect_uri');
              }
            }
            notTold(endpoint, 'CANARY');
            await delivers(endpoint, toolA);
            await delivers(endpoint, toolB);
          },
          create,
        ),
      [
        twin(
          "takes a state on another context's redirect URI",
          replacing(
            { mismatch },
            (real) => (expected, arrival, iss) => real(expected, { ...arrival, path: expected.path }, iss),
          ),
          /\/cb\/tool-b.*: is answered 200/,
        ),
      ],
    ),
    check(server, 'refuses a context that could lead to the redirect URI of another', (create) =>
      withServer(
        { callbackPath: '/cb' },
        async ({ server }) => {
          const contexts = [
            '',
            '.',
            '..',
            'a/b',
            '../b',
            '%61',
            'a?b',
            'a#b',
            'a b',
            'ä',
            'a\n',
            'x'.repeat(129),
          ];
          for (const context of contexts) {
            const error = await assert.rejects(server.begin({ context }), InvalidOptionError);
            assert.is(error.option, 'context');
          }
          for (const context of ['...', 'a', 'A', 'as.example', '-', '_', 'x'.repeat(128)]) {
            const { redirectUri } = await server.begin({ context });
            assert.is(redirectUri, `${server.redirectUri}/${context}`);
            assert.is(new URL(redirectUri).href, redirectUri);
          }
        },
        create,
      ),
    ),
  ),
);
