/** Credentials: who may connect, for how long, and what ends it. */
import type { BridgeToken, Identity } from '../../../src/bridge/credentials.ts';
import { createBridge } from '../../../src/bridge/server.ts';
import * as assert from '../../helpers/assert.ts';
import {
  counts,
  newKey,
  proofOf,
  shake,
  token,
  withBridge,
  withPeers,
  withTicket,
  type Bridged,
} from '../../helpers/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { withServer } from '../../helpers/endpoint.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const origin = 'https://app.example';
const origins = [origin, 'https://other.example'];

const listener = (name: string, more: Partial<BridgeToken> = {}): BridgeToken => ({
  name,
  token: `the-token-of-${name}`,
  roles: ['listener'],
  ...more,
});

const test = suite('credentials of the bridge');

test('B3 issues no ticket beyond 10,000 unused ones, and drops none', () => {
  const { scheduler, advance } = virtualTime();
  return withBridge(
    async ({ bridge, port }) => {
      const tickets = Array.from({ length: 10_000 }, () => bridge.issueTicket({ origin }));
      assert.throws(() => bridge.issueTicket({ origin }), 'too_many_tickets');
      assert.is((await shake(port, withTicket(tickets[0]!, origin))).status, 101);
      bridge.issueTicket({ origin });
      assert.throws(() => bridge.issueTicket({ origin }), 'too_many_tickets');
      advance(60_000);
      bridge.issueTicket({ origin });
    },
    { origins },
    { scheduler },
  );
});

for (const [what, change, message] of [
  ['an ISO date', { expiresAt: '2030-01-01T00:00:00Z' }, /expiresAt in milliseconds .*; odd has "2030-/],
  ['a Date', { expiresAt: new Date() }, /expiresAt in milliseconds since the epoch; odd has an object/],
  ['NaN', { expiresAt: NaN }, /expiresAt in milliseconds since the epoch; odd has NaN/],
  ['null', { expiresAt: null }, /expiresAt in milliseconds since the epoch; odd has null/],
  ['a role that does not exist', { roles: ['admin'] }, /the roles listener or monitor; odd has "admin"/],
] as const) {
  test(`B5 rejects a token with ${what}, which would else never be accepted`, () =>
    withServer({}, ({ server }) => {
      const tokens = [{ ...listener('odd'), ...change } as unknown as BridgeToken];
      assert.match(assert.throws(() => createBridge(server, { tokens }), 'invalid_option').message, message);
      return Promise.resolve();
    }));
}

test('B5 judges the expiry of a token by the wall clock, which may be set meanwhile', () => {
  const { now } = Date;
  const hour = 3_600_000;
  const expiring = listener('expiring', { expiresAt: now() + hour });
  return withBridge(
    ({ bridge, url, port }) =>
      withPeers(url, async (open) => {
        const authorization = { Authorization: `Bearer ${expiring.token}` };
        const peer = open({ bearer: expiring.token });
        await peer.welcome();
        try {
          Date.now = () => now() + 24 * hour;
          assert.is((await shake(port, authorization)).status, 401);
          // The next heartbeat closes it, although it sends nothing.
          assert.is(await peer.closed(), 4401);
          Date.now = now;
          assert.is((await shake(port, authorization)).status, 101);
        } finally {
          Date.now = now;
        }
        await counts(bridge, 0);
      }),
    { tokens: [expiring], limits: { heartbeat: 50 } },
  );
});

test('B5 closes no connection whose token is valid after the wall clock was set back', () => {
  const { now } = Date;
  const expiring = listener('expiring', { expiresAt: now() + 500 });
  return withBridge(
    ({ url }) =>
      withPeers(url, async (open) => {
        const peer = open({ bearer: expiring.token });
        await peer.welcome();
        try {
          Date.now = () => now() - 3_600_000;
          for (const end = performance.now() + 1_000; performance.now() < end;) await peer.heardAll();
        } finally {
          Date.now = now;
        }
        assert.is(await peer.closed(), 4401);
      }),
    { tokens: [expiring], limits: { heartbeat: 50, burst: 1_000_000, perSecond: 1_000_000 } },
  );
});

test('J-06 makes tickets of 256 bits, each of which is drawn anew', () =>
  withBridge(
    ({ bridge }) => {
      const drawn = Array.from({ length: 1_000 }, () =>
        BigInt(`0x${Buffer.from(bridge.issueTicket({ origin }), 'base64url').toString('hex')}`),
      );
      const all = 2n ** 256n - 1n;
      assert.is(
        drawn.reduce((seen, each) => seen | each, 0n),
        all,
        'each bit is set in some',
      );
      assert.is(
        drawn.reduce((seen, each) => seen & each, all),
        0n,
        'and not in others',
      );
      return Promise.resolve();
    },
    { origins },
  ));

for (const [name, ttl, longest] of [
  ['unless told', undefined, 60_000],
  ['at the most', 3_600_000, 60_000],
  ['or as told', 5_000, 5_000],
] as const) {
  test(`J-06 takes a ticket for ${longest / 1_000} s, ${name}`, () => {
    const { scheduler, advance } = virtualTime();
    return withBridge(
      async ({ port, bridge }) => {
        const issue = (): string => bridge.issueTicket({ origin, ...(ttl && { ttl }) });
        const [young, old] = [issue(), issue()];
        advance(longest - 1);
        assert.is((await shake(port, withTicket(young, origin))).status, 101);
        advance(1_001);
        assert.is((await shake(port, withTicket(old, origin))).status, 401);
      },
      { origins },
      { scheduler },
    );
  });
}

test('J-06 accepts a ticket once, even if it is used 50 times at the same time', () =>
  withBridge(
    async ({ port, bridge }) => {
      const ticket = bridge.issueTicket({ origin });
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => shake(port, withTicket(ticket, origin))),
      );
      const statuses = answers.map(({ status }) => status).sort();
      assert.equal(statuses, [101, ...Array.from({ length: 49 }, () => 401)]);
      assert.is((await shake(port, withTicket(ticket, origin))).status, 401);
    },
    { origins },
  ));

