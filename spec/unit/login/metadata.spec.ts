import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  DiscoveryError,
  signIn,
  type DiscoveryFlaw,
  type FailedEvent,
  type ServerMetadata,
  type SignInEvent,
} from '../../../src/login.ts';
import { metadataUrls } from '../../../src/login/metadata.ts';
import * as assert from '../../helpers/assert.ts';
import { json, startIssuer, type IssuerOptions } from '../../helpers/issuer.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';

const test = suite('discovery');
const clientId = 'c';

test('looks at the URLs of OpenID Connect Discovery and RFC 8414', () => {
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

test('tries the next URL if a server for people answers with a page', async () => {
  await using as = await startIssuer({
    at: '/.well-known/oauth-authorization-server',
    page: '<!doctype html><title>Welcome</title>',
  });
  using watched = new Watched(signIn({ issuer: as.issuer, clientId }));
  assert.is((await watched.next('authorize')).url.pathname, '/authorize');
});

/** Answers of a location that has no metadata of the issuer. */
const useless: readonly (readonly [
  what: string,
  answer: (response: ServerResponse, issuer: string) => void,
  flaw: DiscoveryFlaw,
  reason: RegExp,
])[] = [
  ['404', (response) => response.writeHead(404).end(), 'unavailable', /answered 404$/],
  ['401', (response) => response.writeHead(401).end(), 'unavailable', /answered 401$/],
  ['429', (response) => response.writeHead(429).end(), 'unavailable', /answered 429$/],
  ['502', (response) => response.writeHead(502).end(), 'unavailable', /answered 502$/],
  ['204', (response) => response.writeHead(204).end(), 'unavailable', /answered 204$/],
  [
    'a challenge',
    (response) => response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="as"' }).end(),
    'unavailable',
    /answered 401$/,
  ],
  [
    'a redirect',
    (response) => response.writeHead(302, { Location: '/' }).end(),
    'unavailable',
    /answered 302$/,
  ],
  ['an OAuth error', (response) => json(response, 200, { error: 'not_found' }), 'unavailable', /"issuer"/],
  ['{}', (response) => json(response, 200, {}), 'unavailable', /"issuer"/],
  ['a list', (response) => json(response, 200, []), 'unavailable', /top level object/],
  ['null', (response) => json(response, 200, null), 'unavailable', /top level object/],
  [
    'a page',
    (response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>'),
    'unavailable',
    /answered with a body that is not JSON$/,
  ],
  [
    'a page sent as JSON',
    (response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end('<p>'),
    'unavailable',
    /failed to parse/,
  ],
  [
    'too much',
    (response) => response.writeHead(200).end(' '.repeat(2_000_000)),
    'unavailable',
    /answered with more than 1 MiB$/,
  ],
  ['nothing', (response) => response.destroy(), 'unavailable', /cannot be reached \(/],
  [
    'an issuer and no endpoints',
    (response, issuer) => json(response, 200, { issuer }),
    'missing_endpoint',
    /has no token_endpoint$/,
  ],
  [
    'an endpoint that is empty',
    (response, issuer) => json(response, 200, { ...metadataOf(issuer), token_endpoint: '' }),
    'missing_endpoint',
    /has no token_endpoint$/,
  ],
  [
    'an endpoint in the clear',
    (response, issuer) =>
      json(response, 200, { ...metadataOf(issuer), token_endpoint: 'http://192.0.2.1/token' }),
    'insecure_endpoint',
    /must be https/,
  ],
  [
    'metadata of another issuer',
    (response) => json(response, 200, metadataOf('https://evil.example')),
    'issuer_mismatch',
    /has metadata of "https:\/\/evil\.example"; both must be equal$/,
  ],
];

const metadataOf = (issuer: string): ServerMetadata => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
});

type Answer = (response: ServerResponse, issuer: string) => void;

/** Discovers an issuer with a path, whose locations give these answers. Gives the first event, and how often the server was asked. */
async function discovered(answers: readonly Answer[]): Promise<[event: SignInEvent, asked: number]> {
  await using loopback = await listenOnLoopback();
  const issuer = `${loopback.origin}/tenant`;
  const locations = metadataUrls(issuer).map(({ pathname }) => pathname);
  let asked = 0;
  loopback.http.on('request', ({ url = '' }: IncomingMessage, response: ServerResponse) => {
    asked++;
    answers[locations.indexOf(url)]!(response, issuer);
  });
  using watched = new Watched(signIn({ issuer, clientId }));
  return [await watched.first(), asked];
}

const good: Answer = (response, issuer) => json(response, 200, metadataOf(issuer));
const none: Answer = (response) => response.writeHead(404).end();

for (const [what, answer, flaw, reason] of useless) {
  test(`tries the next URL if the answer is ${what}`, async () => {
    const [event, asked] = await discovered([answer, good, none]);
    assert.equal([event.type, asked], ['discovered', 2]);
    const [last, all] = await discovered([answer, answer, good]);
    assert.equal([last.type, all], ['discovered', 3]);
  });

  test(`gives ${what} as the reason if no URL has metadata`, async () => {
    for (const answers of [
      [answer, none, none],
      [none, answer, none],
      [none, none, answer],
    ]) {
      const [event, asked] = await discovered(answers);
      assert.is(event.type, 'failed');
      const error = (event as FailedEvent).error as DiscoveryError;
      assert.equal([error.flaw, asked], [flaw, 3]);
      assert.match(error.message, reason);
    }
  });
}

test('gives the most telling of several reasons', async () => {
  const [, answered502] = useless.find(([what]) => what === '502')!;
  const [, hangsUp] = useless.find(([what]) => what === 'nothing')!;
  const [, ofAnother] = useless.find(([what]) => what === 'metadata of another issuer')!;
  const [, incomplete] = useless.find(([what]) => what === 'an issuer and no endpoints')!;
  for (const [answers, saying] of [
    [[hangsUp, answered502, none], 'answered 502'],
    [[answered502, hangsUp, ofAnother], 'has metadata of'],
    [[ofAnother, incomplete, answered502], 'has no token_endpoint'],
  ] as const) {
    const [event] = await discovered(answers);
    assert.match((event as FailedEvent).error.message, saying);
  }
});

test('asks once if the server cannot be reached or does not answer', async () => {
  for (const error of [
    Object.assign(new TypeError('fetch failed'), { cause: { code: 'ENOTFOUND' } }),
    new DOMException('late', 'TimeoutError'),
  ]) {
    let asked = 0;
    const fetch = (): Promise<Response> => {
      asked++;
      return Promise.reject(error);
    };
    using watched = new Watched(signIn({ issuer: 'https://as.example/tenant', clientId, fetch }));
    assert.is((await watched.failure()).code, 'discovery_failed');
    assert.is(asked, 1);
  }
});

test('takes metadata of any media type, with a byte order mark, and fields of another type', async () => {
  const [event] = await discovered([
    (response, issuer) =>
      response
        .writeHead(200, { 'Content-Type': 'application/octet-stream' })
        .end(`\ufeff${JSON.stringify({ ...metadataOf(issuer), registration_endpoint: null, jwks_uri: '' })}`),
    none,
    none,
  ]);
  assert.is(event.type, 'discovered');
  for (const code_challenge_methods_supported of ['S256', ['plain', 'S256']]) {
    await using as = await startIssuer({ metadata: { code_challenge_methods_supported } });
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, requirePkce: true }));
    await watched.next('authorize');
  }
});

