import fc from 'fast-check';
import { Handler, type HandlerOptions } from '../../../src/callback/handler.ts';
import type { CallbackRequest } from '../../../src/callback/request.ts';
import type { Disposition, RefusalReason } from '../../../src/index.ts';
import { answerHeaders, pageHeaders } from '../../../src/page/security-headers.ts';
import * as assert from '../../helpers/assert.ts';
import { flowsBench } from '../../helpers/flows.ts';
import { withAnswer } from '../../helpers/handled.ts';
import { record } from '../../helpers/record.ts';
import { suite } from '../../helpers/suite.ts';
import { pagesOf } from '../../helpers/texts.ts';

const host = '127.0.0.1:53682';

function bench(options: Partial<HandlerOptions> = {}) {
  const index = flowsBench();
  const handler = new Handler({
    callbackPath: '/callback',
    callbackQuery: '',
    cleanUrl: false,
    settle: false,
    errorWithoutState: 'ignore',
    limits: { parameter: 8_192, parameters: 50, headers: 100 },
    pages: pagesOf({
      title: 'T',
      serverUrl: 'https://mcp.example',
      language: 'en',
    }),
    flows: index.flows,
    stored: () => undefined,
    isOurs: (authority) => authority === host,
    isAdvertised: (authority) => authority === host,
    acceptsUnmatched: () => false,
    startPath: '/start',
    isSecure: () => false,
    isOwnOrigin: (origin) => origin === `http://${host}`,
    prove: (nonce) => `proof of ${nonce}`,
    secret: () => 'secret',
    ...options,
  });
  return {
    ...index,
    /** Without a `Host` among the headers, the right one is sent. */
    ask: (target: string, { method = 'GET', headers = [] as readonly string[] } = {}) => {
      const hosted = headers.some((name) => name.toLowerCase() === 'host');
      return withAnswer(
        handler.handle({ method, target, rawHeaders: hosted ? headers : ['Host', host, ...headers] }),
      );
    },
    handle: (request: CallbackRequest) => handler.handle(request),
  };
}

const bodyOf = ({ answer }: ReturnType<typeof withAnswer>) => answer.body.toString();
const headlineOf = (handled: ReturnType<typeof withAnswer>) => /<h1>([^<]*)<\/h1>/.exec(bodyOf(handled))?.[1];
const neutral = 'This sign-in link is not active';

const test = suite('handler');

test('accepts the response of a pending flow', () => {
  const { ask, flows } = bench();
  const flow = flows.begin();
  const handled = ask(`/callback?code=a&state=${flow.state}&iss=https://as.example`);
  assert.is(handled.answer.status, 200);
  assert.match(bodyOf(handled), 'Connected to: https://mcp.example');
  assert.is(handled.flow, flow);
  assert.equal([handled.redirect?.disposition, handled.redirect?.flowId], ['accepted', flow.id]);
  assert.equal(handled.redirect?.response.toDict(), {
    code: 'a',
    state: flow.state,
    iss: 'https://as.example',
  });
});

test('shows the error of a pending flow', () => {
  const { ask, flows } = bench();
  const flow = flows.begin();
  const handled = ask(`/callback?error=server_error&error_description=Try+<later>&state=${flow.state}`);
  assert.equal([handled.answer.status, headlineOf(handled)], [400, 'Authentication failed']);
  assert.match(bodyOf(handled), '>Try &lt;later&gt;</p>');
  assert.is(handled.redirect?.disposition, 'accepted');
});

