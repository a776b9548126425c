import { createHmac } from 'node:crypto';
import { InvalidOptionError, ofState, type BeginOptions } from '../../src/index.ts';
import { signIn as startSignIn } from '../../src/login.ts';
import * as assert from '../helpers/assert.ts';
import { withServer, type Endpoint } from '../helpers/endpoint.ts';
import { startIssuer } from '../helpers/issuer.ts';
import { Watched } from '../helpers/watched.ts';
import { navigation, send, type WireRequest } from '../helpers/wire.ts';
import type { Row } from './row.ts';
import {
  accepted,
  carried,
  delivers,
  post,
  refuses,
  response,
  said,
  signIn,
  target,
  type SignIn,
} from './sign-in.ts';

const issuer = 'https://as.example';
const evil = 'https://evil.example';

const withIss = (query: string, iss: string): string => `${query}&iss=${encodeURIComponent(iss)}`;

/** A navigation with headers of its own. */
const navigate = (path: string, headers: Record<string, string> = {}): WireRequest => ({
  target: path,
  headers: { ...navigation, ...headers },
});

/** Nothing that the refused redirects brought is to be found anywhere. */
function notTold(endpoint: Endpoint, canary: string): void {
  assert.not.match(carried(endpoint) + said(endpoint), canary);
}

type Claims = Record<string, unknown>;

function jwt(claims: Claims, { alg = 'HS256', key = 'the client secret' } = {}): string {
  const encode = (part: Claims): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const signed = `${encode({ alg, typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${alg === 'none' ? '' : createHmac('sha256', key).update(signed).digest('base64url')}`;
}

/** A JARM response that nothing is wrong with, and eight with which something is. */
function jarmResponses(state: string): Record<string, string> {
  const good = { iss: issuer, aud: 'client', exp: 4_000_000_000, code: 'CANARY', state };
  const without = (name: keyof typeof good): Claims => ({ ...good, [name]: undefined });
  return {
    'all is well': jwt(good),
    'alg is none': jwt(good, { alg: 'none' }),
    'the signature is bad': jwt(good, { key: 'another secret' }),
    'iss is wrong': jwt({ ...good, iss: evil }),
    'iss is missing': jwt(without('iss')),
    'aud is wrong': jwt({ ...good, aud: 'another client' }),
    'aud is missing': jwt(without('aud')),
    'exp is missing': jwt(without('exp')),
    'it has expired': jwt({ ...good, exp: 1 }),
  };
}