test('shows what a server has metadata of on one line, and not at any length', async () => {
  await using as = await startIssuer({
    metadata: { issuer: `https://evil\u001b[31m\u009b\u202e${'x'.repeat(9_999)}` },
  });
  using watched = new Watched(signIn({ issuer: as.issuer, clientId }));
  const { message } = await watched.failure();
  assert.match(message, 'has metadata of "https://evil\\u001b[31m??xxx');
  assert.ok(message.length < 700);
});

const bad: readonly (readonly [what: string, flaw: DiscoveryFlaw, options: IssuerOptions, saying: RegExp])[] =
  [
    [
      'C-10 of another issuer',
      'issuer_mismatch',
      { metadata: { issuer: 'https://evil.example' } },
      /has metadata of "https:\/\/evil\.example"; both must be equal$/,
    ],
    [
      'C-10 of one that differs by a slash',
      'issuer_mismatch',
      { metadata: (issuer) => ({ issuer: `${issuer}/` }) },
      /has metadata of "http:\/\/127\.0\.0\.1:\d+\/"/,
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

test('B-12 rejects metadata without S256 if PKCE is required, and sends S256 in any case', async () => {
  for (const methods of [undefined, null, [], ['plain'], 5]) {
    await using as = await startIssuer({ metadata: { code_challenge_methods_supported: methods } });
    const options = { issuer: as.issuer, clientId, singleFlight: false };
    using strict = new Watched(signIn({ ...options, requirePkce: true }));
    const error = (await strict.failure()) as DiscoveryError;
    assert.equal([error.flaw, strict.types], ['pkce_not_supported', ['failed']]);
    using lenient = new Watched(signIn(options));
    assert.is((await lenient.next('authorize')).url.searchParams.get('code_challenge_method'), 'S256');
  }
});

test('checks given metadata as it checks fetched metadata', async () => {
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

test('says in one sentence why there is no metadata', async () => {
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
    /answered with a body that is not JSON$/,
  ],
  [
    'half of it',
    (response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"iss'),
    /invalid answer/,
  ],
  ['a list', (response) => json(response, 200, []), /invalid answer/],
  ['nothing', (response) => response.destroy(), /cannot be reached/],
  [
    'a redirect',
    (response) => response.writeHead(302, { Location: 'http://192.0.2.1/' }).end(),
    /answered 302$/,
  ],
] as readonly [string, (response: ServerResponse) => void, RegExp][]) {
  test(`says so if the answer is ${what}`, async () => {
    await using loopback = await listenOnLoopback();
    loopback.http.on('request', (_request, response: ServerResponse) => answer(response));
    using watched = new Watched(signIn({ issuer: loopback.origin, clientId }));
    assert.match((await watched.failure()).message, saying);
  });
}

test.run();
