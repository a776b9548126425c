/** The command `client-metadata`, built. */
import { clientMetadata } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { run } from '../../helpers/cli.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('rx-oauth-callback client-metadata');
const url = 'https://client.example/cli.json';

test('prints the document of the function, for any port and for fixed ones', async () => {
  for (const [args, options] of [
    [[], {}],
    [
      ['--client-name', 'My CLI', '--port', '53682', '--port', '53683', '--callback-path', '/cb', '--device'],
      { clientName: 'My CLI', ports: [53682, 53683], callbackPath: '/cb', device: true },
    ],
    [
      ['--redirect-uri', 'https://sign-in.example/callback', '--scope', 'openid notes', '--dpop'],
      { redirectUris: ['https://sign-in.example/callback'], scope: 'openid notes', dpop: true },
    ],
  ] as const) {
    const { code, stdout, stderr } = await run(['client-metadata', '--url', url, ...args]);
    assert.equal([code, stderr], [0, '']);
    assert.is(stdout, `${JSON.stringify(clientMetadata({ url, ...options }), undefined, 2)}\n`);
  }
});

for (const [args, saying] of [
  [[], "required option '--url <url>' not specified"],
  [['--url', 'http://client.example/cli.json'], '--url must be an https URL with a path'],
  [['--url', url, '--port', '0'], '--port must be a whole number from 1 to 65535; got "0"'],
  [
    ['--url', url, '--redirect-uri', 'http://a.example/'],
    '--redirect-uri must be https, or http on loopback',
  ],
  [
    ['--url', url, '--redirect-uri', 'https://a.example/', '--port', '1'],
    '--redirect-uri has ports and paths already; leave --port and --callback-path out',
  ],
  [['--url', url, '--callback-path', 'cb'], '--callback-path must begin with /'],
] as const)
  test(`says ${saying}`, async () => {
    const { code, stdout, stderr } = await run(['client-metadata', ...args]);
    assert.equal([code, stdout], [2, '']);
    assert.match(stderr, saying);
  });

test.run();