test('J-06 accepts a ticket from its own origin only, and a wrong origin uses it up', () =>
  withBridge(
    async ({ port, bridge }) => {
      for (const wrong of ['https://other.example', null]) {
        const ticket = bridge.issueTicket({ origin });
        assert.is((await shake(port, withTicket(ticket, wrong))).status, 403);
        assert.is((await shake(port, withTicket(ticket, origin))).status, 401);
      }
      assert.throws(() => bridge.issueTicket({ origin: 'https://evil.example' }), 'invalid_option');
      assert.throws(() => bridge.issueTicket({ origin, ttl: NaN }), 'invalid_option');
    },
    { origins },
  ));

test('J-06 J-08 a ticket for some flows resumes those alone, and its connection closes once they are acknowledged', () =>
  withBridge(
    ({ url, visit, bridge }) =>
      withPeers(url, async (open) => {
        const [owner, key] = [open(), newKey()];
        await owner.welcome();
        const states = [newState(), newState(), newState()];
        const [one, two, other] = [
          await owner.begin(states[0], key),
          await owner.begin(states[1], key),
          await owner.begin(states[2], key),
        ];
        for (const state of states) await visit(`/callback?code=c&state=${state}`);

        const page = open({ ticket: bridge.issueTicket({ origin, flows: [one, two] }), origin });
        const proof = proofOf(key, await page.welcome());
        page.say({ type: 'resume', ref: 1, flowId: other, state: states[2], proof });
        assert.is((await page.next('failed')).code, 'unknown_flow');
        page.say({ type: 'begin', ref: 2, state: newState(), key: newKey() });
        assert.is((await page.next('failed')).code, 'too_many_flows');
        for (const [n, flow] of [one, two].entries()) {
          page.say({ type: 'resume', ref: 3, flowId: flow, state: states[n], proof });
          assert.is((await page.next('result')).flowId, flow);
        }
        page.say({ type: 'ack', flowIds: [two] });
        await page.next('acknowledged');
        await page.heardAll();
        page.say({ type: 'ack', flowIds: [one] });
        await page.next('acknowledged');
        assert.is(await page.closed(), 1000);
      }),
    { origins },
  ));