/** Each of them with the state S of a pending flow, which it must leave alone. */
const refusals: readonly (readonly [
  name: string,
  request: { target: string; method?: string; headers?: readonly string[] },
  status: number,
  disposition?: Disposition,
  reason?: RefusalReason,
])[] = [
  ['A-09 nothing', { target: '/callback' }, 400, 'malformed', 'missing_code'],
  ['A-09 a state alone', { target: '/callback?state=S' }, 400, 'malformed', 'missing_code'],
  ['A-01 two codes', { target: '/callback?code=a&code=b&state=S' }, 400, 'malformed', 'repeated_parameter'],
  ['A-01 two states', { target: '/callback?code=a&state=S&state=S' }, 400, 'malformed', 'repeated_parameter'],
  ['A-02 an empty code', { target: '/callback?code=&state=S' }, 400, 'malformed', 'missing_code'],
  ['B-03 a code without a state', { target: '/callback?code=a' }, 400, 'malformed', 'missing_state'],
  [
    'B-03 a code with an empty state',
    { target: '/callback?code=a&state=' },
    400,
    'malformed',
    'missing_state',
  ],
  [
    'B-03 an error without a state',
    { target: '/callback?error=access_denied' },
    400,
    'malformed',
    'missing_state',
  ],
  [
    'A-11 a token',
    { target: '/callback?access_token=SECRET&state=S' },
    400,
    'malformed',
    'front_channel_token',
  ],
  [
    'C-11 a JARM response',
    { target: '/callback?response=x&state=S' },
    400,
    'malformed',
    'jarm_not_supported',
  ],
  ['A-06 bad bytes', { target: '/callback?code=%FF&state=S' }, 400, 'malformed', 'invalid_encoding'],
  [
    'A-04 a code over the cap',
    { target: `/callback?code=${'a'.repeat(8_193)}&state=S` },
    400,
    'malformed',
    'too_long',
  ],
  ['B-02 a state that nobody has begun', { target: '/callback?code=a&state=other' }, 400, 'unmatched'],
  ['B-02 an error with such a state', { target: '/callback?error=x&state=other' }, 400, 'unmatched'],

  ['D-04 another path', { target: '/other?code=a&state=S' }, 404],
  ['F-08 the favicon', { target: '/favicon.ico' }, 404],
  ['C-08 the path with a slash', { target: '/callback/?code=a&state=S' }, 404],
  ['C-08 the path in capitals', { target: '/CALLBACK?code=a&state=S' }, 404],
  ['C-08 the path encoded', { target: '/%63allback?code=a&state=S' }, 404],
  ['C-08 the path with a parameter', { target: '/callback;x?code=a&state=S' }, 404],
  ['F-03 an authority in the path', { target: '//evil.example/callback?code=a&state=S' }, 404],
  ...['HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'FOO', 'get'].map(
    (method) => [`D-01 D-04 ${method}`, { target: '/callback?code=a&state=S', method }, 405] as const,
  ),

  ...['evil.example', '127.0.0.1:1', 'localhost:53682', '127.0.0.1.nip.io:53682', '127.0.0.1'].map(
    (foreign) =>
      [
        `F-01 the host ${foreign}`,
        { target: '/callback?code=a&state=S', headers: ['Host', foreign] },
        421,
        'refused',
        'wrong_host',
      ] as const,
  ),
  ['F-01 a foreign host at another path', { target: '/', headers: ['Host', 'evil.example'] }, 421],
  [
    'F-03 a foreign authority in the target',
    { target: 'http://evil.example/callback?code=a&state=S' },
    421,
    'refused',
    'wrong_host',
  ],
  ['F-02 two hosts', { target: '/callback?code=a&state=S', headers: ['Host', host, 'host', host] }, 400],
  ['F-02 an empty host', { target: '/callback?code=a&state=S', headers: ['Host', ''] }, 400],
  ['F-02 userinfo in the host', { target: '/callback?code=a&state=S', headers: ['Host', `u@${host}`] }, 400],
  ['F-02 a path in the host', { target: '/callback?code=a&state=S', headers: ['Host', `${host}/x`] }, 400],
  ['F-04 an asterisk', { target: '*', method: 'OPTIONS' }, 400],

  ...['https://evil.example', 'null', `http://${host}`].map(
    (origin) =>
      [
        `F-07 the origin ${origin}`,
        { target: '/callback?code=a&state=S', headers: ['Origin', origin] },
        403,
        'refused',
        'foreign_origin',
      ] as const,
  ),
  [
    'F-05 an image',
    { target: '/callback?code=a&state=S', headers: ['Sec-Fetch-Dest', 'image', 'Sec-Fetch-Mode', 'no-cors'] },
    403,
    'refused',
    'not_navigation',
  ],
  [
    'F-06 a prefetch',
    { target: '/callback?code=a&state=S', headers: ['Sec-Purpose', 'prefetch'] },
    503,
    'refused',
    'prefetch',
  ],
];

