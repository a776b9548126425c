import { subprotocol } from '../../src/bridge/protocol.ts';
import * as assert from '../helpers/assert.ts';
import { token, withBridge } from '../helpers/bridge.ts';
import { suite } from '../helpers/suite.ts';
import type { WireAnswer } from '../helpers/wire.ts';
import type { Endpoint } from '../helpers/endpoint.ts';

const good: Readonly<Record<string, string>> = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol': subprotocol,
  Authorization: `Bearer ${token}`,
};

type Change = Readonly<Record<string, string | null>>;

function shake(endpoint: Endpoint, change: Change, target = '/bridge', method = 'GET'): Promise<WireAnswer> {
  const headers = Object.entries({ ...good, ...change }).filter(([, value]) => value !== null);
  return endpoint.send({ method, target, headers: headers as [string, string][] });
}

const test = suite('handshake of the bridge');

const table: readonly (readonly [name: string, change: Change, status: number])[] = [
  ['J-01 no key', { 'Sec-WebSocket-Key': null }, 400],
  ['J-01 a key of 15 bytes', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j' }, 400],
  ['J-01 version 8', { 'Sec-WebSocket-Version': '8' }, 426],
  ['J-01 version 12', { 'Sec-WebSocket-Version': '12' }, 426],
  ['J-01 version 14', { 'Sec-WebSocket-Version': '14' }, 426],
  ['J-01 another upgrade', { Upgrade: 'h2c' }, 400],
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
        const answer = await shake(endpoint, change);
        assert.is(answer.status, status);
        assert.is(endpoint.bridge.connections, 0);
        if (status === 426) assert.is(answer.headers['sec-websocket-version'], '13');
      },
      { origins: ['https://app.example'] },
    ));
}

test('J-01 J-05 accepts a good one, and echoes the real subprotocol only', () =>
  withBridge(async (endpoint) => {
    const answer = await shake(endpoint, {});
    assert.equal([answer.status, answer.headers['sec-websocket-protocol']], [101, subprotocol]);
  }));

test('J-01 refuses POST, and J-04 a token in the URL', () =>
  withBridge(async (endpoint) => {
    assert.is((await shake(endpoint, {}, '/bridge', 'POST')).status, 405);
    const answer = await shake(endpoint, { Authorization: null }, `/bridge?token=${token}`);
    assert.is(answer.status, 401);
    assert.not.match(answer.raw + endpoint.log.join(), token);
  }));

test('J-07 counts nobody and says nothing before there is a credential: there is no other way to show one', () =>
  withBridge(async (endpoint) => {
    const answer = await shake(endpoint, { Authorization: null });
    assert.equal([answer.status, answer.body], [401, '']);
    assert.not.match(answer.raw, 'welcome');
    assert.is(endpoint.bridge.connections, 0);
  }));

test('K-06 negotiates no compression', () =>
  withBridge(async (endpoint) => {
    const answer = await shake(endpoint, { 'Sec-WebSocket-Extensions': 'permessage-deflate' });
    assert.equal([answer.status, answer.headers['sec-websocket-extensions']], [101, undefined]);
  }));

test('J-05 J-06 takes a ticket once, from its own origin, and never echoes it', () =>
  withBridge(
    async (endpoint) => {
      const origin = 'https://app.example';
      const ticket = endpoint.bridge.issueTicket({ origin });
      const change = (from: string, which = ticket): Change => ({
        Authorization: null,
        Origin: from,
        'Sec-WebSocket-Protocol': `ticket.${which}, ${subprotocol}`,
      });
      const used = await shake(endpoint, change(origin));
      assert.equal([used.status, used.headers['sec-websocket-protocol']], [101, subprotocol]);
      assert.not.match(used.raw, ticket);
      assert.is((await shake(endpoint, change(origin))).status, 401);
      const other = endpoint.bridge.issueTicket({ origin });
      assert.is((await shake(endpoint, change('https://other.example', other))).status, 403);
      const many = endpoint.bridge.issueTicket({ origin });
      const statuses = await Promise.all(
        Array.from({ length: 50 }, async () => (await shake(endpoint, change(origin, many))).status),
      );
      assert.is(statuses.filter((status) => status === 101).length, 1);
    },
    { origins: ['https://app.example', 'https://other.example'] },
  ));

test('K-12 refuses connections beyond its limit with 503 and Retry-After', () =>
  withBridge(
    async (endpoint) => {
      const { WebSocket } = await import('ws');
      const first = new WebSocket(endpoint.url, subprotocol, {
        headers: { Authorization: `Bearer ${token}` },
      });
      try {
        await new Promise((resolve) => first.once('open', resolve));
        const answer = await shake(endpoint, {});
        assert.equal([answer.status, answer.headers['retry-after']], [503, '5']);
      } finally {
        first.terminate();
      }
    },
    { limits: { connections: 1 } },
  ));

test.run();
