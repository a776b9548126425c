/** Limits that a credential has of its own: they lower those of the bridge, for all connections of its name together. */
import { createBridge } from '../../../src/bridge/server.ts';
import type { BridgeOptions } from '../../../src/bridge/options.ts';
import type { IdentityLimits } from '../../../src/bridge/credentials.ts';
import { internalsOfBridge } from '../../../src/bridge/internals.ts';
import { createTenants } from '../../../src/tenants.ts';
import * as assert from '../../helpers/assert.ts';
import { newKey, shake, withBridge, withPeers, type CreateBridge, type Peer } from '../../helpers/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { withServer } from '../../helpers/endpoint.ts';
import { PlainProgram } from '../../helpers/plain-program.ts';
import { RawSocket } from '../../helpers/raw.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule, type Edit } from '../../helpers/weakened.ts';

const test = suite('limits of a credential');

const bearer = 'the-token-of-one';

/** A name with two tokens, and another name. */
const tokensWith = (limits: IdentityLimits): NonNullable<BridgeOptions['tokens']> => [
  { name: 'one', token: bearer, roles: ['listener'], limits },
  { name: 'one', token: `${bearer}-2`, roles: ['listener'], limits },
  { name: 'other', token: 'the-token-of-other', roles: ['listener'] },
];

async function begin(peer: Peer): Promise<'begun' | 'too_many_flows'> {
  const ref = Math.floor(Math.random() * 1e9);
  peer.say({ type: 'begin', ref, state: newState(), key: newKey() });
  await peer.heardAll();
  const answer = peer.heard.find((message) => 'ref' in message && message.ref === ref);
  return answer?.type === 'failed' ? (answer.code as 'too_many_flows') : 'begun';
}

const checks = {
  connections: {
    run: (create: CreateBridge) =>
      withBridge(
        ({ url, port, bridge }) =>
          withPeers(url, async (open) => {
            const reasons: string[] = [];
            internalsOfBridge(bridge).onConnection((event) => {
              if (event.type === 'rejected') reasons.push(`${event.name}: ${event.reason}`);
            });
            await open({ bearer }).welcome();
            await open({ bearer: `${bearer}-2` }).welcome();
            const statuses = [];
            for (const name of [bearer, `${bearer}-2`, 'the-token-of-other'])
              statuses.push((await shake(port, { Authorization: `Bearer ${name}` })).status);
            assert.equal(statuses, [429, 429, 101], 'a third connection');
            assert.is(reasons[0], 'one: the limit of 2 connections that its credential has is reached');
          }),
        { tokens: tokensWith({ connections: 2 }) },
        {},
        create,
      ),
    weakened: edit('return here >= own ? ', 'return here > own ? '),
    complaint: /a third connection/,
  },
  flows: {
    run: (create: CreateBridge) =>
      withBridge(
        ({ url }) =>
          withPeers(url, async (open) => {
            const [one, two, other] = [
              open({ bearer }),
              open({ bearer: `${bearer}-2` }),
              open({ bearer: 'the-token-of-other' }),
            ];
            for (const peer of [one, two, other]) await peer.welcome();
            const answers = [];
            for (const peer of [one, two, one, two, other, other]) answers.push(await begin(peer));
            assert.equal(
              answers,
              ['begun', 'begun', 'too_many_flows', 'too_many_flows', 'begun', 'begun'],
              'a third flow',
            );
          }),
        { tokens: tokensWith({ flows: 2 }) },
        {},
        create,
      ),
    weakened: edit('return Math.min(share, own);', 'return share;'),
    complaint: /a third flow/,
  },
  perSecond: {
    run: (create: CreateBridge) => {
      const { scheduler, advance } = virtualTime();
      return withBridge(
        ({ url }) =>
          withPeers(url, async (open) => {
            const [one, other] = [open({ bearer }), open({ bearer: 'the-token-of-other' })] as const;
            const { burst, perSecond } = await one.next('welcome');
            assert.equal([burst, perSecond], [20, 2], 'what it may send');
            await other.welcome();
            // The burst, and one that is owed.
            for (let n = 0; n < 21; n++) await one.heardAll();
            one.say({ type: 'ping' });
            for (let n = 0; n < 21; n++) await other.heardAll();
            assert.is(one.heard.length, 0, 'one more is read at once');
            advance(1_000);
            await one.next('pong');
          }),
        { tokens: tokensWith({ perSecond: 2 }), limits: { burst: 100, perSecond: 10 } },
        { scheduler },
        create,
      );
    },
    weakened: edit('identity.limits?.perSecond ?? Infinity', 'Infinity'),
    complaint: /one more is read at once/,
  },
};

for (const [limit, { run, weakened, complaint }] of Object.entries(checks)) {
  test(`holds all connections of a name to limits.${limit} of its credential, and no other name`, () =>
    run(createBridge));
  test(`rejects a bridge that ignores limits.${limit} of a credential`, async () => {
    const twin = await twinWith(weakened);
    await complains(() => run(twin), complaint);
  });
}

