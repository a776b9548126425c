import type { AddressInfo } from 'node:net';

import { boundTo } from '../../../src/http/address.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const four = (port: number, address = '127.0.0.1'): AddressInfo => ({ address, family: 'IPv4', port });
const six = (port: number): AddressInfo => ({ address: '::1', family: 'IPv6', port });

const test = suite('boundTo');

const table: readonly (readonly [
  name: string,
  addresses: readonly AddressInfo[],
  settings: { host?: string; publicUrl?: string; callbackPath?: string },
  redirectUri: string,
  authorities: readonly string[],
])[] = [
  [
    'E-02 advertises the literal of the first address',
    [four(5000), six(5000)],
    {},
    'http://127.0.0.1:5000/callback',
    ['127.0.0.1:5000', '[::1]:5000'],
  ],
  [
    'E-03 advertises [::1] where that is all there is',
    [six(5000)],
    {},
    'http://[::1]:5000/callback',
    ['[::1]:5000'],
  ],
  [
    'E-02 advertises localhost on request',
    [four(5000), six(5000)],
    { host: 'localhost', callbackPath: '/cb' },
    'http://localhost:5000/cb',
    ['localhost:5000', '127.0.0.1:5000', '[::1]:5000'],
  ],
  [
    'advertises the public URL',
    [four(5000, '0.0.0.0')],
    { host: '0.0.0.0', publicUrl: 'https://sign-in.example' },
    'https://sign-in.example/callback',
    ['sign-in.example', 'sign-in.example:443', '0.0.0.0:5000'],
  ],
  [
    'keeps the path of the public URL, without a second slash',
    [four(5000)],
    { publicUrl: 'https://Sign-In.example:8443/base/' },
    'https://sign-in.example:8443/base/callback',
    ['sign-in.example:8443', '127.0.0.1:5000'],
  ],
  [
    'leaves a default port out, as browsers do, and takes it from proxies',
    [four(80), six(80)],
    {},
    'http://127.0.0.1/callback',
    ['127.0.0.1', '127.0.0.1:80', '[::1]', '[::1]:80'],
  ],
  [
    'takes no default port of another scheme',
    [four(5000)],
    { publicUrl: 'https://sign-in.example:80' },
    'https://sign-in.example:80/callback',
    ['sign-in.example:80', '127.0.0.1:5000'],
  ],
];

// Binds nothing.
const never = {
  secure: false,
  addresses: [],
  onUpgrade: () => () => undefined,
  leave: () => undefined,
  close: () => Promise.resolve(),
};

for (const [
  name,
  addresses,
  { callbackPath = '/callback', ...settings },
  redirectUri,
  authorities,
] of table) {
  test(name, () => {
    const bound = boundTo(
      { ...never, addresses },
      { callbackPath: '/callback', callbackQuery: '', ...settings },
    );
    assert.is(bound.address, addresses[0]);
    assert.is(bound.redirectUriFor(callbackPath), redirectUri);
    assert.equal([...bound.authorities], authorities);
  });
}

test.run();
