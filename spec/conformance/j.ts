import { subprotocol } from '../../src/bridge/protocol.ts';
import * as assert from '../helpers/assert.ts';
import { newState, shake, withBridge, withPeers, withTicket } from '../helpers/bridge.ts';
import { virtualTime } from '../helpers/clock.ts';
import type { WireAnswer } from '../helpers/wire.ts';
import type { BridgeRow } from './row.ts';

const origin = 'https://app.example';
const origins = [origin, 'https://other.example'];

/** Whether an upgrade request is answered as it must be. */
function answers({ status }: WireAnswer, expected: number, what: string): void {
  assert.is(status, expected, `${what}: is answered ${status}`);
}

export const rows: readonly BridgeRow[] = [
  {
    id: 'J-02',
    title: 'takes an Origin that is listed, and no other',
    check: (create) =>
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
  },
  {
    id: 'J-03',
    title: 'takes no Origin for a credential',
    check: (create) =>
      withBridge(
        async ({ port }) => {
          answers(await shake(port, { Authorization: null }), 401, 'no credential');
          answers(await shake(port, { Authorization: null, Origin: origin }), 401, 'a listed Origin alone');
        },
        { origins },
        {},
        create,
      ),
  },
  {
    id: 'J-04',
    title: 'takes a token that is right, in the header',
    check: (create) =>
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
  },
  {
    id: 'J-05',
    title: 'selects its real subprotocol, and sends no ticket back',
    check: (create) =>
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
  },
  {
    id: 'J-06',
    title: 'takes a ticket once',
    check: (create) =>
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
  },
  {
    id: 'J-06',
    title: 'takes a ticket from its own Origin',
    check: (create) =>
      withBridge(
        async ({ port, bridge }) => {
          for (const other of ['https://other.example', null]) {
            const ticket = bridge.issueTicket({ origin });
            answers(await shake(port, withTicket(ticket, other)), 403, `a ticket from ${other ?? 'nowhere'}`);
          }
        },
        { origins },
        {},
        create,
      ),
  },
  {
    id: 'J-06',
    title: 'takes a ticket for 60 s',
    check: (create) => {
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
  },
  {
    id: 'J-08',
    title: 'delivers nothing once a credential is taken back, and closes its connection',
    check: (create) =>
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
  },
  {
    id: 'J-08',
    title: 'delivers nothing once a credential has expired, though its connection still stands',
    check: (create) => {
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
  },
  {
    id: 'J-09',
    title: 'goes by the Host of its service',
    check: (create) =>
      withBridge(
        async ({ port }) => {
          for (const host of ['evil', `127.0.0.1.nip.io:${port}`])
            answers(await shake(port, { Host: host }), 403, `Host ${host.replace(`:${port}`, '')}`);
        },
        {},
        {},
        create,
      ),
  },
];
