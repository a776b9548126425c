/** A client and a service that it cannot trust. */
import { firstValueFrom } from 'rxjs';
import { ConnectionError, connectCallbackHost } from '../../../src/client.ts';
import type { BeginOptions, CallbackFields } from '../../../src/index.ts';
import { maxServiceMessage } from '../../../src/wire/service-message.ts';
import * as assert from '../../helpers/assert.ts';
import { complains } from '../../helpers/complains.ts';
import { observe } from '../../helpers/endpoint.ts';
import { RogueService } from '../../helpers/rogue-service.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule, type Change } from '../../helpers/weakened.ts';

type Connect = typeof connectCallbackHost;

const token = 'a-token-of-the-specs';
const esc = '\u001b]0;PWNED\u0007\u001b[31m';

const test = suite('a service that lies');

/** Runs a check, and shows that it fails over a client that is weakened so. */
function tries(
  title: string,
  check: (connect: Connect) => Promise<void>,
  twins: readonly (readonly [weakness: string, change: Change, complaint: RegExp])[] = [],
): void {
  test(title, () => check(connectCallbackHost));
  for (const [weakness, change, complaint] of twins)
    test(`the control: ${title}: a client that ${weakness} fails`, async () => {
      const twin = (await weakenedModule('client.ts', change)) as { connectCallbackHost: Connect };
      await complains(() => check(twin.connectCallbackHost), complaint);
    });
}

interface Lie {
  readonly options?: BeginOptions;
  readonly response: (state: string) => unknown;
}

const issuer = 'https://as.example';
const lies: Readonly<Record<string, Lie>> = {
  'another state': { response: () => ({ code: 'c', state: 'another' }) },
  'no state': { response: () => ({ code: 'c' }) },
  'another issuer': {
    options: { issuer },
    response: (state) => ({ code: 'c', state, iss: 'https://evil.example' }),
  },
  'no issuer, which is required': {
    options: { issuer, requireIssuer: true },
    response: (state) => ({ code: 'c', state }),
  },
  'no issuer, which was advertised': {
    options: { issuer, issuerAdvertised: true },
    response: (state) => ({ code: 'c', state }),
  },
  'neither code nor error': { response: (state) => ({ state }) },
  'control characters in the code': { response: (state) => ({ code: esc, state }) },
  'a code that is no text': { response: (state) => ({ code: ['c'], state }) },
  nothing: { response: () => null },
};