async function twinWith(change: Edit): Promise<CreateBridge> {
  return ((await weakenedModule('bridge.ts', change)) as { createBridge: CreateBridge }).createBridge;
}

test('never raises a limit of the bridge', () =>
  withBridge(
    ({ url, port }) =>
      withPeers(url, async (open) => {
        const peer = open({ bearer });
        const { burst, perSecond } = await peer.next('welcome');
        assert.equal([burst, perSecond], [5, 5]);
        assert.is((await shake(port, { Authorization: `Bearer ${bearer}` })).status, 429);
        assert.equal([await begin(peer), await begin(peer)], ['begun', 'too_many_flows']);
      }),
    {
      tokens: tokensWith({ connections: 100, flows: 100, perSecond: 100 }),
      limits: { connectionsPerName: 1, burst: 5, perSecond: 5, flows: 1 },
    },
  ));

test('counts the same name of two tenants apart', () =>
  withBridge(
    async ({ server, url, port }) => {
      const tenants = createTenants(server, {
        tenants: { acme: { callbackPath: '/acme' }, globex: { callbackPath: '/globex' } },
      });
      await tenants.listen();
      await withPeers(url, async (open) => {
        await open({ bearer }).welcome();
        const of = async (name: string): Promise<number> =>
          (await shake(port, { Authorization: `Bearer ${name}` })).status;
        assert.equal([await of(bearer), await of(`${bearer}-2`)], [429, 101]);
      });
    },
    {
      tokens: tokensWith({ connections: 1 }).map((each, n) => ({
        ...each,
        tenant: n === 0 ? 'acme' : 'globex',
      })),
    },
  ));

/** A program sends many requests that wait in one packet. */
const holdsTogether = (create?: CreateBridge): Promise<void> =>
  withBridge(
    async ({ port, server, bridge }) => {
      const request = (): string => {
        const { headers } = new PlainProgram(port, { changes: { Authorization: `Bearer ${bearer}` } });
        const lines = Object.entries({ ...headers, Host: `127.0.0.1:${port}` });
        return `GET /bridge/flows HTTP/1.1\r\n${lines.map((line) => `${line.join(': ')}\r\n`).join('')}\r\n`;
      };
      const seen: string[] = [];
      internalsOfBridge(bridge).onConnection(({ type }) => seen.push(type));
      using socket = await RawSocket.open(server.address);
      await socket.write(Array.from({ length: 12 }, request).join(''));
      const all = async (): Promise<void> => {
        while (seen.length < 12) await new Promise(setImmediate);
      };
      await assert.deadline(all(), 'the decision on each');
      assert.is(seen.filter((type) => type === 'connected').length, 2, 'connections of the name');
    },
    { tokens: tokensWith({ connections: 2 }) },
    {},
    create,
  );

test('hold for requests that come together', () => holdsTogether());

test('a bridge that admits them before it counts them is found out', async () => {
  const change = edit(
    'const rejected = this.#crowded(request, place.identity);',
    'const rejected = this.#crowded(request);',
  );
  const twin = (await weakenedModule('bridge/server.ts', change)) as { createBridge: CreateBridge };
  await complains(() => holdsTogether(twin.createBridge), /connections of the name/);
});

for (const [what, change, message] of [
  ['limits that are a number', { limits: 5 }, /limits of odd must be an object; got a number/],
  [
    'a limit that does not exist',
    { limits: { flow: 1 } },
    /tokens\.limits\.flow is not an option of the limits of odd/,
  ],
  [
    'a limit of 0',
    { limits: { flows: 0 } },
    /tokens\.limits\.flows must be a whole number from 1 to 2147483647; got 0/,
  ],
  ['a limit of 1.5', { limits: { connections: 1.5 } }, /tokens\.limits\.connections must be a whole number/],
  ['an empty tenant', { tenant: '' }, /a tenant of 1 to 128 characters .*; odd has an empty string/],
  [
    'a tenant with a control character',
    { tenant: 'a\0b' },
    /without control characters; odd has "a\\u0000b"/,
  ],
  ['a tenant that is a number', { tenant: 1 }, /a tenant of 1 to 128 characters .*; odd has 1/],
  ['a tenant of 129 characters', { tenant: 'x'.repeat(129) }, /a tenant of 1 to 128 characters/],
] as const) {
  test(`rejects a token with ${what}`, () =>
    withServer({}, ({ server }) => {
      const odd = { name: 'odd', token: 'the-token-of-odd', roles: ['listener'], ...change };
      const make = (): unknown => createBridge(server, { tokens: [odd] as unknown as [] });
      assert.match(assert.throws(make, 'invalid_option').message, message);
      return Promise.resolve();
    }));
}

test.run();