for (const [name, { target, ...request }, status, disposition, reason] of refusals) {
  test(`${name} is answered with ${status} and changes no flow`, () => {
    const { ask, flows } = bench();
    const flow = flows.begin();
    const response = record(flow.response);
    const inPlace = (text: string) => text.replaceAll('state=S', `state=${flow.state}`);
    const handled = ask(inPlace(target), request);
    assert.is(handled.answer.status, status);
    assert.equal([handled.redirect?.disposition, handled.redirect?.reason], [disposition, reason]);
    assert.is(handled.flow, undefined);
    assert.is(handled.redirect?.response.code, undefined, 'no code that nobody asked for');
    assert.equal([flows.size, response.values.length, response.ending], [1, 0, undefined]);
    // And the good one after it is accepted.
    assert.is(ask(`/callback?code=good&state=${flow.state}`).redirect?.disposition, 'accepted');
  });
}

test('D-04 names the method that it accepts', () => {
  const { headers } = bench().ask('/callback', { method: 'DELETE' }).answer;
  assert.is(headers[headers.indexOf('Allow') + 1], 'GET');
});

test('F-03 accepts its own authority in the target, whatever the Host', () => {
  const { ask, flows } = bench();
  const target = `http://${host.toUpperCase()}/callback?code=a&state=${flows.begin().state}`;
  assert.is(ask(target, { headers: ['Host', 'evil.example'] }).answer.status, 200);
});

test('B-04 answers a reload with the neutral page, and changes no flow', () => {
  const { ask, flows } = bench();
  const { state } = flows.begin();
  const dispositions = ['a', 'a', 'b'].map((code) => {
    const handled = ask(`/callback?code=${code}&state=${state}`);
    return [handled.answer.status, handled.redirect?.disposition, handled.redirect?.response.code];
  });
  assert.equal(dispositions, [
    [200, 'accepted', 'a'],
    [400, 'duplicate', undefined],
    [400, 'duplicate', undefined],
  ]);
});

test('B-04 G-13 answers used, unknown and expired states byte for byte alike', () => {
  const { ask, flows, time, answer } = bench();
  const [used, expired] = [flows.begin(), flows.begin({ ttl: 1 })];
  record(used.response);
  answer(used.state);
  time.advance(1);
  const states = [used.state, expired.state, 'unknown-unknown-unknown-unknown'];
  const answers = states.map((state) => ask(`/callback?code=a&state=${state}`));
  assert.equal(
    answers.map(({ redirect }) => redirect?.disposition),
    ['duplicate', 'late', 'unmatched'],
  );
  const [first] = answers;
  assert.is(headlineOf(first!), neutral);
  for (const handled of answers) {
    assert.equal([handled.answer.status, handled.answer.headers], [400, first!.answer.headers]);
    assert.is(bodyOf(handled), bodyOf(first!));
  }
});

test('B-08 shows nothing of an error whose state is not pending', () => {
  const { ask, flows } = bench();
  const { state } = flows.begin();
  const phish =
    '?error=PHISH&error_description=PHISH&error_uri=https://PHISH.example&iss=https://PHISH.example';
  for (const query of [`${phish}&state=bad`, phish, `${phish}&state=${state}&state=${state}`]) {
    const handled = ask(`/callback${query}`);
    assert.not.match(bodyOf(handled), 'PHISH');
    assert.not.match(JSON.stringify(handled.redirect?.response.toDict()), /PHISH.*PHISH/);
    assert.is(flows.size, 1);
  }
});