/** A listener with a flow, in time that stands still. */
function expiring(
  body: (bridged: Bridged & { advance: (ms: number) => void }) => Promise<void>,
  options: object,
): Promise<void> {
  const { scheduler, advance } = virtualTime();
  return withBridge((bridged) => body({ ...bridged, advance }), options, { scheduler });
}

const expiries: readonly (readonly [name: string, options: object])[] = [
  ['a token', { tokens: [listener('short', { expiresAt: 5_000 }), listener('long')] }],
  [
    'an identity that authenticate gives',
    {
      tokens: [listener('long')],
      authenticate: (): Identity => ({ name: 'short', roles: ['listener'], expiresAt: 5_000 }),
    },
  ],
];

for (const [name, options] of expiries) {
  test(`J-08 closes a connection with 4401 when ${name} expires, and delivers nothing to it`, () =>
    expiring(
      ({ url, port, visit, bridge, advance }) =>
        withPeers(url, async (open) => {
          const [short, long] = [
            open({ bearer: 'the-token-of-short' }),
            open({ bearer: 'the-token-of-long' }),
          ];
          const [state, key] = [newState(), newKey()];
          await short.welcome();
          const flow = await short.begin(state, key);
          const nonce = await long.welcome();
          // Nothing happens to it that could remind the service of its credential.
          const idle = open({ bearer: 'the-token-of-short' });
          await idle.welcome();
          advance(4_999);
          await short.heardAll();
          await counts(bridge, 3);
          advance(1);
          // A redirect that is there before the peer has heard of its end.
          await visit(`/callback?code=c&state=${state}`);
          assert.is(await short.closed(), 4401);
          assert.is(await idle.closed(), 4401);
          assert.equal(short.heard, []);
          await counts(bridge, 1);
          assert.is((await shake(port, { Authorization: 'Bearer the-token-of-short' })).status, 401);

          long.say({ type: 'resume', ref: 1, flowId: flow, state, proof: proofOf(key, nonce) });
          assert.is((await long.next('result')).flowId, flow);
        }),
      options,
    ));
}

test('J-08 checks the credential again before it delivers, although no timer has fired', () => {
  const { scheduler } = virtualTime();
  return withBridge(
    ({ url, visit }) =>
      withPeers(url, async (open) => {
        const [short, state] = [open({ bearer: 'the-token-of-short' }), newState()];
        await short.welcome();
        await short.begin(state);
        // The clock goes on, and what is due at its time does not happen.
        scheduler.frame = 5_001;
        await visit(`/callback?code=c&state=${state}`);
        assert.is(await short.closed(), 4401);
        assert.equal(short.heard, []);
      }),
    { tokens: [listener('short', { expiresAt: 5_000 })] },
    { scheduler },
  );
});

test('J-08 closes the connections of tokens that are gone or changed, and keeps those of the others', () =>
  withBridge(
    ({ url, port, visit, bridge }) =>
      withPeers(url, async (open) => {
        const [kept, gone, changed] = ['kept', 'gone', 'changed'].map((name) =>
          open({ bearer: `the-token-of-${name}` }),
        ) as [ReturnType<typeof open>, ReturnType<typeof open>, ReturnType<typeof open>];
        const [state, key] = [newState(), newKey()];
        for (const peer of [kept, gone, changed]) await peer.welcome();
        const flow = await gone.begin(state, key);
        bridge.setTokens([
          listener('kept'),
          listener('changed', { roles: ['listener', 'monitor'] }),
          listener('new'),
        ]);
        await visit(`/callback?code=c&state=${state}`);
        assert.is(await gone.closed(), 4401);
        assert.is(await changed.closed(), 4401);
        assert.equal(gone.heard, []);
        await kept.heardAll();
        await counts(bridge, 1);
        for (const [name, status] of [
          ['gone', 401],
          ['changed', 101],
          ['new', 101],
        ] as const) {
          assert.is((await shake(port, { Authorization: `Bearer the-token-of-${name}` })).status, status);
        }
        // The single token of the option of that name is one of those that were there before.
        assert.is((await shake(port)).status, 401);

        const next = open({ bearer: 'the-token-of-new' });
        next.say({ type: 'resume', ref: 1, flowId: flow, state, proof: proofOf(key, await next.welcome()) });
        assert.is((await next.next('result')).flowId, flow);
      }),
    { tokens: [listener('kept'), listener('gone'), listener('changed')] },
  ));