export const rows: readonly Row[] = [
  {
    id: 'C-01',
    title: 'wants to know the issuer of each flow where there are several',
    check: (create) =>
      withServer(
        { issuers: [issuer, 'https://other.example'], maxFlows: 1 },
        async (endpoint) => {
          const { server } = endpoint;
          for (const options of [{}, { issuer: evil }, { issuer: '' }, { issuer: `${issuer}/` }]) {
            const error = await assert.rejects(server.begin(options), InvalidOptionError);
            assert.instance(error, TypeError);
            assert.is(error.option, 'issuer');
          }
          // None of them has taken the only place.
          const waiting = await signIn(server, { issuer, requireIssuer: true });
          await delivers(endpoint, waiting, withIss(response(waiting.flow), issuer));
        },
        create,
      ),
  },
  {
    id: 'C-01',
    title: 'keeps the issuer with each flow, and takes that of no other',
    check: (create) =>
      withServer(
        { issuers: [issuer, 'https://other.example'] },
        async (endpoint) => {
          const flows: [SignIn, string, string][] = [
            [await signIn(endpoint.server, { issuer, requireIssuer: true }), issuer, 'https://other.example'],
            [
              await signIn(endpoint.server, { issuer: 'https://other.example', requireIssuer: true }),
              'https://other.example',
              issuer,
            ],
          ];
          for (const [waiting, , others] of flows) {
            const query = withIss(response(waiting.flow, 'CANARY'), others);
            await refuses(endpoint, waiting, target(waiting.flow, query), others);
          }
          notTold(endpoint, 'CANARY');
          for (const [waiting, own] of flows) {
            await delivers(endpoint, waiting, withIss(response(waiting.flow), own));
          }
        },
        create,
      ),
  },
  {
    id: 'C-01',
    title: 'expects the only issuer there is, also of a flow that names none',
    check: (create) =>
      withServer(
        { issuers: [issuer] },
        async (endpoint) => {
          const waiting = await signIn(endpoint.server);
          const wrong = withIss(response(waiting.flow, 'CANARY'), evil);
          await refuses(endpoint, waiting, target(waiting.flow, wrong), 'a foreign issuer');
          await delivers(endpoint, waiting, withIss(response(waiting.flow), issuer));

          const codes: unknown[] = [];
          const state = 'a-state-that-another-library-made';
          endpoint.server.redirects.pipe(ofState(state)).subscribe(({ code }) => codes.push(code));
          const { status } = await endpoint.visit(withIss(`/callback?code=CANARY&state=${state}`, evil));
          assert.equal([status, codes], [400, []]);
          await endpoint.visit(withIss(`/callback?code=good&state=${state}`, issuer));
          assert.equal(codes, ['good']);
          notTold(endpoint, 'CANARY');
        },
        create,
      ),
  },
  {
    id: 'C-02',
    title: 'refuses a response of another issuer, be it a success or an error',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const unknown = await endpoint.visit('/callback?code=a&state=nobody-waits-for-this-one');
          for (const options of [
            { issuer },
            { issuer, issuerAdvertised: true },
            { issuer, requireIssuer: true },
          ]) {
            const waiting = await signIn(endpoint.server, options);
            const { state } = waiting.flow;
            for (const foreign of [
              evil,
              'https://as.example.evil.example',
              'https://evil.example/as.example',
              'x',
            ]) {
              for (const query of [
                `code=CANARY&state=${state}`,
                `error=access_denied&error_description=CANARY&state=${state}`,
                `code=CANARY&error=access_denied&state=${state}`,
              ]) {
                const url = target(waiting.flow, withIss(query, foreign));
                const answer = await refuses(endpoint, waiting, url, url);
                assert.is(answer.body, unknown.body, 'is not answered with the neutral page');
                assert.is(endpoint.redirects.at(-1)!.disposition, 'wrong_issuer');
              }
            }
            notTold(endpoint, 'CANARY');
            await delivers(endpoint, waiting, withIss(response(waiting.flow), issuer));
          }
        },
        create,
      ),
  },
  {
    id: 'C-03',
    title: 'compares issuers as strings, after one decoding and no normalising',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const long = 'https://as.example:8443/Tenant/%7Ea/';
          for (const [expected, others] of [
            [
              issuer,
              [
                'https://as.example/',
                'https://AS.example',
                'https://as.example:443',
                'https://as%2Eexample',
                'HTTPS://as.example',
                'http://as.example',
                'https://as.example.',
                'https://as.example#',
                'https://as.example?',
                'https://user@as.example',
                'https://as.example/.',
                '//as.example',
                'as.example',
                'https://as.exampl',
                ' https://as.example',
                'https://as.example\t',
                'https%3A%2F%2Fas.example',
              ],
            ],
            [
              long,
              [
                'https://as.example:8443/Tenant/~a/',
                'https://as.example:8443/Tenant/%7ea/',
                'https://as.example:8443/tenant/%7Ea/',
                'https://as.example:8443/Tenant/%7Ea',
                'https://as.example/Tenant/%7Ea/',
                'https://as.example:8443/x/../Tenant/%7Ea/',
                'https://as.example:8443//Tenant/%7Ea/',
              ],
            ],
            ['https://as.example/', [issuer]],
          ] as const) {
            const waiting = await signIn(endpoint.server, { issuer: expected });
            const { flow } = waiting;
            for (const other of others) {
              await refuses(endpoint, waiting, target(flow, withIss(response(flow, 'CANARY'), other)), other);
            }
            // Not decoded, and decoded twice.
            const twice = target(flow, withIss(response(flow, 'CANARY'), encodeURIComponent(expected)));
            await refuses(endpoint, waiting, twice, `${expected}, encoded twice`);
            await delivers(endpoint, waiting, withIss(response(flow), expected));
          }
          notTold(endpoint, 'CANARY');
          // Escapes of the form are no part of the issuer.
          const escaped = await signIn(endpoint.server, { issuer });
          await delivers(endpoint, escaped, `${response(escaped.flow)}&iss=https:%2F/as%2Eex%61mple`);
        },
        create,
      ),
  },
  {
    id: 'C-04',
    title: 'refuses a response without iss of a server that advertises it',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const waiting = await signIn(endpoint.server, { issuer, issuerAdvertised: true });
          const { flow } = waiting;
          for (const query of [
            response(flow, 'CANARY'),
            `${response(flow, 'CANARY')}&iss=`,
            `${response(flow, 'CANARY')}&iss`,
            `${response(flow, 'CANARY')}&Iss=${encodeURIComponent(issuer)}`,
            `error=access_denied&error_description=CANARY&state=${flow.state}`,
          ]) {
            await refuses(endpoint, waiting, target(flow, query), query);
          }
          notTold(endpoint, 'CANARY');
          await delivers(endpoint, waiting, withIss(response(flow), issuer));
        },
        create,
      ),
  },
  {
    id: 'C-04',
    title: 'takes no promise of an issuer without knowing the issuer',
    check: (create) =>
      withServer(
        {},
        async ({ server }) => {
          for (const options of [{ issuerAdvertised: true }, { requireIssuer: true }]) {
            await assert.rejects(server.begin(options), InvalidOptionError);
          }
        },
        create,
      ),
  },
  {
    id: 'C-05',
    title: 'meets the truth table of advertised, present, equal and policy',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const policies: [BeginOptions, match: boolean, mismatch: boolean, absent: boolean][] = [
            [{ issuer }, true, false, true],
            [{ issuer, unadvertisedIssuer: 'compare' }, true, false, true],
            [{ issuer, requireIssuer: true }, true, false, false],
            [{ issuer, unadvertisedIssuer: 'discard' }, false, false, true],
            [{ issuer, issuerAdvertised: true }, true, false, false],
            [{ issuer, issuerAdvertised: true, requireIssuer: true }, true, false, false],
            [{ issuer, issuerAdvertised: true, unadvertisedIssuer: 'discard' }, true, false, false],
            // Without an issuer there is nothing to compare with.
            [{}, true, true, true],
          ];
          for (const [options, ...outcomes] of policies) {
            for (const [index, iss] of [issuer, evil, undefined].entries()) {
              for (const kind of ['code=CANARY', 'error=access_denied'] as const) {
                const waiting = await signIn(endpoint.server, options);
                const { flow, seen } = waiting;
                const plain = `${kind}&state=${flow.state}`;
                const url = target(flow, iss === undefined ? plain : withIss(plain, iss));
                const what = `${JSON.stringify(options)}, ${kind}, iss=${String(iss)}`;
                if (outcomes[index]) {
                  await endpoint.visit(url);
                  assert.is(seen.responses.length, 1, what);
                  assert.is(seen.responses[0]!.iss, iss, what);
                } else {
                  await refuses(endpoint, waiting, url, what);
                  assert.is(endpoint.redirects.at(-1)!.disposition, 'wrong_issuer', what);
                }
              }
            }
          }
        },
        create,
      ),
  },
  {
    id: 'C-06',
    title: 'refuses two authorization servers with one issuer',
    check: (create) => {
      for (const issuers of [
        [issuer, issuer],
        ['https://other.example', issuer, evil, issuer],
      ]) {
        const error = assert.throws(() => create({ issuers }), InvalidOptionError);
        assert.is(error.option, 'issuers');
      }
      // As strings, these differ, and that is what counts.
      create({ issuers: [issuer, `${issuer}/`, 'https://AS.example'] });
      return Promise.resolve();
    },
  },
  {
    id: 'C-07',
    title: 'refuses a response with more than one issuer in it',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const waiting = await signIn(endpoint.server, { issuer });
          const { flow } = waiting;
          const signed = (iss: string): string =>
            jwt({ iss, aud: 'client', exp: 4_000_000_000, code: 'CANARY', state: flow.state });
          for (const [inJwt, outside] of [
            [issuer, evil],
            [evil, issuer],
            [issuer, issuer],
          ] as const) {
            for (const query of [
              withIss(`response=${signed(inJwt)}`, outside),
              withIss(`response=${signed(inJwt)}&${response(flow, 'CANARY')}`, outside),
              withIss(`id_token=${signed(inJwt)}&${response(flow, 'CANARY')}`, outside),
              withIss(withIss(response(flow, 'CANARY'), inJwt), outside),
            ]) {
              await refuses(endpoint, waiting, target(flow, query), query);
            }
          }
          notTold(endpoint, 'CANARY');
          await delivers(endpoint, waiting, withIss(response(flow), issuer));
        },
        create,
      ),
  },
  {
    id: 'C-08',
    title: 'takes a response on exactly the redirect URI of its flow',
    check: (create) =>
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
  },
  {
    id: 'C-08',
    title: 'takes a response on exactly the host and port of its redirect URI',
    check: (create) =>
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
  },
  {
    id: 'C-08',
    title: 'begins on no redirect URI that a browser would change on its way',
    check: (create) => {
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
    },
  },
  {
    id: 'C-09',
    title: 'gives each context a redirect URI of its own, and takes no state on that of another',
    check: (create) =>
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
  },
  {
    id: 'C-09',
    title: 'refuses a context that could lead to the redirect URI of another',
    check: (create) =>
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
  },
  {
    id: 'C-10',
    title: 'sends nobody to an authorization server whose metadata is of another issuer',
    check: (create) =>
      withServer(
        {},
        async ({ server, events }) => {
          const others: readonly ((own: string) => string)[] = [
            () => 'https://evil.example',
            (own) => `${own}/`,
            (own) => own.replace('127.0.0.1', 'localhost'),
            (own) => own.toUpperCase(),
          ];
          for (const other of others) {
            await using as = await startIssuer({ metadata: (own) => ({ issuer: other(own) }) });
            using watched = new Watched(startSignIn({ issuer: as.issuer, clientId: 'c', host: server }));
            assert.is((await watched.failure()).code, 'discovery_failed', other(as.issuer));
            assert.equal([watched.types, events], [['failed'], []]);
          }
          await using as = await startIssuer();
          using watched = new Watched(startSignIn({ issuer: as.issuer, clientId: 'c', host: server }));
          assert.is((await watched.next('authorize')).url.origin, as.issuer);
        },
        create,
      ),
  },
  {
    id: 'C-11',
    title: 'refuses every JARM response, and says that it is one',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const waiting = await signIn(endpoint.server, { issuer });
          const { flow } = waiting;
          for (const [what, token] of Object.entries(jarmResponses(flow.state))) {
            for (const query of [`response=${token}`, `response=${token}&state=${flow.state}`]) {
              await refuses(endpoint, waiting, target(flow, query), what);
              const { disposition, reason } = endpoint.redirects.at(-1)!;
              assert.equal([disposition, reason], ['malformed', 'jarm_not_supported'], what);
              const event = endpoint.events.at(-1)!;
              assert.is(event.type === 'redirect' && event.reason, 'jarm_not_supported', what);
              assert.not.match(carried(endpoint) + said(endpoint), token);
            }
          }
          notTold(endpoint, 'CANARY');
          await delivers(endpoint, waiting);
        },
        create,
      ),
  },
  {
    id: 'C-12',
    title: 'refuses JARM beside plain parameters, in a query and in a form',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const plain = await signIn(endpoint.server);
          const form = await signIn(endpoint.server, { responseMode: 'form_post' });
          for (const token of [...Object.values(jarmResponses(plain.flow.state)), 'x']) {
            for (const encoded of [
              `response=${token}&${response(plain.flow)}`,
              `${response(plain.flow)}&response=${token}`,
            ]) {
              await refuses(endpoint, plain, target(plain.flow, encoded), encoded);
              assert.is(endpoint.redirects.at(-1)!.reason, 'jarm_not_supported');
            }
            for (const encoded of [`response=${token}`, `${response(form.flow)}&response=${token}`]) {
              await refuses(endpoint, form, post('/callback', encoded), encoded);
              assert.is(endpoint.redirects.at(-1)!.reason, 'jarm_not_supported');
            }
          }
          await delivers(endpoint, plain);
          assert.is((await endpoint.send(post('/callback', response(form.flow)))).status, 200);
          assert.is(form.seen.responses.length, 1);
        },
        create,
      ),
  },
  {
    id: 'C-12',
    title: 'begins no flow that would ask for JARM',
    check: (create) =>
      withServer(
        {},
        async ({ server }) => {
          const flow = await server.begin();
          const form = await server.begin({ responseMode: 'form_post' });
          for (const mode of ['jwt', 'query.jwt', 'form_post.jwt', 'fragment.jwt', 'fragment']) {
            const options = { responseMode: mode } as unknown as BeginOptions;
            await assert.rejects(server.begin(options), InvalidOptionError);
            for (const each of [flow, form]) {
              const params = { response_mode: mode };
              assert.throws(() => each.authorizationUrl('https://as.example/a', params), InvalidOptionError);
              const endpoint = `https://as.example/a?response_mode=${mode}`;
              assert.throws(() => each.authorizationUrl(endpoint), InvalidOptionError);
              const both = { response_mode: ['query', mode] };
              assert.throws(() => each.authorizationUrl('https://as.example/a', both), InvalidOptionError);
            }
          }
          const asked = (each: typeof flow, params = {}): string | null =>
            each.authorizationUrl('https://as.example/a', params).searchParams.get('response_mode');
          assert.equal(
            [asked(flow), asked(flow, { response_mode: 'query' }), asked(form)],
            [null, 'query', 'form_post'],
          );
        },
        create,
      ),
  },
];