test('G-08 G-09 reflects nothing of a request', () => {
  const { ask, flows } = bench();
  const canary = 'CANARY';
  const query = `?code=${canary}&iss=https://${canary}&error_uri=https://${canary}.example&x=${canary}`;
  const targets = [
    `/callback${query}`,
    `/callback${query}&state=${canary}`,
    `/${canary}${query}`,
    `*${canary}`,
  ];
  targets.push(`/callback${query}&state=${flows.begin().state}`);
  targets.push(`/callback${query}&state=${flows.begin().state}&error=access_denied`);
  for (const target of targets) {
    for (const method of ['GET', canary]) {
      const { answer } = ask(target, { method, headers: ['Host', host, 'Referer', canary, canary, canary] });
      assert.not.match(answer.body.toString() + answer.headers.join(), canary);
    }
  }
});

test('G-01 sends its headers with every answer', () => {
  const { ask } = bench();
  const statuses = refusals.map(([, { target, ...request }]) => {
    const { answer } = ask(target, request);
    const body = answer.body.toString();
    const isPage = body.startsWith('<!doctype html>');
    const expected = isPage ? pageHeaders(body) : answerHeaders('text/plain; charset=utf-8', []);
    assert.equal(answer.headers.slice(0, expected.length), expected);
    assert.is(answer.headers[answer.headers.indexOf('Content-Length') + 1], String(answer.body.length));
    return answer.status;
  });
  assert.equal([...new Set(statuses)].sort(), [400, 403, 404, 405, 421, 503]);
});

test('D-05 sends no CORS header', () => {
  const { ask } = bench();
  const headers = ['Host', host, 'Origin', 'https://evil.example', 'Access-Control-Request-Method', 'GET'];
  for (const method of ['GET', 'OPTIONS']) {
    assert.not.match(ask('/callback', { method, headers }).answer.headers.join(), /access-control/i);
  }
});

test('gives a redirect that no flow waits for to a container, once', () => {
  const { ask, flows } = bench({ acceptsUnmatched: ({ reason }) => reason === undefined });
  const first = ask('/callback?code=a&state=S');
  assert.equal([first.answer.status, first.redirect?.disposition, first.flow], [200, 'accepted', undefined]);
  assert.is(ask('/callback?code=b&state=S').redirect?.disposition, 'duplicate');
  assert.is(ask('/callback?code=b').redirect?.disposition, 'malformed');
  assert.is(flows.size, 0);
});

test('proves to a self-probe that it is the same server, and does not to a foreign host', () => {
  const { ask } = bench();
  const probe = ['Rx-OAuth-Callback-Probe', 'nonce'];
  const { answer, redirect } = ask('/anything', { headers: probe });
  assert.equal([answer.status, answer.body.length, redirect], [204, 0, undefined]);
  assert.is(answer.headers[answer.headers.indexOf('rx-oauth-callback-probe') + 1], 'proof of nonce');
  assert.is(ask('/', { headers: ['Host', 'evil.example', ...probe] }).answer.status, 421);
});

test('F-04 has an answer to any request line', () => {
  const { ask, flows } = bench();
  flows.begin();
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl(), fc.webQueryParameters());
  const start = fc.constantFrom(
    '',
    '/',
    '//',
    '/callback',
    '/callback?',
    '/callback?code=a&state=',
    'http://',
  );
  fc.assert(
    fc.property(start, text, fc.constantFrom('GET', 'HEAD', 'POST'), (before, after, method) => {
      const { status } = ask(before + after, { method }).answer;
      assert.ok([400, 404, 405, 421].includes(status), String(status));
    }),
    { numRuns: 2_000 },
  );
  assert.is(flows.size, 1);
});

