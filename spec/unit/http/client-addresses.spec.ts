/** Which client a limit counts: by its connection, or by what a trusted proxy says. */
import type { IncomingMessage } from 'node:http';
import { ClientAddresses, isAddressRange } from '../../../src/http/client-addresses.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const requestOf = (remoteAddress: string, headers: Record<string, string> = {}): IncomingMessage =>
  ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage;

const test = suite('client addresses');

test('F-15 counts a connection by its peer, and believes no header of it', () => {
  const clients = new ClientAddresses({ trustedProxies: [] });
  for (const headers of [{}, { 'x-forwarded-for': '1.2.3.4' }, { forwarded: 'for=1.2.3.4' }])
    assert.is(clients.of(requestOf('10.0.0.9', headers)), '10.0.0.9');
  assert.is(clients.of(requestOf('::ffff:10.0.0.9')), '10.0.0.9');
  assert.is(clients.of(requestOf('127.0.0.1')), '127.0.0.1');
});

test('F-12 counts all addresses of an IPv6 network as one', () => {
  const clients = new ClientAddresses({ trustedProxies: [] });
  const [first, second, other, short] = [
    '2001:db8:1:2::1',
    '2001:db8:1:2:ffff::9',
    '2001:db8:1:3::1',
    '2001:db8::5',
  ].map((address) => clients.of(requestOf(address)));
  assert.is(first, '2001:db8:1:2::/64');
  assert.is(second, first);
  assert.not.equal(other, first);
  assert.is(short, '2001:db8:0:0::/64');
  assert.is(clients.of(requestOf('::1')), '::1');
});

test('F-15 takes the last address that is not a trusted proxy', () => {
  const clients = new ClientAddresses({ trustedProxies: ['127.0.0.1', '10.0.0.0/8', 'fd00::/8'] });
  for (const [peer, headers, expected] of [
    ['10.1.1.1', { 'x-forwarded-for': '9.9.9.9, 1.2.3.4' }, '1.2.3.4'],
    ['10.1.1.1', { 'x-forwarded-for': '9.9.9.9, 1.2.3.4, 10.2.2.2' }, '1.2.3.4'],
    ['10.1.1.1', { 'x-forwarded-for': '1.2.3.4:5678' }, '1.2.3.4'],
    ['10.1.1.1', { 'x-forwarded-for': '2001:db8::7' }, '2001:db8:0:0::/64'],
    ['10.1.1.1', { forwarded: 'for=9.9.9.9, for="[2001:db8::7]:443";proto=https' }, '2001:db8:0:0::/64'],
    ['fd00::5', { forwarded: 'by=x;For=1.2.3.4' }, '1.2.3.4'],
    ['10.1.1.1', { forwarded: 'for=unknown' }, undefined],
    ['10.1.1.1', { forwarded: 'for=_hidden' }, undefined],
    ['10.1.1.1', { 'x-forwarded-for': 'not an address' }, undefined],
    ['10.1.1.1', {}, undefined],
    ['10.1.1.1', { 'x-forwarded-for': '10.3.3.3' }, undefined],
    // The proxy writes one of the two, so the other one is the client's.
    ['10.1.1.1', { 'x-forwarded-for': '1.2.3.4', forwarded: 'for=5.6.7.8' }, '10.1.1.1'],
    ['10.1.1.1', { 'x-forwarded-for': '1.2.3.4', forwarded: 'for=1.2.3.4' }, '1.2.3.4'],
    ['8.8.8.8', { 'x-forwarded-for': '1.2.3.4' }, '8.8.8.8'],
  ] as const)
    assert.is(clients.of(requestOf(peer, headers)), expected, `${peer} ${JSON.stringify(headers)}`);
});

test('F-15 counts no connection from this machine to a public URL', () => {
  const behind = new ClientAddresses({ trustedProxies: [], publicUrl: 'https://sign-in.example' });
  assert.is(behind.of(requestOf('127.0.0.1')), undefined);
  assert.is(behind.ofPeer('::1'), undefined);
  assert.is(behind.of(requestOf('10.0.0.9')), '10.0.0.9');
  const local = new ClientAddresses({ trustedProxies: [], publicUrl: 'http://localhost:8080' });
  assert.is(local.of(requestOf('127.0.0.1')), '127.0.0.1');
  const proxied = new ClientAddresses({ trustedProxies: ['10.0.0.1'] });
  assert.is(proxied.ofPeer('10.0.0.1'), undefined);
});

test('tells addresses and ranges from other texts', () => {
  for (const good of ['1.2.3.4', '10.0.0.0/8', '::1', 'fd00::/8', '0.0.0.0/0'])
    assert.ok(isAddressRange(good), good);
  for (const bad of [
    '',
    'localhost',
    '1.2.3',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/8/8',
    '1.2.3.4/',
    '10.0.0.0/-1',
    '[::1]',
  ])
    assert.not.ok(isAddressRange(bad), bad);
});

test.run();
