import { subprotocol } from '../../../src/wire/protocol.ts';
import * as assert from '../../helpers/assert.ts';
import { shake, token, withBridge, withTicket, type Change } from '../../helpers/bridge.ts';
import { send } from '../../helpers/http.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('handshake of the bridge');

const table: readonly (readonly [name: string, change: Change, status: number])[] = [
  ['J-01 no key', { 'Sec-WebSocket-Key': null }, 400],
  ['J-01 a key of 15 bytes', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j' }, 400],
  ['J-01 version 8', { 'Sec-WebSocket-Version': '8' }, 426],
  ['J-01 version 12', { 'Sec-WebSocket-Version': '12' }, 426],
  ['J-01 version 14', { 'Sec-WebSocket-Version': '14' }, 426],
  ['J-01 W7 another upgrade', { Upgrade: 'h2c' }, 426],
  ['J-01 W7 no upgrade, which a proxy has dropped', { Upgrade: null, Connection: null }, 426],
  ['J-01 W7 a connection that is kept alive, as a proxy keeps it', { Connection: 'keep-alive' }, 426],
  ['J-02 a foreign origin', { Origin: 'https://evil.example' }, 403],
  ['J-02 no origin at all, in word', { Origin: 'null' }, 403],
  ['J-02 an origin that begins like a listed one', { Origin: 'https://app.example.evil' }, 403],
  ['J-02 a listed origin over http', { Origin: 'http://app.example' }, 403],
  ['J-02 a listed origin on another port', { Origin: 'https://app.example:8443' }, 403],
  ['J-02 a listed origin in capitals', { Origin: 'https://APP.example' }, 403],
  ['J-03 no credential', { Authorization: null }, 401],
  ['J-03 a listed origin and no credential', { Authorization: null, Origin: 'https://app.example' }, 401],
  ['J-04 a wrong token', { Authorization: 'Bearer a-token-of-the-spect' }, 401],
  ['J-05 a ticket and no real subprotocol', { 'Sec-WebSocket-Protocol': 'ticket.abc' }, 400],
  ['J-09 another Host', { Host: 'evil.example' }, 403],
];

for (const [name, change, status] of table) {
  test(`${name}: refused with ${status}`, () =>
    withBridge(
      async (endpoint) => {
        const answer = await shake(endpoint.port, change);
        assert.is(answer.status, status);
        assert.is(endpoint.bridge.connections, 0);
        if (name.startsWith('J-01 version')) assert.is(answer.headers['sec-websocket-version'], '13');
        // @see RFC 9110 sections 7.8 and 11.6.1
        assert.is(answer.headers['upgrade'], status === 426 ? 'websocket' : undefined);
        assert.is(/\bupgrade\b/i.test(answer.headers['connection'] ?? ''), status === 426);
        assert.is(answer.headers['www-authenticate'], status === 401 ? 'Bearer' : undefined);
      },
      { origins: ['https://app.example'] },
    ));
}

test('W7 says on a port of its own, too, that a handshake has no upgrade, and hides from other requests', () =>
  withBridge(
    async ({ bridge }) => {
      const { port } = bridge.address;
      const dropped = await shake(port, { Upgrade: null });
      assert.equal([dropped.status, dropped.headers['upgrade']], [426, 'websocket']);
      assert.match(dropped.body, 'Let the proxy forward Upgrade and Connection.');
      assert.is((await shake(port, { Upgrade: null }, '/other')).status, 404);
      assert.is((await send(port, { target: '/bridge' })).status, 404);
    },
    { port: 0 },
  ));

test('J-01 J-05 accepts a good handshake, and echoes only the real subprotocol', () =>
  withBridge(async (endpoint) => {
    const answer = await shake(endpoint.port);
    assert.equal([answer.status, answer.headers['sec-websocket-protocol']], [101, subprotocol]);
  }));

test('J-01 refuses POST, and J-04 a token in the URL', () =>
  withBridge(async (endpoint) => {
    assert.is((await shake(endpoint.port, {}, '/bridge', 'POST')).status, 405);
    const answer = await shake(endpoint.port, { Authorization: null }, `/bridge?token=${token}`);
    assert.is(answer.status, 401);
    assert.not.match(answer.raw + endpoint.log.join(), token);
  }));

test('J-07 neither counts nor answers a peer without a credential: the handshake is the only way to show one', () =>
  withBridge(async (endpoint) => {
    const answer = await shake(endpoint.port, { Authorization: null });
    assert.equal([answer.status, answer.body], [401, '']);
    assert.not.match(answer.raw, 'welcome');
    assert.is(endpoint.bridge.connections, 0);
  }));

test('K-06 negotiates no compression', () =>
  withBridge(async (endpoint) => {
    const answer = await shake(endpoint.port, { 'Sec-WebSocket-Extensions': 'permessage-deflate' });
    assert.equal([answer.status, answer.headers['sec-websocket-extensions']], [101, undefined]);
  }));

test('J-05 echoes the real subprotocol and not the ticket', () =>
  withBridge(
    async ({ port, bridge }) => {
      const origin = 'https://app.example';
      const ticket = bridge.issueTicket({ origin });
      const { status, headers, raw } = await shake(port, withTicket(ticket, origin));
      assert.equal([status, headers['sec-websocket-protocol']], [101, subprotocol]);
      assert.not.match(raw, ticket);
    },
    { origins: ['https://app.example'] },
  ));

test.run();