test('names the pending flow of a redirect that is rejected, and changes nothing', () => {
  const { ask, flows } = bench();
  const flow = flows.begin({ issuer: 'https://as.example' });
  const { state } = flow;
  const good = `/callback?code=a&state=${state}`;
  for (const [target, headers, disposition, reason] of [
    [`${good}&iss=https://as.example/`, [], 'wrong_issuer', undefined],
    [good, ['Host', 'localhost:53682'], 'refused', 'wrong_host'],
    [good, ['Origin', 'https://evil.example'], 'refused', 'foreign_origin'],
    [good, ['Sec-Purpose', 'prefetch'], 'refused', 'prefetch'],
    [`/callback?state=${state}`, [], 'malformed', 'missing_code'],
    [`${good}&code=b`, [], 'malformed', 'repeated_parameter'],
    [`${good}&response=x`, [], 'malformed', 'jarm_not_supported'],
  ] as const) {
    const { redirect, flow: delivered } = ask(target, { headers });
    assert.equal([redirect?.disposition, redirect?.reason, redirect?.flowId], [disposition, reason, flow.id]);
    assert.equal([flow.pending, delivered], [true, undefined], disposition);
    assert.not.ok(JSON.stringify(redirect?.response.toDict()).includes('"code"'));
  }
  for (const target of ['/callback?state=another', '/callback?code=a', `${good}&state=another`])
    assert.is(ask(target, { headers: ['Origin', 'null'] }).redirect?.flowId, undefined, target);
  assert.is(ask(good).redirect?.disposition, 'accepted');
  assert.is(ask(good, { headers: ['Host', 'localhost:53682'] }).redirect?.flowId, undefined);
});

const form = ['Host', host, 'Content-Type', 'application/x-www-form-urlencoded'];

test('names the pending flow of a form that no flow expects, on the page of any other form', () => {
  const { flows, handle } = bench();
  const flow = flows.begin();
  const post = { method: 'POST', target: '/callback', rawHeaders: form };
  assert.is(handle(post).kind, 'needs-body');
  const own = withAnswer(handle({ ...post, body: `code=a&state=${flow.state}` }));
  const { disposition, flowId } = own.redirect!;
  assert.equal([disposition, flowId, flow.pending], ['wrong_response_mode', flow.id, true]);
  assert.equal(own.redirect?.response.toDict(), { state: flow.state });
  // The answer must not tell if there is such a state.
  for (const body of ['code=a&state=another', 'x', '']) {
    const other = withAnswer(handle({ ...post, body }));
    assert.equal([other.redirect, other.answer], [undefined, own.answer], body);
  }
  assert.is(own.answer.status, 405);
  assert.is(own.answer.headers[own.answer.headers.indexOf('Allow') + 1], 'GET');
});

test('reads no form if it can be of no flow', () => {
  const { flows, handle } = bench();
  const post = { method: 'POST', target: '/callback', rawHeaders: form };
  const refused = (request: CallbackRequest, what: string): void => {
    const handled = withAnswer(handle(request));
    assert.equal([handled.answer.status, handled.redirect], [405, undefined], what);
  };
  refused(post, 'no flow is pending');
  const flow = flows.begin();
  refused({ ...post, rawHeaders: ['Host', host, 'Content-Type', 'application/json'] }, 'JSON');
  refused(
    { ...post, rawHeaders: [...form, 'Sec-Fetch-Dest', 'empty', 'Sec-Fetch-Mode', 'cors'] },
    'a script',
  );
  refused({ ...post, rawHeaders: ['Host', 'localhost:53682', ...form.slice(2)] }, 'another host');
  refused({ ...post, tooLarge: true }, 'too large');
  refused({ ...post, method: 'PUT' }, 'PUT');
  flow.cancel();
  refused(post, 'no flow is pending any more');
});

test.run();
