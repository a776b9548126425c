import { subprotocol } from '../../src/wire/protocol.ts';
import { readHandshake } from '../../src/bridge/handshake.ts';
import { memoryStore } from '../../src/store/memory.ts';
import * as assert from '../helpers/assert.ts';
import { shake, withBridge, withPeers, withTicket } from '../helpers/bridge.ts';
import { holdIntervals, virtualTime } from '../helpers/clock.ts';
import type { HttpAnswer } from '../helpers/http.ts';
import { newState } from '../helpers/server.ts';
import { edit, replacing } from '../helpers/weakened.ts';
import { bridge, check, requirement, requirementsOn, twin } from './requirement.ts';

const origin = 'https://app.example';

const origins = [origin, 'https://other.example'];

/** Asserts the status of an answer to an upgrade request. */
function answers({ status }: HttpAnswer, expected: number, what: string): void {
  assert.is(status, expected, `${what}: is answered ${status}`);
}

export const requirements = requirementsOn(
  'Access to the bridge',
  requirement('J-01', {
    demand: 'Validate the WebSocket handshake, and accept version 13 only.',
    source: 'RFC 6455 sections 4.2.1, 4.2.2 and 4.4',
    provenIn: ['bridge/handshake.spec.ts'],
  }),

  requirement(
    'J-02',
    {
      demand: 'Accept an Origin only if it is listed exactly.',
      source: 'RFC 6455 section 10.2; CVE-2025-24010',
      provenIn: ['bridge/handshake.spec.ts'],
    },
    check(
      bridge,
      'takes an Origin that is listed, and no other',
      (create) =>
        withBridge(
          async ({ port }) => {
            for (const other of ['null', 'https://evil.example', `${origin}.evil`, 'http://app.example']) {
              answers(await shake(port, { Origin: other }), 403, `Origin ${other}`);
            }
            answers(await shake(port, { Origin: origin }), 101, 'a listed Origin');
          },
          { origins },
          {},
          create,
        ),
      [
        twin(
          'takes any Origin',
          edit(`origin === undefined || this.#settings.origins.includes(origin)`, 'origin !== ""'),
          /Origin null: is answered 101/,
        ),
        twin(
          'takes an Origin that begins like a listed one',
          edit(
            `this.#settings.origins.includes(origin)`,
            'this.#settings.origins.some((each) => origin.startsWith(each))',
          ),
          /Origin https:\/\/app\.example\.evil: is answered 101/,
        ),
      ],
    ),
  ),

  requirement(
    'J-03',
    {
      demand: 'Require a credential of every connection; an Origin is none.',
      source: 'RFC 6455 sections 1.6, 10.1 and 10.5',
      provenIn: ['bridge/handshake.spec.ts', 'bridge/credentials.spec.ts'],
    },
    check(
      bridge,
      'takes no Origin for a credential',
      (create) =>
        withBridge(
          async ({ port }) => {
            answers(await shake(port, { Authorization: null }), 401, 'no credential');
            answers(await shake(port, { Authorization: null, Origin: origin }), 401, 'a listed Origin alone');
          },
          { origins },
          {},
          create,
        ),
      [
        twin(
          'takes a listed Origin for a credential',
          edit(
            `if (ticket === undefined) return`,
            `if (origin) return { name: 'page', roles: [] };\n    if (ticket === undefined) return`,
          ),
          /a listed Origin alone: is answered 101/,
        ),
      ],
    ),
  ),

  requirement(
    'J-04',
    {
      demand: 'Accept a token in the Authorization header only, never in the URL.',
      source: 'RFC 6455 section 10.5; OWASP WebSocket Security',
      provenIn: ['bridge/handshake.spec.ts', 'bridge/credentials.spec.ts'],
    },
    check(
      bridge,
      'takes a token that is right, in the header',
      (create) =>
        withBridge(
          async ({ port }) => {
            answers(await shake(port), 101, 'the token');
            answers(await shake(port, { Authorization: 'Bearer another-token-of-it' }), 401, 'another token');
            answers(await shake(port, {}, '/bridge?token=x'), 401, 'a token in the URL');
          },
          {},
          {},
          create,
        ),
      [
        twin(
          'takes any token',
          edit(`if (timingSafeEqual(own, sought)) found`, 'found'),
          /another token: is answered 101/,
        ),
        twin(
          'does not mind a token in the URL',
          edit('/[?&](?:access_)?(?:token|ticket)=/i.test(url)', 'Boolean(false)'),
          /a token in the URL: is answered 101/,
        ),
      ],
    ),
  ),

  requirement(
    'J-05',
    {
      demand: 'Select the real subprotocol, and never echo a ticket.',
      source: 'RFC 6455 section 4.2.2',
      provenIn: ['bridge/handshake.spec.ts'],
    },
    check(
      bridge,
      'selects its real subprotocol, and sends no ticket back',
      (create) =>
        withBridge(
          async ({ port, bridge }) => {
            const ticket = bridge.issueTicket({ origin });
            const answer = await shake(port, withTicket(ticket, origin));
            answers(answer, 101, 'a ticket');
            assert.not.match(answer.raw, ticket, 'the ticket is sent back');
            assert.is(answer.headers['sec-websocket-protocol'], subprotocol);
            const alone = { ...withTicket('x', origin), 'Sec-WebSocket-Protocol': `ticket.${ticket}` };
            answers(await shake(port, alone), 400, 'a ticket alone');
          },
          { origins },
          {},
          create,
        ),
      [
        twin(
          'selects the first subprotocol that is offered',
          edit(`handleProtocols: () => subprotocol`, 'handleProtocols: ([first]) => first ?? false'),
          /the ticket is sent back/,
        ),
        twin(
          'does without its subprotocol',
          edit(
            'if (!offered.includes(subprotocol)) return rejection(',
            'if (Boolean(false)) return rejection(',
          ),
          /a ticket alone: is answered (101|401)/,
        ),
      ],
    ),
  ),

  requirement(
    'J-06',
    {
      demand: 'Accept a ticket once, for at most 60 s, from the Origin it was made for.',
      source: 'practice of other services',
      provenIn: ['bridge/credentials.spec.ts'],
    },
    check(
      bridge,
      'takes a ticket once',
      (create) =>
        withBridge(
          async ({ port, bridge }) => {
            const ticket = bridge.issueTicket({ origin });
            const all = await Promise.all(
              Array.from({ length: 50 }, () => shake(port, withTicket(ticket, origin))),
            );
            const taken = all.filter(({ status }) => status === 101).length;
            assert.is(taken, 1, `${taken} of 50 uses of a ticket are answered 101`);
          },
          { origins },
          {},
          create,
        ),
      [
        twin(
          'takes a ticket again',
          edit(
            `first = record && (await this.#records.replace(this.#keyOf(ticket), record.version, undefined, 0))`,
            'first = record',
          ),
          /50 of 50 uses of a ticket are answered 101/,
        ),
      ],
    ),
    check(
      bridge,
      'takes a ticket of another node of its store, once',
      async (create) => {
        const store = memoryStore();
        await withBridge(
          ({ bridge }) =>
            withBridge(
              async ({ port }) => {
                const ticket = bridge.issueTicket({ origin });
                answers(await shake(port, withTicket(ticket, origin)), 101, 'a ticket of the other node');
                answers(
                  await shake(port, withTicket(ticket, origin)),
                  401,
                  'a used ticket of the other node',
                );
              },
              { origins, store },
              {},
              create,
            ),
          { origins, store },
          {},
          create,
        );
      },
      [
        twin(
          'knows its own tickets only',
          edit(`flows.store.records ?? new MemoryRecords(clock)`, 'new MemoryRecords(clock)'),
          /a ticket of the other node: is answered 401/,
        ),
      ],
    ),
    check(
      bridge,
      'takes a ticket from its own Origin',
      (create) =>
        withBridge(
          async ({ port, bridge }) => {
            for (const other of ['https://other.example', null]) {
              const ticket = bridge.issueTicket({ origin });
              answers(
                await shake(port, withTicket(ticket, other)),
                403,
                `a ticket from ${other ?? 'nowhere'}`,
              );
            }
          },
          { origins },
          {},
          create,
        ),
      [
        twin(
          'takes a ticket from any Origin',
          edit(`only === origin ? holder : 'wrong_origin'`, 'holder'),
          /a ticket from https:\/\/other\.example: is answered 101/,
        ),
      ],
    ),
    check(
      bridge,
      'takes a ticket for 60 s',
      (create) => {
        const { scheduler, advance } = virtualTime();
        return withBridge(
          async ({ port, bridge }) => {
            const tickets = [bridge.issueTicket({ origin }), bridge.issueTicket({ origin, ttl: 3_600_000 })];
            advance(61_000);
            for (const ticket of tickets)
              answers(await shake(port, withTicket(ticket, origin)), 401, 'a ticket after 61 s');
          },
          { origins },
          { scheduler },
          create,
        );
      },
      [
        twin(
          'takes a ticket at any age',
          edit(`found && found.expiresAt > this.#clock.now() ? found`, 'found ? found'),
          /a ticket after 61 s: is answered 101/,
        ),
        twin(
          'takes a ticket for as long as it is told',
          edit(`keptMs = Math.min(ttl, longestMs)`, 'keptMs = ttl'),
          /a ticket after 61 s: is answered 101/,
        ),
      ],
    ),
  ),

  requirement('J-07', {
    demand: 'Limit connections that have not authenticated.',
    source: 'OWASP WebSocket Security',
    note: 'there is no first-message authentication: nobody is connected without a credential',
    provenIn: ['bridge/handshake.spec.ts'],
  }),

  requirement(
    'J-08',
    {
      demand:
        'Close a connection when its credential expires or is revoked, and check it again at each delivery.',
      source: 'OWASP WebSocket Security',
      provenIn: ['bridge/credentials.spec.ts', 'bridge/session.spec.ts'],
    },
    check(
      bridge,
      'delivers nothing once a credential is taken back, and closes its connection',
      (create) =>
        withBridge(
          ({ url, visit, bridge }) =>
            withPeers(url, async (open) => {
              const [peer, state] = [open(), newState()];
              await peer.welcome();
              await peer.begin(state);
              bridge.revoke('token');
              await visit(`/callback?code=c&state=${state}`);
              assert.is(await peer.closed(), 4401);
              assert.is(peer.heard.length, 0, 'the result is delivered');
            }),
          {},
          {},
          create,
        ),
      [
        twin(
          'lets those who are connected be',
          [
            edit(`this.#credentials.revoke(name, tenant);\n    this.#closeInvalid();`, 'void name;'),
            edit(
              `this.#send({ type: 'result', flowId: flow, result });`,
              `{\n      this.#send({ type: 'result', flowId: flow, result });\n      this.#connection.close(4401, '');\n    }`,
            ),
          ],
          /the result is delivered/,
        ),
      ],
    ),
    check(
      bridge,
      'delivers nothing once a credential has expired, though its connection still stands',
      (create) => {
        const { scheduler } = virtualTime();
        const tokens = [
          { name: 'short', token: 'a-token-that-expires', roles: ['listener'] as const, expiresAt: 5_000 },
        ];
        return withBridge(
          ({ url, visit }) =>
            withPeers(url, async (open) => {
              const [peer, state] = [open({ bearer: 'a-token-that-expires' }), newState()];
              await peer.welcome();
              await peer.begin(state);
              // The clock goes on, and what is due at its time does not happen.
              scheduler.frame = 5_001;
              await visit(`/callback?code=c&state=${state}`);
              // Closed, or answered: either comes after a result.
              if (peer.socket.readyState === 1) peer.say({ type: 'ping' });
              assert.is(await peer.closed(), 4401);
              assert.is(peer.heard.length, 0, 'the result is delivered');
            }),
          { tokens },
          { scheduler },
          create,
        );
      },
      [
        twin(
          'looks at a credential no more when it delivers',
          edit(`else if (credentials.isValid(identity)) {`, `else if (identity) {`),
          /the result is delivered/,
        ),
      ],
    ),
    check(
      bridge,
      'a token expires by the wall clock, which may be set while the service runs',
      async (create) => {
        using beats = holdIntervals();
        const { now } = Date;
        const [hour, heartbeat, bearer] = [3_600_000, 50, 'a-token-that-expires'];
        const expiring = { name: 'short', token: bearer, roles: ['listener'] as const };
        await withBridge(
          ({ url, port }) =>
            withPeers(url, async (open) => {
              const peer = open({ bearer });
              await peer.welcome();
              try {
                Date.now = () => now() + 24 * hour;
                const status = await shake(port, { Authorization: `Bearer ${bearer}` });
                answers(status, 401, 'a token that expired 23 hours ago');
                // It says nothing, so only the heartbeat can close it.
                const pinged = new Promise<string>((resolve) =>
                  peer.socket.once('ping', () => resolve('still open')),
                );
                beats.tick(heartbeat);
                const end = await Promise.race([peer.closed(), pinged]);
                assert.is(end, 4401, 'the connection of that token');
              } finally {
                Date.now = now;
              }
            }),
          { tokens: [{ ...expiring, expiresAt: now() + hour }], limits: { heartbeat } },
          {},
          create,
        );
      },
      [
        twin(
          'judges the dates that people write by the monotonic clock',
          edit(`return clock.wall?.() ?? clock.now();`, `return clock.now();`),
          /a token that expired 23 hours ago: is answered 101/,
        ),
        twin(
          'keeps connections until a timer ends, whatever the wall clock says',
          edit(`    this.closeInvalid('the credential has expired');\n`, ''),
          /the connection of that token[^]*still open/,
        ),
      ],
      { also: ['B5'] },
    ),
  ),

  requirement(
    'J-09',
    {
      demand: 'Apply the rules on Host and path to upgrades too, and reveal nothing about states.',
      source: 'RFC 6455 section 10.6',
      provenIn: ['bridge/handshake.spec.ts', 'bridge/life.spec.ts'],
    },
    check(
      bridge,
      'goes by the Host of its service',
      (create) =>
        withBridge(
          async ({ port }) => {
            for (const host of ['evil', `127.0.0.1.nip.io:${port}`])
              answers(await shake(port, { Host: host }), 403, `Host ${host.replace(`:${port}`, '')}`);
          },
          {},
          {},
          create,
        ),
      [
        twin(
          'goes by any Host',
          replacing({ readHandshake }, (real) => (request) => real(request, () => true)),
          /Host evil: is answered 101/,
        ),
      ],
    ),
  ),
);
