import type { ServerResponse } from 'node:http';
import { DiscoveryError, signIn, type DiscoveryFlaw, type ServerMetadata } from '../../src/login.ts';
import { metadataUrls } from '../../src/login/metadata.ts';
import * as assert from '../helpers/assert.ts';
import { json, startIssuer, type IssuerOptions } from '../helpers/issuer.ts';
import { listenOnLoopback } from '../helpers/loopback.ts';
import { suite } from '../helpers/suite.ts';
import { Watched } from '../helpers/watched.ts';

const test = suite('discovery');
const clientId = 'c';

test('looks where OpenID Connect Discovery and RFC 8414 have it', () => {
  const at = (issuer: string): string[] => metadataUrls(issuer).map(({ href }) => href);
  assert.equal(at('https://as.example'), [
    'https://as.example/.well-known/openid-configuration',
    'https://as.example/.well-known/oauth-authorization-server',
  ]);
  assert.equal(at('https://as.example/'), at('https://as.example'));
  assert.equal(at('https://as.example/a/b'), [
    'https://as.example/a/b/.well-known/openid-configuration',
    'https://as.example/.well-known/oauth-authorization-server/a/b',
    'https://as.example/.well-known/openid-configuration/a/b',
  ]);
});

for (const [path, at] of [
  ['', '/.well-known/oauth-authorization-server'],
  ['/tenant', '/tenant/.well-known/openid-configuration'],
  ['/tenant', '/.well-known/oauth-authorization-server/tenant'],
  ['/tenant', '/.well-known/openid-configuration/tenant'],
] as const) {
  test(`finds the metadata of an issuer ${path || 'without a path'} at ${at}`, async () => {
    await using as = await startIssuer({ path, at });
    using watched = new Watched(signIn({ issuer: as.issuer, clientId }));
    const { url } = await watched.next('authorize');
    assert.is(url.pathname, '/authorize');
  });
}

test('looks on where a server for people answers with a page', async () => {
  await using as = await startIssuer({
    at: '/.well-known/oauth-authorization-server',
    page: '<!doctype html><title>Welcome</title>',
  });
  using watched = new Watched(signIn({ issuer: as.issuer, clientId }));
  assert.is((await watched.next('authorize')).url.pathname, '/authorize');
});

const bad: readonly (readonly [what: string, flaw: DiscoveryFlaw, options: IssuerOptions, saying: RegExp])[] =
  [
    [
      'C-10 of another issuer',
      'issuer_mismatch',
      { metadata: { issuer: 'https://evil.example' } },
      /calls itself "https:\/\/evil\.example"; these must be the same$/,
    ],
    [
      'C-10 of one that differs by a slash',
      'issuer_mismatch',
      { metadata: (issuer) => ({ issuer: `${issuer}/` }) },
      /calls itself "http:\/\/127\.0\.0\.1:\d+\/"/,
    ],
    ['C-10 of no issuer', 'unavailable', { metadata: { issuer: undefined } }, /"issuer"/],
    ['nowhere', 'unavailable', { at: '/elsewhere' }, /answered 404$/],
    [
      'without an authorization endpoint',
      'missing_endpoint',
      { metadata: { authorization_endpoint: undefined } },
      /has no authorization_endpoint$/,
    ],
    [
      'without a token endpoint',
      'missing_endpoint',
      { metadata: { token_endpoint: undefined } },
      /has no token_endpoint$/,
    ],
    ...['http://as.example/authorize', 'javascript:alert(1)', 'file:///etc/passwd', 'authorize', 5].map(
      (authorization_endpoint) =>
        [
          `with the authorization endpoint ${authorization_endpoint}`,
          'insecure_endpoint',
          { metadata: { authorization_endpoint } },
          /authorization_endpoint of .* must be https/,
        ] as const,
    ),
    [
      'with a token endpoint in the clear',
      'insecure_endpoint',
      { metadata: { token_endpoint: 'http://192.0.2.1/token' } },
      /token_endpoint/,
    ],
  ];

for (const [what, flaw, options, saying] of bad) {
  test(`refuses metadata ${what} before a browser opens`, async () => {
    await using as = await startIssuer(options);
    using watched = new Watched(signIn({ issuer: as.issuer, clientId }));
    const error = (await watched.failure()) as DiscoveryError;
    assert.instance(error, DiscoveryError);
    assert.equal([error.flaw, error.issuer, error.code], [flaw, as.issuer, 'discovery_failed']);
    assert.match(error.message, saying);
    assert.equal(watched.types, ['failed']);
  });
}

test('B-12 refuses metadata that does not speak of S256, where that is asked for, and sends S256 in any case', async () => {
  for (const methods of [undefined, [], ['plain']]) {
    await using as = await startIssuer({ metadata: { code_challenge_methods_supported: methods } });
    const options = { issuer: as.issuer, clientId, singleFlight: false };
    using strict = new Watched(signIn({ ...options, requirePkce: true }));
    const error = (await strict.failure()) as DiscoveryError;
    assert.equal([error.flaw, strict.types], ['pkce_not_supported', ['failed']]);
    using lenient = new Watched(signIn(options));
    assert.is((await lenient.next('authorize')).url.searchParams.get('code_challenge_method'), 'S256');
  }
});

test('checks metadata that is given as it checks its own', async () => {
  const issuer = 'https://as.example';
  const metadata: ServerMetadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: 'http://127.0.0.1/token',
  };
  using watched = new Watched(signIn({ issuer, clientId, metadata }));
  // A server elsewhere must not have this machine asked.
  assert.is(((await watched.failure()) as DiscoveryError).flaw, 'insecure_endpoint');
  using good = new Watched(
    signIn({ issuer, clientId, metadata: { ...metadata, token_endpoint: `${issuer}/token` } }),
  );
  assert.is((await good.next('authorize')).url.host, 'as.example');
});

test('says in one sentence why there is none', async () => {
  const nobody = await listenOnLoopback();
  const { port } = new URL(nobody.origin);
  await nobody[Symbol.asyncDispose]();
  using watched = new Watched(signIn({ issuer: `http://127.0.0.1:${port}`, clientId }));
  assert.match((await watched.failure()).message, /^the issuer \S+ cannot be reached \(ECONNREFUSED\)$/);
});

for (const [what, answer, saying] of [
  ['500', (response) => response.writeHead(500).end(), /answered 500$/],
  [
    'HTML',
    (response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>'),
    /answered with what is not JSON$/,
  ],
  [
    'half of it',
    (response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"iss'),
    /does not hold/,
  ],
  ['a list', (response) => json(response, 200, []), /does not hold/],
  ['nothing', (response) => response.destroy(), /cannot be reached/],
  [
    'a redirect',
    (response) => response.writeHead(302, { Location: 'http://192.0.2.1/' }).end(),
    /answered 302$/,
  ],
] as readonly [string, (response: ServerResponse) => void, RegExp][]) {
  test(`says so where the answer is ${what}`, async () => {
    await using loopback = await listenOnLoopback();
    loopback.http.on('request', (_request, response: ServerResponse) => answer(response));
    using watched = new Watched(signIn({ issuer: loopback.origin, clientId }));
    assert.match((await watched.failure()).message, saying);
  });
}

test.run();