/** A lie ends no flow, and the true response that comes later does. */
async function believesTheTruthOnly(connect: Connect, { options = {}, response }: Lie): Promise<void> {
  await using service = await RogueService.open();
  const reported: unknown[] = [];
  const host = await connect(service.url, { token, report: (error) => reported.push(error) });
  try {
    const begun = host.begin(options);
    const { state } = await service.begins();
    const flow = await begun;
    const seen = observe(flow);
    const result = (fields: unknown): object => ({
      type: 'result',
      flowId: flow.id,
      result: { type: 'response', response: fields },
    });
    service.say(result(response(state as string)));
    service.say(result({ code: 'true', state, ...(options.issuer && { iss: issuer }) }));
    const { flowIds } = await assert.deadline(service.next('ack'), 'an acknowledgement');
    assert.equal(
      [seen.responses.map(({ code }) => code), flowIds],
      [['true'], [flow.id]],
      'what was believed',
    );
    assert.is(reported.length, 1, 'what was reported');
    assert.not.match(String(reported[0]), /evil|another"|PWNED/);
  } finally {
    await host.close();
  }
}

for (const [what, lie] of Object.entries(lies)) {
  const twins: Record<string, readonly [string, Change, RegExp]> = {
    'another state': [
      'believes any state',
      edit("if (given.state !== state) throw wrong('another state than that of its flow');", ''),
      /what was believed/,
    ],
    'another issuer': [
      'believes any issuer',
      edit(
        "if (issuer && !issuerFits(issuer, iss)) throw wrong('another issuer than that of its flow');",
        '',
      ),
      /what was believed/,
    ],
    'a code that is no text': [
      'reads messages without their schema',
      edit(
        'const message = readServiceMessage(text);',
        'const message = JSON.parse(text) as ServiceMessage;',
      ),
      /what was (?:believed|reported)/,
    ],
  };
  tries(
    `K-15 takes a response with ${what} for none`,
    (connect) => believesTheTruthOnly(connect, lie),
    twins[what] ? [twins[what]] : [],
  );
}

const filtered: readonly (readonly [what: string, given: object, read: CallbackFields])[] = [
  [
    'control characters in an error',
    { error: `x${esc}`, error_description: `d${esc}\u202ee`, error_uri: `https://x/${esc}` },
    { error: 'x?]0;PWNED?[31m', error_description: 'd]0;PWNED[31me' },
  ],
  ['a code beside an error', { code: 'c', error: 'access_denied' }, { error: 'access_denied' }],
];

for (const [what, given, read] of filtered) {
  tries(`delivers a response with ${what} as a server does`, async (connect) => {
    await using service = await RogueService.open();
    const host = await connect(service.url, { token });
    try {
      const begun = host.begin();
      const { state } = await service.begins();
      const flow = await begun;
      const response = firstValueFrom(flow.response);
      service.say({
        type: 'result',
        flowId: flow.id,
        result: { type: 'response', response: { ...given, state } },
      });
      assert.equal((await response).toDict(), { ...read, state: flow.state });
    } finally {
      await host.close();
    }
  });
}

const badUris = [
  'http://service.example/callback',
  'javascript:alert(1)',
  'data:text/html,x',
  'com.example.app:/callback',
  'https://user:password@service.example/callback',
  'https://service.example/callback#fragment',
  `https://service.example/${esc}`,
  'https://service.example/call back',
  'not a URL',
  '',
];

async function acceptsNoRedirectUri(connect: Connect, redirectUri: string): Promise<void> {
  await using first = await RogueService.open({ redirectUri });
  const outcome = await connect(first.url, { token }).then(
    async (host) => host.close().then(() => undefined),
    (error: unknown) => error,
  );
  const isError = (error: unknown): error is ConnectionError => error instanceof ConnectionError;
  assert.ok(isError(outcome), 'at welcome');
  assert.match(outcome.message, / gave a redirect URI that must be https/);
  assert.not.match(outcome.message, /PWNED|alert|password/);
  await using service = await RogueService.open();
  const host = await connect(service.url, { token });
  try {
    const begun = host.begin().catch((error: unknown) => error);
    await service.begins({ redirectUri });
    assert.ok(isError(await begun), 'at begun');
    assert.is((await service.next('cancel'))['flowId'], 'f1');
  } finally {
    await host.close();
  }
}

for (const uri of badUris)
  tries(
    `takes no redirect URI such as ${JSON.stringify(uri)}`,
    (connect) => acceptsNoRedirectUri(connect, uri),
    uri === 'javascript:alert(1)'
      ? [
          [
            'takes any',
            edit(
              '  if (!url || !isSecure(url) || url.username || url.password || url.hash) return false;\n  return url.protocol',
              '  if (!url) return false;\n  return url.protocol !== "x:" || url.protocol',
            ),
            /at welcome/,
          ],
        ]
      : [],
  );

tries('takes a redirect URI that is https, or on loopback as the bridge is', async (connect) => {
  for (const redirectUri of [
    'https://other.example/cb',
    'http://127.0.0.1:8080/cb',
    'http://[::1]:1/cb',
    'http://localhost/',
  ]) {
    await using service = await RogueService.open({ redirectUri });
    const host = await connect(service.url, { token });
    assert.is(host.redirectUri, redirectUri);
    await host.close();
  }
});

tries('shows no control characters of a service in an error', async (connect) => {
  await using service = await RogueService.open();
  const host = await connect(service.url, { token });
  try {
    for (const [code, known] of [
      ['invalid_option', 'invalid_option'],
      ['state_in_use', 'state_in_use'],
      ['too_many_flows', 'too_many_flows'],
      ['unavailable', 'store_unavailable'],
      ['closed', 'closed'],
      ['a_code_of_a_newer_service', 'closed'],
    ] as const) {
      const begun = assert.rejects(host.begin(), known);
      const { ref } = await service.next('begin');
      service.say({ type: 'failed', ref, code, message: `no ${esc}${'x'.repeat(5_000)}`, option: `o${esc}` });
      const { message } = await begun;
      assert.not.match(message, /[\p{Cc}\p{Cf}]/u);
      assert.ok(message.length < 1_100, `${message.length} characters`);
    }
  } finally {
    await host.close();
  }
});

tries(
  'ends a connection whose service sends a message larger than any, and ends no flow',
  async (connect) => {
    await using service = await RogueService.open();
    let notice: (error: unknown) => void = () => undefined;
    const reported = new Promise((resolve) => (notice = resolve));
    const host = await connect(service.url, { token, report: (error) => notice(error) });
    try {
      const begun = host.begin();
      await service.begins();
      const seen = observe(await begun);
      service.say(`{"type":"pong","filler":"${'x'.repeat(maxServiceMessage)}"}`);
      const outcome = await assert.deadline(Promise.race([service.closed(), reported]), 'the end');
      assert.is(outcome, 1009, 'how the connection ended');
      assert.equal([seen.responses, seen.errors], [[], []]);
    } finally {
      await host.close();
    }
  },
  [['takes any length', edit('maxPayload: maxServiceMessage,', ''), /how the connection ended/]],
);

tries('ignores what only a newer service says, and reports what no service may say', async (connect) => {
  await using service = await RogueService.open({ roles: ['listener', 'auditor'], novelty: 1 });
  const reported: unknown[] = [];
  const host = await connect(service.url, { token, report: (error) => reported.push(error) });
  try {
    const begun = host.begin();
    await service.begins({ novelty: {} });
    const flow = await begun;
    const seen = observe(flow);
    service.say({ type: 'weather', wind: 'strong' });
    assert.is(reported.length, 0);
    for (const wrong of [
      '{',
      'null',
      '[]',
      '"text"',
      { type: 5 },
      {},
      { type: 'constructor', flowId: 'f1' },
      { type: 'result', flowId: 'f1' },
      { type: 'result', flowId: 'f1', result: { type: 'constructor' } },
      { type: 'begun', ref: -1, flowId: 'f1', redirectUri: 5, expiresAt: 'never' },
      { type: 'begun', ref: 1, flowId: `f${esc}`, redirectUri: 'https://x/', expiresAt: 1 },
      { type: 'acknowledged', flowIds: 'f1' },
      { type: 'pending', pending: `${esc}9` },
      { type: 'event', n: 4, event: null },
      { type: 'watching', epoch: 'e', next: 0, counts: [], reasons: { x: -1 } },
    ])
      service.say(wrong);
    // A second welcome would begin all anew.
    service.say({
      type: 'welcome',
      nonce: 'other',
      epoch: 'e',
      roles: [],
      redirectUri: 'https://evil.example/',
      now: 0,
      burst: 1,
      perSecond: 1,
    });
    const next = host.begin();
    await service.begins();
    await next;
    assert.is(host.redirectUri, 'https://service.example/callback');
    assert.equal([seen.responses, seen.errors, host.connected], [[], [], true]);
    // "constructor" is a type that it does not know, as any other.
    assert.is(reported.length, 14);
    for (const error of reported) assert.not.match(String(error), /[\p{Cc}\p{Cf}]/u);
  } finally {
    await host.close();
  }
});

test.run();