test('J-08 revokes a name: of a token, of a ticket, and of an identity that authenticate returns', () =>
  withBridge(
    ({ url, port, bridge }) =>
      withPeers(url, async (open) => {
        const own = { Authorization: 'Bearer asked-of-authenticate' };
        const peers = [
          open({ bearer: 'the-token-of-mallory' }),
          open({ bearer: 'asked-of-authenticate' }),
          open({ ticket: bridge.issueTicket({ origin, name: 'mallory' }), origin }),
        ];
        const other = open();
        for (const peer of [...peers, other]) await peer.welcome();
        const unused = bridge.issueTicket({ origin, name: 'mallory' });
        bridge.revoke('mallory');
        for (const peer of peers) assert.is(await peer.closed(), 4401);
        await other.heardAll();
        assert.is((await shake(port, { Authorization: 'Bearer the-token-of-mallory' })).status, 401);
        assert.is((await shake(port, own)).status, 401);
        assert.is((await shake(port, withTicket(unused, origin))).status, 401);
        assert.is((await shake(port)).status, 101);
      }),
    {
      origins,
      tokens: [listener('mallory')],
      authenticate: () => ({ name: 'mallory', roles: ['listener'] }),
    },
  ));

const strangers: readonly (readonly [
  name: string,
  authenticate: () => unknown,
  reported: RegExp | undefined,
])[] = [
  ['gives nobody', () => undefined, undefined],
  ['has expired by the time it is given', () => ({ name: 'x', roles: [], expiresAt: 1 }), undefined],
  [
    'throws',
    () => {
      throw new Error('the directory is down');
    },
    /the directory is down/,
  ],
  ['rejects', () => Promise.reject(new Error('the directory is down')), /the directory is down/],
  ['never answers', () => new Promise(() => undefined), /authenticate/],
  ['gives something else', () => ({ name: 'x' }), /authenticate/],
  [
    'gives a date as a text',
    () => ({ name: 'x', roles: [], expiresAt: '2030-01-01' }),
    /expiresAt in milliseconds/,
  ],
];

for (const [name, authenticate, reported] of strangers) {
  test(`J-03 J-04 refuses with 401 where authenticate ${name}${reported ? ', and reports it once' : ''}`, () =>
    withBridge(
      async ({ port, bridge, log }) => {
        assert.is((await shake(port, { Authorization: 'Bearer somebody-unknown' })).status, 401);
        assert.is(bridge.connections, 0);
        assert.is(log.length, reported ? 1 : 0, log.join('\n'));
        if (reported) assert.match(log[0]!, reported);
        assert.not.match(log.join(), 'somebody-unknown');
        assert.is((await shake(port)).status, 101);
      },
      { authenticate: authenticate as () => Identity | undefined, limits: { timeout: 100 } },
    ));
}

test('J-03 calls authenticate only if no token matches, and never for a ticket', () => {
  let asked = 0;
  return withBridge(
    async ({ port, bridge }) => {
      assert.is((await shake(port)).status, 101);
      assert.is((await shake(port, withTicket('unknown', origin))).status, 401);
      assert.is((await shake(port, withTicket(bridge.issueTicket({ origin }), origin))).status, 101);
      assert.is((await shake(port, { Origin: 'https://evil.example' })).status, 403);
      assert.is(asked, 0);
      assert.is((await shake(port, { Authorization: `Bearer ${token}x` })).status, 401);
      assert.is(asked, 1);
    },
    {
      origins,
      authenticate: () => {
        asked++;
        return undefined;
      },
    },
  );
});

test('J-08 rejects a token without 16 characters, a name and roles, and then changes nothing', () =>
  withBridge(async ({ port, bridge }) => {
    const good = listener('x');
    const without = { name: 'x', token: good.token } as BridgeToken;
    for (const wrong of [{ ...good, token: 'too-short' }, without]) {
      assert.throws(() => bridge.setTokens([good, wrong]), 'invalid_option');
    }
    assert.is((await shake(port)).status, 101);
    assert.is((await shake(port, { Authorization: `Bearer ${good.token}` })).status, 401);
  }));

test.run();
